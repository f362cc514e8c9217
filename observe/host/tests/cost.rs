//! What reading a host costs, beside the node exporter: `cargo nextest run -p vitrine-observe-host --no-capture --test cost`.

use std::io::{Read, Write};
use std::net::TcpStream;

use nix::sys::resource::{UsageWho, getrusage};
use vitrine_observe_host::{Host, Options, exposition};

/// Rounds, and readings of each in one.
const ROUNDS: usize = 3;
const READINGS: u32 = 30;
/// Ticks of the kernel in a second.
const TICKS: f64 = 100.0;

/// Seconds of processor time that a process has used.
fn used_by(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let (_, rest) = stat.rsplit_once(") ").expect("a name");
    let words: Vec<&str> = rest.split(' ').collect();
    let ticks = |place: usize| words[place].parse::<f64>().expect("a number");
    // utime and stime, counted from the state, which is the third field.
    (ticks(11) + ticks(12)) / TICKS
}

fn used_here() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

#[test]
fn a_reading_costs_no_more_than_the_node_exporters() {
    let exporter = vitrine_tests_engines::node_exporter().expect("a node exporter");
    let url = exporter.url();
    let address = url.strip_prefix("http://").expect("plain HTTP");
    let get = || {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("a request");
        let mut text = Vec::new();
        stream.read_to_end(&mut text).expect("an answer");
        text.len()
    };
    let host = Host::new(Options::default());
    // The first one of each is left out: what is set up once is not what a reading costs.
    let mut sizes = (get(), exposition(&host.read()).len());
    let (mut theirs, mut ours) = (f64::INFINITY, f64::INFINITY);
    // Of rounds that take turns the cheapest counts: what else the machine does makes readings dearer only.
    for _ in 0..ROUNDS {
        let before = used_by(exporter.pid().expect("it runs"));
        for _ in 0..READINGS {
            sizes.0 = get();
        }
        theirs = theirs.min(used_by(exporter.pid().expect("it runs")) - before);
        let before = used_here();
        for _ in 0..READINGS {
            sizes.1 = exposition(&host.read()).len();
        }
        ours = ours.min(used_here() - before);
    }
    let each = |seconds: f64| seconds * 1e3 / f64::from(READINGS);
    println!(
        "CPU of a reading: {:.2} ms for {} bytes, node exporter {:.2} ms for {} bytes, ratio {:.2}",
        each(ours),
        sizes.1,
        each(theirs),
        sizes.0,
        ours / theirs
    );
    assert!(ours < theirs, "{ours} s, and {theirs} s of the node exporter");
}
