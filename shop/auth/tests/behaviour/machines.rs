//! Machines, which prove who they are with a key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
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
        redirect_uris: Vec::new(),
        public_jwk: Some(key.public_jwk()),
        account_id: "adm_robot".to_owned(),
        roles: vec![Role::Admin],
        token_ttl_s: 3600,
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

#[tokio::test]
async fn assertions_that_prove_nothing_are_refused() {
    let (key, thief) = (KeyPair::generate(), KeyPair::generate());
    let world = World::empty(config(&key)).await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(&claims("none")));
    let secret = EncodingKey::from_secret(key.public_jwk().to_string().as_bytes());
    let confused = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims("hmac"), &secret).expect("signs");
    let mut wrong = vec![
        ("no signature", unsigned),
        ("the public key as a secret", confused),
        ("another's key", signed(&thief, &claims("thief"))),
        ("nothing", String::new()),
        ("no JWT", "abc".to_owned()),
    ];
    for (what, claim, value) in [
        ("expired", "exp", json!(NOW_S - 61)),
        ("too far ahead", "exp", json!(NOW_S + 301)),
        ("not yet", "nbf", json!(NOW_S + 61)),
        ("another audience", "aud", json!("https://elsewhere.example")),
        ("another issuer", "iss", json!(CLIENT)),
        ("another subject", "sub", json!(CLIENT)),
        ("no id", "jti", json!("")),
        ("an endless id", "jti", json!("x".repeat(129))),
    ] {
        let mut all = claims(what);
        all[claim] = value;
        wrong.push((what, signed(&key, &all)));
    }
    for (what, assertion) in wrong {
        assert_eq!(reason(world.issue(request(assertion)).await), "INVALID_CLIENT", "{what}");
    }
    let untyped = IssueTokenRequest { client_assertion_type: String::new(), ..request(signed(&key, &claims("type"))) };
    assert_eq!(reason(world.issue(untyped).await), "INVALID_CLIENT");
    let public = IssueTokenRequest { client_id: CLIENT.to_owned(), ..request(String::new()) };
    assert_eq!(reason(world.issue(public).await), "UNAUTHORIZED_CLIENT");
}
