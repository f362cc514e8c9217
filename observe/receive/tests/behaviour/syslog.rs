//! Syslog as it comes over connections and by datagrams, and what becomes of it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vitrine_kit::clock::Clock;
use vitrine_observe_receive::{Access, Door, Intake, Serving, SyslogOptions, serve_syslog, serve_syslog_datagrams};
use vitrine_observe_store::WriteError;
use vitrine_platform_http::Bounds;
use vitrine_tests_testkit::within;

use crate::common::Recorder;
use crate::seen::{Seen, map, seen};

/// 2026-11-28T12:00:00Z.
const NOW_MS: i64 = 1_795_867_200_000;
/// Longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

fn serving(stop: &CancellationToken) -> Serving {
    Serving { bounds: Bounds::default(), stop: stop.clone(), drain: PATIENCE }
}

fn options(zone: &str) -> SyslogOptions {
    let (clock, _) = Clock::manual(NOW_MS);
    SyslogOptions { zone: SyslogOptions::zone(zone).expect("a zone"), ..SyslogOptions::new(clock) }
}

/// A listener for connections, and how it is stopped.
struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn listen(engine: Arc<Recorder>, zone: &str) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
    let intake = Intake::new(engine, Access::open());
    let task = tokio::spawn(serve_syslog(Door::Tcp(listener), intake, options(zone), serving(&stop)));
    Listening { address, stop, task }
}

impl Listening {
    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it ends").expect("it does not panic");
    }
}

/// What is taken of a stream that its sender ends.
async fn taken(stream: &[u8], zone: &str) -> Vec<Seen> {
    let engine = Recorder::new();
    let listening = listen(engine.clone(), zone).await;
    let mut connection = TcpStream::connect(listening.address).await.expect("connected");
    connection.write_all(stream).await.expect("sent");
    connection.shutdown().await.expect("ended");
    let end = tokio::time::timeout(PATIENCE, connection.read(&mut [0; 1])).await.expect("it ends");
    assert_eq!(end.expect("in order"), 0);
    listening.stop().await;
    seen(&engine)
}

async fn check(message: &str, time_ns: u64, severity: (i32, &str), body: &str, expected: &[(&str, &str)]) {
    let found = taken(message.as_bytes(), "Europe/Berlin").await;
    let severity = (severity.0, severity.1.to_owned());
    let (observed_ns, body) = (NOW_MS as u64 * 1_000_000, body.to_owned());
    let wanted = Seen { time_ns, observed_ns, severity, body, fields: map(expected) };
    assert_eq!(found, [wanted], "{message}");
}

