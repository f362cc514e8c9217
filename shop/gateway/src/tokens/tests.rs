//! What keys and tokens are believed, and for how long.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{Request, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use prost::Message as _;
use serde_json::json;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use vitrine_contracts::auth::v1::GetJwksResponse;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_kit::clock::Clock;
use vitrine_platform_cache::{Cache, Engine};
use vitrine_platform_mesh::Transport;
use vitrine_platform_telemetry::{Config, Telemetry};

use super::{KEYS_TTL, MAX_WAIT, MIN_REFRESH, Tokens};

const ISSUER: &str = "http://shop.example";
const START_MS: i64 = 1_795_219_200_000;
/// The public key of RFC 7515, appendix A.3.1.
const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

/// An auth that publishes these keys, or none and does not answer; and how often it was asked.
#[derive(Clone, Default)]
struct Auth(Arc<Mutex<(Published, u32)>>);

type Published = Option<Vec<&'static str>>;

impl Service<Request<Body>> for Auth {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<Response<Body>, Status>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let published = {
            let mut state = self.0.lock();
            state.1 += 1;
            state.0.clone()
        };
        Box::pin(async move {
            let Some(published) = published else { return std::future::pending().await };
            let key = |id| {
                json!({
                    "kid": id, "kty": "EC", "crv": "P-256", "x": X, "y": Y,
                })
            };
            let keys: Vec<_> = published.into_iter().map(key).collect();
            let message = GetJwksResponse { jwks_json: json!({ "keys": keys }).to_string() }.encode_to_vec();
            let length = u32::try_from(message.len()).expect("short").to_be_bytes();
            let frame = [&[0], &length[..], &message].concat();
            let answer = Response::builder().header("content-type", "application/grpc").header("grpc-status", "0");
            Ok(answer.body(Body::new(axum::body::Body::from(frame))).expect("an answer"))
        })
    }
}

