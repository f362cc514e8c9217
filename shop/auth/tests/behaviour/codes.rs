//! Authorization codes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};
use vitrine_contracts::auth::v1::{AuthorizationRequest, IssueTokenRequest};

use crate::{CLIENT, EMAIL, PASSWORD, REDIRECT, START_MS, VERIFIER, World, authorization, by_code, parameter, reason};

#[tokio::test]
async fn a_code_becomes_tokens_that_the_published_keys_verify() {
    let world = World::with_ada().await;
    let checked = world.auth.clone().check_authorization(authorization()).await.expect("fine").into_inner();
    assert!(!checked.client_name.is_empty());
    let location = world.login("  ADA@example.org ", PASSWORD).await.expect("signs in");
    assert!(location.starts_with(&format!("{REDIRECT}?")), "{location}");
    assert_eq!(parameter(&location, "state"), Some("a%20b%26c"));
    assert_eq!(parameter(&location, "iss"), Some("http%3A%2F%2F127.0.0.1%3A8080"));
    world.advance(59);

    let issued = world.exchange(parameter(&location, "code").expect("a code")).await.expect("tokens");
    assert_eq!((issued.expires_in_s, issued.scope.as_str()), (600, "openid email offline_access"));
    let header = jsonwebtoken::decode_header(&issued.access_token).expect("a header");
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let claims = world.verify(&issued.access_token, "vitrine").await.expect("a published key");
    let now_s = START_MS / 1000 + 59;
    assert_eq!(claims["sub"], "cus_ada");
    assert_eq!(claims["roles"], json!(["customer"]));
    assert_eq!(claims["email"], EMAIL);
    assert_eq!(claims["client_id"], CLIENT);
    assert_eq!(claims["scope"], issued.scope);
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now_s), Some(now_s + 600)));
    assert!(claims["jti"].as_str().is_some_and(|id| !id.is_empty()));

    let person = world.verify(&issued.id_token, CLIENT).await.expect("a published key");
    assert_eq!((&person["sub"], &person["nonce"]), (&json!("cus_ada"), &json!("n-1")));
    // OpenID Connect Core, section 3.1.3.6: the left half of the access token's digest. Who it is, is asked at the userinfo endpoint.
    let half = URL_SAFE_NO_PAD.encode(&Sha256::digest(&issued.access_token)[..16]);
    assert_eq!(person["at_hash"], json!(half));
    assert_eq!((person.get("email"), person.get("name")), (None, None));
    assert_eq!(person["auth_time"].as_i64(), Some(START_MS / 1000));
}

#[tokio::test]
async fn tokens_are_what_the_scope_says_and_a_state_comes_back_only_if_it_was_sent() {
    let world = World::with_ada().await;
    let plain = AuthorizationRequest { scope: String::new(), state: String::new(), ..authorization() };
    let location = world.login_with(plain, EMAIL, PASSWORD).await.expect("signs in");
    assert_eq!(parameter(&location, "state"), None);
    let issued = world.exchange(parameter(&location, "code").expect("a code")).await.expect("tokens");
    assert!(!issued.access_token.is_empty() && issued.id_token.is_empty() && issued.refresh_token.is_empty());
}

#[tokio::test]
async fn a_code_is_bound_to_its_verifier_client_and_redirect_uri() {
    let world = World::with_ada().await;
    let code = world.code().await;
    let wrong_verifier = VERIFIER.replace('d', "e");
    for (request, expected) in [
        (IssueTokenRequest { code_verifier: wrong_verifier, ..by_code(&code) }, "INVALID_GRANT"),
        (IssueTokenRequest { code_verifier: String::new(), ..by_code(&code) }, "INVALID_GRANT"),
        (IssueTokenRequest { redirect_uri: "http://127.0.0.1/callback".to_owned(), ..by_code(&code) }, "INVALID_GRANT"),
        (IssueTokenRequest { client_id: "somebody".to_owned(), ..by_code(&code) }, "INVALID_CLIENT"),
        (IssueTokenRequest { code: "made-up".to_owned(), ..by_code(&code) }, "INVALID_GRANT"),
        (IssueTokenRequest { grant_type: "password".to_owned(), ..by_code(&code) }, "UNSUPPORTED_GRANT_TYPE"),
        (IssueTokenRequest { grant_type: String::new(), ..by_code(&code) }, "INVALID_REQUEST"),
        (IssueTokenRequest { code: String::new(), ..by_code(&code) }, "INVALID_REQUEST"),
        (IssueTokenRequest { redirect_uri: String::new(), ..by_code(&code) }, "INVALID_REQUEST"),
        (IssueTokenRequest { client_id: String::new(), ..by_code(&code) }, "INVALID_CLIENT"),
        (IssueTokenRequest { client_secret: "x".to_owned(), ..by_code(&code) }, "INVALID_CLIENT"),
        (IssueTokenRequest { client_assertion: "x".to_owned(), ..by_code(&code) }, "INVALID_CLIENT"),
    ] {
        assert_eq!(reason(world.issue(request).await), expected);
    }
    world.exchange(&code).await.expect("the right one may still use it");
}

#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let world = World::with_ada().await;
    let code = world.code().await;
    world.advance(60);
    assert_eq!(reason(world.exchange(&code).await), "INVALID_GRANT");
}

#[tokio::test]
async fn a_second_use_revokes_what_the_first_gave() {
    // Also when the thief comes after the code has expired, and the process has been restarted.
    for later_s in [0, 300] {
        let world = World::with_ada().await;
        let code = world.code().await;
        let issued = world.exchange(&code).await.expect("tokens");
        let renewed = world.refresh(&issued.refresh_token).await.expect("renewed");
        world.advance(later_s);
        let world = if later_s > 0 { world.restart(vitrine_shop_auth::Config::default()).await } else { world };
        assert_eq!(reason(world.exchange(&code).await), "INVALID_GRANT");
        assert_eq!(reason(world.refresh(&renewed.refresh_token).await), "INVALID_GRANT", "{later_s} s later");
    }
}

#[tokio::test]
async fn of_those_who_use_a_code_at_once_nobody_keeps_a_token() {
    let world = World::with_ada().await;
    let code = world.code().await;
    let uses = futures::future::join_all((0..6).map(|_| world.exchange(&code))).await;
    let given: Vec<_> = uses.into_iter().filter_map(Result::ok).collect();
    assert!(given.len() <= 1, "{} got tokens", given.len());
    for issued in given {
        assert_eq!(reason(world.refresh(&issued.refresh_token).await), "INVALID_GRANT");
    }
}