#[tokio::test]
async fn rfc_5424() {
    let time = 1_065_910_455_003_000_000;
    check(
        "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick on /dev/pts/8",
        time,
        (18, "crit"),
        "'su root' failed for lonvick on /dev/pts/8",
        &[
            ("host.name", "mymachine.example.com"),
            ("service.name", "su"),
            ("syslog.facility", "4"),
            ("syslog.version", "1"),
            ("syslog.msgid", "ID47"),
        ],
    )
    .await;
    // Escapes in structured data, an element without parameters, several spaces between fields.
    check(
        r#"<165>1  2003-10-11T22:14:15.003Z  host  app  12   -  [a@1 q="say \"hi\" \\ \] \n" r=""][b] [not data]"#,
        time,
        (10, "notice"),
        "[not data]",
        &[
            ("host.name", "host"),
            ("service.name", "app"),
            ("syslog.facility", "20"),
            ("syslog.version", "1"),
            ("syslog.procid", "12"),
            ("syslog.a@1.q", r#"say "hi" \ ] \n"#),
            ("syslog.a@1.r", ""),
            ("syslog.b", "true"),
        ],
    )
    .await;
    check(
        "<0>1 - - - - - -",
        0,
        (21, "emerg"),
        "",
        &[("client.address", "127.0.0.1"), ("syslog.facility", "0"), ("syslog.version", "1")],
    )
    .await;
    // A time that is none, data that never ends.
    check(
        r#"<15>1 yesterday h a - - [x y="z it said"#,
        0,
        (5, "debug"),
        r#"[x y="z it said"#,
        &[
            ("host.name", "h"),
            ("service.name", "a"),
            ("syslog.facility", "1"),
            ("syslog.version", "1"),
            ("syslog.timestamp", "yesterday"),
        ],
    )
    .await;
}

#[tokio::test]
async fn rfc_3164_and_what_is_sent_as_such() {
    // 2025-10-11T22:27:35Z; Berlin is two hours ahead.
    let time = 1_760_221_655_000_000_000;
    check(
        "<34>Oct 12 00:27:35 2001:db8::1 su[7]: failed",
        time + 365 * 86_400_000_000_000,
        (18, "crit"),
        "failed",
        &[("host.name", "2001:db8::1"), ("service.name", "su"), ("syslog.procid", "7"), ("syslog.facility", "4")],
    )
    .await;
    check(
        "<13>2025-10-11T22:27:35.5+00:00 host app.sh: {\"a\": 1}",
        time + 500_000_000,
        (10, "notice"),
        "{\"a\": 1}",
        &[("host.name", "host"), ("service.name", "app.sh"), ("syslog.facility", "1")],
    )
    .await;
    let from_here = ("client.address", "127.0.0.1");
    // As programs write to their own machine: no host.
    check(
        "<13>Oct 12 2025 00:27:35 root: hello there",
        time,
        (10, "notice"),
        "hello there",
        &[from_here, ("service.name", "root"), ("syslog.facility", "1")],
    )
    .await;
    check(
        "<189>*Oct 12 2025 00:27:35: %SYS-5-CONFIG_I: done",
        time,
        (10, "notice"),
        "done",
        &[from_here, ("service.name", "%SYS-5-CONFIG_I"), ("syslog.facility", "23")],
    )
    .await;
    for (message, body) in [
        ("no priority at all", "no priority at all"),
        ("<192>too high", "<192>too high"),
        ("<>nothing", "<>nothing"),
        ("", ""),
    ] {
        if body.is_empty() {
            assert_eq!(taken(message.as_bytes(), "UTC").await, []);
        } else {
            check(message, 0, (0, ""), body, &[from_here]).await;
        }
    }
    check("<14>just text", 0, (9, "info"), "just text", &[from_here, ("syslog.facility", "1")]).await;
}

#[tokio::test]
async fn odd_bytes_are_kept() {
    let found = taken(b"<14>h\xe9llo \xc3\xa9\n\n\r\n10 <14>two\n3434 <14>Z\0\n", "UTC").await;
    let bodies: Vec<&str> = found.iter().map(|record| record.body.as_str()).collect();
    // A counted message that was cut off by the end is left out.
    assert_eq!(bodies, ["héllo é", "two\n34"]);
    let long = format!("<14>{}\n<14>next", "x".repeat(10 << 20));
    let found = taken(long.as_bytes(), "UTC").await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].body.len(), (1 << 20) - 4);
    assert_eq!(found[0].fields.get("syslog.truncated").map(String::as_str), Some("true"));
    assert_eq!(found[1].body, "next");
}

#[tokio::test]
async fn what_is_not_kept_is_told_by_a_reset() {
    let engine = Recorder::answering(Err(WriteError::Closed));
    let listening = listen(engine, "UTC").await;
    let mut connection = TcpStream::connect(listening.address).await.expect("connected");
    connection.write_all(b"<13>lost\n").await.expect("sent");
    let end = tokio::time::timeout(PATIENCE, connection.read(&mut [0; 1])).await.expect("it ends");
    assert_eq!(end.expect_err("not in order").kind(), io::ErrorKind::ConnectionReset);
    listening.stop().await;
}

#[tokio::test]
async fn what_was_on_its_way_is_taken_when_the_process_ends() {
    let engine = Recorder::new();
    let listening = listen(engine.clone(), "UTC").await;
    let mut connection = TcpStream::connect(listening.address).await.expect("connected");
    for number in 0..100 {
        connection.write_all(format!("<13>number {number}\n").as_bytes()).await.expect("sent");
    }
    // A listener takes a connection that waits for it only while it runs.
    let comes = async || Ok((!engine.seen.lock().is_empty()).then_some(()));
    within(PATIENCE, "the first message", comes).await.expect("it comes");
    listening.stop().await;
    assert_eq!(seen(&engine).len(), 100);
    let end = tokio::time::timeout(PATIENCE, connection.read(&mut [0; 1])).await.expect("it ends");
    assert_eq!(end.expect("in order"), 0);
}

#[tokio::test]
async fn datagrams_are_messages() {
    let engine = Recorder::new();
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let (address, stop) = (socket.local_addr().expect("an address"), CancellationToken::new());
    let intake = Intake::new(engine.clone(), Access::open());
    let task = tokio::spawn(serve_syslog_datagrams(socket, intake, options("UTC"), serving(&stop)));
    let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    for datagram in ["<13>1 - h a - - - one\nand two\n", "", "\n", "12 <13>three"] {
        sender.send_to(datagram.as_bytes(), address).await.expect("sent");
    }
    let come = async || Ok((seen(&engine).len() >= 2).then_some(()));
    within(PATIENCE, "two messages", come).await.expect("they come");
    stop.cancel();
    tokio::time::timeout(PATIENCE, task).await.expect("it ends").expect("it does not panic");
    let bodies: Vec<String> = seen(&engine).into_iter().map(|record| record.body).collect();
    // Datagrams are not counted.
    assert_eq!(bodies, ["one\nand two", "12 <13>three"]);
}
