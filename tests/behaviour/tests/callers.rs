//! The inner door: every method of every service, as a stranger, as a service that its contract does not name, and as each that it does.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use vitrine::settings::Settings;
use vitrine::{Plan, serve};
use vitrine_contracts::services::{ALL, GATEWAY};
use vitrine_contracts::{METHODS, Method, Problem};
use vitrine_kit::clock::Clock;
use vitrine_platform_mesh::identity::{CALLER_NOT_ADMITTED, CALLER_UNKNOWN};
use vitrine_platform_mesh::{Identity, Limits, Mesh, Transport, channel};
use vitrine_platform_telemetry::{Config, Telemetry};

/// An empty message in its gRPC frame: whoever is let in gets an answer about its content.
const EMPTY: [u8; 5] = [0; 5];
/// Who a process of the shop is that is none of the services, such as the load that `up` makes.
const PROCESS: &str = "vitrine";

async fn code(way: Transport, method: &Method) -> Code {
    let request = http::Request::post(method.path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Full::new(Bytes::from_static(&EMPTY)).map_err(|never| match never {})))
        .expect("a request");
    let answer = tokio::time::timeout(Duration::from_secs(30), way.oneshot(request)).await.expect("in time");
    let answer = match answer {
        Ok(answer) => answer,
        Err(status) => return status.code(),
    };
    let in_headers = answer.headers().get("grpc-status").cloned();
    let trailers = answer.into_body().collect().await.expect("read").trailers().cloned().unwrap_or_default();
    let status = in_headers.or_else(|| trailers.get("grpc-status").cloned()).expect("a status");
    Code::from_bytes(status.as_bytes())
}

/// The reason of an answer that is nothing but a refusal, as it came: the caller's Fence does not hand on that its service is refused.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Option<String>>>);

impl Heard {
    fn take(&self) -> Option<String> {
        self.0.lock().expect("no panic").take()
    }

    fn on(&self, way: Transport) -> Transport {
        let heard = self.clone();
        Transport::new(service_fn(move |request: http::Request<Body>| {
            let (way, heard) = (way.clone(), heard.clone());
            async move {
                let answer = way.oneshot(request).await?;
                *heard.0.lock().expect("no panic") =
                    Status::from_header_map(answer.headers()).map(|status| Problem::from_status(&status).reason);
                Ok::<_, Status>(answer)
            }
        }))
    }
}

/// The service that a method belongs to; any will do for the event log.
fn service_of(method: &Method) -> &'static str {
    let area = method.path.trim_start_matches("/vitrine.").split('.').next().unwrap_or_default();
    ALL.iter().copied().find(|name| *name == area).unwrap_or("orders")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_knows_who_may_call_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let names: Vec<String> = ALL.iter().filter(|name| **name != GATEWAY).map(|name| (*name).to_owned()).collect();
    let any = "127.0.0.1:0".parse().expect("an address");
    let plan = Plan { names, places: Vec::new(), listen: any, data: folder.path().to_owned() };
    let served = serve(&plan, Settings::default()).await.expect("it starts");

    let stranger = channel(&format!("http://{}", served.address).parse().expect("a URI")).expect("a channel");
    let secret = std::fs::read(folder.path().join("service-key")).expect("made at the start");
    let identity = Identity::new(Clock::system()).with_secret(&secret).expect("long enough");
    let mesh = Mesh::new(Limits { max_attempts: 1, ..Limits::default() }).with_identity(identity);
    let heard = Heard::default();
    for name in ALL {
        mesh.place_outside(name, heard.on(stranger.clone())).expect("placed");
    }
    let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });

    let mut table = format!("{:<60} {:<18}", "method", "stranger");
    for caller in ALL {
        let _ = write!(table, " {:.5}", format!("{caller:<5}"));
    }
    let mut wrong = Vec::new();
    for method in METHODS {
        for name in method.callers {
            if !ALL.contains(name) && *name != PROCESS {
                wrong.push(format!("{} names {name} as a caller, which is no service", method.path));
            }
        }
        let of_stranger = code(stranger.clone(), method).await;
        if of_stranger != Code::Unauthenticated {
            wrong.push(format!("{} answers a stranger {of_stranger:?}", method.path));
        }
        let _ = write!(table, "\n{:<60} {:<18}", method.path, format!("{of_stranger:?}"));
        for caller in ALL {
            heard.take();
            let outcome = code(mesh.transport(telemetry.service(caller), service_of(method)), method).await;
            let admitted = heard.take().is_none_or(|reason| ![CALLER_UNKNOWN, CALLER_NOT_ADMITTED].contains(&&*reason));
            if admitted != method.callers.contains(caller) || outcome == Code::Unimplemented {
                wrong.push(format!("{} answers {caller} {outcome:?}", method.path));
            }
            let _ = write!(table, " {:<5}", if admitted { "yes" } else { "-" });
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(served.stop().await);
}
