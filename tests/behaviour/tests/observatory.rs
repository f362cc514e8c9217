//! The observatory alone, as programs that know nothing of Vitrine use it: stock SDKs send, and Jaeger's, Zipkin's and SQL's
//! answers are equal to what was sent, also after the process was killed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use vitrine_shop_load::http::Call;
use vitrine_tests_engines::{Certificates, free_port};
use vitrine_tests_testkit::{Api, Launch, Observatory, eventually, ingest_crash, node, python, python_sdk, succeed};

/// The SDK and both exporters.
const NODE: &[&str] = &[
    "@opentelemetry/api@1.9.1",
    "@opentelemetry/resources@2.12.1",
    "@opentelemetry/sdk-trace-base@2.12.1",
    "@opentelemetry/exporter-trace-otlp-grpc@0.223.1",
    "@opentelemetry/exporter-trace-otlp-http@0.223.1",
];
/// Zipkin's own client.
const ZIPKIN: &[&str] = &["py_zipkin==1.2.8"];
/// A server of S3's API.
const MOTO: &[&str] = &["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];
/// What makes rows in memory many, in bytes.
const LARGE: usize = 1 << 20;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"))
}

fn start(args: &[&str]) -> Result<Observatory> {
    Observatory::start(binary(), args)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/observatory").join(name)
}

fn cache() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Runs a program of the tests with what another one printed as its input; returns what it printed.
async fn fed(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("its standard input")?;
    stdin.write_all(input.as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}: {out}{err}");
    Ok(out.into_owned())
}

async fn read_back(observatory: &Observatory, program: &str, sent: &str) -> Result<()> {
    read_back_with(observatory, program, sent, &[]).await
}

