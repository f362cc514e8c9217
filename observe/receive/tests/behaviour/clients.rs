//! Stock clients and servers send syslog and Forward: each record is there once, with what it said.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpListener, UdpSocket, UnixListener};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use vitrine_kit::clock::Clock;
use vitrine_observe_receive::{
    Access, Door, ForwardOptions, ForwardSecurity, Intake, Serving, SyslogOptions, serve_forward, serve_syslog,
    serve_syslog_datagrams,
};
use vitrine_observe_store::Tenant;
use vitrine_platform_http::Bounds;
use vitrine_platform_tls::{Files, Server};
use vitrine_tests_engines::{Certificates, debian};
use vitrine_tests_testkit::{node, python, succeed, within};

use crate::common::Recorder;
use crate::seen::{Seen, seen};

/// Records of each kind.
const COUNT: usize = 20;
/// The socket of this machine's own senders, in the folder.
const NEAR: &str = "forward.sock";
/// Longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Whose packages are unpacked.
const RELEASE: &str = "bookworm";
/// Where they have libraries.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

fn cache() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Everything that listens, over one engine that remembers.
struct Listening {
    engine: Arc<Recorder>,
    tcp: SocketAddr,
    udp: SocketAddr,
    tls: SocketAddr,
    forward: SocketAddr,
    secured: SocketAddr,
    secured_tls: SocketAddr,
    authority: PathBuf,
    folder: TempDir,
    stop: CancellationToken,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn door() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

async fn listen() -> Listening {
    let (engine, stop, folder) = (Recorder::new(), CancellationToken::new(), tempfile::tempdir().expect("a folder"));
    let certificates = Certificates::new(folder.path()).expect("certificates");
    let (certificate, key) = certificates.issue("server").expect("a certificate");
    let server = Server::new(&Files { certificate, key, ..Files::default() }).expect("sound files");
    let intake = Intake::new(engine.clone(), Access::open());
    let syslog = SyslogOptions::new(Clock::system());
    let serving = Serving { bounds: Bounds::default(), stop: stop.clone(), drain: PATIENCE };
    let (tcp_door, tcp) = door().await;
    tokio::spawn(serve_syslog(Door::Tcp(tcp_door), intake.clone(), syslog.clone(), serving.clone()));
    let (tls_door, tls) = door().await;
    tokio::spawn(serve_syslog(Door::Tls(tls_door, server.clone()), intake.clone(), syslog.clone(), serving.clone()));
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let udp = socket.local_addr().expect("an address");
    tokio::spawn(serve_syslog_datagrams(socket, intake.clone(), syslog, serving.clone()));
    let options = |security| ForwardOptions {
        tenant: Tenant::default(),
        security,
        host: "server".to_owned(),
        clock: Clock::system(),
    };
    let (forward_door, forward) = door().await;
    tokio::spawn(serve_forward(Door::Tcp(forward_door), intake.clone(), options(None), serving.clone()));
    let security =
        ForwardSecurity { shared_key: "open sesame".into(), users: vec![("ada".to_owned(), "hunter2".into())] };
    let (secured_door, secured) = door().await;
    let secure = options(Some(security));
    tokio::spawn(serve_forward(Door::Tcp(secured_door), intake.clone(), secure.clone(), serving.clone()));
    let (secured_tls_door, secured_tls) = door().await;
    tokio::spawn(serve_forward(Door::Tls(secured_tls_door, server), intake.clone(), secure, serving.clone()));
    let near = UnixListener::bind(folder.path().join(NEAR)).expect("a socket");
    tokio::spawn(serve_forward(Door::Unix(near), intake, options(None), serving));
    let authority = certificates.authority();
    Listening { engine, tcp, udp, tls, forward, secured, secured_tls, authority, folder, stop }
}

/// Waits until so many records are there; returns all.
async fn all(engine: &Recorder, count: usize, what: &str) -> Vec<Seen> {
    let look = async || Ok(Some(seen(engine)).filter(|found| found.len() >= count));
    let found = within(PATIENCE, what, look).await;
    found.unwrap_or_else(|error| panic!("{count} records: {error}: {:?}", seen(engine)))
}

/// How often each body came.
fn bodies(found: &[Seen]) -> BTreeMap<&str, usize> {
    let mut bodies = BTreeMap::new();
    for record in found {
        *bodies.entry(record.body.as_str()).or_default() += 1;
    }
    bodies
}

fn field<'a>(record: &'a Seen, key: &str) -> &'a str {
    record.fields.get(key).map_or("", String::as_str)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fluent_logger_for_python_over_tcp_and_a_unix_socket() {
    let listening = listen().await;
    let python = python(cache(), "fluent-0.11.1", &["fluent-logger==0.11.1"]).await.expect("installed");
    let (port, near) = (listening.forward.port().to_string(), listening.folder.path().join(NEAR));
    let mut command = Command::new(python);
    command.arg(script("forward.py")).arg(port).arg(near).arg(COUNT.to_string());
    succeed(&mut command).await.expect("sent");
    let found = all(&listening.engine, 3 * COUNT, "python").await;
    assert_eq!(found.len(), 3 * COUNT);
    let plain = found.iter().find(|record| record.body == "plain 3").expect("it is there");
    assert_eq!(plain.time_ns, 1_795_867_203_000_000_007);
    assert_eq!(
        (field(plain, "fluent.tag"), field(plain, "number"), field(plain, "nested.deep")),
        ("python.plain", "3", "[1,zwei]")
    );
    let later = found.iter().find(|record| record.body == "async 4").expect("it is there");
    assert_eq!((later.time_ns, later.severity.0), (1_795_867_204_000_000_000, 13));
    assert!(bodies(&found).values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fluent_logger_for_node_over_tcp_and_tls_with_a_handshake_and_acknowledgements() {
    let listening = listen().await;
    let folder = node(cache(), "fluent-1.0.10", &["@fluent-org/logger@1.0.10"]).await.expect("installed");
    let [port, tls_port] = [listening.secured, listening.secured_tls].map(|address| address.port().to_string());
    let mut command = Command::new("node");
    command.arg(script("forward.mjs")).args([port, tls_port]).arg(&listening.authority).arg(COUNT.to_string());
    command.current_dir(folder);
    succeed(&mut command).await.expect("every record is acknowledged");
    let found = seen(&listening.engine);
    assert_eq!(found.len(), 4 * COUNT);
    assert!(bodies(&found).values().all(|count| *count == 1));
    for mode in ["Message", "Forward", "PackedForward", "CompressedPackedForward"] {
        let record = found.iter().find(|record| record.body == format!("{mode} 5")).expect("it is there");
        assert_eq!((field(record, "fluent.tag"), field(record, "number")), ("node.web", "5"));
        assert_eq!((record.time_ns / 1_000_000_000, record.severity.0), (1_795_867_200, 17));
    }
}

/// A daemon that ends with its owner.
async fn daemon(program: &Path, args: &[String], libraries: &[PathBuf], socket: &Path) -> Child {
    let libraries: Vec<String> = libraries.iter().map(|folder| folder.display().to_string()).collect();
    let mut command = Command::new(program);
    command.args(args).env("LD_LIBRARY_PATH", libraries.join(":")).kill_on_drop(true);
    let child = command.stdin(Stdio::null()).spawn().expect("it starts");
    let what = format!("the socket of {}", program.display());
    within(PATIENCE, &what, async || Ok(socket.exists().then_some(()))).await.expect("it listens");
    child
}

/// Has logger(1) write numbered messages to this machine's syslog.
async fn log(socket: &Path) {
    for number in 0..COUNT {
        let mut command = Command::new("logger");
        command.args(["-t", "shipper", "--id=77", "-p", "local3.warning", "-u"]).arg(socket);
        succeed(command.arg(format!("message {number}"))).await.expect("logged");
    }
}

/// The folder that a package of Debian's is unpacked in, of which this file is a part.
fn unpacked(package: &str, file: &str) -> PathBuf {
    let path = debian(package, RELEASE, file).unwrap_or_else(|e| panic!("{package}: {e:#}"));
    path.parent().expect("a folder").to_owned()
}

fn check(found: &[Seen], ways: usize) {
    let mine: Vec<&Seen> = found.iter().filter(|record| field(record, "service.name") == "shipper").collect();
    let mut counts = BTreeMap::new();
    for record in &mine {
        *counts.entry(record.body.trim_start()).or_insert(0) += 1;
        assert_eq!(record.severity, (13, "warning".to_owned()), "{record:?}");
        assert_eq!((field(record, "syslog.facility"), field(record, "syslog.procid")), ("19", "77"), "{record:?}");
        assert!(!field(record, "host.name").is_empty(), "{record:?}");
        assert!(record.observed_ns.abs_diff(record.time_ns) < 120_000_000_000, "{record:?}");
    }
    let expected: BTreeMap<String, usize> = (0..COUNT).map(|number| (format!("message {number}"), ways)).collect();
    let counts: BTreeMap<String, usize> = counts.into_iter().map(|(body, count)| (body.to_owned(), count)).collect();
    assert_eq!(counts, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslog_over_tcp_counted_and_by_line_udp_and_tls() {
    let listening = listen().await;
    let program = debian("rsyslog", RELEASE, "usr/sbin/rsyslogd").expect("rsyslog");
    let modules = unpacked("rsyslog", &format!("{LIBRARIES}/rsyslog/imuxsock.so"));
    let openssl = unpacked("rsyslog-openssl", &format!("{LIBRARIES}/rsyslog/lmnsd_ossl.so"));
    let libraries = [
        unpacked("libestr0", &format!("{LIBRARIES}/libestr.so.0")),
        unpacked("libfastjson4", &format!("{LIBRARIES}/libfastjson.so.4")),
        unpacked("liblognorm5", &format!("{LIBRARIES}/liblognorm.so.5")),
    ];
    let folder = listening.folder.path();
    let (socket, config) = (folder.join("log"), folder.join("rsyslog.conf"));
    let (tcp, udp, tls) = (listening.tcp.port(), listening.udp.port(), listening.tls.port());
    let lines = [
        format!("global(workDirectory=\"{0}\" DefaultNetstreamDriverCAFile=\"{0}/ca.pem\")", folder.display()),
        "module(load=\"imuxsock\" SysSock.Use=\"off\")".to_owned(),
        format!("input(type=\"imuxsock\" Socket=\"{}\" RateLimit.Interval=\"0\")", socket.display()),
        format!(
            "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{tcp}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\" template=\"RSYSLOG_SyslogProtocol23Format\")"
        ),
        format!(
            "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{tcp}\" protocol=\"tcp\" template=\"RSYSLOG_TraditionalForwardFormat\")"
        ),
        format!(
            "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{udp}\" protocol=\"udp\" template=\"RSYSLOG_ForwardFormat\")"
        ),
        format!(
            "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{tls}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\" StreamDriver=\"ossl\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"anon\" template=\"RSYSLOG_SyslogProtocol23Format\")"
        ),
    ];
    fs::write(&config, lines.join("\n") + "\n").expect("written");
    let args = [
        "-n".to_owned(),
        "-f".to_owned(),
        config.display().to_string(),
        "-i".to_owned(),
        folder.join("pid").display().to_string(),
        "-M".to_owned(),
        format!("{}:{}", modules.display(), openssl.display()),
    ];
    let _daemon = daemon(&program, &args, &libraries, &socket).await;
    log(&socket).await;
    // It says of itself that it has started, once a way.
    let ways = 4;
    let count = |found: &[Seen]| found.iter().filter(|record| field(record, "service.name") == "shipper").count();
    let look = async || Ok((count(&seen(&listening.engine)) >= ways * COUNT).then_some(()));
    let came = within(PATIENCE, "what was logged", look).await;
    came.unwrap_or_else(|error| panic!("{error}: {:?}", bodies(&seen(&listening.engine))));
    check(&seen(&listening.engine), ways);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syslog_ng_in_both_formats() {
    let listening = listen().await;
    let program = debian("syslog-ng-core", RELEASE, "usr/sbin/syslog-ng").expect("syslog-ng");
    let modules = unpacked("syslog-ng-core", "usr/lib/syslog-ng/3.38/libafsocket.so");
    let libraries = [
        unpacked("syslog-ng-core", "usr/lib/syslog-ng/libsyslog-ng-3.38.so.0"),
        unpacked("libivykis0", &format!("{LIBRARIES}/libivykis.so.0")),
        unpacked("libnet1", &format!("{LIBRARIES}/libnet.so.1")),
        unpacked("libpcre3", "lib/x86_64-linux-gnu/libpcre.so.3"),
        unpacked("libwrap0", &format!("{LIBRARIES}/libwrap.so.0")),
    ];
    let folder = listening.folder.path();
    let (socket, config) = (folder.join("log"), folder.join("syslog-ng.conf"));
    let (tcp, udp) = (listening.tcp.port(), listening.udp.port());
    let text = format!(
        "@version: 3.38\n\
         options {{ stats-freq(0); use-dns(no); dns-cache(no); }};\n\
         source s {{ unix-dgram(\"{}\"); }};\n\
         destination bsd {{ network(\"127.0.0.1\" port({tcp}) transport(\"tcp\") persist-name(\"bsd\")); }};\n\
         destination ietf {{ syslog(\"127.0.0.1\" port({tcp}) transport(\"tcp\") persist-name(\"ietf\")); }};\n\
         destination datagrams {{ syslog(\"127.0.0.1\" port({udp}) transport(\"udp\")); }};\n\
         log {{ source(s); destination(bsd); destination(ietf); destination(datagrams); }};\n",
        socket.display()
    );
    fs::write(&config, text).expect("written");
    let mut args = vec!["--foreground".to_owned(), "--no-caps".to_owned()];
    for (flag, path) in [
        ("cfgfile", config.clone()),
        ("persist-file", folder.join("persist")),
        ("pidfile", folder.join("pid")),
        ("control", folder.join("ctl")),
        ("module-path", modules),
    ] {
        args.push(format!("--{flag}={}", path.display()));
    }
    let _daemon = daemon(&program, &args, &libraries, &socket).await;
    log(&socket).await;
    let found = all(&listening.engine, 3 * COUNT, "syslog-ng").await;
    check(&found, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logger_by_itself() {
    let listening = listen().await;
    let (tcp, udp) = (listening.tcp.port().to_string(), listening.udp.port().to_string());
    for number in 0..COUNT {
        for way in [
            &["-T", "-P", &tcp, "--octet-count", "--rfc5424"][..],
            &["-T", "-P", &tcp, "--rfc3164"],
            &["-d", "-P", &udp, "--rfc5424"],
        ] {
            let mut command = Command::new("logger");
            command.args(["-n", "127.0.0.1", "-t", "shipper", "--id=77", "-p", "local3.warning"]).args(way);
            succeed(command.arg(format!("message {number}"))).await.expect("logged");
        }
    }
    let found = all(&listening.engine, 3 * COUNT, "logger").await;
    check(&found, 3);
}
