//! A fault, as it is written down.

use serde::{Deserialize, Serialize};

use crate::coin::subject_of;
use crate::effect::{At, Effect};
use crate::refusal::Refusal;

/// Longest life of a fault, in seconds.
pub const MAX_TTL_S: u32 = 3_600;
/// Longest wait before a fault begins, in seconds.
pub const MAX_AFTER_S: u32 = 600;
/// Most names that a list of a target has.
pub const MAX_NAMES: usize = 8;
/// Most request fields that a target looks at.
pub const MAX_FIELDS: usize = 4;
/// Most values of one of them.
pub const MAX_VALUES: usize = 64;
/// Most entries of the baggage that a target looks at.
pub const MAX_BAGGAGE: usize = 2;
/// Most guards of a fault.
pub const MAX_GUARDS: usize = 4;
/// Longest text of a fault, in bytes.
pub const MAX_TEXT: usize = 2_000;
/// Largest document of a fault, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// Something that goes wrong on purpose: what, where, for which share, and until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What it does.
    pub what: Effect,
    /// Where.
    #[serde(rename = "where")]
    pub target: Target,
    /// To which part of what comes by.
    #[serde(default)]
    pub share: Share,
    /// From when until when.
    pub timing: Timing,
    /// Whether one service is meant, or all of its process.
    #[serde(default)]
    pub scope: Scope,
    /// What ends it early.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Guard>,
    /// What would help against it.
    #[serde(default)]
    pub remedy: String,
    /// What it is for.
    #[serde(default)]
    pub why: String,
}

impl Fault {
    /// Lets it be of the whole process where it cannot be of less.
    pub fn widen(&mut self) {
        if self.target.at == At::Process && self.what.is_of_whole_process() {
            self.scope = Scope::Process;
        }
    }

    /// What subjects are hashed with: of what it does, where, and its seed, so that the same fault hits the same ones whenever it is armed, and with a
    /// larger share all that it hit with a smaller one.
    pub fn key(&self) -> u64 {
        let of = serde_json::to_vec(&(&self.what, &self.target)).expect("a fault is JSON");
        self.share.seed ^ subject_of(&of)
    }

    /// Reads a fault.
    ///
    /// # Errors
    ///
    /// The place of the first thing that is not understood, and what was expected there. What is understood and may not be is said by
    /// [`crate::check`].
    pub fn from_json(document: &[u8]) -> Result<Self, Refusal> {
        if document.len() > MAX_DOCUMENT {
            let message = format!("the document has {} bytes", document.len());
            return Err(Refusal::new("", message, format!("at most {MAX_DOCUMENT} bytes")));
        }
        let mut reader = serde_json::Deserializer::from_slice(document);
        let fault = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let place = error.path().to_string();
            // Where a name or a value itself cannot be read, the place of it is unknown.
            let place = place.trim_end_matches(['.', '?']);
            Refusal::new(place, error.into_inner().to_string(), "a fault as docs/guide/faults.md has it".to_owned())
        })?;
        let end = reader.end();
        end.map_err(|e| Refusal::new("", e.to_string(), "nothing behind the fault".to_owned()))?;
        Ok(fault)
    }
}

/// From when until when. All of it is counted by the process that has the site, in time that never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// How long it lives, in seconds, from when it is armed: 1 to 3600.
    #[serde(default)]
    pub ttl_s: u32,
    /// How long it does nothing at first, in seconds.
    #[serde(default)]
    pub after_s: u32,
    /// How long it grows, in seconds, from nothing to all of its share.
    #[serde(default)]
    pub ramp_s: u32,
    /// It comes and goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<Wave>,
}

impl Timing {
    /// For so long, from now on.
    pub fn ttl(ttl_s: u32) -> Self {
        Self { ttl_s, after_s: 0, ramp_s: 0, wave: None }
    }
}

/// On, then off, then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// Seconds on.
    pub on_s: u32,
    /// Seconds off.
    pub off_s: u32,
}

/// Which part of what comes by is hit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Above 0, and 1 is all.
    #[serde(default = "all")]
    pub rate: f64,
    /// Of what.
    #[serde(default)]
    pub of: ShareOf,
    /// Another seed hits others.
    #[serde(default)]
    pub seed: u64,
}

fn all() -> f64 {
    1.0
}

impl Default for Share {
    fn default() -> Self {
        Self { rate: all(), of: ShareOf::default(), seed: 0 }
    }
}

/// What a share is a part of: two calls with the same subject are both hit, or both not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareOf {
    /// The low half of the trace's id.
    #[default]
    Traces,
    /// The number of the call at its site.
    Calls,
    /// The request's `customer_id`.
    Users,
    /// The request's `product_id`.
    Products,
    /// The process.
    Instances,
}

/// Whether one service is meant, or all of its process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The service.
    #[default]
    Service,
    /// Whatever is in its process: then all of it is the cause.
    Process,
}

/// Where a fault acts. Each list that is left out, or empty, means any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// At which kind of place.
    pub at: At,
    /// Of which services; `*` is every one. At a caller: the services that are called.
    pub service: Vec<String>,
    /// At a caller: of which services the calls are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Methods, by name or by the beginning of it: `PlaceOrder`, `Get*`. At the edge: routes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub method: Vec<String>,
    /// Only processes of these versions: `>=1.2, <2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Only these processes. Not at a caller, who is asked before a replica is chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instance: Vec<String>,
    /// At a consumer: only events of this topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// At a store: only this collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// At a cache: only keys that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_prefix: Option<String>,
    /// Only requests whose fields are so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request: Vec<FieldMatch>,
    /// Only calls whose baggage is so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baggage: Vec<BaggageMatch>,
}

impl Target {
    /// All that a service has at a kind of place.
    pub fn new(at: At, service: &str) -> Self {
        Self {
            at,
            service: vec![service.to_owned()],
            from: Vec::new(),
            method: Vec::new(),
            version: None,
            instance: Vec::new(),
            topic: None,
            collection: None,
            key_prefix: None,
            request: Vec::new(),
            baggage: Vec::new(),
        }
    }

    /// The same for one method, or those that begin so.
    pub fn method(mut self, method: &str) -> Self {
        self.method.push(method.to_owned());
        self
    }

    /// The same for the calls of one service.
    pub fn from(mut self, caller: &str) -> Self {
        self.from.push(caller.to_owned());
        self
    }
}

/// What a field of a request is to be: just one of `in`, `not_in`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldMatch {
    /// Its name in the contract; one of a message within by `outer.inner`.
    pub field: String,
    /// One of these.
    #[serde(default, rename = "in", skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// None of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_in: Vec<String>,
}

/// What an entry of the baggage is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaggageMatch {
    /// Its name.
    pub key: String,
    /// One of these.
    #[serde(rename = "in")]
    pub one_of: Vec<String>,
}

/// What ends a fault early. Guards are watched by those who keep the telemetry; a site knows nothing of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// What is looked at.
    #[serde(rename = "if")]
    pub signal: Signal,
    /// It trips above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// It trips below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// When it has been so for this long, in seconds.
    pub for_s: u32,
    /// What it means when nothing is known.
    #[serde(default)]
    pub missing: Missing,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Signal {
    /// The share of calls that fail, of a service or of `service/method`.
    ErrorRatio(String),
    /// How long the slowest hundredth takes at least, in milliseconds.
    P99Ms(String),
    /// Calls a second.
    RateS(String),
    /// What a SQL statement says: one number.
    Sql(String),
    /// What a PromQL query says: one number.
    Promql(String),
}

/// What nothing means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The fault ends: it is not known what it does.
    #[default]
    Abort,
    /// The fault goes on.
    Ignore,
}
