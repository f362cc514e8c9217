//! The Forward protocol as senders speak it, and what becomes of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha512};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vitrine_kit::clock::Clock;
use vitrine_observe_receive::{
    Access, Door, ForwardOptions, ForwardSecurity, Intake, Serving, serve_forward, serve_forward_heartbeats,
};
use vitrine_observe_store::{Tenant, WriteError};
use vitrine_platform_http::Bounds;

use crate::common::{Recorder, gzip, zstd};
use crate::seen::{Seen, map, seen};

/// 2026-11-28T12:00:00Z.
const NOW_MS: i64 = 1_795_867_200_000;
/// Longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A listener, and how it is stopped.
struct Listening {
    address: SocketAddr,
    engine: Arc<Recorder>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn listen(engine: Arc<Recorder>, security: Option<ForwardSecurity>) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
    let (clock, _) = Clock::manual(NOW_MS);
    let options = ForwardOptions { tenant: Tenant::default(), security, host: "server".to_owned(), clock };
    let intake = Intake::new(engine.clone(), Access::open());
    let serving = Serving { bounds: Bounds::default(), stop: stop.clone(), drain: PATIENCE };
    let task = tokio::spawn(serve_forward(Door::Tcp(listener), intake, options, serving));
    Listening { address, engine, stop, task }
}

impl Listening {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connected")
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it ends").expect("it does not panic");
    }
}

/// All that comes until the other side ends the connection, in whatever way.
async fn rest(connection: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    // A reset is an end, too: not everything that was sent was read.
    let _ = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut all)).await.expect("it ends");
    all
}

/// What becomes of bytes whose sender then says nothing more, and what it is answered.
async fn taken(bytes: &[u8]) -> (Vec<Seen>, Vec<u8>) {
    let listening = listen(Recorder::new(), None).await;
    let mut connection = listening.connect().await;
    connection.write_all(bytes).await.expect("sent");
    // What is refused may be closed already.
    let _ = connection.shutdown().await;
    let answer = rest(&mut connection).await;
    let engine = listening.engine.clone();
    listening.stop().await;
    (seen(&engine), answer)
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    // As Fluentd writes it, whatever its length.
    out.push(0xdb);
    out.extend_from_slice(&u32::try_from(text.len()).expect("short").to_be_bytes());
    out.extend_from_slice(text);
}

fn texts(all: &[(&str, &str)]) -> Vec<u8> {
    let mut out = vec![0x80 | u8::try_from(all.len()).expect("few")];
    for (key, value) in all {
        text(&mut out, key.as_bytes());
        text(&mut out, value.as_bytes());
    }
    out
}

/// A time in seconds and nanoseconds.
fn event_time(seconds: u32, nanos: u32) -> Vec<u8> {
    [b"\xd7\0".as_slice(), &seconds.to_be_bytes(), &nanos.to_be_bytes()].concat()
}

fn entry(number: u32) -> Vec<u8> {
    [vec![0x92], event_time(number, 5), texts(&[("message", &format!("line {number}"))])].concat()
}

/// A message of these pieces after its tag.
fn message(pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0x91 + u8::try_from(pieces.len()).expect("few")];
    text(&mut out, b"app.web");
    out.extend(pieces.concat());
    out
}

fn packed(entries: &[u8], options: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    text(&mut bytes, entries);
    message(&[&bytes, options])
}

fn line(number: u32) -> Seen {
    Seen {
        time_ns: u64::from(number) * 1_000_000_000 + 5,
        observed_ns: NOW_MS as u64 * 1_000_000,
        body: format!("line {number}"),
        fields: map(&[("fluent.tag", "app.web")]),
        ..Seen::default()
    }
}

fn ack(chunk: &[u8]) -> Vec<u8> {
    let mut out = b"\x81\xa3ack".to_vec();
    text(&mut out, chunk);
    out
}

