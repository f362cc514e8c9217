//! Machines, which prove who they are with a key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::IssueTokenRequest;
use vitrine_shop_auth::machine::{ASSERTION_TYPE, KeyPair};
use vitrine_shop_auth::{Client, Config, Role};

use crate::{CLIENT, START_MS, World, reason};

const MACHINE: &str = "robot";
const ENDPOINT: &str = "http://127.0.0.1:8080/oauth2/token";
const NOW_S: i64 = START_MS / 1000;

fn config(key: &KeyPair) -> Config {
    let mut config = Config::default();
    config.clients.push(Client {
        id: MACHINE.to_owned(),
        name: "A robot".to_owned(),
        public_jwk: Some(key.public_jwk()),
        account_id: "adm_robot".to_owned(),
        roles: vec![Role::Admin],
        token_ttl_s: 3600,
        ..Client::default()
    });
    config
}

fn request(assertion: String) -> IssueTokenRequest {
    IssueTokenRequest {
        grant_type: "client_credentials".to_owned(),
        client_id: MACHINE.to_owned(),
        client_assertion_type: ASSERTION_TYPE.to_owned(),
        client_assertion: assertion,
        audience: ENDPOINT.to_owned(),
        ..IssueTokenRequest::default()
    }
}

fn claims(jti: &str) -> Value {
    json!({"iss": MACHINE, "sub": MACHINE, "aud": ENDPOINT, "exp": NOW_S + 60, "jti": jti})
}

fn signed(key: &KeyPair, claims: &Value) -> String {
    let key = EncodingKey::from_ec_pem(key.to_pem().expect("encodes").as_bytes()).expect("a key");
    jsonwebtoken::encode(&Header::new(Algorithm::ES256), claims, &key).expect("signs")
}

#[tokio::test]
async fn a_machine_proves_who_it_is_with_its_key() {
    let key = KeyPair::generate();
    let world = World::empty(config(&key)).await;
    let assertion = key.assertion(MACHINE, ENDPOINT, START_MS).expect("signs");
    let issued = world.issue(request(assertion)).await.expect("a token");
    assert!(issued.refresh_token.is_empty() && issued.id_token.is_empty());
    assert_eq!(issued.expires_in_s, 3600);
    let told = world.verify(&issued.access_token, "vitrine").await.expect("a published key");
    assert_eq!((&told["sub"], &told["client_id"]), (&json!("adm_robot"), &json!(MACHINE)));
    assert_eq!(told["roles"], json!(["admin"]));
    assert_eq!(told["exp"].as_i64(), Some(NOW_S + 3600));

    // The issuer will do as audience, the assertion names the client, and five minutes are not too much.
    for (n, good) in [
        json!({"aud": "http://127.0.0.1:8080"}),
        json!({"aud": ["elsewhere", ENDPOINT]}),
        json!({"exp": NOW_S + 300}),
        json!({"nbf": NOW_S}),
        // A NumericDate may have a fraction (RFC 7519, section 2).
        json!({"exp": 60.5 + NOW_S as f64, "iat": 0.25 + NOW_S as f64, "nbf": NOW_S as f64 - 0.001}),
        json!({"exp": NOW_S as f64 - 59.5}),
        json!({"iat": NOW_S + 60, "more": {"exp": "x"}}),
    ]
    .iter()
    .enumerate()
    {
        let mut all = claims(&format!("good-{n}"));
        all.as_object_mut().expect("claims").extend(good.as_object().expect("claims").clone());
        let unnamed = IssueTokenRequest { client_id: String::new(), ..request(signed(&key, &all)) };
        world.issue(unnamed).await.unwrap_or_else(|e| panic!("{good}: {e}"));
    }
}

#[tokio::test]
async fn an_assertion_is_good_once_also_after_a_restart() {
    let key = KeyPair::generate();
    let world = World::empty(config(&key)).await;
    let assertion = signed(&key, &claims("one"));
    world.issue(request(assertion.clone())).await.expect("a token");
    assert_eq!(reason(world.issue(request(assertion.clone())).await), "INVALID_CLIENT");
    assert_eq!(reason(world.issue(request(signed(&key, &claims("one")))).await), "INVALID_CLIENT");
    let world = world.restart(config(&key)).await;
    assert_eq!(reason(world.issue(request(assertion)).await), "INVALID_CLIENT");
    world.issue(request(signed(&key, &claims("two")))).await.expect("a token");
}

