//! Spans of a shop that does not exist, the same for the same seed.
//!
//! Spans have 8 attributes and about 310 bytes on the wire. Every attribute is drawn by itself, from 100,000 paths and 50,000 users
//! among others: nothing follows from anything else, which is the hardest case for a columnar store. Traces have 1 to 30 spans of
//! 12 services; batches hold the spans of one service instance, so that every trace is spread over many batches.

use std::fmt::Write as _;

use crate::protobuf::{fixed, int, message, number, text};
use crate::random::Random;

/// Spans of one request.
const BATCH: usize = 500;
/// Instances that send: two of each service.
const INSTANCES: usize = 2 * SERVICES.len();
/// The first span's start, in nanoseconds since 1970.
pub(crate) const START_NS: u64 = 1_790_000_000_000_000_000;
/// Spans generated for one second of their time: ten million an hour.
const SPANS_A_SECOND: f64 = 10e6 / 3600.0;
/// Spans of a trace on average.
const SPANS_A_TRACE: f64 = 8.0;

pub(crate) const SERVICES: [&str; 12] = [
    "frontend",
    "cart",
    "checkout",
    "payment",
    "shipping",
    "catalog",
    "currency",
    "email",
    "recommend",
    "ads",
    "inventory",
    "auth",
];
const THINGS: [&str; 40] = [
    "orders",
    "items",
    "users",
    "carts",
    "payments",
    "refunds",
    "shipments",
    "labels",
    "products",
    "reviews",
    "prices",
    "rates",
    "mails",
    "templates",
    "ads",
    "slots",
    "stock",
    "bins",
    "tokens",
    "sessions",
    "keys",
    "roles",
    "teams",
    "events",
    "alerts",
    "jobs",
    "tasks",
    "files",
    "images",
    "videos",
    "notes",
    "tags",
    "offers",
    "coupons",
    "plans",
    "quotes",
    "claims",
    "cases",
    "votes",
    "feeds",
];
const VERBS: [&str; 5] = ["Get", "List", "Create", "Update", "Query"];
const KINDS: [u64; 5] = [2, 3, 1, 1, 3];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];
const EVENTS: [&str; 4] = ["exception", "cache.miss", "retry", "message"];
const MESSAGES: [&str; 5] =
    ["connection refused", "deadline exceeded", "upstream returned 502", "database is locked", "no such item"];