impl Auth {
    fn publishes(&self, keys: &[&'static str]) {
        self.0.lock().0 = Some(keys.to_vec());
    }

    fn asked(&self) -> u32 {
        self.0.lock().1
    }

    /// A gateway that asks it, and that shares what is in this cache with others.
    fn gateway(&self, cache: &Cache, clock: &Clock) -> Arc<Tokens> {
        let client = AuthServiceClient::new(Transport::new(self.clone()));
        Arc::new(Tokens::new(client, cache.clone(), ISSUER.to_owned(), clock.clone()))
    }
}

fn cache() -> Cache {
    let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
    Engine::embedded().cache(&telemetry.service("gateway"))
}

fn tokens(published: &[&'static str]) -> (Arc<Tokens>, Auth) {
    let auth = Auth::default();
    auth.publishes(published);
    (auth.gateway(&cache(), &Clock::system()), auth)
}

/// A token that the published key signed, under one of the names that it is published by.
fn signed(kid: &str, typ: &str, name: &str) -> String {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
    // PKCS #8, with the private key of RFC 7515, appendix A.3.1.
    let head = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
    let der = [
        bytes(head),
        bytes("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"),
        vec![0xa1, 0x44, 0x03, 0x42, 0x00, 0x04],
        bytes(X),
        bytes(Y),
    ]
    .concat();
    let mut header = Header::new(Algorithm::ES256);
    (header.kid, header.typ) = (Some(kid.to_owned()), Some(typ.to_owned()));
    let claims =
        json!({"iss": ISSUER, "sub": name, "aud": "vitrine", "exp": START_MS / 1000 + 3600, "roles": ["customer"]});
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_der(&der)).expect("signed")
}

/// Whether a gateway lets a token in, as the guard asks it.
async fn lets_in(gateway: &Tokens, token: &str) -> bool {
    gateway.remembered(token).is_some() || gateway.verify(token).await.is_ok()
}

async fn reported(tokens: &Tokens, id: &str) -> Option<StatusCode> {
    tokens.key(id).await.err().map(|reply| reply.status())
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_published_no_more_is_not_believed_for_long() {
    let (tokens, auth) = tokens(&["stolen", "kept"]);
    assert_eq!(reported(&tokens, "stolen").await, None);
    auth.publishes(&["kept", "new"]);
    tokio::time::advance(KEYS_TTL).await;
    assert_eq!(reported(&tokens, "stolen").await, Some(StatusCode::UNAUTHORIZED));
    assert_eq!((reported(&tokens, "kept").await, reported(&tokens, "new").await), (None, None));
}

#[tokio::test(start_paused = true)]
async fn however_many_unknown_keys_are_named_auth_is_asked_once_for_all() {
    let (tokens, auth) = tokens(&["known"]);
    assert_eq!(reported(&tokens, "known").await, None);
    let began = tokio::time::Instant::now();
    let asking: Vec<_> = (0..500)
        .map(|n| {
            let tokens = tokens.clone();
            tokio::spawn(async move { reported(&tokens, &format!("forged {n}")).await })
        })
        .collect();
    for one in asking {
        assert_eq!(one.await.expect("no panic"), Some(StatusCode::UNAUTHORIZED));
    }
    assert!(auth.asked() <= 3 && began.elapsed() <= MIN_REFRESH * 2, "{} {:?}", auth.asked(), began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_key_for_ever() {
    let (tokens, auth) = tokens(&[]);
    auth.0.lock().0 = None;
    let began = tokio::time::Instant::now();
    assert_eq!(reported(&tokens, "any").await, Some(StatusCode::SERVICE_UNAVAILABLE));
    assert!(began.elapsed() <= MAX_WAIT + Duration::from_secs(1));
}

/// Whatever each gateway knew, and a caller that asked for it: a minute after a stolen key was published for the last
/// time, no one believes it.
#[tokio::test(start_paused = true)]
async fn tokens_of_a_stolen_key_end_at_every_gateway() {
    let (clock, hand) = Clock::manual(START_MS);
    let auth = Auth::default();
    auth.publishes(&["stolen"]);
    let shared = cache();
    let gateways = [auth.gateway(&shared, &clock), auth.gateway(&shared, &clock), auth.gateway(&cache(), &clock)];
    let pass = async |by: Duration| {
        hand.advance(by);
        tokio::time::advance(by).await;
    };
    let (used, forged) = (signed("stolen", "at+jwt", "cus_ada"), signed("stolen", "at+jwt", "cus_eve"));
    assert!(lets_in(&gateways[0], &used).await);
    pass(Duration::from_secs(1)).await;
    auth.publishes(&["new"]);
    // Just before: one learns now what another was told before the theft was known.
    pass(KEYS_TTL - Duration::from_secs(2)).await;
    assert!(lets_in(&gateways[0], &used).await, "the keys are believed for a while");
    assert!(lets_in(&gateways[1], &used).await, "so they are where they were found in the cache");
    pass(Duration::from_secs(2)).await;
    for (place, gateway) in gateways.iter().enumerate() {
        for token in [&used, &forged] {
            assert!(!lets_in(gateway, token).await, "{place}");
        }
        assert!(lets_in(gateway, &signed("new", "at+jwt", "cus_ada")).await, "{place}");
    }
}

/// A caller that rotates the keys through a gateway does not wait for that.
#[tokio::test(start_paused = true)]
async fn the_gateway_that_is_told_of_new_keys_looks_at_once() {
    let (clock, _) = Clock::manual(START_MS);
    let auth = Auth::default();
    auth.publishes(&["stolen"]);
    let gateway = auth.gateway(&cache(), &clock);
    let used = signed("stolen", "at+jwt", "cus_ada");
    assert!(lets_in(&gateway, &used).await);
    auth.publishes(&["new"]);
    gateway.keys_changed().await;
    assert!(!lets_in(&gateway, &used).await);
}

/// Of what auth signs, access tokens alone are let in (RFC 9068, section 4).
#[tokio::test(start_paused = true)]
async fn what_a_token_calls_itself_is_looked_at() {
    let (clock, _) = Clock::manual(START_MS);
    let auth = Auth::default();
    auth.publishes(&["known"]);
    let gateway = auth.gateway(&cache(), &clock);
    for (typ, good) in [
        ("at+jwt", true),
        ("AT+JWT", true),
        ("application/at+jwt", true),
        ("JWT", false),
        ("jwt", false),
        ("", false),
        ("vitrine-call+jwt", false),
        ("at+jwt ", false),
    ] {
        let reported = gateway.verify(&signed("known", typ, "cus_ada")).await;
        assert_eq!(reported.is_ok(), good, "{typ:?}");
        assert!(reported.err().is_none_or(|reply| reply.message().contains("at+jwt")), "{typ:?}");
    }
}

/// Tokens of known keys pass by those that wait for one that no one has.
#[tokio::test(start_paused = true)]
async fn who_is_known_does_not_wait_for_who_is_not() {
    let (clock, _) = Clock::manual(START_MS);
    let auth = Auth::default();
    auth.publishes(&["known"]);
    let gateway = auth.gateway(&cache(), &clock);
    assert!(lets_in(&gateway, &signed("known", "at+jwt", "cus_ada")).await);
    auth.0.lock().0 = None;
    let (waiting, forged) = (gateway.clone(), signed("unknown", "at+jwt", "cus_eve"));
    let waiting = tokio::spawn(async move { waiting.verify(&forged).await.is_ok() });
    tokio::task::yield_now().await;
    let began = tokio::time::Instant::now();
    assert!(lets_in(&gateway, &signed("known", "at+jwt", "cus_bob")).await, "a token that was not seen before");
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(!waiting.await.expect("no panic"));
}
