//! The modules, each named like its published one.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use vitrine_kit::clock::Manual;
use vitrine_shop_load::http::{Call, Response};

use super::party::{Browser, CHALLENGE, EMAIL, NAME, REDIRECT, SECRET, VERIFIER, WEB, World, request};

fn second(clock: &Manual, seconds: u64) {
    clock.advance(Duration::from_secs(seconds));
}

/// A sign-in with other parameters that ends with tokens, and who it was.
async fn happy(world: &World, other: &[(&str, &str)]) -> Result<(Value, Value)> {
    let tokens = Browser::new(world).tokens(other).await?;
    let claims = world.id_token(&tokens, WEB).await?;
    let info = world.userinfo(&tokens).await?;
    ensure!(info["sub"] == claims["sub"] && claims["sub"] == "cus_ada", "{info} {claims}");
    Ok((claims, info))
}

/// Two sign-ins of one browser, one after the other: the ID tokens' claims, and whether the page was shown the second time.
async fn twice(
    world: &World,
    clock: &Manual,
    first: &[(&str, &str)],
    second_time: &[(&str, &str)],
) -> Result<(Value, Value, bool)> {
    let mut browser = Browser::new(world);
    let before = world.id_token(&browser.tokens(first).await?, WEB).await?;
    second(clock, 2);
    let error_of = browser.authorize(second_time).await?;
    let after = world.id_token(&world.redeem(error_of.code()?).await?.json(), WEB).await?;
    ensure!(before["sub"] == after["sub"], "{before} {after}");
    Ok((before, after, error_of.shown))
}

async fn without_asking(world: &World, clock: &Manual, other: &[(&str, &str)]) -> Result<()> {
    let (before, after, shown) = twice(world, clock, &[("max_age", "15000")], other).await?;
    ensure!(!shown && before["auth_time"] == after["auth_time"] && after["auth_time"].is_i64(), "{before} {after}");
    Ok(())
}

async fn with_asking(world: &World, clock: &Manual, other: &[(&str, &str)]) -> Result<()> {
    let (before, after, shown) = twice(world, clock, &[], other).await?;
    ensure!(shown && before["auth_time"].as_i64() < after["auth_time"].as_i64(), "{before} {after}");
    Ok(())
}

pub(super) async fn server(world: &World, _: &Manual) -> Result<()> {
    let (claims, info) = happy(world, &[]).await?;
    ensure!(claims["nonce"] == "n-1" && claims["aud"] == WEB && claims["iss"] == world.url.as_str(), "{claims}");
    for unasked in ["name", "email"] {
        ensure!(claims.get(unasked).is_none() && info.get(unasked).is_none(), "{claims} {info}");
    }
    Ok(())
}

pub(super) async fn response_type_missing(world: &World, _: &Manual) -> Result<()> {
    Browser::new(world).authorize(&[("response_type", "")]).await?.is_error("invalid_request")
}

/// RS256 and a key id are checked for every ID token.
pub(super) async fn idtoken_signature(world: &World, _: &Manual) -> Result<()> {
    happy(world, &[]).await.map(|_| ())
}

/// The suite passes over it where "none" is not offered.
pub(super) async fn idtoken_unsigned(world: &World, _: &Manual) -> Result<()> {
    let discovery = world.get("/.well-known/openid-configuration").await?;
    ensure!(discovery["id_token_signing_alg_values_supported"] == json!(["RS256"]), "{discovery}");
    Ok(())
}

pub(super) async fn userinfo_get(world: &World, _: &Manual) -> Result<()> {
    happy(world, &[("scope", "openid email profile")]).await.map(|_| ())
}

async fn userinfo_by(world: &World, call: impl FnOnce(&str) -> Call) -> Result<()> {
    let tokens = Browser::new(world).tokens(&[("scope", "openid email")]).await?;
    let answer = world.send(call(tokens["access_token"].as_str().context("a token")?)).await?;
    ensure!(answer.status == 200 && answer.json()["email"] == EMAIL, "{}: {}", answer.status, answer.json());
    ensure!(answer.header("content-type") == Some("application/json"), "{:?}", answer.headers);
    Ok(())
}

pub(super) async fn userinfo_post_header(world: &World, _: &Manual) -> Result<()> {
    userinfo_by(world, |token| Call::new(Method::POST, "/oauth2/userinfo").bearer(token)).await
}

pub(super) async fn userinfo_post_body(world: &World, _: &Manual) -> Result<()> {
    userinfo_by(world, |token| Call::new(Method::POST, "/oauth2/userinfo").form(&[("access_token", token)])).await
}

