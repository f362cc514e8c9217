//! The command line: what it prints, what it refuses, and how it ends.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use vitrine_tests_testkit::{ON_FREE_PORTS, Options, Placement, Shop};

const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");

fn vitrine(args: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(BINARY).args(args).envs(variables.iter().copied()).output().expect("it runs")
}

/// Runs a command that must fail, with this code and these words on standard error.
fn refuses(args: &[&str], variables: &[(&str, &str)], code: i32, words: &[&str]) {
    let output = vitrine(args, variables);
    let output_of = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {output_of}");
    for word in words {
        assert!(output_of.contains(word), "{args:?}: {word:?} is not in {output_of:?}");
    }
}

#[test]
fn help_teaches() {
    let output_of = |args: &[&str]| String::from_utf8(vitrine(args, &[]).stdout).expect("UTF-8");
    let help = output_of(&["--help"]);
    for command in ["up", "serve", "load", "status", "down", "token", "flags", "config"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} in {help}");
    }
    assert!(help.contains("vitrine up\n"), "{help}");
    for flag in [
        "--data",
        "--listen",
        "--observe",
        "--otlp-grpc",
        "--otlp-http",
        "--flags",
        "--load",
        "--products",
        "--seed",
        "--operations",
        "--quiet",
        "--ready-file",
    ] {
        assert!(output_of(&["up", "--help"]).contains(flag), "{flag}");
    }
    assert!(output_of(&["serve", "--help"]).contains("--place currency=grpc://127.0.0.1:7001"));
}

#[test]
fn config_says_where_each_value_is_from() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("vitrine.toml");
    std::fs::write(&file, "[gateway]\nrate_per_s = 7\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    let output = vitrine(&["config", "--config", file], &[("VITRINE_UP__LOAD", "off")]);
    let output_of = String::from_utf8(output.stdout).expect("UTF-8");
    let line = |key: &str| output_of.lines().find(|l| l.starts_with(&format!("{key} ="))).unwrap_or_default();
    assert!(line("gateway.rate_per_s").contains("= 7") && line("gateway.rate_per_s").ends_with(file), "{output_of}");
    assert!(line("up.load").contains("\"off\"") && line("up.load").ends_with("VITRINE_UP__LOAD"), "{output_of}");
    assert!(line("up.listen").ends_with("# default"), "{output_of}");
}

#[test]
fn what_can_be_set_is_told_to_programs_and_to_people() {
    let output_of = |flag: &str| String::from_utf8(vitrine(&["config", flag], &[]).stdout).expect("UTF-8");
    let schema: serde_json::Value = serde_json::from_str(&output_of("--schema")).expect("JSON");
    let of = |section: &str, key: &str| schema["properties"][section]["properties"][key].clone();
    assert_eq!(of("postgres", "url")["writeOnly"], true, "a secret");
    assert_eq!(of("shop", "demo")["enum"], serde_json::json!(["auto", "on", "off"]));
    assert_eq!(of("observatory", "retention")["default"], "7d");
    assert_eq!(of("gateway", "rate_per_s")["minimum"], 1);
    assert_eq!(schema["additionalProperties"], false);
    // A program that goes by it finds every mistake that the program itself would.
    let mut sections = vec![(String::new(), &schema)];
    while let Some((name, section)) = sections.pop() {
        assert_eq!(section["additionalProperties"], false, "{name}");
        let inner = section["properties"].as_object().into_iter().flatten();
        sections.extend(
            inner.filter(|(_, of)| of["properties"].is_object()).map(|(key, of)| (format!("{name}.{key}"), of)),
        );
    }
    // Every setting that there is, and with words about it.
    let effective = String::from_utf8(vitrine(&["config"], &[]).stdout).expect("UTF-8");
    for line in effective.lines() {
        let key = line.split(" = ").next().expect("a key");
        let found = key.split('.').fold(&schema, |schema, name| &schema["properties"][name]);
        assert!(found["description"].is_string(), "{key}: {found}");
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/settings.md");
    let page = std::fs::read_to_string(page).expect("there is one");
    assert!(
        page == output_of("--reference"),
        "docs/guide/settings.md is old: vitrine config --reference > docs/guide/settings.md"
    );
}

#[test]
fn config_shows_no_secret() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("vitrine.toml");
    let text = r#"
        [postgres]
        url = "postgres://ada:hunter2@db/shop?password=hunter2"
        [cache]
        url = "redis://:hunter2@db"
        [nats]
        password = "hunter2"
        token = "hunter2"
        [discovery]
        consul_token = "hunter2"
        [[observatory.tokens]]
        token = "hunter2hunter2"
        rights = ["read"]
        [[auth.accounts]]
        account_id = "pro_1"
        email = "ada@example.com"
        password = "hunter2"
        role = "promoter"
        [[auth.clients]]
        id = "web"
        name = "Web"
        secret = "hunter2"
    "#;
    std::fs::write(&file, text).expect("written");
    let file = file.to_str().expect("UTF-8");
    let output = vitrine(&["config", "--config", file], &[]);
    let output_of = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output_of.contains("postgres.url = \"postgres://ada:(secret)@db/shop?(secret)\""), "{output_of}");
    assert!(!output_of.contains("hunter2"), "{output_of}");
    // Nor does a mistake, though it names what it is about.
    let variables = [
        ("VITRINE_NATS__PASSWORDS", "hunter2"),
        ("VITRINE_OBSERVATORY__TOKENS", "[{ token = \"hunter2\", rigths = 1 }]"),
    ];
    let output = vitrine(&["config", "--config", file], &variables);
    let output_of = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        output_of.contains("nats.passwords")
            && output_of.contains("observatory.tokens")
            && !output_of.contains("hunter2"),
        "{output_of}"
    );
}

