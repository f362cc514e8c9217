//! Log records of a shop that does not exist, the same for the same seed: a third each of services' messages with eight attributes, of a
//! proxy's access lines with an id each, and of documents as Kubernetes' shippers send them, of some 870 bytes.

use std::fmt::Write as _;

use serde_json::json;

use crate::observe::generator::{Decimal, SERVICES, START_NS};
use crate::protobuf::{fixed, int, message, number, text};
use crate::random::Random;

/// Records of one request.
pub(super) const BATCH: usize = 500;
/// Records generated for one second of their time: ten million an hour.
const A_SECOND: u64 = 10_000_000 / 3600;
/// A word that stands in one of a thousand messages.
pub(super) const RARE: &str = "quota";
/// A word that nobody ever wrote.
pub(super) const ABSENT: &str = "quixotic";

const NOUNS: [&str; 12] = [
    "payment",
    "order",
    "cart",
    "shipment",
    "invoice",
    "session",
    "token",
    "coupon",
    "refund",
    "webhook",
    "connection",
    "lease",
];
const VERBS: [&str; 10] =
    ["accepted", "declined", "reserved", "released", "shipped", "refunded", "expired", "retried", "queued", "rejected"];
const PATHS: [&str; 6] = ["/api/v1/carts", "/api/v1/orders", "/products", "/search", "/static/app.js", "/login"];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "curl/8.11.0",
    "kube-probe/1.31",
];
/// Numbers of severities, and their texts: as often as they stand here.
const LEVELS: [(u64, &str); 10] = [
    (9, "INFO"),
    (9, "INFO"),
    (9, "INFO"),
    (9, "INFO"),
    (9, "INFO"),
    (9, "INFO"),
    (5, "DEBUG"),
    (5, "DEBUG"),
    (13, "WARN"),
    (17, "ERROR"),
];

/// A log record.
pub(super) struct Line {
    time: u64,
    level: (u64, &'static str),
    pub(super) body: String,
    trace: Option<(u128, u64)>,
    attributes: Vec<(&'static str, String)>,
}

/// Makes records, for ever.
pub(super) struct Lines {
    random: Random,
    made: u64,
}

impl Lines {
    /// The same seed makes the same records.
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random(seed), made: 0 }
    }

    /// The next batch, all of one service: its name, and its records.
    pub(super) fn batch(&mut self) -> (&'static str, Vec<Line>) {
        let service = self.random.pick(&SERVICES);
        let kind = self.random.below(3);
        let lines = (0..BATCH).map(|_| match kind {
            0 => self.message(),
            1 => self.access_line(),
            _ => self.document(service),
        });
        (service, lines.collect())
    }

    /// When the last record was written, in nanoseconds since 1970.
    pub(super) fn now_ns(&self) -> u64 {
        START_NS + self.made * 1_000_000_000 / A_SECOND
    }

    fn line(&mut self, body: String) -> Line {
        self.made += 1;
        Line { time: self.now_ns(), level: self.random.pick(&LEVELS), body, trace: None, attributes: Vec::new() }
    }

    fn message(&mut self) -> Line {
        let random = &mut self.random;
        let (noun, verb) = (random.pick(&NOUNS), random.pick(&VERBS));
        let body = match random.below(1000) {
            0 => format!("{noun} {verb}: {RARE} of customer {} is used up", random.below(200_000)),
            1..300 => format!("{noun} {verb} in {} ms", random.below(3000)),
            300..650 => format!("{noun} {verb}: id={:012x} attempt={}", random.next() >> 16, random.below(5)),
            _ => format!("{noun} {} {verb} for customer {}", random.below(10_000_000), random.below(200_000)),
        };
        let trace = Some((u128::from(random.next()) << 64 | u128::from(random.next()), random.next()));
        let attributes = vec![
            ("code.function.name", format!("shop::{noun}::{verb}")),
            ("thread.name", format!("worker-{}", random.below(16))),
            ("customer.id", format!("c-{:06}", random.below(200_000))),
            ("order.id", format!("{:016x}", random.next())),
            ("http.route", random.pick(&PATHS).to_owned()),
            ("server.address", format!("10.0.{}.{}", random.below(4), random.below(256))),
            ("deployment.environment.name", "production".to_owned()),
            ("retry.count", random.below(4).to_string()),
        ];
        Line { trace, attributes, ..self.line(body) }
    }

    fn access_line(&mut self) -> Line {
        let id = self.uuid();
        let random = &mut self.random;
        let body = format!(
            "10.{}.{}.{} - - \"{} {}/{} HTTP/1.1\" {} {} \"-\" \"{}\" {:.3} {id}",
            random.below(4),
            random.below(256),
            random.below(256),
            random.pick(&["GET", "GET", "GET", "POST", "DELETE"]),
            random.pick(&PATHS),
            random.below(100_000),
            random.pick(&[200, 200, 200, 304, 404, 500]),
            random.below(60_000),
            random.pick(&AGENTS),
            random.share() * 4.0,
        );
        self.line(body)
    }