/// A span.
pub(crate) struct Span {
    pub(crate) trace: [u8; 16],
    pub(crate) id: u64,
    parent: u64,
    service: usize,
    name: String,
    kind: u64,
    start: u64,
    end: u64,
    method: &'static str,
    route: String,
    pub(crate) path: String,
    status: u64,
    address: String,
    pub(crate) user: String,
    thread: String,
    size: u64,
    event: Option<(u64, &'static str, u64)>,
    link: Option<([u8; 16], u64)>,
    message: Option<&'static str>,
}

/// Makes spans, for ever.
pub(crate) struct Generator {
    random: Random,
    now: f64,
    waiting: [Vec<Span>; INSTANCES],
}

impl Generator {
    /// The same seed makes the same spans.
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random(seed), now: 0.0, waiting: std::array::from_fn(|_| Vec::new()) }
    }

    /// The next batch: which instance sends it, and its spans.
    pub(crate) fn batch(&mut self) -> (usize, Vec<Span>) {
        loop {
            if let Some(full) = self.waiting.iter().position(|spans| spans.len() >= BATCH) {
                return (full, std::mem::take(&mut self.waiting[full]));
            }
            self.trace();
        }
    }

    fn id(&mut self) -> [u8; 16] {
        (u128::from(self.random.next()) << 64 | u128::from(self.random.next())).to_be_bytes()
    }

    /// Adds the spans of one more trace to what waits.
    fn trace(&mut self) {
        self.now += self.random.exponential() * SPANS_A_TRACE / SPANS_A_SECOND * 1e9;
        let spans = (1 + (self.random.exponential() * 7.6) as usize).min(30);
        let trace = self.id();
        let start = START_NS + self.now as u64;
        let duration = (50e6 * self.random.normal().exp()) as u64 + 1000;
        let service = if self.random.below(4) == 0 { 11 } else { 0 };
        // Service, start, end, id, parent.
        let mut tree = vec![(service, start, start + duration, self.random.next(), 0)];
        for place in 1..spans {
            let back = self.random.below(place as u64).min(self.random.below(place as u64)) as usize;
            let (above, from, until, parent, _) = tree[place - 1 - back];
            let service =
                if self.random.below(10) < 5 { above } else { (above * 3 + 1 + self.random.below(3) as usize) % 12 };
            let late = self.random.share();
            let start = from + (late * late * 0.6 * (until - from) as f64) as u64;
            let end = start + ((until - start) as f64 * (0.05 + 0.9 * self.random.share())) as u64;
            tree.push((service, start, end, self.random.next(), parent));
        }
        for (service, start, end, id, parent) in tree {
            let span = self.span(trace, service, start, end, id, parent);
            self.waiting[service * 2 + (id & 1) as usize].push(span);
        }
    }

    fn span(&mut self, trace: [u8; 16], service: usize, start: u64, end: u64, id: u64, parent: u64) -> Span {
        let random = &mut self.random;
        let verb = random.below(5) as usize;
        let thing = random.pick(&THINGS);
        let failed = random.below(1000) < 30;
        let method = match random.below(100) {
            0..60 => 0,
            60..80 => 1,
            80..90 => 2,
            90..95 => 3,
            _ => 4,
        };
        let mut span = Span {
            trace,
            id,
            parent,
            service,
            name: format!("{}.{}{}", SERVICES[service], VERBS[verb], THINGS[(service * 5 + verb) % 40]),
            kind: if parent == 0 { 2 } else { KINDS[verb] },
            start,
            end,
            method: METHODS[method],
            route: format!("/api/v1/{thing}/:id"),
            path: format!("/api/v1/{thing}/{}", 10_000 + random.below(2500) * 31),
            status: if failed {
                random.pick(&[500, 502, 503, 404])
            } else {
                random.pick(&[200, 200, 200, 200, 200, 200, 200, 201, 204, 304])
            },
            address: format!("{}.prod.svc", random.pick(&SERVICES)),
            user: format!("u-{:06}", random.below(50_000) * 17),
            thread: format!("worker-{}", random.below(50)),
            size: (800.0 * (random.normal() * 1.3).exp()) as u64,
            event: None,
            link: None,
            message: failed.then(|| random.pick(&MESSAGES)),
        };
        if random.below(10) == 0 {
            span.event = Some((start + random.below(end - start + 1), random.pick(&EVENTS), random.below(5)));
        }
        if random.below(50) == 0 {
            span.link = Some((self.id(), self.random.next()));
        }
        span
    }
}

impl Span {
    fn encode(&self, out: &mut Vec<u8>) {
        message(out, 1, &self.trace);
        message(out, 2, &self.id.to_be_bytes());
        if self.parent != 0 {
            message(out, 4, &self.parent.to_be_bytes());
        }
        message(out, 5, self.name.as_bytes());
        number(out, 6, self.kind);
        fixed(out, 7, self.start);
        fixed(out, 8, self.end);
        text(out, 9, "http.request.method", self.method);
        text(out, 9, "http.route", &self.route);
        int(out, 9, "http.response.status_code", self.status);
        text(out, 9, "server.address", &self.address);
        text(out, 9, "url.path", &self.path);
        text(out, 9, "user.id", &self.user);
        text(out, 9, "thread.name", &self.thread);
        int(out, 9, "http.response.body.size", self.size);
        let mut inner = Vec::with_capacity(64);
        if let Some((time, name, attempt)) = self.event {
            fixed(&mut inner, 1, time);
            message(&mut inner, 2, name.as_bytes());
            int(&mut inner, 3, "attempt", attempt);
            message(out, 11, &inner);
        }
        if let Some((trace, span)) = self.link {
            inner.clear();
            message(&mut inner, 1, &trace);
            message(&mut inner, 2, &span.to_be_bytes());
            message(out, 13, &inner);
        }
        if let Some(reason) = self.message {
            inner.clear();
            message(&mut inner, 2, reason.as_bytes());
            number(&mut inner, 3, 2);
            message(out, 15, &inner);
        }
    }

    /// When it began, in nanoseconds since 1970.
    pub(crate) fn start_ns(&self) -> u64 {
        self.start
    }

    /// The trace's id in hexadecimal digits.
    pub(crate) fn trace_hex(&self) -> String {
        hex::encode(self.trace)
    }

