//! What is said when NATS cannot be used as it is set up: which server, which setting, what to do, and never a secret.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use vitrine_platform_nats::{Config, Error, Events, Nats};
use vitrine_platform_tls::Files;
use vitrine_tests_engines::{Certificates, Server, free_port, nats};

use crate::world::{configured, file, folder};

/// In no message.
const SECRET: &str = "hunter2-hunter2";

async fn refused(config: &Config, words: &[&str]) {
    let error = Nats::connect(config).await.expect_err("refused");
    said(&error, words);
}

fn said(error: &Error, words: &[&str]) {
    let text = format!("{error} {error:?}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert!(!text.contains(SECRET), "{text}");
}

fn at(server: &Server) -> Config {
    Config { url: server.url(), ..Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_are_said_before_a_server_is_asked() {
    let config = |change: fn(&mut Config)| {
        let mut config = Config { url: "nats://127.0.0.1:1".to_owned(), ..Config::default() };
        change(&mut config);
        config
    };
    for (config, words) in [
        (config(|c| c.url.clear()), &["nats.url", "nats://HOST:PORT"][..]),
        (config(|c| c.url = " , ".to_owned()), &["nats.url"]),
        (config(|c| c.url = "http://x:1".to_owned()), &["nats.url", "tls://HOST:PORT"]),
        (config(|c| c.url = format!("nats://me:{SECRET}@host:1")), &["nats.user", "host"]),
        (config(|c| (c.token, c.user) = (SECRET.into(), "me".to_owned())), &["user and token"]),
        (config(|c| c.nkey_seed = "/nowhere/seed".into()), &["nats.nkey_seed", "/nowhere/seed", "No such file"]),
        (config(|c| c.credentials = "/nowhere/creds".into()), &["nats.credentials", "/nowhere/creds"]),
        (config(|c| c.tls.ca = "/nowhere/ca".into()), &["nats.tls", "/nowhere/ca"]),
        (config(|c| c.events.max_age_h = 0), &["nats.events.max_age_h", "at least 1"]),
        (config(|c| c.events.ack_wait_ms = 1), &["nats.events.ack_wait_ms"]),
        (config(|c| c.events.replicas = 9), &["nats.events.replicas", "1 to 5"]),
        (config(|c| c.events = Events { max_age_h: 1, duplicate_window_s: 3601, ..Events::default() }), &["window"]),
    ] {
        refused(&config, words).await;
    }
    let port = free_port().expect("a port");
    let config = Config { url: format!("nats://127.0.0.1:{port}"), ..Config::default() };
    refused(&config, &["cannot be reached", &format!("127.0.0.1:{port}"), "nats.url"]).await;
    let config = Config { url: "nats://nobody.invalid:4222".to_owned(), ..Config::default() };
    refused(&config, &["cannot be reached", "nobody.invalid:4222"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_of_several_is_enough() {
    let server = nats(&[]).expect("a server");
    let nobody = free_port().expect("a port");
    let url = format!("nats://127.0.0.1:{nobody}, {}", server.url());
    Nats::connect(&Config { url, ..Config::default() }).await.expect("the second one is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_not_waited_for() {
    let server = nats(&[]).expect("a server");
    server.pause().expect("paused");
    refused(&at(&server), &["cannot be reached", "timed out"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_tokens() {
    let server = nats(&["--user", "me", "--pass", SECRET]).expect("a server");
    let login = |user: &str, password: &str| Config { user: user.to_owned(), password: password.into(), ..at(&server) };
    Nats::connect(&login("me", SECRET)).await.expect("let in");
    refused(&login("me", "hunter2-hunter2-x"), &["refused", "\"me\"", "nats.user"]).await;
    refused(&at(&server), &["refused", "no user"]).await;

    let server = nats(&["--auth", SECRET]).expect("a server");
    let token = |token: &str| Config { token: token.into(), ..at(&server) };
    Nats::connect(&token(SECRET)).await.expect("let in");
    refused(&token("hunter2-hunter2-x"), &["refused", "token"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nkeys() {
    let folder = folder();
    let (known, other) = (KeyPair::new_user(), KeyPair::new_user());
    let users = format!("authorization {{ users: [ {{ nkey: {} }} ] }}", known.public_key());
    let server = configured(folder.path(), &users);
    let seed = |name: &str, pair: &KeyPair| {
        file(folder.path(), name, &format!("# of a test\n{}\n", pair.seed().expect("a seed")))
    };
    let login = |nkey_seed: PathBuf| Config { nkey_seed, ..at(&server) };
    Nats::connect(&login(seed("known", &known))).await.expect("let in");
    refused(&login(seed("other", &other)), &["refused", "nkey", "other"]).await;
    refused(&login(file(folder.path(), "bad", "x")), &["nats.nkey_seed", "bad", "SU"]).await;
    refused(&login(file(folder.path(), "half", "SUAB")), &["the nkey of", "half", "damaged"]).await;
}

/// A JWT as NATS has it: signed by `issuer`, about `subject`.
fn jwt(issuer: &KeyPair, subject: &KeyPair, nats: &str) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let (iss, sub) = (issuer.public_key(), subject.public_key());
    let claims = format!(r#"{{"jti":"x","iat":1,"iss":"{iss}","sub":"{sub}","name":"test","nats":{nats}}}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()).expect("signed"));
    format!("{signed}.{signature}")
}

fn credentials(folder: &Path, name: &str, account: &KeyPair) -> PathBuf {
    let user = KeyPair::new_user();
    let token = jwt(account, &user, r#"{"type":"user","version":2,"subs":-1,"data":-1,"payload":-1}"#);
    let seed = user.seed().expect("a seed");
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    file(folder, name, &text)
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_files() {
    let folder = folder();
    let (operator, system, account) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    let limits = r#"{"type":"account","version":2,"limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1}}"#;
    let config = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}",
        jwt(&operator, &operator, r#"{"type":"operator","version":2}"#),
        system.public_key(),
        system.public_key(),
        jwt(&operator, &system, limits),
        account.public_key(),
        jwt(&operator, &account, limits),
    );
    let server = configured(folder.path(), &config);
    let login = |credentials: PathBuf| Config { credentials, ..at(&server) };
    Nats::connect(&login(credentials(folder.path(), "known", &account))).await.expect("let in");
    let stranger = credentials(folder.path(), "stranger", &KeyPair::new_account());
    refused(&login(stranger), &["refused", "credentials", "stranger"]).await;
    refused(&login(file(folder.path(), "bad", "x")), &["nats.credentials", "bad"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_a_client_certificate() {
    let folder = folder();
    let issued = Certificates::new(folder.path()).expect("an authority");
    let ((certificate, key), (own, own_key)) =
        (issued.issue("server").expect("issued"), issued.issue("client").expect("issued"));
    let ca = issued.authority();
    let config =
        format!("tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}", certificate, key, ca);
    let server = configured(folder.path(), &config);
    let with = |url: &str, tls: Files| Config { url: url.to_owned(), tls, ..Config::default() };
    let tls_url = server.url().replace("nats://", "tls://");
    let all = Files { ca: ca.clone(), certificate: own.clone(), key: own_key.clone() };
    Nats::connect(&with(&tls_url, all.clone())).await.expect("let in");
    Nats::connect(&with(&server.url(), all.clone())).await.expect("the server says that it wants TLS");

    let only_ca = Files { ca: ca.clone(), ..Files::default() };
    refused(&with(&tls_url, only_ca), &["TLS", "nats.tls.certificate", "127.0.0.1"]).await;
    refused(&with(&server.url(), Files::default()), &["TLS", "nats.tls.ca"]).await;
    let elsewhere = self::folder();
    let other = Certificates::new(elsewhere.path()).expect("an authority");
    let (theirs, their_key) = other.issue("client").expect("issued");
    let wrong_ca = Files { ca: other.authority(), ..all.clone() };
    refused(&with(&tls_url, wrong_ca), &["TLS", "nats.tls.ca"]).await;
    let stranger = Files { certificate: theirs, key: their_key, ..all.clone() };
    refused(&with(&tls_url, stranger), &["TLS", "nats.tls.certificate"]).await;

    let plain = nats(&[]).expect("a server");
    refused(&with(&plain.url().replace("nats://", "tls://"), all), &["TLS", "does not speak TLS"]).await;
}