    fn document(&mut self, service: &str) -> Line {
        let (id, second) = (self.uuid(), self.made / A_SECOND);
        let random = &mut self.random;
        let pod = random.below(20);
        let log = json!({
            "level": random.pick(&LEVELS).1,
            "msg": format!("{} {}", random.pick(&NOUNS), random.pick(&VERBS)),
            "request_id": id,
            "user": random.below(200_000),
            "duration_ms": random.below(3000),
        });
        let body = json!({
            "time": format!("2026-11-28T21:{:02}:{:02}.{:09}Z", second / 60 % 60, second % 60, random.below(1_000_000_000)),
            "stream": random.pick(&["stdout", "stderr"]),
            "log": log.to_string(),
            "kubernetes": {
                "pod_name": format!("{service}-7d9f8c6b54-{:05x}", pod * 7919),
                "namespace_name": "shop",
                "pod_id": format!("0f3c{:04x}-5e1d-4c3b-9a7f-2b6d8e4f1a90", pod),
                "labels": {
                    "app.kubernetes.io/name": service,
                    "app.kubernetes.io/instance": format!("{service}-production"),
                    "app.kubernetes.io/managed-by": "Helm",
                    "pod-template-hash": "7d9f8c6b54",
                },
                "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9464"},
                "host": format!("ip-10-0-{}-{}.eu-central-1.compute.internal", pod % 4, pod * 11),
                "container_name": service,
                "docker_id": format!("{:032x}{:032x}", pod * 1_299_709, pod * 15_485_863),
                "container_hash": format!("sha256:{:032x}{:032x}", pod * 32_452_843, pod * 49_979_687),
                "container_image": format!("registry.example.com/shop/{service}:1.42.{pod}"),
            },
        });
        self.line(body.to_string())
    }

    fn uuid(&mut self) -> String {
        let [a, b] = [self.random.next(), self.random.next()];
        let parts = [a >> 32, a >> 16 & 0xFFFF, a & 0xFFFF, b >> 48, b & 0xFFFF_FFFF_FFFF];
        let [one, two, three, four, five] = parts;
        format!("{one:08x}-{two:04x}-{three:04x}-{four:04x}-{five:012x}")
    }
}

/// An `ExportLogsServiceRequest` in protobuf.
pub(super) fn request(service: &str, lines: &[Line]) -> Vec<u8> {
    let (mut scoped, mut encoded, mut any) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        encoded.clear();
        any.clear();
        fixed(&mut encoded, 1, line.time);
        number(&mut encoded, 2, line.level.0);
        message(&mut encoded, 3, line.level.1.as_bytes());
        message(&mut any, 1, line.body.as_bytes());
        message(&mut encoded, 5, &any);
        for (key, value) in &line.attributes {
            match value.parse() {
                Ok(whole) => int(&mut encoded, 6, key, whole),
                Err(_) => text(&mut encoded, 6, key, value),
            }
        }
        if let Some((trace, span)) = line.trace {
            message(&mut encoded, 9, &trace.to_be_bytes());
            message(&mut encoded, 10, &span.to_be_bytes());
        }
        message(&mut scoped, 2, &encoded);
    }
    let (mut resource, mut of_resource, mut request) = (Vec::new(), Vec::new(), Vec::new());
    text(&mut resource, 1, "service.name", service);
    message(&mut of_resource, 1, &resource);
    message(&mut of_resource, 2, &scoped);
    message(&mut request, 1, &of_resource);
    request
}

/// A body of `_bulk` with the same records, as Elasticsearch's shippers send them.
pub(super) fn bulk(service: &str, lines: &[Line]) -> Vec<u8> {
    let mut body = String::new();
    for line in lines {
        let document = json!({
            "@timestamp": line.time / 1_000_000,
            "service": {"name": service},
            "log": {"level": line.level.1},
            "message": line.body,
        });
        let _ = write!(body, "{{\"create\":{{\"_index\":\"logs\"}}}}\n{document}\n");
    }
    body.into_bytes()
}

/// Rows of the OpenTelemetry Collector's ClickHouse exporter, one JSON object a line.
pub(super) fn rows(service: &str, lines: &[Line], out: &mut String) {
    for line in lines {
        let (trace, span) = line.trace.unwrap_or_default();
        let ids = line.trace.map_or_else(Default::default, |_| (format!("{trace:032x}"), format!("{span:016x}")));
        let attributes: serde_json::Map<_, _> =
            line.attributes.iter().map(|(key, value)| ((*key).to_owned(), value.as_str().into())).collect();
        let row = json!({
            "Timestamp": Decimal(line.time).to_string(),
            "TraceId": ids.0,
            "SpanId": ids.1,
            "SeverityText": line.level.1,
            "SeverityNumber": line.level.0,
            "ServiceName": service,
            "Body": line.body,
            "ResourceAttributes": {"service.name": service},
            "LogAttributes": attributes,
        });
        let _ = writeln!(out, "{row}");
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH, Lines, bulk, request, rows};

    #[test]
    fn the_same_seed_makes_the_same_records_of_the_sizes_that_are_claimed() {
        let make = |seed| {
            let mut lines = Lines::new(seed);
            (0..60).map(|_| lines.batch()).collect::<Vec<_>>()
        };
        let encoded = |seed| make(seed).iter().flat_map(|(service, lines)| request(service, lines)).collect::<Vec<_>>();
        assert_eq!(encoded(7), encoded(7));
        assert_ne!(encoded(7), encoded(8));
        let documents: Vec<usize> = make(7)
            .iter()
            .flat_map(|(_, lines)| lines)
            .filter(|l| l.body.starts_with('{'))
            .map(|l| l.body.len())
            .collect();
        let each = documents.iter().sum::<usize>() / documents.len();
        assert!((820..=920).contains(&each), "{each} bytes a document");
        let (service, lines) = Lines::new(7).batch();
        let mut text = String::new();
        rows(service, &lines, &mut text);
        assert_eq!(text.lines().count(), BATCH);
        assert!(text.lines().all(|row| serde_json::from_str::<serde_json::Value>(row).is_ok()));
        assert_eq!(bulk(service, &lines).iter().filter(|byte| **byte == b'\n').count(), 2 * BATCH);
    }
}