    /// A row of the OpenTelemetry Collector's ClickHouse exporter, as a line of JSON.
    fn row(&self, instance: usize, out: &mut String) {
        let kind = ["Unspecified", "Internal", "Server", "Client"][self.kind as usize];
        let parent = if self.parent == 0 { String::new() } else { hex::encode(self.parent.to_be_bytes()) };
        let (status, reason) = self.message.map_or(("Unset", ""), |reason| ("Error", reason));
        let _ = write!(
            out,
            r#"{{"Timestamp":{},"TraceId":"{}","SpanId":"{}","ParentSpanId":"{parent}","TraceState":"","SpanName":"{}","SpanKind":"{kind}","ServiceName":"{}","ResourceAttributes":{{"service.name":"{}","service.instance.id":"{}"}},"ScopeName":"{SCOPE}","ScopeVersion":"{VERSION}","SpanAttributes":{{"http.request.method":"{}","http.route":"{}","http.response.status_code":"{}","server.address":"{}","url.path":"{}","user.id":"{}","thread.name":"{}","http.response.body.size":"{}"}},"Duration":{},"StatusCode":"{status}","StatusMessage":"{reason}""#,
            Decimal(self.start),
            self.trace_hex(),
            hex::encode(self.id.to_be_bytes()),
            self.name,
            SERVICES[self.service],
            SERVICES[self.service],
            instance_id(instance),
            self.method,
            self.route,
            self.status,
            self.address,
            self.path,
            self.user,
            self.thread,
            self.size,
            self.end - self.start,
        );
        if let Some((time, name, attempt)) = self.event {
            let _ = write!(
                out,
                r#","Events.Timestamp":[{}],"Events.Name":["{name}"],"Events.Attributes":[{{"attempt":"{attempt}"}}]"#,
                Decimal(time)
            );
        }
        if let Some((trace, span)) = self.link {
            let _ = write!(
                out,
                r#","Links.TraceId":["{}"],"Links.SpanId":["{}"],"Links.TraceState":[""],"Links.Attributes":[{{}}]"#,
                hex::encode(trace),
                hex::encode(span.to_be_bytes())
            );
        }
        out.push_str("}\n");
    }
}

const SCOPE: &str = "io.opentelemetry.http";
const VERSION: &str = "1.32.0";

/// Nanoseconds as seconds with nine decimals, as `DateTime64(9)` reads them.
pub(crate) struct Decimal(pub(crate) u64);

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

fn instance_id(instance: usize) -> String {
    format!("{}-{}", SERVICES[instance / 2], instance % 2)
}

/// An `ExportTraceServiceRequest` in protobuf.
pub(crate) fn request(instance: usize, spans: &[Span]) -> Vec<u8> {
    let (mut scope, mut scoped) = (Vec::new(), Vec::with_capacity(spans.len() * 360));
    message(&mut scope, 1, SCOPE.as_bytes());
    message(&mut scope, 2, VERSION.as_bytes());
    message(&mut scoped, 1, &scope);
    let mut encoded = Vec::with_capacity(512);
    for span in spans {
        encoded.clear();
        span.encode(&mut encoded);
        message(&mut scoped, 2, &encoded);
    }
    let mut resource = Vec::new();
    text(&mut resource, 1, "service.name", SERVICES[instance / 2]);
    text(&mut resource, 1, "service.instance.id", &instance_id(instance));
    let mut resource_spans = Vec::with_capacity(scoped.len() + 128);
    message(&mut resource_spans, 1, &resource);
    message(&mut resource_spans, 2, &scoped);
    let mut request = Vec::with_capacity(resource_spans.len() + 8);
    message(&mut request, 1, &resource_spans);
    request
}

/// Rows for ClickHouse, one JSON object a line.
pub(crate) fn rows(instance: usize, spans: &[Span], out: &mut String) {
    spans.iter().for_each(|span| span.row(instance, out));
}

#[cfg(test)]
mod tests {
    use super::{BATCH, Generator, request, rows};

    #[test]
    fn the_same_seed_makes_the_same_spans_of_the_size_that_is_claimed() {
        let make = |seed| {
            let mut generator = Generator::new(seed);
            let batches: Vec<Vec<u8>> =
                (0..20).map(|_| generator.batch()).map(|(i, spans)| request(i, &spans)).collect();
            batches.concat()
        };
        let bytes = make(7);
        assert_eq!(bytes, make(7));
        assert_ne!(bytes, make(8));
        let each = bytes.len() / (20 * BATCH);
        assert!((290..=345).contains(&each), "{each} bytes a span");
        let (mut generator, mut text) = (Generator::new(7), String::new());
        let (instance, spans) = generator.batch();
        rows(instance, &spans, &mut text);
        assert_eq!(text.lines().count(), spans.len());
        assert!(text.starts_with(r#"{"Timestamp":17900000"#), "{}", &text[..100]);
    }
}
