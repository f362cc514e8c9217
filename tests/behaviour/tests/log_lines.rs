//! `vitrine logs`: records of an observatory in a terminal, in a pipe, and as they come.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use vitrine_tests_testkit::{Api, Observatory, eventually};

const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Sends a record of now.
async fn send(observatory: &Observatory, service: &str, severity: u8, message: &str) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos().to_string();
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let record = json!({
        "timeUnixNano": now, "severityNumber": severity, "body": {"stringValue": message}, "traceId": TRACE,
        "spanId": "00f067aa0ba902b7", "attributes": [text("http.route", "/orders")],
    });
    let logs = json!({"resourceLogs": [{
        "resource": {"attributes": [text("service.name", service)]}, "scopeLogs": [{"logRecords": [record]}],
    }]});
    Api::new(&observatory.otlp_http, None)?.expect(200, Method::POST, "/v1/logs", Some(&logs)).await?;
    Ok(())
}

fn logs(observatory: &Observatory, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["logs", "--url", &observatory.observe]).args(args);
    command
}

/// What a command prints, which ends well.
fn printed(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } = command.output()?;
    ensure!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    Ok(String::from_utf8(stdout)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_printed_for_people_and_for_programs() {
    let check = async {
        let observatory = Observatory::start(BINARY.as_ref(), &[])?;
        send(&observatory, "checkout", 9, "order placed").await?;
        send(&observatory, "checkout", 17, "card \u{1b}[2J declined").await?;
        send(&observatory, "carts", 17, "cart lost").await?;
        let plain = printed(&mut logs(&observatory, &["service:checkout"]))?;
        let lines: Vec<&str> = plain.lines().collect();
        ensure!(
            lines.len() == 2
                && lines[0].ends_with(&format!("info  checkout  order placed  http.route=/orders  trace={TRACE}")),
            "{plain}"
        );
        ensure!(lines[1].contains("error checkout  card \\u{1b}[2J declined"), "{plain}");
        let coloured = printed(&mut logs(&observatory, &["--color", "always", "declined"]))?;
        let link = format!("\x1b]8;;{}/trace/{TRACE}\x1b\\", observatory.observe);
        ensure!(coloured.contains("\x1b[1;33mdeclined\x1b[0m") && coloured.contains(&link), "{coloured}");
        let newest: Value = serde_json::from_str(&printed(&mut logs(&observatory, &["--json", "-n", "1"]))?)?;
        ensure!(newest["message"] == "cart lost" && newest["resource"]["service.name"] == "carts", "{newest}");
        let nothing = logs(&observatory, &["nowhere"]).output()?;
        let told = String::from_utf8_lossy(&nothing.stderr).into_owned();
        ensure!(nothing.status.success() && told.contains("no records since 1h: --since looks further back"), "{told}");
        let wrong = logs(&observatory, &["a (b"]).output()?;
        let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
        ensure!(wrong.status.code() == Some(1) && told.contains("a bracket is not closed at character 3"), "{told}");
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("records are printed");
}

#[test]
fn where_nobody_answers_is_told() {
    // A port that nobody listens on any more.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let args = ["logs", "-f", "--url", &format!("http://{address}")];
    let output = Command::new(BINARY).args(args).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("{address} cannot be reached: ")), "{told}");
    let odd = Command::new(BINARY).args(["logs", "--url", "ftp://x"]).output().expect("it runs");
    assert_eq!(odd.status.code(), Some(64));
}

/// A command that follows, and what it prints. It is ended with its owner.
struct Following {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Following {
    fn begin(mut command: Command) -> Result<Self> {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let lines = BufReader::new(process.stdout.take().context("its output")?);
        Ok(Self { process, lines })
    }

    fn next(&mut self) -> Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // It has ended already, or is ended here.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_followed_until_someone_ends_it() {
    let check = async {
        let mut observatory = Observatory::start(BINARY.as_ref(), &[])?;
        send(&observatory, "checkout", 17, "failed 0").await?;
        let mut following = Following::begin(logs(&observatory, &["-f", "level:error"]))?;
        let mut piped = Following::begin(logs(&observatory, &["-f", "--json"]))?;
        // What was there comes first: from then on it follows.
        ensure!(following.next()?.contains("failed 0"));
        ensure!(piped.next()?.contains("failed 0"));
        for n in 1..20 {
            send(&observatory, "checkout", 9, "fine").await?;
            send(&observatory, "checkout", 17, &format!("failed {n}")).await?;
        }
        for n in 1..20 {
            let line = following.next()?;
            ensure!(line.contains(&format!("error checkout  failed {n}  ")), "{n}: {line}");
        }
        // Whoever reads has gone: it ends well with the next record.
        let Following { process, lines } = &mut piped;
        *lines = BufReader::new(Command::new("true").stdout(Stdio::piped()).spawn()?.stdout.take().context("output")?);
        let ended = eventually("the command ends", async || {
            send(&observatory, "checkout", 9, "one more").await?;
            Ok(process.try_wait()?)
        });
        let status = ended.await?;
        ensure!(status.success(), "{status}");
        observatory.process().stop()?;
        let status = following.process.wait()?;
        ensure!(status.code() == Some(1), "{status}");
        let told = std::io::read_to_string(following.process.stderr.take().context("its errors")?)?;
        ensure!(told.contains("the observatory has ended it") || told.contains("broke off"), "{told}");
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("records are followed");
}
