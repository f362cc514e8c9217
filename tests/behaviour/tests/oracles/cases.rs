//! One fault for each effect at each place that carries it, and what people do meanwhile.

use vitrine_platform_faults::{At, Fault};

use crate::Pair;
use crate::drive::Drive;

/// How long a fault lives if nobody ends it, in seconds: longer than it is looked at.
pub(crate) const TTL_S: u32 = 120;

/// A fault of the walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    what: &'static str,
    place: &'static str,
    /// What people do before, during and after.
    pub(crate) drive: Drive,
    throughout: Option<&'static str>,
    ttl_s: u32,
}

const fn case(what: &'static str, place: &'static str, drive: Drive) -> Case {
    Case { what, place, drive, throughout: None, ttl_s: TTL_S }
}

/// A fault of these parts: of its whole process where it cannot be of less.
pub(crate) fn fault(what: &str, place: &str, ttl_s: u32) -> Fault {
    let document = format!(r#"{{"what": {what}, "where": {{{place}}}, "timing": {{"ttl_s": {ttl_s}}}}}"#);
    let mut fault = Fault::from_json(document.as_bytes()).unwrap_or_else(|e| panic!("{document}: {e}"));
    fault.widen();
    fault
}

impl Case {
    /// Another effect at the same place, at work all the time: before and after, too.
    const fn throughout(self, what: &'static str) -> Self {
        Self { throughout: Some(what), ..self }
    }

    /// For so many seconds.
    const fn ttl(self, ttl_s: u32) -> Self {
        Self { ttl_s, ..self }
    }

    /// Where it is, and what it does.
    pub(crate) fn pair(&self) -> Pair {
        let fault = self.fault();
        (fault.target.at, fault.what.name())
    }

    /// What is armed.
    pub(crate) fn fault(&self) -> Fault {
        fault(self.what, self.place, self.ttl_s)
    }

    /// What is at work all the time.
    pub(crate) fn throughout_it(&self) -> Option<Fault> {
        self.throughout.map(|what| fault(what, self.place, TTL_S))
    }
}

const ADS_CALLED: &str = r#""at": "caller", "service": ["ads"], "from": ["gateway"]"#;
const BOUGHT: &str = r#""at": "caller", "service": ["checkout"], "from": ["gateway"], "method": ["PlaceOrder"]"#;
const ADS: &str = r#""at": "callee", "service": ["ads"], "method": ["GetAds"]"#;
const QUOTED: &str = r#""at": "callee", "service": ["checkout"], "method": ["Quote"]"#;
const SIGNED_IN: &str = r#""at": "callee", "service": ["auth"], "method": ["GetTokenStatus"]"#;
const EDGE: &str = r#""at": "edge", "service": ["gateway"], "method": ["GET /api/v1/ads"]"#;
const LEDGER: &str = r#""at": "consumer", "service": ["accounting"]"#;
const ORDERS_SENT: &str = r#""at": "relay", "service": ["orders"]"#;
const CARTS_KEPT: &str = r#""at": "store", "service": ["carts"]"#;
const CACHED: &str = r#""at": "cache", "service": ["gateway"]"#;
pub(crate) const ADS_PROCESS: &str = r#""at": "process", "service": ["ads"]"#;
const GATEWAY_PROCESS: &str = r#""at": "process", "service": ["gateway"]"#;
const PEOPLE: &str = r#""at": "load", "service": ["load"]"#;

/// What callers have of patience where a message is lost: less than their contract gives them, for the walk is to be short.
const IMPATIENT: &str = r#"{"limits": {"deadline_ms": 300}}"#;

/// Those with the same drive stand together: what is seen after one is what is seen before the next.
pub(crate) const CASES: &[Case] = &[
    case(r#"{"delay": {"ms": 60}}"#, ADS_CALLED, Drive::Ads),
    case(r#"{"bandwidth": {"kib_s": 5}}"#, ADS_CALLED, Drive::Ads),
    case(r#"{"reset": {}}"#, ADS_CALLED, Drive::Ads),
    case(r#""refuse""#, ADS_CALLED, Drive::Ads),
    case(r#"{"duplicate": {"copies": 2}}"#, ADS_CALLED, Drive::Ads),
    case(r#"{"delay": {"ms": 60}}"#, ADS, Drive::Ads),
    case(r#"{"hang": {"ms": 80}}"#, ADS, Drive::Ads),
    case(r#"{"hold": {"ms": 100, "every_ms": 100}}"#, ADS, Drive::Ads),
    case(r#"{"error": {"code": "INTERNAL"}}"#, ADS, Drive::Ads),
    case(r#"{"reset": {}}"#, ADS, Drive::Ads),
    case(r#"{"truncate": {"bytes": 3}}"#, ADS, Drive::Ads),
    case(r#"{"delay": {"ms": 60}}"#, EDGE, Drive::Ads),
    case(r#"{"bandwidth": {"kib_s": 5}}"#, EDGE, Drive::Ads),
    case(r#"{"error": {"code": "UNAVAILABLE"}}"#, EDGE, Drive::Ads),
    case(r#"{"cpu": {"cores": 2}}"#, ADS_PROCESS, Drive::Ads),
    case(r#"{"memory": {"mib_s": 1000, "cap_mib": 200}}"#, ADS_PROCESS, Drive::Ads),
    case(r#"{"hold": {"ms": 100, "every_ms": 100}}"#, ADS_PROCESS, Drive::Ads),
    case(r#"{"block": {"workers": 2, "ms": 400, "every_ms": 450}}"#, ADS_PROCESS, Drive::Ads),
    case(r#""unready""#, ADS_PROCESS, Drive::Ads),
    case(r#"{"disk": {"mib_s": 100}}"#, ADS_PROCESS, Drive::Ads),
    case(r#"{"lose": {"leg": "request"}}"#, ADS_CALLED, Drive::Ads).throughout(IMPATIENT),
    case(r#"{"partition": {"both": true}}"#, ADS_CALLED, Drive::Ads).throughout(IMPATIENT),
    case(r#"{"delay": {"ms": 40}}"#, CARTS_KEPT, Drive::Cart),
    case(r#"{"error": {"code": "UNAVAILABLE"}}"#, CARTS_KEPT, Drive::Cart),
    case(r#""in_doubt""#, CARTS_KEPT, Drive::Cart),
    case(r#"{"lock": {"hold_ms": 80, "every_ms": 80}}"#, CARTS_KEPT, Drive::Cart),
    case(r#"{"value": {"field": "active", "clear": true}}"#, SIGNED_IN, Drive::Cart),
    case(r#"{"clock": {"offset_ms": 7200000}}"#, GATEWAY_PROCESS, Drive::Cart),
    case(r#"{"stale": {"age_s": 60}}"#, QUOTED, Drive::Quote),
    case(r#"{"delay": {"ms": 40}}"#, CACHED, Drive::Product),
    case(r#"{"error": {"code": "UNAVAILABLE"}}"#, CACHED, Drive::Product),
    case(r#""bypass""#, CACHED, Drive::Product),
    case(r#""evict""#, CACHED, Drive::Product),
    case(r#"{"stale": {"age_s": 60}}"#, CACHED, Drive::Sell),
    case(r#"{"limits": {"deadline_ms": 1}}"#, BOUGHT, Drive::Buy),
    case(r#"{"delay": {"ms": 60}}"#, LEDGER, Drive::Buy),
    case(r#"{"hold": {"ms": 1000, "every_ms": 1000}}"#, LEDGER, Drive::Buy),
    case(r#"{"error": {"code": "INTERNAL"}}"#, LEDGER, Drive::Buy),
    case(r#""redeliver""#, LEDGER, Drive::Buy),
    // Longer than a service takes to look again at what it has not sent.
    case(r#"{"delay": {"ms": 2500}}"#, ORDERS_SENT, Drive::Buy),
    case(r#"{"hold": {"ms": 2500, "every_ms": 2500}}"#, ORDERS_SENT, Drive::Buy),
    case(r#"{"surge": {"factor": 4}}"#, PEOPLE, Drive::Watch),
    case(r#"{"flood": {"path": "/api/v1/ads", "rps": 400}}"#, PEOPLE, Drive::Watch),
    case(r#"{"hot": {"product": "prd_dawn-vase", "share": 1}}"#, PEOPLE, Drive::Watch),
    case(r#"{"mix": {"cart": 1}}"#, PEOPLE, Drive::Watch),
    // The last one: it takes what it is looked at with along.
    case(r#"{"exit": {"code": 7}}"#, ADS_PROCESS, Drive::Ads).ttl(1),
];

/// The code with which a process is to end.
pub(crate) const EXIT_CODE: &str = "exit status: 7";

/// Whether a case takes a process away.
pub(crate) fn ends_a_process(case: &Case) -> bool {
    case.pair() == (At::Process, "exit")
}
