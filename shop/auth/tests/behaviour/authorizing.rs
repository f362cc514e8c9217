//! What authorization requests come to before a password is asked for, and browsers that are remembered.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use vitrine_contracts::auth::v1::{
    AuthorizationRequest, DeleteAccountRequest, IssueTokenRequest, LoginRequest, ParameterFault,
};
use vitrine_shop_auth::{Client, Config};

use crate::{CLIENT, EMAIL, PASSWORD, REDIRECT, World, authorization, by_code, parameter, reason};

const WEB: &str = "web";
const WEB_REDIRECT: &str = "https://web.example/cb?shop=1";
const WEB_SECRET: &str = "an open secret";

fn config() -> Config {
    let mut config = Config::default();
    config.clients.push(Client {
        id: WEB.to_owned(),
        name: "A web site".to_owned(),
        redirect_uris: vec![WEB_REDIRECT.to_owned()],
        secret: WEB_SECRET.into(),
        ..Client::default()
    });
    config
}

fn of_web() -> AuthorizationRequest {
    AuthorizationRequest { client_id: WEB.to_owned(), redirect_uri: WEB_REDIRECT.to_owned(), ..authorization() }
}

async fn world() -> World {
    let world = World::empty(config()).await;
    world.create("cus_ada", EMAIL).await.expect("created");
    world
}

impl World {
    /// Where someone is sent without being asked for a password; empty if they are asked.
    async fn sent_at_once(&self, request: &AuthorizationRequest) -> String {
        self.auth.clone().check_authorization(request.clone()).await.expect("an answer").into_inner().location
    }

    /// Signs Ada in, in a browser. Returns what its cookie holds.
    async fn browser(&self) -> String {
        let (email, password) = (EMAIL.to_owned(), PASSWORD.to_owned());
        let request = LoginRequest { authorization: Some(of_web()), email, password, remember: true };
        let answer = self.auth.clone().login(request).await.expect("signs in").into_inner();
        assert!(parameter(&answer.location, "code").is_some() && answer.session_ttl_s > 0, "{}", answer.location);
        answer.session
    }

    async fn auth_time(&self, location: &str) -> i64 {
        let request = IssueTokenRequest {
            client_id: WEB.to_owned(),
            client_secret: WEB_SECRET.to_owned(),
            redirect_uri: WEB_REDIRECT.to_owned(),
            ..by_code(parameter(location, "code").unwrap_or_else(|| panic!("no code: {location}")))
        };
        let issued = self.issue(request).await.expect("tokens");
        self.verify(&issued.id_token, WEB).await.expect("a key")["auth_time"].as_i64().expect("auth_time")
    }
}

#[tokio::test]
async fn who_cannot_be_believed_is_answered_here() {
    let world = World::with_ada().await;
    let good = AuthorizationRequest { response_type: "token".to_owned(), ..authorization() };
    let twice = vec![ParameterFault { name: "redirect_uri".to_owned(), message: "is given twice".to_owned() }];
    for (bad, expected) in [
        (AuthorizationRequest { redirect_uri: "http://127.0.0.1/other".to_owned(), ..good.clone() }, "INVALID_REQUEST"),
        (AuthorizationRequest { redirect_uri: String::new(), ..good.clone() }, "INVALID_REQUEST"),
        (AuthorizationRequest { redirect_uri: format!("{REDIRECT}#x"), ..good.clone() }, "INVALID_REQUEST"),
        (
            AuthorizationRequest { redirect_uri: "http://localhost:5123/callback".to_owned(), ..good.clone() },
            "INVALID_REQUEST",
        ),
        (AuthorizationRequest { faults: twice, ..good.clone() }, "INVALID_REQUEST"),
        (AuthorizationRequest { client_id: "somebody".to_owned(), ..good.clone() }, "UNAUTHORIZED_CLIENT"),
    ] {
        assert_eq!(reason(world.auth.clone().check_authorization(bad.clone()).await), expected);
        assert_eq!(reason(world.login_with(bad, EMAIL, PASSWORD).await), expected);
    }
    let six = AuthorizationRequest { redirect_uri: "http://[::1]:5123/callback".to_owned(), ..authorization() };
    let location = world.login_with(six, EMAIL, PASSWORD).await.expect("loopback of IPv6");
    assert!(parameter(&location, "code").is_some(), "{location}");
}