#[test]
fn mistakes_are_named() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let data = data.to_str().expect("UTF-8");
    let file = folder.path().join("bad.toml");
    std::fs::write(&file, "[up]\nlisen = \"127.0.0.1:1\"\n[gateway]\nrate_per_s = \"fast\"\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    refuses(
        &["up", "--data", data, "--config", file],
        &[],
        64,
        &["up.lisen", "did you mean \"up.listen\"", "gateway.rate_per_s", "a whole number"],
    );
    refuses(&["up", "--data", data], &[("VITRINE_UP__LOAD", "fast")], 64, &["up.load", "journeys a second"]);
    refuses(
        &["up", "--data", data],
        &[("VITRINE_CATALOG__PRODUCT", "1")],
        64,
        &["VITRINE_CATALOG__PRODUCT", "did you mean \"catalog.products\""],
    );
    refuses(&["up", "--data", data], &[("OTEL_TRACES_SAMPLER", "sometimes")], 64, &["OTEL_TRACES_SAMPLER"]);
    refuses(&["up", "--listen", "here"], &[], 64, &["--listen", "IP:PORT"]);
    refuses(&["upp"], &[], 64, &["upp"]);
    refuses(&["serve", "cart", "--data", data], &[], 64, &["there is no service cart", "carts"]);
    refuses(
        &["serve", "carts", "--data", data, "--place", "catalog"],
        &[],
        64,
        &["--place catalog", "NAME=grpc://HOST:PORT"],
    );
    refuses(
        &["serve", "carts", "--data", data, "--place", "catalog=ftp://x:1"],
        &[],
        64,
        &["--place catalog=ftp://x:1"],
    );
    refuses(&["serve", "carts", "email", "carts", "--data", data], &[], 64, &["carts is named twice"]);
    let nowhere = "127.0.0.1:0";
    refuses(&["serve", "carts", "--data", data, "--public", nowhere], &[], 64, &["--public", "name gateway"]);
    refuses(&["serve", "gateway", "--data", data, "--listen", nowhere], &[], 64, &["--listen", "--public"]);
    for (variable, value, expected) in [
        ("VITRINE_SHOP__DEMO", "perhaps", "auto, on or off"),
        ("VITRINE_SHOP__URL", "shop.example", "http://HOST:PORT"),
        ("VITRINE_OBSERVATORY__RETENTION", "long", "a time such as 7d"),
        ("VITRINE_OBSERVATORY__MAX_BYTES", "1.5GiB", "a size such as 50GiB"),
        ("VITRINE_OBSERVATORY__FSYNC", "sometimes", "always, second or never"),
        ("VITRINE_OBSERVATORY__SEGMENTS", "/mnt/segments", "s3://BUCKET/PREFIX"),
        ("VITRINE_UP__LISTEN", "here", "127.0.0.1:8080"),
        ("VITRINE_POSTGRES__MAX_CONNECTIONS", "-1", "postgres.max_connections = -1: expected at least 1"),
        ("VITRINE_AUTH__ACCESS_TOKEN_TTL_S", "0", "expected at least 1"),
        ("VITRINE_CHECKOUT__REMEMBER_KEYS_H", "0", "expected at least 1"),
        ("VITRINE_OBSERVATORY__MEMORY_MIB", "15", "expected at least 16"),
        ("VITRINE_NATS__EVENTS__REPLICAS", "6", "expected 1 to 5"),
        ("VITRINE_HTTP__IDLE_S", "86401", "expected 1 to 86400"),
        ("VITRINE_HTTP__MAX_CONNECTIONS", "4294967296", "expected at most 4294967295"),
        ("VITRINE_DISCOVERY__CONSUL", "ftp://consul", "http://HOST:PORT"),
        ("VITRINE_GATEWAY__OBSERVE_URL", "javascript:alert(1)", "http://HOST:PORT"),
    ] {
        refuses(&["up", "--data", data], &[(variable, value)], 64, &[variable, value, expected]);
    }
    refuses(&["serve", "carts", "--data", data], &[], 64, &["catalog", "customers", "--place NAME=grpc://HOST:PORT"]);
    refuses(&["load", "--url", "nowhere"], &[], 64, &["nowhere", "http://HOST:PORT"]);
    refuses(&["load", "--rate", "-1"], &[], 64, &["rate"]);
    refuses(
        &["load", "--url", "http://127.0.0.1:1", "--duration", "1", "--rate", "20"],
        &[],
        1,
        &["no request succeeded"],
    );
    refuses(&["status", "--data", data], &[], 1, &["no shop runs on"]);
    refuses(&["token", "--admin", "--data", "/nowhere"], &[], 64, &["/nowhere", "--data"]);
    let down = vitrine(&["down", "--data", data], &[]);
    assert!(down.status.success() && String::from_utf8_lossy(&down.stdout).contains("no shop runs on"));
}

