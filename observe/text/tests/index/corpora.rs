//! Lines as services write them, the same in every run.

/// Numbers of chance (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len() as u64) as usize]
    }

    fn uuid(&mut self) -> String {
        let [a, b] = [self.next(), self.next()];
        let [one, two, three, four, five] = [a >> 32, a >> 16 & 0xFFFF, a & 0xFFFF, b >> 48, b & 0xFFFF_FFFF_FFFF];
        format!("{one:08x}-{two:04x}-{three:04x}-{four:04x}-{five:012x}")
    }
}

/// What happens, and to what.
const VERBS: [&str; 12] = [
    "accepted",
    "declined",
    "reserved",
    "released",
    "shipped",
    "refunded",
    "expired",
    "retried",
    "timed out",
    "queued",
    "received",
    "rejected",
];
const NOUNS: [&str; 14] = [
    "payment",
    "order",
    "cart",
    "shipment",
    "invoice",
    "session",
    "reservation",
    "token",
    "coupon",
    "refund",
    "webhook",
    "message",
    "connection",
    "lease",
];
const PATHS: [&str; 8] =
    ["/api/v1/carts", "/api/v1/orders", "/products", "/search", "/static/app.js", "/login", "/healthz", "/metrics"];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 Safari/604.1",
    "curl/8.11.0",
    "kube-probe/1.31",
];

/// Short messages of services, with a number or an id in most.
pub fn messages(count: usize) -> Vec<String> {
    let mut chance = Chance(1);
    let line = |_| {
        let (noun, verb) = (chance.of(&NOUNS), chance.of(&VERBS));
        match chance.below(4) {
            0 => format!("{noun} {verb} in {} ms", chance.below(3000)),
            1 => format!("{noun} {verb}: id={:012x} attempt={}", chance.next() >> 16, chance.below(5)),
            2 => format!("{noun} {} {verb} for customer {}", chance.below(10_000_000), chance.below(200_000)),
            _ => format!("{noun} {verb} by {}", chance.of(&["worker", "scheduler", "gateway", "operator"])),
        }
    };
    (0..count).map(line).collect()
}

/// Lines of a proxy's access log, each with an address and the id of its request.
pub fn access_lines(count: usize) -> Vec<String> {
    let mut chance = Chance(2);
    let line = |number: usize| {
        format!(
            "10.{}.{}.{} - - [28/Nov/2026:21:{:02}:{:02} +0000] \"{} {}/{} HTTP/1.1\" {} {} \"-\" \"{}\" {:.3} {}",
            chance.below(4),
            chance.below(256),
            chance.below(256),
            number / 600 % 60,
            number / 10 % 60,
            chance.of(&["GET", "GET", "GET", "POST", "DELETE"]),
            chance.of(&PATHS),
            chance.below(100_000),
            chance.of(&["200", "200", "200", "304", "404", "500"]),
            chance.below(60_000),
            chance.of(&AGENTS),
            chance.below(4000) as f64 / 1000.0,
            chance.uuid(),
        )
    };
    (0..count).map(line).collect()
}

/// Documents as a shipper in Kubernetes sends them, of some 870 bytes.
pub fn kubernetes_json(count: usize) -> Vec<String> {
    let mut chance = Chance(3);
    let pods: Vec<[String; 4]> = (0..200)
        .map(|_| {
            let app = chance.of(&NOUNS);
            let hash = format!("{:010x}", chance.next() >> 24);
            [
                app.to_owned(),
                format!("{app}-{hash}-{:05x}", chance.below(1 << 20)),
                chance.uuid(),
                format!("{:016x}{:016x}{:016x}{:016x}", chance.next(), chance.next(), chance.next(), chance.next()),
            ]
        })
        .collect();
    let line = |number: usize| {
        let [app, pod, uid, container] = &pods[chance.below(pods.len() as u64) as usize];
        let (noun, verb) = (chance.of(&NOUNS), chance.of(&VERBS));
        format!(
            concat!(
                r#"{{"time":"2026-11-28T21:{:02}:{:02}.{:09}Z","stream":"{}","log":"{{\"level\":\"{}\",\"msg\":\"{} {}\",\"request_id\":\"{}\",\"#,
                r#"\"user\":{},\"duration_ms\":{},\"bytes\":{}}}","kubernetes":{{"pod_name":"{}","namespace_name":"shop","pod_id":"{}","#,
                r#""labels":{{"app.kubernetes.io/name":"{}","app.kubernetes.io/instance":"{}-production","app.kubernetes.io/managed-by":"Helm","#,
                r#""pod-template-hash":"{}"}},"annotations":{{"prometheus.io/scrape":"true","prometheus.io/port":"9464"}},"host":"ip-10-0-{}-{}.eu-central-1.compute.internal","#,
                r#""container_name":"{}","docker_id":"{}","container_hash":"registry.example.com/shop/{}@sha256:{}","container_image":"registry.example.com/shop/{}:1.42.{}"}}}}"#
            ),
            number / 600 % 60,
            number / 10 % 60,
            chance.below(1_000_000_000),
            chance.of(&["stdout", "stderr"]),
            chance.of(&["info", "info", "warn", "error"]),
            noun,
            verb,
            chance.uuid(),
            chance.below(200_000),
            chance.below(5000),
            chance.below(100_000),
            pod,
            uid,
            app,
            app,
            &pod[app.len() + 1..app.len() + 11],
            chance.below(4),
            chance.below(60),
            app,
            container,
            app,
            container,
            app,
            chance.below(3),
        )
    };
    (0..count).map(line).collect()
}