#[tokio::test]
async fn every_mode_is_taken_and_acknowledged() {
    let options = texts(&[("size", "2"), ("chunk", "p8n9gmxTQVC8/nh2wlKKeQ==\n")]);
    let acknowledged = ack(b"p8n9gmxTQVC8/nh2wlKKeQ==\n");
    let both = [entry(1), entry(2)].concat();
    let list = [b"\x92".as_slice(), &both].concat();
    let metadata = [b"\x92\x92".as_slice(), &event_time(1, 5), b"\x80", &texts(&[("message", "line 1")])].concat();
    for (name, sent, expected) in [
        ("message", message(&[&entry(1)[1..11], &entry(1)[11..], &options]), vec![line(1)]),
        ("forward", message(&[&list, &options]), vec![line(1), line(2)]),
        ("packed", packed(&both, &options), vec![line(1), line(2)]),
        ("gzip", packed(&gzip(&both), &options), vec![line(1), line(2)]),
        ("zstd", packed(&zstd(&both), &options), vec![line(1), line(2)]),
        ("members", packed(&[gzip(&entry(1)), gzip(&entry(2))].concat(), &options), vec![line(1), line(2)]),
        ("frames", packed(&[zstd(&entry(1)), zstd(&entry(2))].concat(), &options), vec![line(1), line(2)]),
        ("metadata", message(&[&[b"\x91".as_slice(), &metadata].concat(), &options]), vec![line(1)]),
        ("metadata of one", message(&[&metadata[1..12], &metadata[12..], &options]), vec![line(1)]),
    ] {
        assert_eq!(taken(&sent).await, (expected, acknowledged.clone()), "{name}");
        // It may come in any pieces.
        let listening = listen(Recorder::new(), None).await;
        let mut connection = listening.connect().await;
        for piece in sent.chunks(7) {
            connection.write_all(piece).await.expect("sent");
        }
        let mut answer = vec![0; acknowledged.len()];
        let read = tokio::time::timeout(PATIENCE, connection.read_exact(&mut answer)).await;
        read.expect("it is answered").expect("whole");
        assert_eq!(answer, acknowledged, "{name}");
        assert!(!seen(&listening.engine).is_empty(), "{name}: acknowledged before it was written");
        listening.stop().await;
    }
}

