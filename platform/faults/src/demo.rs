//! The faults of the OpenTelemetry Demo by their names, with its variants and their values to the letter.
//!
//! Source: open-telemetry/opentelemetry-demo, `src/flagd/demo.flagd.json`. What a value means there is what it does here, so far as the shops
//! are alike; where they are not, the flag says so.

use crate::effect::{At, Delay, Effect, Memory, When};
use crate::fault::{Fault, FieldMatch, Scope, Share, Target, Timing};

/// The country within which the shop sends without crossing a border.
const HOME: &str = "DE";
/// The product whose page fails.
const PRODUCT: &str = "prd_tall-vase";
/// How much a process may leak.
const CAP_MIB: u32 = 512;
/// The demo's own number of shoppers, of which others are multiples.
const DEFAULT_USERS: f64 = 5.0;

/// A value of a variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DemoValue {
    /// On or off.
    Bool(bool),
    /// A number.
    Number(f64),
}

/// A flag of the demo.
#[derive(Debug)]
pub struct DemoFlag {
    /// Its key.
    pub key: &'static str,
    /// Its variants, each with its value.
    pub variants: &'static [(&'static str, DemoValue)],
    /// The variant that is served when no one has chosen another.
    pub default: &'static str,
    /// What it does here, in a sentence; or why it does nothing.
    pub does: &'static str,
    make: fn(f64) -> Vec<(Effect, Target, f64)>,
}

const OFF_ON: &[(&str, DemoValue)] = &[("off", DemoValue::Bool(false)), ("on", DemoValue::Bool(true))];

const fn number(name: &'static str, value: f64) -> (&'static str, DemoValue) {
    (name, DemoValue::Number(value))
}

const OFF: (&str, DemoValue) = number("off", 0.0);

/// Every flag of the demo, and one more that other benchmarks ask of it.
pub const DEMO: &[DemoFlag] = &[
    DemoFlag {
        key: "adFailure",
        variants: OFF_ON,
        default: "off",
        does: "UNAVAILABLE at ads.GetAds, one call in ten",
        make: |_| vec![(error("UNAVAILABLE"), called("ads", "GetAds"), 0.1)],
    },
    DemoFlag {
        key: "adHighCpu",
        variants: OFF_ON,
        default: "off",
        does: "one core is burnt in the process of ads",
        make: |_| vec![(Effect::Cpu { cores: 1.0 }, Target::new(At::Process, "ads"), 1.0)],
    },
    DemoFlag {
        key: "adManualGc",
        variants: OFF_ON,
        default: "off",
        does: "ads stops for 300 ms in each 2 s",
        make: |_| vec![(Effect::Hold { ms: 300, every_ms: 2_000 }, Target::new(At::Process, "ads"), 1.0)],
    },
    DemoFlag {
        key: "cartFailure",
        variants: PERCENT,
        default: "off",
        does: "the store of carts is out of reach within ClearCart, for so many of a hundred",
        make: |share| vec![(error("UNAVAILABLE"), Target::new(At::Store, "carts").method("ClearCart"), share)],
    },
    DemoFlag {
        key: "emailMemoryLeak",
        variants: &[
            number("10000x", 10_000.0),
            number("1000x", 1_000.0),
            number("100x", 100.0),
            number("10x", 10.0),
            number("1x", 1.0),
            OFF,
        ],
        default: "off",
        does: "each call and event of email leaks so many KiB, up to 512 MiB",
        make: |times| {
            let memory = Memory { kib_per_call: Some(times as u32), mib_s: None, cap_mib: CAP_MIB };
            vec![(Effect::Memory(memory), Target::new(At::Process, "email"), 1.0)]
        },
    },
    DemoFlag {
        key: "failedReadinessProbe",
        variants: OFF_ON,
        default: "off",
        does: "carts is alive and not ready",
        make: |_| vec![(Effect::Unready, Target::new(At::Process, "carts"), 1.0)],
    },
    DemoFlag {
        key: "imageSlowLoad",
        variants: &[number("10sec", 10_000.0), number("5sec", 5_000.0), OFF],
        default: "off",
        does: "pictures come so many milliseconds later",
        make: |ms| vec![(delay(ms), called("catalog", "GetPicture"), 1.0)],
    },
    DemoFlag {
        key: "intlShippingSlowdown",
        variants: &[number("10sec", 10.0), number("5sec", 5.0), OFF],
        default: "off",
        does: "shipping.Quote takes so many seconds longer for addresses that are not in the shop's own country",
        make: |seconds| {
            let not_in = vec![HOME.to_owned()];
            let abroad = FieldMatch { field: "address.country_code".to_owned(), one_of: Vec::new(), not_in };
            let target = Target { request: vec![abroad], ..called("shipping", "Quote") };
            vec![(delay(seconds * 1_000.0), target, 1.0)]
        },
    },
    DemoFlag {
        key: "kafkaQueueProblems",
        variants: &[OFF, number("on", 100.0)],
        default: "off",
        does: "accounting and fraud take a second for each event, and five times as many come, all to buy",
        make: |_| {
            let slow = |service: &str| (delay(1_000.0), Target::new(At::Consumer, service), 1.0);
            let load = || Target::new(At::Load, "load");
            let buy = Effect::Mix([("buy_one".to_owned(), 1)].into());
            vec![slow("accounting"), slow("fraud"), (Effect::Surge { factor: 5.0 }, load(), 1.0), (buy, load(), 1.0)]
        },
    },
    DemoFlag {
        key: "loadGeneratorBrowserVUs",
        variants: &[number("1", 1.0), number("2", 2.0), number("4", 4.0), number("8", 8.0)],
        default: "1",
        does: "nothing: the load is made without browsers",
        make: |_| Vec::new(),
    },
    DemoFlag {
        key: "loadGeneratorTraffic",
        variants: &[number("off", 0.0), number("on", 1.0)],
        default: "on",
        does: "off: nobody comes",
        make: |on| {
            let nobody = (Effect::Surge { factor: 0.0 }, Target::new(At::Load, "load"), 1.0);
            if on > 0.0 { Vec::new() } else { vec![nobody] }
        },
    },
    DemoFlag {
        key: "loadGeneratorVUs",
        variants: &[number("10", 10.0), number("25", 25.0), number("5", 5.0), number("50", 50.0)],
        default: "5",
        does: "as many times as many come as there are five of them",
        make: |users| {
            let factor = users / DEFAULT_USERS;
            let more = (Effect::Surge { factor }, Target::new(At::Load, "load"), 1.0);
            if factor > 1.0 { vec![more] } else { Vec::new() }
        },
    },
    DemoFlag {
        key: "loadGeneratorFloodHomepage",
        variants: &[OFF, number("on", 100.0)],
        default: "off",
        does: "the page of the shop is asked for so many times a second; the demo had this flag once, and benchmarks ask for it",
        make: |rps| {
            let flood = Effect::Flood { path: "/".to_owned(), rps: rps as u32 };
            vec![(flood, Target::new(At::Load, "load"), 1.0)]
        },
    },
    DemoFlag {
        key: "paymentFailure",
        variants: &[
            number("10%", 0.1),
            number("100%", 1.0),
            number("25%", 0.25),
            number("50%", 0.5),
            number("75%", 0.75),
            // As it is there.
            number("90%", 0.95),
            OFF,
        ],
        default: "off",
        does: "INTERNAL at payments.Authorize, for so many of a hundred",
        make: |share| vec![(error("INTERNAL"), called("payments", "Authorize"), share)],
    },
    DemoFlag {
        key: "paymentUnreachable",
        variants: OFF_ON,
        default: "off",
        does: "nobody listens where checkout looks for payments",
        make: |_| vec![(Effect::Refuse, Target::new(At::Caller, "payments").from("checkout"), 1.0)],
    },
    DemoFlag {
        key: "productCatalogFailure",
        variants: OFF_ON,
        default: "off",
        does: "INTERNAL at catalog.GetProduct for one product",
        make: |_| {
            let one =
                FieldMatch { field: "product_id".to_owned(), one_of: vec![PRODUCT.to_owned()], not_in: Vec::new() };
            let target = Target { request: vec![one], ..called("catalog", "GetProduct") };
            vec![(error("INTERNAL"), target, 1.0)]
        },
    },
    DemoFlag {
        key: "recommendationCacheFailure",
        variants: OFF_ON,
        default: "off",
        does: "products, which recommendations show, are not cached by the gateway, and each call of recommendations leaks 64 KiB",
        make: |_| {
            let cache = Target { key_prefix: Some("product:".to_owned()), ..Target::new(At::Cache, "gateway") };
            let memory = Memory { kib_per_call: Some(64), mib_s: None, cap_mib: CAP_MIB };
            let leak = (Effect::Memory(memory), Target::new(At::Process, "recommendations"), 1.0);
            vec![(Effect::Bypass, cache, 1.0), leak]
        },
    },
];