/// Claims that no assertion may have, each by its name.
fn wrong_claims() -> Vec<(&'static str, Value)> {
    vec![
        ("exp", json!(NOW_S - 60)),
        ("exp", json!(NOW_S as f64 - 60.001)),
        ("exp", json!(NOW_S + 301)),
        ("exp", json!(300.001 + NOW_S as f64)),
        ("exp", json!(1e300)),
        ("exp", json!(-1)),
        ("exp", json!(u64::MAX)),
        ("exp", json!((NOW_S + 60).to_string())),
        ("exp", json!(null)),
        ("nbf", json!(NOW_S + 61)),
        ("nbf", json!("soon")),
        ("iat", json!(NOW_S + 61)),
        ("iat", json!([])),
        ("aud", json!("https://elsewhere.example")),
        ("aud", json!([])),
        ("aud", json!(7)),
        ("iss", json!(CLIENT)),
        ("sub", json!(CLIENT)),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("x".repeat(129))),
    ]
}

#[tokio::test]
async fn assertions_that_prove_nothing_are_refused() {
    let (key, thief) = (KeyPair::generate(), KeyPair::generate());
    let world = World::empty(config(&key)).await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(&claims("none")));
    let secret = EncodingKey::from_secret(key.public_jwk().to_string().as_bytes());
    let confused = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims("hmac"), &secret).expect("signs");
    let with = |header: Value, claims: &Value| {
        let signed = format!("{}.{}", part(&header), part(claims));
        let key = EncodingKey::from_ec_pem(key.to_pem().expect("encodes").as_bytes()).expect("a key");
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::ES256).expect("signs");
        format!("{signed}.{signature}")
    };
    world
        .issue(request(with(json!({"alg": "ES256", "b": 7}), &claims("plain"))))
        .await
        .expect("what is unknown is ignored");
    // What is sent, and a word that the explanation must have.
    let mut wrong = vec![
        ("alg", unsigned),
        ("alg", confused),
        ("not signed with this client's key", signed(&thief, &claims("thief"))),
        ("private_key_jwt", String::new()),
        ("three parts", "abc".to_owned()),
        ("crit", with(json!({"alg": "ES256", "crit": ["b64"], "b64": true}), &claims("crit"))),
        ("typ", with(json!({"alg": "ES256", "typ": "at+jwt"}), &claims("typ"))),
    ];
    for (claim, value) in wrong_claims() {
        let mut all = claims(&format!("wrong-{}", wrong.len()));
        all[claim] = value;
        wrong.push((claim, signed(&key, &all)));
    }
    for claim in ["iss", "sub", "aud", "exp", "jti"] {
        let mut all = claims("lacking");
        all.as_object_mut().expect("claims").remove(claim);
        wrong.push((claim, signed(&key, &all)));
    }
    for (named, assertion) in wrong {
        let told = Problem::from_status(&world.issue(request(assertion.clone())).await.expect_err(named));
        assert_eq!(told.reason, "INVALID_CLIENT", "{named}");
        assert!(told.message.contains(named), "{named}: {}", told.message);
        // No more is told to who does not say which client it is.
        let unnamed = IssueTokenRequest { client_id: String::new(), ..request(assertion) };
        assert_eq!(reason(world.issue(unnamed).await), "INVALID_CLIENT", "{named}");
    }
    let untyped = IssueTokenRequest { client_assertion_type: String::new(), ..request(signed(&key, &claims("type"))) };
    assert_eq!(reason(world.issue(untyped).await), "INVALID_CLIENT");
    let twice = IssueTokenRequest { client_secret: "x".to_owned(), ..request(signed(&key, &claims("twice"))) };
    assert_eq!(reason(world.issue(twice).await), "INVALID_REQUEST");
    let public = IssueTokenRequest { client_id: CLIENT.to_owned(), ..request(String::new()) };
    assert_eq!(reason(world.issue(public).await), "UNAUTHORIZED_CLIENT");
}