/// The same with variables of the program's environment.
async fn read_back_with(
    observatory: &Observatory,
    program: &str,
    sent: &str,
    variables: &[(&str, &OsStr)],
) -> Result<()> {
    let mut command = Command::new(python_sdk(cache()).await?);
    command.arg(script(program)).arg(&observatory.observe).envs(variables.iter().copied());
    let told = fed(&mut command, sent).await?;
    ensure!(told.contains("equal"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_pythons_sdk_sends_is_read_back_field_by_field() {
    let check = async {
        let python = python_sdk(cache()).await?;
        let mut observatory = start(&[])?;
        for protocol in ["grpc", "http"] {
            let endpoint = observatory.otlp(protocol);
            let sent = succeed(Command::new(&python).arg(script("send.py")).args([protocol, endpoint])).await?;
            read_back(&observatory, "read_back.py", &sent).await?;
            read_back(&observatory, "read_signals.py", &sent).await?;
            observatory.kill_and_restart()?;
            read_back(&observatory, "read_back.py", &sent).await?;
            read_back(&observatory, "read_signals.py", &sent).await?;
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_pythons_sdk_compresses_is_read_back() {
    let check = async {
        let python = python_sdk(cache()).await?;
        let mut observatory = start(&[])?;
        for compression in ["gzip", "deflate"] {
            let mut command = Command::new(&python);
            command.arg(script("send.py")).args(["http", observatory.otlp("http")]);
            let sent = succeed(command.env("OTEL_EXPORTER_OTLP_COMPRESSION", compression)).await?;
            read_back(&observatory, "read_back.py", &sent).await?;
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nodes_sdk_sends_is_read_back_field_by_field() {
    let check = async {
        let modules = node(cache(), "otel-node-2.12.1", NODE).await?;
        let mut observatory = start(&[])?;
        for protocol in ["grpc", "http"] {
            let endpoint = observatory.otlp(protocol);
            let mut command = Command::new("node");
            let command = command.env("NODE_MODULES", &modules).arg(script("send.mjs")).args([protocol, endpoint]);
            let sent = succeed(command).await?;
            read_back(&observatory, "read_back.py", &sent).await?;
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_zipkins_client_sends_is_read_back_field_by_field() {
    let check = async {
        let python = python(cache(), "py_zipkin-1.2.8", ZIPKIN).await?;
        let mut observatory = start(&[])?;
        let sent = succeed(Command::new(&python).arg(script("send_zipkin.py")).arg(&observatory.observe)).await?;
        read_back(&observatory, "read_zipkin.py", &sent).await?;
        observatory.kill_and_restart()?;
        read_back(&observatory, "read_zipkin.py", &sent).await?;
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_exactly_once_after_kill_9() {
    let crashes = ingest_crash(binary(), 5, 5, 7).await.expect("nothing is lost");
    assert!(crashes.acknowledged.iter().all(|rows| *rows > 0), "every signal was taken in: {crashes:?}");
}

/// A request with one span of a service.
fn one_span(trace: u128, attribute: &str) -> Value {
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "glass"}}]},
        "scopeSpans": [{"spans": [{
            "traceId": format!("{trace:032x}"), "spanId": "00f067aa0ba902b7", "name": "GET /vase",
            "startTimeUnixNano": "1800000000000000000", "endTimeUnixNano": "1800000000000001000",
            "attributes": [{"key": "vase", "value": {"stringValue": attribute}}],
        }]}],
    }]})
}

/// Starts a server of S3's API with one bucket, which ends with its owner.
async fn s3(bucket: &str) -> Result<(Child, String)> {
    let python = python(cache(), "moto-5.2.5", MOTO).await?;
    let port = free_port()?;
    let command = &mut Command::new(python);
    command
        .args(["-m", "moto.server", "--host", "127.0.0.1", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = command.kill_on_drop(true).spawn()?;
    let url = format!("http://127.0.0.1:{port}");
    let api = Api::new(&url, None)?;
    eventually("a bucket", async || {
        let made = api.send(Call::new(Method::PUT, &format!("/{bucket}"))).await;
        Ok(made.ok().filter(|answer| answer.status == 200))
    })
    .await?;
    Ok((child, url))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_are_kept_in_s3() {
    let check = async {
        let (_server, url) = s3("telemetry").await?;
        let variables = [
            ("AWS_ENDPOINT", url.clone()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "glass".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "clear".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("vitrine.toml");
        // So little memory that a few large spans become segments.
        std::fs::write(
            &config,
            "[observatory]\nsegments = \"s3://telemetry/shop\"\nmemory_mib = 16\nretention = \"off\"\n",
        )?;
        let args = vec!["--config".to_owned(), config.display().to_string()];
        let mut observatory = Observatory::launch(binary(), Launch { args, variables, ..Launch::default() })?;
        let otlp = Api::new(&observatory.otlp_http, None)?;
        // Each another one: equal texts are kept once.
        let vase = |trace: u128| format!("{trace}{}", "v".repeat(LARGE));
        for trace in 1..=20 {
            let call = Call::new(Method::POST, "/v1/traces").json(&one_span(trace, &vase(trace)));
            eventually("an answer that is not \"busy\"", async || {
                let answer = otlp.send(call.clone()).await?;
                ensure!(matches!(answer.status, 200 | 503), "{}", answer.status);
                Ok((answer.status == 200).then_some(()))
            })
            .await?;
        }
        let api = observatory.api()?;
        eventually("a segment", async || {
            let status = api.get("/api/status").await?;
            Ok((status["traces"]["segments"] != 0).then_some(()))
        })
        .await?;
        let local = observatory.data().join("observatory/segments");
        ensure!(!local.exists(), "segments stand in {}, too", local.display());
        let listed = Api::new(&url, None)?.send(Call::new(Method::GET, "/telemetry?list-type=2&prefix=shop/")).await?;
        let listed = String::from_utf8_lossy(&listed.body).into_owned();
        ensure!(listed.contains("shop/default/traces/") && listed.contains(".parquet"), "{listed}");
        observatory.kill_and_restart()?;
        let api = observatory.api()?;
        for trace in 1..=20 {
            let found = api.get(&format!("/jaeger/api/traces/{trace:032x}")).await?;
            let tags = found["data"][0]["spans"][0]["tags"].as_array().context("tags")?;
            ensure!(tags.iter().any(|tag| tag["value"] == vase(trace).as_str()), "trace {trace} lost its vase");
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("segments are kept in S3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_said_in_secret_to_whoever_may_hear_it() {
    let check = async {
        let folder = tempfile::tempdir()?;
        let certificates = Certificates::new(folder.path())?;
        let (certificate, key) = certificates.issue("server")?;
        let authority = certificates.authority();
        let config = folder.path().join("vitrine.toml");
        let text = |clients: &str| {
            let (certificate, key) = (certificate.display(), key.display());
            format!(
                "[observatory.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n{clients}\n\
                 [[observatory.tokens]]\ntoken = \"a-long-random-text\"\nrights = [\"read\", \"write\"]\n"
            )
        };
        std::fs::write(&config, text(""))?;
        let mut observatory = start(&["--config", &config.display().to_string()])?;
        ensure!(observatory.observe.starts_with("https://"), "{}", observatory.observe);

        let python = python_sdk(cache()).await?;
        for protocol in ["grpc", "http"] {
            let endpoint = observatory.otlp(protocol);
            let mut command = Command::new(&python);
            command.arg(script("send.py")).args([protocol, endpoint]);
            command.env("OTEL_EXPORTER_OTLP_CERTIFICATE", &authority);
            command.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20a-long-random-text");
            let sent = succeed(&mut command).await?;
            let variables =
                [("SSL_CERT_FILE", authority.as_os_str()), ("VITRINE_OBSERVE_TOKEN", "a-long-random-text".as_ref())];
            read_back_with(&observatory, "read_back.py", &sent, &variables).await?;
            read_back_with(&observatory, "read_signals.py", &sent, &variables).await?;
        }

        // Now a caller that asks must have a certificate, too.
        std::fs::write(&config, text(&format!("ca = \"{}\"", authority.display())))?;
        observatory.kill_and_restart()?;
        let (certificate, key) = certificates.issue("client")?;
        let sql = |more: &[&Path]| {
            let mut command = Command::new(binary());
            command.args(["sql", "--url", &observatory.observe, "--format", "csv"]);
            command.args(["--ca".as_ref(), authority.as_os_str()]).args(more.iter().map(|arg| arg.as_os_str()));
            command.arg("SELECT count(DISTINCT trace_id) AS n FROM spans WHERE service LIKE 'python-%'");
            command.env("VITRINE_OBSERVE_TOKEN", "a-long-random-text");
            command
        };
        let refused = sql(&[]).output().await?;
        ensure!(!refused.status.success(), "who has no certificate is let in");
        let shown = [Path::new("--certificate"), &certificate, Path::new("--key"), &key];
        let told = succeed(&mut sql(&shown)).await?;
        ensure!(told == "n\n2\n", "{told}");
        let refused = sql(&shown).env("VITRINE_OBSERVE_TOKEN", "another-text").output().await?;
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        ensure!(!refused.status.success() && why.contains("token"), "{why}");
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("TLS and tokens");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jaegers_zipkins_and_elasticsearchs_own_ports_answer_too() {
    let check = async {
        // The ports are fixed, so the address is one that no one else has.
        let [a, b, c] = rand::random::<[u8; 3]>().map(|byte| byte.clamp(1, 254));
        let host = format!("127.{a}.{b}.{c}");
        let args = vec!["--standard-ports".to_owned()];
        let launch = Launch { host: host.clone(), args, ..Launch::default() };
        let mut observatory = Observatory::launch(binary(), launch)?;
        let body = one_span(7, "tall");
        let otlp = Api::new(&observatory.otlp_http, None)?;
        otlp.expect(200, Method::POST, "/v1/traces", Some(&body)).await?;

        let jaeger = Api::new(&format!("http://{host}:16686"), None)?;
        let trace = format!("{:032x}", 7);
        let found = jaeger.get(&format!("/api/traces/{trace}")).await?;
        ensure!(found["data"][0]["spans"][0]["operationName"] == "GET /vase", "{found}");
        let found = jaeger.get("/api/v3/services").await?;
        ensure!(found == json!({"services": ["glass"]}), "{found}");

        let zipkin = Api::new(&format!("http://{host}:9411"), None)?;
        let sent = json!([{"traceId": "00000000000000aa", "id": "00000000000000bb", "name": "post", "timestamp": 1_800_000_000_000_000_u64,
            "duration": 5, "localEndpoint": {"serviceName": "oven"}}]);
        zipkin.expect(202, Method::POST, "/api/v2/spans", Some(&sent)).await?;
        let found = zipkin.get("/api/v2/services").await?;
        ensure!(found == json!(["glass", "oven"]), "{found}");
        let found = zipkin.get("/api/v2/trace/00000000000000aa").await?;
        ensure!(found == sent, "{found}");

        let elastic = Api::new(&format!("http://{host}:9200"), None)?;
        let found = elastic.get("/").await?;
        ensure!(found["version"]["number"] == "8.19.0", "{found}");
        let loki = Api::new(&format!("http://{host}:3100"), None)?;
        let found = loki.get("/loki/api/v1/query?query=vector(1)%2Bvector(1)&time=4").await?;
        ensure!(found["data"]["result"][0]["value"] == json!([4, "2"]), "{found}");
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the standard ports answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_observatory_says_of_itself_is_in_it_and_makes_no_more_of_it() {
    let check = async {
        let variables = vec![("OTEL_METRIC_EXPORT_INTERVAL".to_owned(), "100".to_owned())];
        let mut observatory = Observatory::launch(binary(), Launch { variables, ..Launch::default() })?;
        let otlp = Api::new(&observatory.otlp_http, None)?;
        otlp.expect(200, Method::POST, "/v1/traces", Some(&one_span(1, "tall"))).await?;
        let api = observatory.api()?;
        let taken = "SELECT max(value) AS taken, count(*) AS told FROM metrics WHERE service = 'observatory' \
                     AND name = 'observatory.rows.taken' AND attr(attributes, 'signal') = 'traces'";
        // It goes on to be told, while all that asks for it leaves no span behind.
        let told = eventually("a few times that it was told", async || {
            let rows = observatory.sql(taken).await?;
            Ok(rows.into_iter().find(|row| row["told"].as_u64() >= Some(5) && row["taken"] == 1.0))
        })
        .await?;
        let status = api.get("/api/status").await?;
        ensure!(status["traces"]["taken"] == 1 && status["logs"]["taken"] == 0, "{told} {status}");
        let names =
            observatory.sql("SELECT DISTINCT name FROM metrics WHERE service = 'observatory' ORDER BY name").await?;
        for name in
            ["observatory.log.waiting", "observatory.merge_debt", "observatory.queries.time", "observatory.segments"]
        {
            ensure!(names.contains(&json!({"name": name})), "{name} is not in {names:?}");
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("its own figures are in it");
}
