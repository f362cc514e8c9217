//! The listeners of each process: what one world asks for is not answered where another one is served.

use anyhow::{Context, Result, ensure};
use http::header::{CONTENT_TYPE, TE};
use http::{Method, Request};
use tonic::body::Body;
use tower::ServiceExt;
use vitrine_platform_mesh::channel;
use vitrine_shop_load::http::{Call, Client};
use vitrine_tests_testkit::Shop;

/// What customers ask for.
const REST: &[&str] = &["/", "/api/v1/products", "/api/v1/openapi.json", "/.well-known/openid-configuration"];
/// What probes ask for.
const HEALTH: &[&str] = &["/healthz", "/readyz"];
/// What services and their tools call.
const CALLS: &[&str] = &[
    "/grpc.health.v1.Health/Check",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/vitrine.auth.v1.AuthService/CreateAccount",
    "/vitrine.orders.v1.OrdersService/GetOrder",
    "/vitrine.bus.v1.EventLogService/Fetch",
];

/// The status of an answer, and its content type.
async fn get(url: &str, path: &str) -> Result<(u16, String)> {
    let answer = Client::new(url)?.send(Call::new(Method::GET, path)).await?;
    Ok((answer.status, answer.header("content-type").unwrap_or_default().to_owned()))
}

/// The same for a gRPC call with an empty message.
async fn call(url: &str, path: &str) -> Result<(u16, String)> {
    let request = Request::post(path).header(CONTENT_TYPE, "application/grpc").header(TE, "trailers");
    let answer = channel(&url.parse()?)?.oneshot(request.body(Body::empty())?).await?;
    let said = answer.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    Ok((answer.status().as_u16(), said.to_owned()))
}

/// Whether each of these is answered, or none is.
async fn check(url: &str, paths: &[&str], over_grpc: bool, is_served: bool) -> Result<()> {
    for path in paths {
        let (status, said) = if over_grpc { call(url, path).await? } else { get(url, path).await? };
        let answered = if over_grpc { said.starts_with("application/grpc") } else { status == 200 };
        ensure!(answered == is_served, "{path} at {url}: {status} {said}, served: {is_served}");
    }
    Ok(())
}

pub(crate) async fn each_listener_is_for_one_world(shop: &Shop) -> Result<()> {
    for (name, process) in &shop.processes {
        let of = |key: &str| process.ready[key].as_str();
        let public = of("public").or(of("shop"));
        let operations = of("operations").context("each process has one")?;
        ensure!(public.is_some() == matches!(&**name, "up" | "gateway"), "{name}: {}", process.ready);
        ensure!(of("internal").is_some() != public.is_some(), "{name}: {}", process.ready);
        if let Some(url) = public {
            check(url, REST, false, true).await?;
            check(url, CALLS, true, false).await?;
        }
        if let Some(url) = of("internal") {
            check(url, CALLS, true, true).await?;
            check(url, REST, false, false).await?;
            check(url, HEALTH, false, false).await?;
        }
        check(operations, HEALTH, false, true).await?;
        check(operations, REST, false, false).await?;
        check(operations, CALLS, true, false).await?;
    }
    Ok(())
}