const PERCENT: &[(&str, DemoValue)] = &[
    number("10%", 0.1),
    number("100%", 1.0),
    number("25%", 0.25),
    number("50%", 0.5),
    number("75%", 0.75),
    number("90%", 0.9),
    OFF,
];

fn error(code: &str) -> Effect {
    Effect::Error { code: code.to_owned(), reason: None, when: When::Before }
}

fn delay(ms: f64) -> Effect {
    Effect::Delay(Delay::fixed(ms as u32))
}

fn called(service: &str, method: &str) -> Target {
    Target::new(At::Callee, service).method(method)
}

impl DemoFlag {
    /// The flag with a key.
    pub fn of(key: &str) -> Option<&'static Self> {
        DEMO.iter().find(|flag| flag.key == key)
    }

    /// The faults that a variant stands for, with this time to live: none where it switches off, or is what the shop does anyway. `None` where
    /// there is no such variant.
    pub fn faults(&self, variant: &str, ttl_s: u32) -> Option<Vec<Fault>> {
        let (_, value) = self.variants.iter().find(|(name, _)| *name == variant)?;
        let number = match value {
            DemoValue::Bool(on) => f64::from(u8::from(*on)),
            DemoValue::Number(number) => *number,
        };
        // Off is off, but where it is the load that is switched off.
        if number == 0.0 && self.default == variant {
            return Some(Vec::new());
        }
        let fault = |(what, target, rate)| {
            let mut fault = Fault {
                what,
                target,
                share: Share { rate, ..Share::default() },
                timing: Timing::ttl(ttl_s),
                scope: Scope::Service,
                guards: Vec::new(),
                remedy: format!("switch {} off", self.key),
                why: self.does.to_owned(),
            };
            fault.widen();
            fault
        };
        Some((self.make)(number).into_iter().map(fault).collect())
    }
}