pub(super) async fn without_nonce(world: &World, _: &Manual) -> Result<()> {
    let (claims, _) = happy(world, &[("nonce", "")]).await?;
    ensure!(claims.get("nonce").is_none(), "{claims}");
    Ok(())
}

pub(super) async fn scope_profile(world: &World, _: &Manual) -> Result<()> {
    let (claims, info) = happy(world, &[("scope", "openid profile")]).await?;
    ensure!(info == json!({"sub": "cus_ada", "name": NAME}) && claims.get("name").is_none(), "{claims} {info}");
    Ok(())
}

pub(super) async fn scope_email(world: &World, _: &Manual) -> Result<()> {
    let (claims, info) = happy(world, &[("scope", "openid email")]).await?;
    ensure!(info == json!({"sub": "cus_ada", "email": EMAIL, "email_verified": false}), "{info}");
    ensure!(claims.get("email").is_none(), "{claims}");
    Ok(())
}

/// The suite passes over scopes that discovery does not offer. Asked for all the same, they are told to be unknown.
async fn not_offered(world: &World, scope: &str) -> Result<()> {
    let discovery = world.get("/.well-known/openid-configuration").await?;
    let offered = discovery["scopes_supported"].as_array().context("scopes")?;
    ensure!(scope.split(' ').any(|word| !offered.contains(&json!(word))), "{discovery}");
    Browser::new(world).authorize(&[("scope", scope)]).await?.is_error("invalid_scope")
}

pub(super) async fn scope_address(world: &World, _: &Manual) -> Result<()> {
    not_offered(world, "openid address").await
}

pub(super) async fn scope_phone(world: &World, _: &Manual) -> Result<()> {
    not_offered(world, "openid phone").await
}

pub(super) async fn scope_all(world: &World, _: &Manual) -> Result<()> {
    not_offered(world, "openid address email phone profile").await
}

pub(super) async fn alternate_happy_flow(world: &World, _: &Manual) -> Result<()> {
    let mut parameters = request(&[("scope", "email  profile openid")]);
    parameters.reverse();
    let mut browser = Browser::new(world);
    let first = browser.ask(&parameters).await?;
    let error_of = browser.go_on(first, &parameters).await?;
    world.id_token(&world.redeem(error_of.code()?).await?.json(), WEB).await.map(|_| ())
}

pub(super) async fn display_page(world: &World, _: &Manual) -> Result<()> {
    happy(world, &[("display", "page")]).await.map(|_| ())
}

pub(super) async fn display_popup(world: &World, _: &Manual) -> Result<()> {
    happy(world, &[("display", "popup")]).await.map(|_| ())
}

pub(super) async fn prompt_login(world: &World, clock: &Manual) -> Result<()> {
    with_asking(world, clock, &[("prompt", "login")]).await
}

pub(super) async fn prompt_none_not_logged_in(world: &World, _: &Manual) -> Result<()> {
    let state = "s".repeat(128);
    let error_of = Browser::new(world).authorize(&[("prompt", "none"), ("state", &state)]).await?;
    ensure!(!error_of.shown, "a page is shown");
    error_of.is_error("login_required")
}

pub(super) async fn prompt_none_logged_in(world: &World, clock: &Manual) -> Result<()> {
    without_asking(world, clock, &[("prompt", "none")]).await
}

pub(super) async fn max_age_1(world: &World, clock: &Manual) -> Result<()> {
    with_asking(world, clock, &[("max_age", "1")]).await
}

pub(super) async fn max_age_10000(world: &World, clock: &Manual) -> Result<()> {
    without_asking(world, clock, &[("max_age", "10000")]).await
}

pub(super) async fn unknown_parameter(world: &World, _: &Manual) -> Result<()> {
    happy(world, &[("extra", "foobar")]).await.map(|_| ())
}

pub(super) async fn id_token_hint(world: &World, clock: &Manual) -> Result<()> {
    let mut browser = Browser::new(world);
    let tokens = browser.tokens(&[]).await?;
    second(clock, 1);
    let hint = tokens["id_token"].as_str().context("an ID token")?;
    let error_of = browser.authorize(&[("prompt", "none"), ("id_token_hint", hint)]).await?;
    ensure!(!error_of.shown, "a page is shown");
    error_of.code().map(|_| ())
}

pub(super) async fn login_hint(world: &World, _: &Manual) -> Result<()> {
    let page = Browser::new(world).ask(&request(&[("login_hint", "eve\"><script>@x")])).await?;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    ensure!(page.contains("value=\"eve&quot;&gt;&lt;script&gt;@x\""), "{page}");
    happy(world, &[("login_hint", EMAIL)]).await.map(|_| ())
}