#[tokio::test]
async fn a_client_is_told_what_is_wrong_before_and_after_the_password() {
    let world = World::with_ada().await;
    let good = authorization();
    for (bad, error) in [
        (AuthorizationRequest { code_challenge_method: "plain".to_owned(), ..good.clone() }, "invalid_request"),
        (AuthorizationRequest { code_challenge: String::new(), ..good.clone() }, "invalid_request"),
        (AuthorizationRequest { response_type: "token".to_owned(), ..good.clone() }, "unsupported_response_type"),
        (AuthorizationRequest { scope: "root".to_owned(), ..good.clone() }, "invalid_scope"),
        (AuthorizationRequest { prompt: "none".to_owned(), ..good.clone() }, "login_required"),
        (AuthorizationRequest { request: "e30.e30.".to_owned(), ..good.clone() }, "request_not_supported"),
    ] {
        let locations =
            [world.sent_at_once(&bad).await, world.login_with(bad, EMAIL, PASSWORD).await.expect("an answer")];
        for location in locations {
            assert!(location.starts_with(&format!("{REDIRECT}?error={error}&error_description=")), "{location}");
            assert_eq!(parameter(&location, "state"), Some("a%20b%26c"));
            assert_eq!(parameter(&location, "iss"), Some("http%3A%2F%2F127.0.0.1%3A8080"));
            assert_eq!(parameter(&location, "code"), None);
        }
    }
    // A wrong password is not the client's affair.
    assert_eq!(reason(world.login(EMAIL, "wrong horse battery").await), "BAD_CREDENTIALS");
}

#[tokio::test]
async fn a_browser_that_is_known_has_a_code_at_once_as_often_as_the_request_lets_it() {
    let world = world().await;
    let session = world.browser().await;
    let known = AuthorizationRequest { session: session.clone(), ..of_web() };
    let with = |prompt: &str, max_age: &str| AuthorizationRequest {
        prompt: prompt.to_owned(),
        max_age: max_age.to_owned(),
        ..known.clone()
    };
    let signed_in_at = world.auth_time(&world.sent_at_once(&known).await).await;
    world.advance(10);
    for (prompt, max_age, at_once) in [
        ("", "", true),
        ("none", "", true),
        ("none", "10", true),
        ("", "10000", true),
        ("", "9", false),
        ("", "0", false),
        ("login", "", false),
        ("consent", "", false),
        ("select_account login", "", false),
    ] {
        let location = world.sent_at_once(&with(prompt, max_age)).await;
        assert_eq!(!location.is_empty(), at_once, "{prompt:?} {max_age:?}: {location}");
        if at_once {
            assert!(location.starts_with(&format!("{WEB_REDIRECT}&code=")), "{location}");
            assert_eq!(world.auth_time(&location).await, signed_in_at, "nobody signed in again");
        }
    }
    let refused = world.sent_at_once(&with("none", "9")).await;
    assert_eq!(parameter(&refused, "error"), Some("login_required"));
    // Another browser, and a public client, which anybody on the machine can say to be.
    for stranger in [
        AuthorizationRequest { session: String::new(), ..known.clone() },
        AuthorizationRequest { session: "made-up".to_owned(), ..known.clone() },
        AuthorizationRequest { client_id: CLIENT.to_owned(), redirect_uri: REDIRECT.to_owned(), ..known.clone() },
    ] {
        assert_eq!(world.sent_at_once(&stranger).await, "");
    }
    // Signing in again takes the place of the session before, and so does the end of the day.
    let (email, password) = (EMAIL.to_owned(), PASSWORD.to_owned());
    let again = LoginRequest { authorization: Some(known.clone()), email, password, remember: true };
    let newer = world.auth.clone().login(again).await.expect("signs in").into_inner().session;
    assert_eq!(world.sent_at_once(&known).await, "");
    let known = AuthorizationRequest { session: newer, ..known };
    assert_ne!(world.sent_at_once(&known).await, "");
    world.advance(8 * 3600);
    assert_eq!(world.sent_at_once(&known).await, "");
}

#[tokio::test]
async fn a_hint_names_who_must_be_signed_in() {
    let world = world().await;
    let session = world.browser().await;
    let hint = |sub: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(json!({"sub": sub}).to_string()));
    let hinted = |id_token_hint: String| AuthorizationRequest {
        prompt: "none".to_owned(),
        session: session.clone(),
        id_token_hint,
        ..of_web()
    };
    for (id_token_hint, error) in [
        (hint("cus_ada"), None),
        (hint("cus_eve"), Some("login_required")),
        // A hint that cannot be read hints at no one.
        ("nonsense".to_owned(), None),
        ("a.%.c".to_owned(), None),
    ] {
        let location = world.sent_at_once(&hinted(id_token_hint.clone())).await;
        assert_eq!(parameter(&location, "error"), error, "{id_token_hint}: {location}");
    }
    let other = AuthorizationRequest { prompt: String::new(), ..hinted(hint("cus_eve")) };
    assert_eq!(world.sent_at_once(&other).await, "", "somebody else may sign in");
    let location = world.login_with(other, EMAIL, PASSWORD).await.expect("an answer");
    assert_eq!(parameter(&location, "error"), Some("login_required"), "{location}");
}

#[tokio::test]
async fn nobody_is_signed_in_to_an_account_that_is_gone() {
    let world = world().await;
    let known = AuthorizationRequest { session: world.browser().await, ..of_web() };
    assert_ne!(world.sent_at_once(&known).await, "");
    world
        .accounts
        .clone()
        .delete_account(DeleteAccountRequest { account_id: "cus_ada".to_owned() })
        .await
        .expect("deleted");
    world.create("cus_ada", EMAIL).await.ok();
    assert_eq!(world.sent_at_once(&known).await, "");
}