/// How the processes of a shop know each other is settled before anything is served, or it does not start.
#[test]
fn what_no_caller_could_be_known_by_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str, mode: u32| {
        std::fs::write(at(name), text).expect("written");
        std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).expect("set");
    };
    let (key, data, anywhere) = ("0123456789abcdef0123456789abcdef\n", at("data"), "0.0.0.0:0");
    std::fs::create_dir(at("data")).expect("made");
    write("ours", key, 0o640);
    write("everyones", key, 0o644);
    write("short", "0123456789abcdef0123456789abcde\n", 0o600);
    write("long", &key.repeat(200), 0o600);
    let serve = ["serve", "auth", "--data", &data, "--listen", anywhere];
    // Open to other machines, and no word of who calls from there.
    refuses(
        &serve,
        &[],
        64,
        &["can be reached from other machines", "identity.key_file = FILE", "chmod 600", "tls.ca", "--insecure"],
    );
    for (name, code, words) in [
        ("everyones", 64, &["has mode 644: others may read it", "chmod 600", "make a new key"][..]),
        ("ours", 64, &["has mode 640: others may read it"]),
        ("short", 64, &["31 bytes is too short: at least 32 random bytes"]),
        ("long", 64, &["at most 4096 expected"]),
        ("none", 1, &["cannot be read", "No such file"]),
    ] {
        let file = at(name);
        refuses(&serve, &[("VITRINE_IDENTITY__KEY_FILE", &file)], code, &[words, &[&*file]].concat());
    }
    // The one that the data folder has is looked at as well.
    let of_the_folder = ["serve", "auth", "--data", &data];
    write("data/service-key", key, 0o644);
    refuses(&of_the_folder, &[], 64, &["service-key has mode 644: others may read it", "chmod 600"]);
    for name in ["auth.db", "auth.db-wal"] {
        assert!(!folder.path().join("data").join(name).exists(), "{name} was made all the same");
    }
}

/// As `vitrine config --schema | head -1` has it.
#[test]
fn a_reader_that_has_seen_enough_is_no_mistake() {
    for args in [&["config"][..], &["config", "--schema"], &["config", "--reference"], &["rules", "shop"], &["--help"]]
    {
        let (gone, pipe) = std::io::pipe().expect("a pipe");
        drop(gone);
        let ended = Command::new(BINARY).args(args).stdout(pipe).output().expect("it runs");
        assert!(ended.status.success() && ended.stderr.is_empty(), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().to_str().expect("UTF-8");
    refuses(&["up", "--data", data, "--listen", &address], &[], 1, &[&address, "another process listens there"]);
}

#[test]
fn a_broken_database_is_named_and_left_alone() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("orders.db"), vec![0x5a; 8192]).expect("written");
    let data = folder.path().to_str().expect("UTF-8");
    let own = ["up", "--data", data, "--listen", "127.0.0.1:0", "--load", "off"];
    let flags: Vec<&str> = own.into_iter().chain(ON_FREE_PORTS).collect();
    refuses(&flags, &[], 1, &["orders", "orders.db"]);
    assert_eq!(std::fs::read(folder.path().join("orders.db")).expect("still there"), vec![0x5a; 8192]);
}

