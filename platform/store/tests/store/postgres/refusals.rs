//! What is told when a server cannot be used.

use std::error::Error as _;
use std::os::unix::fs::chown;
use std::path::Path;

use vitrine_platform_store::{Error, PostgresConfig};
use vitrine_platform_tls::Files;
use vitrine_tests_engines::{Certificates, Server, free_port};

use super::{config, raw, server, until};
use crate::database::TestDatabase;
use crate::{Item, commit, schema};

const PASSWORD: &str = "swordfish";

/// What a person is told, with all causes; it never holds the password.
async fn error_of(config: PostgresConfig) -> String {
    let error = TestDatabase::on(config).try_open(schema()).await.expect_err("it cannot be used");
    assert!(matches!(error, Error::Unusable { .. }), "{error:?}");
    let error_of = error.to_string();
    let cause = error.source().map(|e| format!("{e}: {:?}", e.source())).unwrap_or_default();
    assert!(!format!("{error_of} {cause} {error:?}").contains(PASSWORD), "{error_of} {cause}");
    println!("{error_of} ({cause})");
    error_of
}

async fn assert_told(config: PostgresConfig, words: &[&str]) {
    let error_of = error_of(config).await;
    for word in words {
        assert!(error_of.contains(word), "{word:?} is not in {error_of:?}");
    }
}

