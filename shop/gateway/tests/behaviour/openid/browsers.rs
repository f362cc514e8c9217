//! Web pages of other sites, and what is kept between two visits.

use anyhow::{Context, Result, ensure};
use http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, COOKIE, IF_NONE_MATCH, ORIGIN,
};
use http::{Method, StatusCode};
use vitrine_kit::clock::Clock;
use vitrine_shop_gateway::Config;
use vitrine_shop_load::http::{Call, Response};

use super::party::{Browser, SECRET, WEB, World, basic, encoded, request};

/// A page that is no one's friend.
const EVIL: &str = "https://evil.example";

/// What browsers are told that pages may do.
fn error_of(answer: &Response) -> Vec<String> {
    answer.headers.keys().map(ToString::to_string).filter(|name| name.starts_with("access-control-")).collect()
}

/// Every page may call what rests on tokens: it must have one. So no cookie may open anything there, and what it does open must be closed to
/// all pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rests_on_a_cookie_is_closed_to_pages_of_other_sites() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    let mut browser = Browser::new(&world);
    let parameters = request(&[]);
    let page = browser.ask(&parameters).await?;
    browser.go_on(page, &parameters).await?;
    let cookie = browser.cookie.clone().context("a cookie")?;
    let silent = format!("/oauth2/authorize?{}", encoded(&request(&[("prompt", "none")])));
    // It opens something: no page asks for the password.
    let opened = world.send(Call::new(Method::GET, &silent).header(COOKIE, &cookie)).await?;
    ensure!(opened.header("location").is_some_and(|to| to.contains("code=")), "{:?}", opened.headers);

    let preflight = |path: &str, method: &str| {
        let call = Call::new(Method::OPTIONS, path).header(ORIGIN, EVIL);
        call.header(ACCESS_CONTROL_REQUEST_METHOD, method).header(ACCESS_CONTROL_REQUEST_HEADERS, "content-type")
    };
    for call in [
        Call::new(Method::GET, &silent),
        Call::new(Method::GET, "/oauth2/authorize"),
        Call::new(Method::POST, "/oauth2/authorize").form(&parameters),
        preflight("/oauth2/authorize", "POST"),
    ] {
        let answer = world.send(call.header(ORIGIN, EVIL).header(COOKIE, &cookie)).await?;
        ensure!(error_of(&answer).is_empty(), "{:?}", answer.headers);
    }
    for (method, path) in [
        (Method::GET, "/oauth2/jwks"),
        (Method::GET, "/oauth2/userinfo"),
        (Method::POST, "/oauth2/userinfo"),
        (Method::POST, "/oauth2/token"),
        (Method::POST, "/oauth2/revoke"),
        (Method::GET, "/.well-known/openid-configuration"),
        (Method::GET, "/api/v1/cart"),
        (Method::GET, "/api/v1/customers/me"),
        (Method::POST, "/api/v1/orders"),
        (Method::GET, "/api/v1/admin/orders"),
        (Method::GET, "/api/v1/openapi.json"),
        (Method::GET, "/nothing"),
    ] {
        let without = world.send(Call::new(method.clone(), path).header(ORIGIN, EVIL)).await?;
        let with = world.send(Call::new(method.clone(), path).header(ORIGIN, EVIL).header(COOKIE, &cookie)).await?;
        ensure!(without.status == with.status && with.header("set-cookie").is_none(), "{path}: a cookie opens it");
        ensure!(with.status == 200 || matches!(with.status, 400 | 401 | 404), "{path}: {}", with.status);
        ensure!(with.header("access-control-allow-origin") == Some("*"), "{path}: {:?}", error_of(&with));
        ensure!(with.header("access-control-allow-credentials").is_none(), "{path}: cookies go along");
        let asked = world.send(preflight(path, method.as_str())).await?;
        ensure!(asked.header("access-control-allow-credentials").is_none(), "{path}: cookies go along");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_is_for_one_place_and_no_script() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    let form: Vec<_> = request(&[])
        .into_iter()
        .chain([("email", super::party::EMAIL), ("password", super::party::PASSWORD)])
        .collect();
    let call = Call::new(Method::POST, "/oauth2/authorize").header(http::header::ACCEPT, "text/html").form(&form);
    let answer = world.send(call).await?;
    let cookie = answer.header("set-cookie").context("a cookie")?;
    for part in ["; Path=/oauth2/authorize;", "; HttpOnly", "; SameSite=Lax"] {
        ensure!(cookie.contains(part), "{cookie}");
    }
    ensure!(!cookie.to_lowercase().contains("domain="), "{cookie}");
    Ok(())
}

/// The first answer to a call, made again and again, that says it is made too often.
async fn too_many(world: &World, call: impl Fn() -> Call) -> Result<Response> {
    for _ in 0..20 {
        let (one, two, three) = tokio::join!(world.send(call()), world.send(call()), world.send(call()));
        let mut answers = [one?, two?, three?].into_iter();
        if let Some(refused) = answers.find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS.as_u16()) {
            return Ok(refused);
        }
    }
    anyhow::bail!("nobody was refused")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_are_told_in_oauths_words() -> Result<()> {
    let config = Config { rate_per_s: 1, rate_burst: 1, ..Config::default() };
    let world = World::limited(Clock::system(), config).await?;
    for path in ["/oauth2/token", "/oauth2/revoke"] {
        let call = || {
            let call = Call::new(Method::POST, path).header(AUTHORIZATION, &basic(WEB, SECRET));
            call.form(&[("token", "x"), ("grant_type", "client_credentials")])
        };
        let refused = too_many(&world, call).await.context(path)?;
        let error_of = refused.json();
        let keys: Vec<_> = error_of.as_object().context("an object")?.keys().map(String::as_str).collect();
        ensure!(keys == ["error", "error_description"] && error_of["error"] == "temporarily_unavailable", "{error_of}");
        ensure!(
            error_of["error_description"].as_str().is_some_and(|d| d.contains("at most 1 requests a second")),
            "{error_of}"
        );
        ensure!(refused.header("retry-after") == Some("1"), "{path}: {:?}", refused.headers);
        ensure!(refused.header("content-type") == Some("application/json"), "{path}: {:?}", refused.headers);
        ensure!(refused.header("cache-control") == Some("no-store"), "{path}: {:?}", refused.headers);
    }
    // Everyone else is told in a problem document.
    let refused = too_many(&world, || Call::new(Method::GET, "/oauth2/jwks")).await?;
    ensure!(refused.header("content-type") == Some("application/problem+json"), "{:?}", refused.headers);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_discovery_are_asked_about_anew_and_sent_once() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    for (path, age) in [
        ("/oauth2/jwks", "public, max-age=60"),
        ("/.well-known/openid-configuration", "public, max-age=3600"),
        ("/.well-known/oauth-authorization-server", "public, max-age=3600"),
    ] {
        let first = world.send(Call::new(Method::GET, path)).await?;
        ensure!(first.status == 200 && first.header("cache-control") == Some(age), "{path}: {:?}", first.headers);
        let etag = first.header("etag").with_context(|| format!("{path}: no tag"))?.to_owned();
        let again = world.send(Call::new(Method::GET, path).header(IF_NONE_MATCH, &etag)).await?;
        ensure!(again.status == 304 && again.body.is_empty(), "{path}: {}", again.status);
        ensure!(again.header("etag") == Some(&*etag) && again.header("cache-control") == Some(age), "{path}");
        let other = world.send(Call::new(Method::GET, path).header(IF_NONE_MATCH, "\"other\"")).await?;
        ensure!(other.status == 200 && other.body == first.body, "{path}: {}", other.status);
    }
    Ok(())
}