pub(super) async fn ui_locales(world: &World, _: &Manual) -> Result<()> {
    happy(world, &[("ui_locales", "se")]).await.map(|_| ())
}

pub(super) async fn claims_locales(world: &World, _: &Manual) -> Result<()> {
    happy(world, &[("claims_locales", "se")]).await.map(|_| ())
}

pub(super) async fn acr_values(world: &World, _: &Manual) -> Result<()> {
    happy(world, &[("acr_values", "1 2")]).await.map(|_| ())
}

/// Redeems a code, and once more some seconds later.
async fn redeemed_twice(world: &World, clock: &Manual, later_s: u64) -> Result<Response> {
    let error_of = Browser::new(world).authorize(&[]).await?;
    let tokens = world.redeem(error_of.code()?).await?.json();
    world.userinfo(&tokens).await?;
    second(clock, later_s);
    let again = world.redeem(error_of.code()?).await?;
    ensure!(again.status == 400 && again.json()["error"] == "invalid_grant", "{}", again.json());
    let access = tokens["access_token"].as_str().context("a token")?;
    world.send(Call::new(Method::GET, "/oauth2/userinfo").bearer(access)).await
}

pub(super) async fn codereuse(world: &World, clock: &Manual) -> Result<()> {
    redeemed_twice(world, clock, 0).await.map(|_| ())
}

/// RFC 6749, section 4.1.2: what the code gave should end, too.
pub(super) async fn codereuse_30_seconds(world: &World, clock: &Manual) -> Result<()> {
    let answer = redeemed_twice(world, clock, 30).await?;
    ensure!(answer.status == 401, "the access token is still good: {}", answer.status);
    Ok(())
}

pub(super) async fn registered_redirect_uri(world: &World, _: &Manual) -> Result<()> {
    let elsewhere = format!("{REDIRECT}/made-up");
    let page = Browser::new(world).ask(&request(&[("redirect_uri", &elsewhere)])).await?;
    ensure!(page.status == 400 && page.header("location").is_none(), "{}", page.status);
    ensure!(String::from_utf8_lossy(&page.body).contains("redirect URI"), "no explanation");
    Ok(())
}

pub(super) async fn post_request(world: &World, _: &Manual) -> Result<()> {
    let parameters = request(&[]);
    let mut browser = Browser::new(world);
    let first = browser.send(Call::new(Method::POST, "/oauth2/authorize").form(&parameters)).await?;
    let error_of = browser.go_on(first, &parameters).await?;
    ensure!(error_of.shown, "no page");
    error_of.code().map(|_| ())
}

pub(super) async fn client_secret_post(world: &World, _: &Manual) -> Result<()> {
    let error_of = Browser::new(world).authorize(&[]).await?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", error_of.code()?),
        ("redirect_uri", REDIRECT),
        ("client_id", WEB),
        ("client_secret", SECRET),
    ];
    let answer = world.send(Call::new(Method::POST, "/oauth2/token").form(&form)).await?;
    world.id_token(&answer.json(), WEB).await.map(|_| ())
}

pub(super) async fn request_uri_unsigned(world: &World, _: &Manual) -> Result<()> {
    let uri = ("request_uri", "https://rp.example/request.jwt");
    Browser::new(world).authorize(&[uri]).await?.is_error("request_uri_not_supported")
}

pub(super) async fn unsigned_request_object(world: &World, _: &Manual) -> Result<()> {
    let object = ("request", "eyJhbGciOiJub25lIn0.e30.");
    Browser::new(world).authorize(&[object]).await?.is_error("request_not_supported")
}