/// Who may connect, and how.
async fn allow(server: &Server, lines: &str) {
    let path = server.folder().join("data/pg_hba.conf");
    let everyone = "local all all trust\n";
    std::fs::write(path, format!("{lines}\n{everyone}")).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_or_read_is_told() {
    // Nothing there, and something that is no database.
    let nobody = free_port().expect("a port");
    let unreachable = PostgresConfig {
        url: format!("postgres://u:{PASSWORD}@127.0.0.1:{nobody}/shop").into(),
        ..PostgresConfig::default()
    };
    assert_told(unreachable, &[&format!("u@127.0.0.1:{nobody}/shop"), "cannot be reached", "url"]).await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("postgres://u@127.0.0.1:{}/shop", silent.local_addr().expect("bound").port());
    let hangs = PostgresConfig { url: url.into(), connect_timeout_ms: 200, ..PostgresConfig::default() };
    assert_told(hangs, &["does not answer", "connect_timeout_ms"]).await;
    for url in
        ["", "postgres://", "mysql://localhost/db", "postgres://u:swordfish@host:port/db", "host=a sslmode=verify"]
    {
        let malformed = PostgresConfig { url: url.into(), ..PostgresConfig::default() };
        assert_told(malformed, &["url", "postgres://user:password@host:5432/database"]).await;
    }
}

/// A schema that someone else made is enough for a user without the right to make one, but not when it is newer, or
/// locked.
async fn a_given_schema_is_enough(server: &Server, guest: &PostgresConfig) {
    let raw = raw(server).await;
    let store = vitrine_platform_store::Store::open(
        &vitrine_platform_store::Storage::Postgres(PostgresConfig {
            schema_prefix: "given".to_owned(),
            ..guest.clone()
        }),
        "test",
        schema(),
    )
    .expect("opened");
    store.ready().await.expect("nothing more is needed");
    raw.batch_execute("UPDATE given_test.state SET layout = 99").await.expect("set");
    let newer = store.ready().await.expect_err("newer").to_string();
    assert!(newer.contains("layout 99") && newer.contains("given_test") && newer.contains("newer vitrine"), "{newer}");
    raw.batch_execute("BEGIN; LOCK TABLE given_test.state").await.expect("locked");
    let impatient = PostgresConfig { schema_prefix: "given".to_owned(), migration_timeout_ms: 300, ..guest.clone() };
    let store =
        vitrine_platform_store::Store::open(&vitrine_platform_store::Storage::Postgres(impatient), "test", schema());
    let locked = store.expect("opened").ready().await.expect_err("locked").to_string();
    assert!(locked.contains("given_test") && locked.contains("postgres.migration_timeout_ms"), "{locked}");
    raw.batch_execute("ROLLBACK").await.expect("unlocked");
    let names = PostgresConfig { schema_prefix: "No Name".to_owned(), ..config(server) };
    let error =
        vitrine_platform_store::Store::open(&vitrine_platform_store::Storage::Postgres(names), "test", schema());
    assert!(error.expect_err("no name").to_string().contains("schema_prefix"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_configures_it_is_told_what_to_do() {
    let server = server(&[]);
    let port = server.port();
    let at = |user: &str, database: &str| PostgresConfig {
        url: format!("postgres://{user}@127.0.0.1:{port}/{database}").into(),
        connect_timeout_ms: 2_000,
        ..PostgresConfig::default()
    };
    let raw = raw(&server).await;
    raw.batch_execute(&format!(
        "CREATE ROLE clerk LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE guest LOGIN; CREATE SCHEMA given_test AUTHORIZATION guest"
    ))
    .await
    .expect("made");
    let name = format!("127.0.0.1:{port}/postgres");

    assert_told(at("postgres", "shop"), &["no database shop", "createdb shop"]).await;
    assert_told(at("guest", "postgres"), &[&name, "may not make", "GRANT CREATE ON DATABASE"]).await;
    let requires =
        PostgresConfig { url: format!("{}?sslmode=require", server.url()).into(), ..PostgresConfig::default() };
    assert_told(requires, &["sslmode=require", "postgres.tls.ca"]).await;
    let files = Files { ca: "/nowhere/ca.pem".into(), ..Files::default() };
    assert_told(PostgresConfig { tls: files, ..config(&server) }, &["tls", "ca"]).await;

    a_given_schema_is_enough(&server, &at("guest", "postgres")).await;

    allow(&server, "host all all 127.0.0.1/32 scram-sha-256").await;
    raw.batch_execute("SELECT pg_reload_conf()").await.expect("asked");
    until("passwords are asked for", || async {
        TestDatabase::on(at("clerk", "postgres"))
            .try_open(schema())
            .await
            .is_err_and(|e| e.to_string().contains("password"))
    })
    .await;
    assert_told(at("clerk:wrong", "postgres"), &[&format!("clerk@{name}"), "password", "url"]).await;
    assert_told(at("clerk", "postgres"), &["password", "url"]).await;
    raw.batch_execute("GRANT CREATE ON DATABASE postgres TO clerk").await.expect("granted");
    TestDatabase::on(at(&format!("clerk:{PASSWORD}"), "postgres")).open(schema()).await;
}

/// Certificates that the server may read, for a server that PostgreSQL lets run as nobody when root starts it.
fn certificates(server: &Server) -> Certificates {
    let folder = server.folder().join("tls");
    std::fs::create_dir(&folder).expect("made");
    Certificates::new(&folder).expect("an authority")
}

/// Gives a file to the owner of the server's folder.
fn give(path: &Path, server: &Server) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let owner = std::fs::metadata(server.folder()).expect("there");
    chown(path, Some(owner.uid()), Some(owner.gid())).expect("given");
    if path.is_file() {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("set");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_when_it_is_asked_for_and_never_with_a_stranger() {
    let server = server(&[]);
    let issued = certificates(&server);
    let (certificate, key) = issued.issue("server").expect("issued");
    for path in [&server.folder().join("tls"), &certificate, &key] {
        give(path, &server);
    }
    let raw = raw(&server).await;
    let trusting = |sslmode: &str| PostgresConfig {
        url: format!("{}{sslmode}", server.url()).into(),
        tls: Files { ca: issued.authority(), ..Files::default() },
        ..PostgresConfig::default()
    };
    assert_told(trusting(""), &["TLS", "postgres.tls.ca"]).await;
    TestDatabase::on(trusting("?sslmode=prefer")).open(schema()).await;

    for setting in [
        format!("ssl_cert_file = '{}'", certificate.display()),
        format!("ssl_key_file = '{}'", key.display()),
        "ssl = on".to_owned(),
    ] {
        raw.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.expect("set");
    }
    raw.batch_execute("SELECT pg_reload_conf()").await.expect("asked");
    until("it speaks TLS", || async { TestDatabase::on(trusting("")).try_open(schema()).await.is_ok() }).await;
    let encrypted = async |config: PostgresConfig| {
        let store = TestDatabase::on(config).open(schema()).await;
        commit(&store, |tx| tx.insert(&Item::new("i", 1, ""))).await.expect("inserted");
        let sql = "SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                   WHERE application_name = 'vitrine test'";
        let row = raw.query_one(sql, &[]).await.expect("counted");
        let counts: (i64, i64) = (row.get(0), row.get(1));
        drop(store);
        until("its connections are closed", || async {
            raw.query_one(sql, &[]).await.expect("counted").get::<_, i64>(1) == 0
        })
        .await;
        assert!(counts.1 > 0 && [0, counts.1].contains(&counts.0), "{counts:?}");
        counts.0 > 0
    };
    until("what was opened before is closed", || async {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vitrine test'";
        raw.query_one(sql, &[]).await.expect("counted").get::<_, i64>(0) == 0
    })
    .await;
    assert!(encrypted(trusting("")).await, "an authority is a wish for TLS");
    assert!(encrypted(trusting("?sslmode=require")).await);
    assert!(encrypted(trusting("?sslmode=prefer")).await);
    assert!(!encrypted(trusting("?sslmode=disable")).await);
    assert!(!encrypted(config(&server)).await);

    let folder = tempfile::tempdir().expect("a folder");
    let stranger = Certificates::new(folder.path()).expect("an authority");
    let files = Files { ca: stranger.authority(), ..Files::default() };
    for sslmode in ["", "?sslmode=prefer"] {
        assert_told(PostgresConfig { tls: files.clone(), ..trusting(sslmode) }, &["TLS", "postgres.tls.ca"]).await;
    }
    allow(&server, "hostssl all all 127.0.0.1/32 trust").await;
    raw.batch_execute("SELECT pg_reload_conf()").await.expect("asked");
    until("it wants TLS", || async { TestDatabase::postgres(&server).try_open(schema()).await.is_err() }).await;
    assert_told(config(&server), &["without TLS", "postgres.tls.ca"]).await;
    TestDatabase::on(trusting("")).open(schema()).await;
}
