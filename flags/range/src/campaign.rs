//! A campaign, as it is written down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vitrine_platform_faults::Fault;
use vitrine_platform_faults::effect::JOURNEYS;

use crate::template;
use crate::wrong::{Wrong, read, refused};

/// The version of this document.
pub const VERSION: u32 = 1;
/// Largest document of a campaign, in bytes.
pub const MAX_DOCUMENT: usize = 1024 * 1024;
/// Most incidents of a campaign.
pub const MAX_INCIDENTS: u32 = 10_000;
/// Most templates, and most faults of a list.
pub const MAX_TEMPLATES: usize = 1_000;
/// Longest window before, between and behind, in seconds.
pub const MAX_WINDOW_S: u32 = 3_600;
/// Most that shop a second.
pub const MAX_RPS: f64 = 10_000.0;
/// Largest weight.
pub const MAX_WEIGHT: f64 = 1_000_000.0;
/// How long a baseline is, and a recovery, unless said otherwise, in seconds.
const WINDOW_S: u32 = 120;
/// How long after the end of a fault its recovery begins, unless said otherwise, in seconds.
const GAP_S: u32 = 5;

/// Incidents to come: drawn of templates, or listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// [`VERSION`].
    pub version: u32,
    /// All chance is of this.
    pub seed: u64,
    /// Who shops meanwhile.
    pub load: Load,
    /// How long the load runs before the first baseline, in seconds.
    #[serde(default = "window")]
    pub warm_s: u32,
    /// How long nothing goes wrong before an incident, in seconds.
    #[serde(default = "window")]
    pub baseline_s: u32,
    /// How long after the end of an incident its recovery begins, in seconds.
    #[serde(default = "gap")]
    pub gap_s: u32,
    /// How long a recovery is watched, in seconds.
    #[serde(default = "window")]
    pub recovery_s: u32,
    /// Whether nothing that is exported may tell what was done.
    #[serde(default)]
    pub blind: bool,
    /// Incidents by chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<Draw>,
    /// Just these, in this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<Vec<Fault>>,
}

fn window() -> u32 {
    WINDOW_S
}

fn gap() -> u32 {
    GAP_S
}

/// Who shops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// How many come a second.
    pub rps: f64,
    /// What for, by weight; what is left out has the weight that the load has for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub journeys: BTreeMap<String, u32>,
}

/// Incidents by chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// How many, no-op controls among them, twins not.
    pub incidents: u32,
    /// Of what.
    pub of: Vec<Drawn>,
    /// Which part of the faulted ones begins while another one is going on.
    #[serde(default)]
    pub overlap: f64,
    /// Which part of all does nothing: the same calls of the API, and a delay of 0 ms.
    #[serde(default)]
    pub noop: f64,
    /// Which part of what is faulted is run once more without the fault, with the same people.
    #[serde(default)]
    pub twin: f64,
    /// In which order.
    #[serde(default)]
    pub order: Order,
}

/// In which order incidents come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By chance.
    #[default]
    Shuffle,
    /// As they were drawn; a twin directly after its incident.
    Drawn,
}

/// One template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawn {
    /// A fault in which each number may be `{"lo": 1, "hi": 9}`, with `"log": true` by its logarithm, and each value `{"one_of": […]}`.
    pub template: Value,
    /// How often, beside the others.
    #[serde(default = "one")]
    pub weight: f64,
}

fn one() -> f64 {
    1.0
}

impl Campaign {
    /// Reads a campaign.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its place; of what cannot be read, the first.
    pub fn from_json(document: &[u8]) -> Result<Self, Vec<Wrong>> {
        let campaign: Self =
            read(document, MAX_DOCUMENT, "a campaign as docs/guide/range.md has it").map_err(|e| vec![e])?;
        let wrong = campaign.check();
        if wrong.is_empty() { Ok(campaign) } else { Err(wrong) }
    }

    fn check(&self) -> Vec<Wrong> {
        let mut all = Vec::new();
        if self.version != VERSION {
            all.push(Wrong::new("version", format!("version {} is unknown", self.version), VERSION.to_string()));
        }
        within(&mut all, "load.rps", self.load.rps, f64::MIN_POSITIVE, MAX_RPS);
        for journey in self.load.journeys.keys().filter(|name| !JOURNEYS.contains(&name.as_str())) {
            let place = format!("load.journeys.{journey}");
            all.push(Wrong::new(place, "unknown journey", format!("one of {}", JOURNEYS.join(", "))));
        }
        if !self.load.journeys.is_empty() && self.load.journeys.values().all(|weight| *weight == 0) {
            all.push(Wrong::new("load.journeys", "nobody comes for anything", "a weight above 0"));
        }
        let windows = [("warm_s", self.warm_s, 0), ("gap_s", self.gap_s, 0)];
        let watched = [("baseline_s", self.baseline_s, 1), ("recovery_s", self.recovery_s, 1)];
        for (place, seconds, least) in windows.into_iter().chain(watched) {
            within(&mut all, place, f64::from(seconds), f64::from(least), f64::from(MAX_WINDOW_S));
        }
        match (&self.draw, &self.list) {
            (Some(draw), None) => draw.check(&mut all),
            (None, Some(list)) => listed(&mut all, list),
            (Some(_), Some(_)) => all.push(Wrong::new("list", "there is a draw as well", "one of draw and list")),
            (None, None) => all.push(Wrong::new("", "no incident is named", "one of draw and list")),
        }
        all
    }
}

impl Draw {
    fn check(&self, all: &mut Vec<Wrong>) {
        within(all, "draw.incidents", f64::from(self.incidents), 1.0, f64::from(MAX_INCIDENTS));
        for (place, part) in [("draw.overlap", self.overlap), ("draw.noop", self.noop), ("draw.twin", self.twin)] {
            within(all, place, part, 0.0, 1.0);
        }
        if self.of.is_empty() || self.of.len() > MAX_TEMPLATES {
            let message = format!("there are {} templates", self.of.len());
            all.push(Wrong::new("draw.of", message, format!("1 to {MAX_TEMPLATES}")));
            return;
        }
        for (at, drawn) in self.of.iter().enumerate() {
            within(all, &format!("draw.of[{at}].weight"), drawn.weight, 0.0, MAX_WEIGHT);
            template::check(all, &format!("draw.of[{at}].template"), &drawn.template);
        }
        if self.of.iter().all(|drawn| drawn.weight <= 0.0) {
            all.push(Wrong::new("draw.of", "no template can be drawn", "a weight above 0"));
        }
    }
}

fn listed(all: &mut Vec<Wrong>, list: &[Fault]) {
    if list.is_empty() || list.len() > MAX_TEMPLATES {
        all.push(Wrong::new("list", format!("there are {} faults", list.len()), format!("1 to {MAX_TEMPLATES}")));
    }
    for (at, fault) in list.iter().enumerate() {
        refused(all, &format!("list[{at}]"), fault);
    }
}

fn within(all: &mut Vec<Wrong>, place: &str, n: f64, low: f64, high: f64) {
    // Also what is no number at all.
    if !(n >= low && n <= high) {
        let expected =
            if low == f64::MIN_POSITIVE { format!("above 0, at most {high}") } else { format!("{low} to {high}") };
        all.push(Wrong::new(place, format!("{n} is out of range"), expected));
    }
}