/// The claims parameter is not read: the OP answers what it holds useful (OpenID Connect Core, section 5.5).
pub(super) async fn claims_essential(world: &World, _: &Manual) -> Result<()> {
    happy(world, &[("claims", r#"{"userinfo": {"name": {"essential": true}}}"#)]).await.map(|_| ())
}

pub(super) async fn request_object_with_redirect_uri(world: &World, _: &Manual) -> Result<()> {
    let other = [("request", "eyJhbGciOiJub25lIn0.e30."), ("redirect_uri", "https://rp.example/cb/other")];
    let page = Browser::new(world).ask(&request(&other)).await?;
    ensure!(page.status == 400 && page.header("location").is_none(), "{}", page.status);
    Ok(())
}

pub(super) async fn refresh_token(world: &World, clock: &Manual) -> Result<()> {
    let tokens = Browser::new(world).tokens(&[("scope", "openid offline_access"), ("prompt", "consent")]).await?;
    let before = world.id_token(&tokens, WEB).await?;
    second(clock, 1);
    let token = tokens["refresh_token"].as_str().context("a refresh token")?;
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let other = super::party::basic("other", SECRET);
    let call = Call::new(Method::POST, "/oauth2/token").header(http::header::AUTHORIZATION, &other).form(&form);
    let refused = world.send(call).await?;
    ensure!(refused.status == 400 && refused.json()["error"] == "invalid_grant", "{}", refused.json());
    let renewed = world.token(&form).await?.json();
    let after = world.id_token(&renewed, WEB).await?;
    for same in ["iss", "sub", "aud", "auth_time"] {
        ensure!(before[same] == after[same], "{before} {after}");
    }
    ensure!(
        after["iat"].as_i64() > before["iat"].as_i64() && renewed["access_token"] != tokens["access_token"],
        "{after}"
    );
    world.userinfo(&renewed).await.map(|_| ())
}

pub(super) async fn valid_pkce(world: &World, _: &Manual) -> Result<()> {
    let pkce = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let error_of = Browser::new(world).authorize(&pkce).await?;
    let form = [("grant_type", "authorization_code"), ("code", error_of.code()?), ("redirect_uri", REDIRECT)];
    let without = world.token(&form).await?;
    ensure!(without.json()["error"] == "invalid_grant", "{}", without.json());
    let with: Vec<_> = form.into_iter().chain([("code_verifier", VERIFIER)]).collect();
    world.id_token(&world.token(&with).await?.json(), WEB).await.map(|_| ())
}

/// Addresses are https where the shop's own is; here it is on the loopback interface.
pub(super) async fn discovery_endpoint_verification(world: &World, _: &Manual) -> Result<()> {
    let answer = world.send(Call::new(Method::GET, "/.well-known/openid-configuration")).await?;
    ensure!(answer.status == 200 && answer.header("content-type") == Some("application/json"), "{}", answer.status);
    let error_of = answer.json();
    ensure!(error_of == world.get("/.well-known/oauth-authorization-server").await?, "two truths");
    ensure!(error_of["issuer"] == world.url.as_str(), "{error_of}");
    for (key, value) in [
        ("response_types_supported", json!(["code"])),
        ("response_modes_supported", json!(["query"])),
        ("subject_types_supported", json!(["public"])),
        ("id_token_signing_alg_values_supported", json!(["RS256"])),
        ("grant_types_supported", json!(["authorization_code", "refresh_token", "client_credentials"])),
        ("scopes_supported", json!(["openid", "profile", "email", "roles", "offline_access"])),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("request_parameter_supported", json!(false)),
        ("request_uri_parameter_supported", json!(false)),
        ("claims_parameter_supported", json!(false)),
        ("authorization_response_iss_parameter_supported", json!(true)),
        ("prompt_values_supported", json!(["none", "login", "consent", "select_account"])),
    ] {
        ensure!(error_of[key] == value, "{key}: {}", error_of[key]);
    }
    for list in
        ["claims_supported", "token_endpoint_auth_methods_supported", "revocation_endpoint_auth_methods_supported"]
    {
        ensure!(error_of[list].as_array().is_some_and(|all| !all.is_empty()), "{list}");
    }
    // Each endpoint is there: it answers, if only that something is missing.
    for endpoint in ["authorization_endpoint", "token_endpoint", "revocation_endpoint", "userinfo_endpoint", "jwks_uri"]
    {
        let path = error_of[endpoint].as_str().and_then(|url| url.strip_prefix(&world.url)).context(endpoint)?;
        let method =
            if matches!(endpoint, "token_endpoint" | "revocation_endpoint") { Method::POST } else { Method::GET };
        let status = world.send(Call::new(method, path)).await?.status;
        ensure!(matches!(status, 200 | 400 | 401), "{endpoint}: {status}");
    }
    let keys = world.get("/oauth2/jwks").await?;
    let mut seen = Vec::new();
    for key in keys["keys"].as_array().context("keys")? {
        let algorithm = key["alg"].as_str().context("alg")?;
        ensure!(key["use"] == "sig" && key["kid"].is_string() && !seen.contains(&&key["kid"]), "{key}");
        ensure!(["d", "p", "q", "k"].iter().all(|private| key.get(private).is_none()), "a private key");
        ensure!(matches!((algorithm, key["kty"].as_str()), ("RS256", Some("RSA")) | ("ES256", Some("EC"))), "{key}");
        seen.push(&key["kid"]);
    }
    ensure!(seen.len() >= 2, "{keys}");
    Ok(())
}