fn output_of(args: &[&str]) -> Result<String> {
    let output = vitrine(args, &[]);
    ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

async fn a_life(shop: &mut Shop) -> Result<()> {
    let folder = shop.data().join("up");
    let data = folder.to_str().context("UTF-8")?;
    let status = output_of(&["status", "--data", data])?;
    ensure!(status.starts_with("ready") && status.contains(&shop.url) && status.contains(&shop.observe), "{status}");
    let token = output_of(&["token", "--data", data])?;
    let me = shop.anybody()?.with_token(token.trim()).get("/api/v1/customers/me").await?;
    ensure!(me["id"] == "cus_demo", "{me}");
    let admin = output_of(&["token", "--admin", "--data", data])?;
    shop.anybody()?.with_token(admin.trim()).get("/api/v1/admin/orders").await?;
    let load = output_of(&["load", "--url", &shop.url, "--rate", "40", "--duration", "2", "--json"])?;
    let report: serde_json::Value = serde_json::from_str(&load)?;
    ensure!(report["all_journeys"]["count"].as_u64() > Some(40) && report["all_requests"]["errors"] == 0, "{load}");
    ensure!(report["orders"].as_u64() > Some(0), "{load}");
    // A second one on the same data is refused, and the first does not notice.
    refuses(&["up", "--data", data, "--listen", "127.0.0.1:0"], &[], 1, &["another process runs", "--data"]);
    ensure!(shop.is_ready().await, "the first one noticed");
    output_of(&["down", "--data", data])?;
    ensure!(!shop.is_ready().await, "it is still there");
    ensure!(!folder.join("run.json").exists(), "the run file is still there");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_from_up_to_down() {
    let without_load = Options { load: Some("0".to_owned()), ..Options::default() };
    let mut shop = Shop::start(Path::new(BINARY), Placement::Local, &without_load).await.expect("it starts");
    a_life(&mut shop).await.expect("a whole life");
}

#[test]
fn rules_are_checked_and_tested() {
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    let says = |args: &[&str], code: i32, words: &[&str]| {
        let output = vitrine(args, &[]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        for word in words {
            assert!(text.contains(word), "{args:?}: {word:?} is not in {text}");
        }
        text
    };
    write("shop.yml", &says(&["rules", "shop"], 0, &["ShopBreakerOpen"]));
    says(&["rules", "check", &at("shop.yml")], 0, &["SUCCESS: 14 rules found"]);
    write("twice.yml", "groups: [{name: g, rules: [{record: a, expr: up}, {record: a, expr: up}]}]");
    says(&["rules", "check", &at("twice.yml")], 0, &["DUPLICATE:"]);
    says(&["rules", "check", "--lint-fatal", &at("twice.yml")], 3, &["twice.yml:1:51: a is there before"]);
    write("bad.yml", "groups:\n- name: g\n  rules:\n  - {record: a, expr: 'sum('}\n  - {alert: B, fro: 5m}\n");
    let told =
        ["bad.yml:4:23: group \"g\", rule 1, \"a\": could not parse expression", "bad.yml:5:16: unknown field \"fro\""];
    says(&["rules", "check", &at("bad.yml")], 1, &told);
    says(&["rules", "check", &at("none.yml")], 1, &["none.yml: No such file"]);
    let case = |value: u8| {
        format!(
            "rule_files: [tw*.yml]\ntests: [{{name: t, input_series: [{{series: up, values: '1x5'}}], promql_expr_test: [{{expr: a, eval_time: 1m, exp_samples: [{{labels: a, value: {value}}}]}}]}}]"
        )
    };
    write("right.yml", &case(1));
    write("wrong.yml", &case(2));
    says(&["rules", "test", &at("right.yml")], 0, &["SUCCESS: 1 tests"]);
    says(&["rules", "test", &at("wrong.yml")], 1, &["FAILED:", "expr: \"a\", time: 1m", "1E+00"]);
    says(&["rules", "test", "--run", "other", &at("wrong.yml")], 0, &["SUCCESS: 0 tests"]);
    refuses(&["rules", "test", "--run", "(", &at("right.yml")], &[], 64, &["--run: expected a regular expression"]);
}
