//! Replicas over mutual TLS.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use vitrine_contracts::carts::v1::GetCartRequest;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::carts::v1::carts_service_server::CartsServiceServer;
use vitrine_platform_http::{Listener, bind, grpc_routes, serve};
use vitrine_platform_mesh::{Discovery, Handlers, Limits, Mesh, Placement, Transport};
use vitrine_platform_tls as tls;
use vitrine_tests_engines::Certificates;

use crate::{Caller, Carts, Replica, placement, telemetry};

fn files(certificates: &Certificates, name: &str) -> tls::Files {
    let (certificate, key) = certificates.issue(name).expect("issued");
    tls::Files { ca: certificates.authority(), certificate, key }
}

#[tokio::test]
async fn only_those_who_know_each_other_speak() {
    let (ours, theirs) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let ours = Certificates::new(ours.path()).map(|c| (c, ours)).expect("an authority");
    let theirs = Certificates::new(theirs.path()).map(|c| (c, theirs)).expect("an authority");
    let server = tls::Server::new(&files(&ours.0, "server")).expect("read");
    let any = "127.0.0.1:0".parse().expect("an address");
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Replica::start_at(any, Some(server.clone()), Limits::default()).await);
    }
    let place = placement(&replicas.iter().map(|r| r.address).collect::<Vec<_>>());
    let caller = |tls: Option<&tls::Files>, server_name: &str| {
        let tls = tls.map(|files| tls::Client::new(files).expect("read"));
        Caller::of(&place, Discovery { server_name: server_name.to_owned(), ..Discovery::default() }, tls)
    };

    let client = files(&ours.0, "client");
    let good = caller(Some(&client), "");
    good.reaches(&replicas.iter().collect::<Vec<_>>()).await;
    caller(Some(&client), "localhost").add("fine").await.expect("the certificate bears that name, too");

    let nobody = tls::Files { ca: ours.0.authority(), ..tls::Files::default() };
    let mut stranger = files(&theirs.0, "stranger");
    stranger.ca = ours.0.authority();
    let (certificate, key) = ours.0.issue_expired("old").expect("issued");
    let old = tls::Files { ca: ours.0.authority(), certificate, key };
    for (who, files, name) in [
        ("in plain text", None, ""),
        ("without a certificate", Some(&nobody), ""),
        ("with one of another authority", Some(&stranger), ""),
        ("with one that has expired", Some(&old), ""),
        ("who believes another authority", Some(&self::files(&theirs.0, "believer")), ""),
        ("who looks for somebody else", Some(&client), "orders.example"),
    ] {
        let before: u32 = replicas.iter().map(Replica::calls).sum();
        let status = caller(files, name).add("fine").await.expect_err(who);
        assert_eq!(status.code(), Code::Unavailable, "{who}: {status}");
        assert_eq!(replicas.iter().map(Replica::calls).sum::<u32>(), before, "{who}");
        good.add("fine").await.expect("nobody else is harmed");
    }
}

/// A caller whose only proof is a certificate.
fn certified(place: &str, files: &tls::Files, caller: &'static str) -> CartsServiceClient<Transport> {
    let discovery = Discovery { server_name: "localhost".to_owned(), ..Discovery::default() };
    let mesh = Mesh::new(Limits::default()).with_remotes(discovery, Some(tls::Client::new(files).expect("read")));
    let Placement::Grpc(replicas) = place.parse().expect("a placement") else { panic!("not elsewhere") };
    mesh.place_remote("carts", &replicas).expect("placed");
    CartsServiceClient::new(mesh.transport(telemetry().service(caller), "carts"))
}

#[tokio::test]
async fn a_certificate_proves_the_names_that_it_bears() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::new(folder.path()).expect("an authority");
    let server = tls::Server::new(&files(&certificates, "carts")).expect("read");
    let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let place = placement(&[listener.local_addr().expect("an address")]);
    let carts = Mesh::new(Limits::default())
        .server(telemetry().service("carts"), Handlers::new(CartsServiceServer::new(Carts::default())));
    // What is answered, before the caller's Fence keeps it to itself.
    let answered = Arc::new(Mutex::new(None));
    let received = answered.clone();
    let tapped = Transport::new(service_fn(move |request: http::Request<Body>| {
        let (carts, received) = (carts.clone(), received.clone());
        async move {
            let answer = carts.oneshot(request).await?;
            *received.lock() = Status::from_header_map(answer.headers());
            Ok::<_, Status>(answer)
        }
    }));
    let router = grpc_routes(move |path| path.starts_with("/vitrine.").then(|| tapped.clone()), Routes::default());
    let refused = async |files: &tls::Files, caller| {
        let request = GetCartRequest { customer_id: "fine".to_owned() };
        let handed_on = certified(&place, files, caller).get_cart(request).await.expect_err(caller);
        assert_eq!(handed_on.code(), Code::Internal, "{handed_on}");
        answered.lock().take().expect("answered")
    };
    let stop = CancellationToken::new();
    let _stopping = stop.clone().drop_guard();
    tokio::spawn(serve(Listener::from(listener).with_tls(Some(server)), router, stop, Duration::from_secs(1)));

    let gateway = files(&certificates, "gateway");
    let request = GetCartRequest { customer_id: "fine".to_owned() };
    certified(&place, &gateway, "gateway").get_cart(request).await.expect("its own name");
    let status = refused(&gateway, "checkout").await;
    assert_eq!(status.code(), Code::Unauthenticated, "somebody else's name: {status}");
    assert!(status.message().contains("not checkout's: it bears gateway, localhost"), "{status}");
    let status = refused(&files(&certificates, "email"), "email").await;
    assert_eq!(status.code(), Code::PermissionDenied, "its name may not: {status}");
}