#[tokio::test]
async fn records_keep_what_they_have() {
    let mut record = vec![0x8b];
    for (key, value) in [
        (b"log".as_slice(), b"\xc4\x05bytes".as_slice()),
        (b"level", b"\xa5error"),
        (b"latin", b"\xa3\xe9t\xe9"),
        (b"raw", b"\xc4\x02\xff\xfe"),
        (b"ext", b"\xd6\x05\x01\x02\x03\x04"),
        (b"nil", b"\xc0"),
        (b"list", b"\x92\x01\xcb\x3f\xf8\0\0\0\0\0\0"),
        (b"kubernetes", b"\x82\xa8pod_name\xa1p\xaecontainer_name\xa3web"),
        (b"minus", b"\xd0\x80"),
        (b"big", b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
    ] {
        text(&mut record, key);
        record.extend_from_slice(value);
    }
    // A key that is a number.
    record.extend_from_slice(b"\x07\xc3");
    let (found, answer) = taken(&message(&[b"\x00", &record, b"\xc0"])).await;
    assert_eq!(answer, b"");
    let [found] = found.as_slice() else { panic!("one record: {found:?}") };
    assert_eq!((found.time_ns, found.body.as_str()), (0, "bytes"));
    assert_eq!(found.severity, (17, "error".to_owned()));
    let expected = map(&[
        ("fluent.tag", "app.web"),
        ("service.name", "web"),
        ("latin", "été"),
        ("raw", "[255, 254]"),
        ("ext", "01020304"),
        ("nil", "null"),
        ("list", "[1,1.5]"),
        ("kubernetes.pod_name", "p"),
        ("kubernetes.container_name", "web"),
        ("minus", "-128"),
        ("big", "18446744073709552000"),
        ("7", "true"),
    ]);
    assert_eq!(found.fields, expected);
}

#[tokio::test]
async fn what_cannot_be_read_ends_the_connection_and_leaves_nothing() {
    let sound = message(&[&[b"\x91".as_slice(), &entry(1)].concat(), &texts(&[("chunk", "one")])]);
    let chunk = texts(&[("chunk", "two")]);
    let bomb = gzip(&vec![0x90; 100 << 20]);
    for (name, broken) in [
        ("no array", b"\x05".to_vec()),
        ("no tag", b"\x92\x01\x90".to_vec()),
        ("no record", b"\x92\xa1t\x01".to_vec()),
        ("a byte that is nothing", b"\x92\xa1t\xc1".to_vec()),
        ("options that are none", message(&[b"\x90", b"\x05"])),
        ("a length that lies", b"\x92\xa1t\xdb\xff\xff\xff\xff".to_vec()),
        ("a record that is cut off", packed(&[entry(2), entry(3)[..9].to_vec()].concat(), &chunk)),
        ("no end of depth", packed(&[0x91; 5000], &chunk)),
        ("a bomb", packed(&bomb, &chunk)),
        ("half of gzip", packed(&gzip(&entry(2))[..20], &chunk)),
        ("no gzip", packed(b"\x1f\x8bnothing", &chunk)),
        ("a long id", message(&[b"\x90", &texts(&[("chunk", &"x".repeat(481))])])),
        ("metrics", packed(&entry(2), b"\x82\xadfluent_signal\x01\xa5chunk\xa3two")),
    ] {
        let sent = [sound.clone(), broken].concat();
        assert_eq!(taken(&sent).await, (vec![line(1)], ack(b"one")), "{name}");
    }
    // More is declared than can come: an array of four billion values, of which two come.
    let (found, answer) = taken(b"\x92\xa1t\xdd\xff\xff\xff\xff\x01\x01").await;
    assert_eq!((found, answer), (vec![], vec![]));
}

#[tokio::test]
async fn entries_that_are_no_records_are_skipped() {
    let deep = [[0x81, 0xa1, b'a'].repeat(40), vec![0xc0]].concat();
    let entries = [
        entry(1),
        b"\x05".to_vec(),
        b"\x91\x01".to_vec(),
        b"\x92\x01\xa3map".to_vec(),
        b"\x92\xa3now\x80".to_vec(),
        [b"\x92\x01".as_slice(), &deep].concat(),
        entry(2),
    ];
    let options = texts(&[("chunk", "c")]);
    let list = [b"\x97".as_slice(), &entries.concat()].concat();
    // The first entry of a list says that it is one.
    for sent in [message(&[&list, &options]), packed(&entries.concat(), &options)] {
        assert_eq!(taken(&sent).await, (vec![line(1), line(2)], ack(b"c")));
    }
    // Nothing is left of it, and it is acknowledged all the same.
    assert_eq!(taken(&packed(b"\x05", &options)).await, (vec![], ack(b"c")));
}

#[tokio::test]
async fn heartbeats_and_nothing_at_all() {
    assert_eq!(taken(b"").await, (vec![], vec![]));
    let sent = [b"\xc0".as_slice(), &packed(&entry(1), b"\x80"), b"\xc0", &packed(&entry(2), b"\xc0")].concat();
    assert_eq!(taken(&sent).await, (vec![line(1), line(2)], vec![]));
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let (address, stop) = (socket.local_addr().expect("an address"), CancellationToken::new());
    let task = tokio::spawn(serve_forward_heartbeats(socket, stop.clone()));
    let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    sender.send_to(b"what?", address).await.expect("sent");
    sender.send_to(b"\0", address).await.expect("sent");
    let mut space = [1; 8];
    let (length, _) =
        tokio::time::timeout(PATIENCE, sender.recv_from(&mut space)).await.expect("answered").expect("received");
    assert_eq!(space[..length], [0]);
    stop.cancel();
    task.await.expect("it does not panic");
}

#[tokio::test]
async fn json_is_answered_in_json() {
    let sent = br#"["app.web", 1795867200, {"message": "a \"]\" b", "n": 7}, {"chunk": "abc\n"}]
        ["app.web", [[1, {"message": "x"}]], {"chunk": "d"}]"#;
    let (found, answer) = taken(sent).await;
    let bodies: Vec<(u64, &str)> = found.iter().map(|record| (record.time_ns, record.body.as_str())).collect();
    assert_eq!(bodies, [(1_795_867_200_000_000_000, "a \"]\" b"), (1_000_000_000, "x")]);
    assert_eq!(String::from_utf8_lossy(&answer), r#"{"ack":"abc\n"}{"ack":"d"}"#);
    assert_eq!(taken(b"[\"t\", nothing]").await, (vec![], vec![]));
    assert_eq!(taken(&b"[".repeat(5000)).await, (vec![], vec![]));
}

#[tokio::test]
async fn parts_of_lines_are_joined() {
    let part = |id: &str, ordinal: &str, last: &str, log: &str| {
        let record = texts(&[
            ("log", log),
            ("container_name", "/web"),
            ("partial_message", "true"),
            ("partial_id", id),
            ("partial_ordinal", ordinal),
            ("partial_last", last),
        ]);
        message(&[&event_time(9, 0), &record])
    };
    let sent = [
        part("a", "1", "false", "one "),
        part("b", "1", "false", "never "),
        part("a", "2", "false", "two "),
        message(&[&event_time(9, 0), &texts(&[("log", "between")])]),
        part("a", "3", "true", "three"),
    ];
    let (found, _) = taken(&sent.concat()).await;
    let bodies: Vec<&str> = found.iter().map(|record| record.body.as_str()).collect();
    // What has no last part is kept as it is when the connection ends.
    assert_eq!(bodies, ["between", "one two three", "never "]);
    assert_eq!(
        found[1].fields,
        map(&[("fluent.tag", "app.web"), ("container_name", "/web"), ("service.name", "/web")])
    );
    assert_eq!(found[2].fields.get("partial_id").map(String::as_str), Some("b"));
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_kept() {
    let listening = listen(Recorder::answering(Err(WriteError::Closed)), None).await;
    let mut connection = listening.connect().await;
    connection.write_all(&packed(&entry(1), &texts(&[("chunk", "c")]))).await.expect("sent");
    assert_eq!(rest(&mut connection).await, b"");
    listening.stop().await;
}

fn digest(parts: &[&[u8]]) -> String {
    hex::encode(Sha512::digest(parts.concat()))
}

/// What a sender that answers the handshake so is told, and whether its message was taken.
async fn knock(users: &[(&str, &str)], key: &str, host: &str, user: &str, password: &str) -> (Vec<u8>, bool) {
    let users = users.iter().map(|(name, password)| ((*name).to_owned(), (*password).into())).collect();
    let security = ForwardSecurity { shared_key: "open sesame".into(), users };
    let listening = listen(Recorder::new(), Some(security)).await;
    let mut connection = listening.connect().await;
    let mut helo = vec![0; 512];
    let length = connection.read(&mut helo).await.expect("a greeting");
    let helo = String::from_utf8_lossy(&helo[..length]).into_owned();
    let after = |name: &str| {
        let rest = &helo[helo.find(name).expect("a field") + name.len()..];
        rest.chars().skip_while(|c| !c.is_ascii_hexdigit()).take_while(char::is_ascii_hexdigit).collect::<String>()
    };
    let nonce = after("nonce");
    let auth = if users_are_asked(&helo) { after("auth") } else { String::new() };
    let salt = b"\xff\0salt of 16 byte";
    let mut ping = vec![0x96];
    for part in [
        b"PING".as_slice(),
        host.as_bytes(),
        salt,
        digest(&[salt, host.as_bytes(), nonce.as_bytes(), key.as_bytes()]).as_bytes(),
        user.as_bytes(),
        digest(&[auth.as_bytes(), user.as_bytes(), password.as_bytes()]).as_bytes(),
    ] {
        text(&mut ping, part);
    }
    connection.write_all(&ping).await.expect("sent");
    let mut pong = vec![0; 512];
    let length = connection.read(&mut pong).await.expect("an answer");
    pong.truncate(length);
    let proof = digest(&[salt, b"server", nonce.as_bytes(), b"open sesame"]);
    let proves = pong.windows(proof.len()).any(|part| part == proof.as_bytes());
    let sent = connection.write_all(&packed(&entry(1), &texts(&[("chunk", "c")]))).await;
    let answer = if sent.is_ok() { rest_after_shutdown(&mut connection).await } else { Vec::new() };
    let is_taken = !seen(&listening.engine).is_empty();
    assert_eq!((proves, answer == ack(b"c")), (is_taken, is_taken));
    listening.stop().await;
    (pong, is_taken)
}

fn users_are_asked(helo: &str) -> bool {
    let auth = helo.find("auth").expect("always there");
    helo[auth..].chars().filter(char::is_ascii_hexdigit).count() > 30
}

async fn rest_after_shutdown(connection: &mut TcpStream) -> Vec<u8> {
    let _ = connection.shutdown().await;
    rest(connection).await
}

#[tokio::test]
async fn senders_prove_who_they_are() {
    let ada = [("ada", "hunter2"), ("bob", "x")];
    for (users, key, host, user, password, is_taken) in [
        (&[][..], "open sesame", "client", "", "", true),
        (&[][..], "open says me", "client", "", "", false),
        (&[][..], "open sesame", "server", "", "", false),
        (&ada[..], "open sesame", "client", "ada", "hunter2", true),
        (&ada[..], "open sesame", "client", "ada", "x", false),
        (&ada[..], "open sesame", "client", "eve", "hunter2", false),
        (&ada[..], "open sesame", "client", "", "", false),
    ] {
        let (pong, taken) = knock(users, key, host, user, password).await;
        assert_eq!(taken, is_taken, "{user} {password}");
        assert_eq!(pong[6], if is_taken { 0xc3 } else { 0xc2 }, "{pong:?}");
    }
    // A sender that begins with a message.
    let security = ForwardSecurity { shared_key: "open sesame".into(), users: Vec::new() };
    let listening = listen(Recorder::new(), Some(security)).await;
    let mut connection = listening.connect().await;
    connection.write_all(&packed(&entry(1), &texts(&[("chunk", "c")]))).await.expect("sent");
    let answer = rest(&mut connection).await;
    assert!(answer.starts_with(b"\x92\xa4HELO") && !answer.ends_with(&ack(b"c")));
    assert_eq!(seen(&listening.engine), []);
    listening.stop().await;
}
