//! What goes wrong at the endpoints, and who is told.

use anyhow::{Context, Result, ensure};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{HeaderName, Method};
use vitrine_kit::clock::Clock;
use vitrine_shop_load::http::{Call, Response};

use super::party::{
    Browser, CHALLENGE, EMAIL, LOOPBACK, PASSWORD, PUBLIC, REDIRECT, SECRET, VERIFIER, WEB, World, basic, encoded,
    query, request,
};

/// A request of the public client.
fn of_public<'a>(other: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("client_id", PUBLIC),
        ("redirect_uri", LOOPBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual.into_iter().filter(|(name, _)| !other.iter().any(|(o, _)| o == name));
    request(&kept.chain(other.iter().copied()).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_told_at_their_redirect_uri_by_link_and_by_form() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    for (other, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "code token"), "unsupported_response_type"),
        (("scope", "openid root"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge", VERIFIER.trim_end_matches('k')), "invalid_request"),
        (("prompt", "none"), "login_required"),
        (("prompt", "none login"), "invalid_request"),
        (("prompt", "create"), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("response_mode", "form_post"), "invalid_request"),
        (("request", "e30.e30."), "request_not_supported"),
        (("request_uri", "urn:example:1"), "request_uri_not_supported"),
        (("registration", "{}"), "registration_not_supported"),
        (("state", ""), "unsupported_response_type"),
    ] {
        let mut parameters = of_public(&[other]);
        if other.0 == "state" {
            parameters.iter_mut().filter(|(name, _)| *name == "response_type").for_each(|(_, value)| *value = "x");
        }
        let mut browser = Browser::new(&world);
        let by_link = browser.ask(&parameters).await?;
        let by_form = browser.send(Call::new(Method::POST, "/oauth2/authorize").form(&parameters)).await?;
        for answer in [by_link, by_form] {
            let error_of = browser.go_on(answer, &parameters).await.with_context(|| format!("{other:?}"))?;
            ensure!(!error_of.shown, "{other:?}: a page is shown");
            error_of.is_error(error).with_context(|| format!("{other:?}"))?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_given_twice_is_named() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    let usual = encoded(&of_public(&[]));
    for name in ["response_type", "scope", "state", "nonce", "code_challenge", "prompt", "claims", "login_hint"] {
        let answer =
            world.send(Call::new(Method::GET, &format!("/oauth2/authorize?{usual}&{name}=x&{name}=x"))).await?;
        let error_of = query(answer.header("location").with_context(|| format!("{name}: {}", answer.status))?);
        ensure!(error_of["error"] == "invalid_request" && error_of["error_description"].contains(name), "{error_of:?}");
        ensure!(error_of.contains_key("state") == (name != "state"), "{error_of:?}");
    }
    for name in ["client_id", "redirect_uri"] {
        let answer = world.send(Call::new(Method::GET, &format!("/oauth2/authorize?{usual}&{name}=x"))).await?;
        ensure!(answer.status == 400 && answer.header("location").is_none(), "{name}: {}", answer.status);
        ensure!(answer.json()["field"] == name, "{name}: {}", answer.json());
    }
    let unknown =
        world.send(Call::new(Method::GET, &format!("/oauth2/authorize?{usual}&x=1&x=2&resource=a&resource=b"))).await?;
    ensure!(unknown.status == 200, "{}", unknown.status);
    for path in ["/oauth2/token", "/oauth2/revoke"] {
        for name in
            ["client_id", "client_secret", "client_assertion", if path.ends_with("token") { "scope" } else { "token" }]
        {
            let body = format!("grant_type=refresh_token&token=t&refresh_token=t&client_id={PUBLIC}&{name}=a&{name}=a");
            let call =
                Call::new(Method::POST, path).header(CONTENT_TYPE, "application/x-www-form-urlencoded").raw(&body);
            let answer = world.send(call).await?;
            let (error, description) = error_of(&answer);
            ensure!(answer.status == 400 && error == "invalid_request", "{name}: {}", answer.json());
            ensure!(description.contains(name) && description.contains("more than once"), "{name}: {description}");
        }
    }
    Ok(())
}

fn error_of(answer: &Response) -> (String, String) {
    let text = |key: &str| answer.json()[key].as_str().unwrap_or_default().to_owned();
    (text("error"), text("error_description"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_endpoint_says_what_is_wrong() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    let code = ("grant_type", "authorization_code");
    let web = basic(WEB, SECRET);
    for (header, form, status, error, named) in [
        (None, vec![], 400, "invalid_request", "grant_type"),
        (None, vec![("grant_type", "refresh_token")], 401, "invalid_client", "names no client"),
        (None, vec![("grant_type", "password"), ("client_id", PUBLIC)], 400, "unsupported_grant_type", "grant_type"),
        (None, vec![("client_id", PUBLIC)], 400, "invalid_request", "grant_type"),
        (None, vec![code, ("client_id", PUBLIC)], 400, "invalid_request", "code"),
        (None, vec![code, ("client_id", PUBLIC), ("code", "x")], 400, "invalid_grant", "code"),
        (
            None,
            vec![code, ("client_id", PUBLIC), ("code", "x"), ("redirect_uri", LOOPBACK)],
            400,
            "invalid_grant",
            "code",
        ),
        (None, vec![("grant_type", "refresh_token"), ("client_id", PUBLIC)], 400, "invalid_request", "refresh_token"),
        (None, vec![code, ("client_id", "nobody"), ("code", "x")], 401, "invalid_client", "unknown"),
        (None, vec![code, ("client_id", WEB), ("code", "x")], 401, "invalid_client", "secret"),
        (None, vec![code, ("client_id", WEB), ("client_secret", "guess")], 401, "invalid_client", "secret"),
        (Some(basic(WEB, "guess")), vec![code], 401, "invalid_client", "secret"),
        (Some("Basic !".to_owned()), vec![code], 401, "invalid_client", "Basic"),
        (Some("Bearer x".to_owned()), vec![code], 401, "invalid_client", "Basic"),
        (Some(web.clone()), vec![code, ("client_id", PUBLIC)], 400, "invalid_request", "client_id"),
        (Some(web.clone()), vec![code, ("client_secret", SECRET)], 400, "invalid_request", "two ways"),
        (Some(web.clone()), vec![code, ("client_assertion", "x")], 400, "invalid_request", "two ways"),
        (Some(web.clone()), vec![("grant_type", "client_credentials")], 400, "unauthorized_client", "acts as"),
        (
            Some(web.clone()),
            vec![code, ("client_id", WEB), ("code", "x"), ("redirect_uri", REDIRECT)],
            400,
            "invalid_grant",
            "code",
        ),
        (Some(basic(PUBLIC, "")), vec![code, ("code", "x"), ("redirect_uri", LOOPBACK)], 400, "invalid_grant", "code"),
    ] {
        let mut call = Call::new(Method::POST, "/oauth2/token").form(&form);
        if let Some(header) = &header {
            call = call.header(AUTHORIZATION, header);
        }
        let answer = world.send(call).await?;
        let (error_of, description) = error_of(&answer);
        ensure!((answer.status, error_of.as_str()) == (status, error), "{form:?}: {} {}", answer.status, answer.json());
        ensure!(description.contains(named), "{form:?}: {description}");
        ensure!(answer.header("cache-control") == Some("no-store"), "it may be kept");
        ensure!((status == 401) == answer.header("www-authenticate").is_some(), "{form:?}: {:?}", answer.headers);
    }
    for (content_type, body) in [("application/json", "{}"), ("text/plain", "grant_type=x"), ("", "grant_type=x")] {
        let mut call = Call::new(Method::POST, "/oauth2/token").raw(body);
        if !content_type.is_empty() {
            call = call.header(CONTENT_TYPE, content_type);
        }
        let answer = world.send(call).await?;
        let (error, description) = error_of(&answer);
        ensure!(answer.status == 400 && error == "invalid_request", "{content_type}: {}", answer.json());
        ensure!(description.contains("Content-Type"), "{content_type}: {description}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn userinfo_refuses_with_a_challenge() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    let plain = Browser::new(&world).tokens(&[("scope", "email"), ("nonce", "")]).await?;
    ensure!(plain.get("id_token").is_none(), "{plain}");
    let token = plain["access_token"].as_str().context("a token")?;
    let ask = |method: Method| Call::new(method, "/oauth2/userinfo");
    for (call, status, challenge) in [
        (ask(Method::GET), 401, "Bearer realm=\"vitrine\""),
        (ask(Method::POST), 401, "Bearer realm=\"vitrine\""),
        (ask(Method::GET).bearer("made-up"), 401, "error=\"invalid_token\""),
        (ask(Method::POST).form(&[("access_token", "made-up")]), 401, "error=\"invalid_token\""),
        (ask(Method::GET).header(AUTHORIZATION, &basic(WEB, SECRET)), 401, "error=\"invalid_token\""),
        (ask(Method::GET).bearer(token), 403, "error=\"insufficient_scope\", scope=\"openid\""),
        (ask(Method::POST).bearer(token).form(&[("access_token", token)]), 400, "error=\"invalid_request\""),
        (ask(Method::POST).form(&[("access_token", token), ("access_token", token)]), 400, "error=\"invalid_request\""),
    ] {
        let answer = world.send(call.clone()).await?;
        ensure!(answer.status == status, "{call:?}: {}", answer.status);
        ensure!(answer.header("www-authenticate").is_some_and(|c| c.contains(challenge)), "{:?}", answer.headers);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_be_believed_is_shown_a_page() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    for other in [
        ("client_id", "nobody"),
        ("client_id", ""),
        ("redirect_uri", ""),
        ("redirect_uri", "https://rp.example/CB"),
        ("redirect_uri", "https://rp.example/cb#x"),
        ("redirect_uri", "https://rp.example/cb?x=1"),
        ("redirect_uri", "https://rp.example:444/cb"),
        ("redirect_uri", "http://rp.example/cb"),
        ("redirect_uri", "https://rp.example/cb%ff"),
    ] {
        // Whatever else is wrong with it.
        let mut parameters = request(&[other]);
        parameters.push(("request", "x"));
        let query = encoded(&parameters);
        for accept in ["text/html", "*/*"] {
            let get = Call::new(Method::GET, &format!("/oauth2/authorize?{query}"));
            let post = Call::new(Method::POST, "/oauth2/authorize").form(&parameters);
            let login: Vec<_> = parameters.iter().copied().chain([("email", EMAIL), ("password", PASSWORD)]).collect();
            for call in [get, post, Call::new(Method::POST, "/oauth2/authorize").form(&login)] {
                let answer = world.send(call.header(ACCEPT, accept)).await?;
                ensure!(answer.status == 400, "{other:?}: {}", answer.status);
                ensure!(answer.header("location").is_none() && answer.header("set-cookie").is_none(), "{other:?}");
                let kind = if accept == "text/html" { "text/html" } else { "application/problem+json" };
                ensure!(answer.header("content-type").is_some_and(|t| t.starts_with(kind)), "{:?}", answer.headers);
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_page_itself_signs_a_browser_in() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    let form: Vec<_> = request(&[]).into_iter().chain([("email", EMAIL), ("password", PASSWORD)]).collect();
    for (accept, from, origin, status) in [
        ("text/html", "", "", 303),
        ("text/html", "same-origin", "null", 303),
        ("text/html", "cross-site", "", 403),
        ("text/html", "same-site", &world.url, 403),
        ("text/html", "none", "", 403),
        ("text/html", "", &world.url, 303),
        ("text/html", "", "https://evil.example", 403),
        ("text/html", "", "null", 403),
        ("*/*", "", "", 303),
        ("*/*", "cross-site", "https://evil.example", 403),
    ] {
        let mut call = Call::new(Method::POST, "/oauth2/authorize").header(ACCEPT, accept).form(&form);
        for (name, value) in [("sec-fetch-site", from), ("origin", origin)] {
            if !value.is_empty() {
                call = call.header(HeaderName::from_static(name), value);
            }
        }
        let answer = world.send(call).await?;
        ensure!(answer.status == status, "{accept} {from} {origin}: {}", answer.status);
        ensure!(answer.header("set-cookie").is_some() == (status == 303 && accept == "text/html"), "{accept} {from}");
        ensure!(answer.header("location").is_some() == (status == 303), "{accept} {from} {origin}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_precondition_that_cannot_be_read_is_told_in_oauths_words() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    for path in ["/oauth2/token", "/oauth2/revoke"] {
        let call = Call::new(Method::POST, path).header(IF_MATCH, "no tag").form(&[("token", "x")]);
        let answer = world.send(call).await?;
        let error_of = answer.json();
        ensure!(answer.status == 400 && error_of["error"] == "invalid_request", "{path}: {} {error_of}", answer.status);
        let description = error_of["error_description"].as_str().unwrap_or_default();
        ensure!(
            description.contains("entity tags") && description.contains("If-Match: expected"),
            "{path}: {error_of}"
        );
        ensure!(description.bytes().all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\')), "{error_of}");
    }
    Ok(())
}
