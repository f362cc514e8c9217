//! What is pushed: into a real VictoriaMetrics, and into servers that refuse, fail and hang.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use vitrine_observe_host::{Host, MetricFamily, Names, Options, Pusher, Sample, otlp};
use vitrine_observe_series::MetricType;
use vitrine_platform_fetch::{Client, Limits, Request, Settings};

/// How long anything may take to come about.
const WITHIN: Duration = Duration::from_secs(60);

async fn eventually(holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WITHIN, waiting).await.expect("in time");
}

fn now_ms() -> i64 {
    vitrine_kit::clock::Clock::system().now_ms()
}

/// VictoriaMetrics, which takes OTLP; Debian's Prometheus is built without it.
#[tokio::test]
async fn a_real_server_takes_the_host() {
    let server = vitrine_tests_engines::victoria_metrics(&["-search.latencyOffset=0s"]).expect("VictoriaMetrics");
    let url = format!("{}/opentelemetry/v1/metrics", server.url());
    let pusher = Pusher::new(&url, Vec::new(), &Settings::default()).expect("a client");
    let host = Host::new(Options { names: Names::NodeExporter, ..Options::default() });
    let resource = [("service.name", "node"), ("service.instance.id", "here:9100")];
    pusher.push(&otlp(host.read(), &resource, now_ms())).expect("packed");
    tokio::select! {
        () = pusher.run() => unreachable!("it never ends"),
        () = eventually(async || pusher.counts() == (0, 0)) => {}
    }
    let client = Client::new(&Settings::default()).expect("a client");
    let limits = Limits { within: WITHIN, max_response_bytes: 1 << 20 };
    for query in ["node_load1", "node_cpu_seconds_total{mode=\"idle\", cpu=\"0\"}", "node_uname_info == 1"] {
        let url = format!("{}/api/v1/query?query={}", server.url(), vitrine_kit::percent::encode(query));
        // It shows what it took within a second or so.
        eventually(async || {
            let response = client.send(Request::get(&url), limits).await.expect("an answer");
            String::from_utf8_lossy(&response.body).contains("here:9100")
        })
        .await;
    }
}

/// Serves each request the next of these, the last of them again and again; what it was sent, unpacked.
async fn server(answers: &'static [&'static str]) -> (String, Arc<Mutex<Vec<(String, Bytes)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1/metrics", listener.local_addr().expect("bound"));
    let noted = Arc::<Mutex<Vec<(String, Bytes)>>>::default();
    let into = noted.clone();
    tokio::spawn(async move {
        let mut answers = answers.iter();
        let mut answer = "";
        while let Ok((mut stream, _)) = listener.accept().await {
            answer = answers.next().copied().unwrap_or(answer);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a head"));
            }
            let head = String::from_utf8(head).expect("text");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            let mut body = vec![0; length.parse().expect("a number")];
            stream.read_exact(&mut body).await.expect("a body");
            let mut plain = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut plain).expect("gzip");
            into.lock().push((head, plain.into()));
            let text = format!("HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(text.as_bytes()).await.expect("answered");
        }
    });
    (url, noted)
}

#[tokio::test]
async fn what_cannot_be_sent_waits_and_what_is_refused_does_not() {
    let (url, noted) =
        server(&["503 Busy\r\nretry-after: 0", "429 Slow\r\nretry-after: 0", "200 OK", "400 No", "200 OK"]).await;
    let headers = vec![("x-scope-orgid".parse().expect("a name"), "shop".parse().expect("a value"))];
    let pusher = Pusher::new(&url, headers, &Settings::default()).expect("a client");
    for reading in ["one", "two", "three"] {
        pusher.push(reading.as_bytes()).expect("packed");
    }
    tokio::select! {
        () = pusher.run() => unreachable!("it never ends"),
        () = eventually(async || pusher.counts().0 == 0) => {}
    }
    let noted = noted.lock();
    let sent: Vec<&[u8]> = noted.iter().map(|(_, body)| &body[..]).collect();
    assert_eq!(sent, [&b"one"[..], b"one", b"one", b"two", b"three"]);
    assert_eq!(pusher.counts(), (0, 1), "the second one was refused");
    for header in ["content-type: application/x-protobuf", "content-encoding: gzip", "x-scope-orgid: shop"] {
        assert!(noted[0].0.contains(header), "{header}: {}", noted[0].0);
    }
}

#[tokio::test]
async fn what_waits_is_bounded() {
    let pusher = Pusher::new("http://127.0.0.1:1/", Vec::new(), &Settings::default()).expect("a client");
    for number in 0..1_000_u32 {
        pusher.push(&number.to_be_bytes()).expect("packed");
    }
    assert_eq!(pusher.counts(), (240, 760));
    // Bytes that cannot be packed, from a generator with a seed.
    let mut state = 1_u64;
    let mut large = vec![0_u8; 6 << 20];
    for byte in &mut large {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = (state >> 56) as u8;
    }
    for _ in 0..4 {
        pusher.push(&large).expect("packed");
    }
    assert_eq!(pusher.counts().0, 2, "16 MiB hold two of them");
}

#[test]
fn families_become_points() {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use prost::Message;
    let family = |name: &str, kind, value| MetricFamily {
        name: name.to_owned(),
        kind,
        help: "What.".to_owned(),
        unit: "By",
        samples: vec![Sample { labels: vec![("a".to_owned(), "b".to_owned())], value }],
    };
    let families = vec![
        family("c", MetricType::Counter, 1.5),
        family("g", MetricType::Gauge, -2.0),
        family("u", MetricType::Unknown, 3.0),
    ];
    let encoded = otlp(families, &[("service.name", "node")], 1_700_000_000_123);
    let request = ExportMetricsServiceRequest::decode(&encoded[..]).expect("a request");
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let points: Vec<(&str, &str, bool, u64)> = metrics
        .iter()
        .map(|metric| {
            let (is_sum, points) = match metric.data.as_ref().expect("data") {
                Data::Sum(sum) => (sum.is_monotonic && sum.aggregation_temporality == 2, &sum.data_points),
                Data::Gauge(gauge) => (false, &gauge.data_points),
                other => panic!("{other:?}"),
            };
            (metric.name.as_str(), metric.unit.as_str(), is_sum, points[0].time_unix_nano)
        })
        .collect();
    let time = 1_700_000_000_123_000_000;
    assert_eq!(points, [("c", "By", true, time), ("g", "By", false, time), ("u", "By", false, time)]);
}
