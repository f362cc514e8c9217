//! Which attributes differ, and how surely.
//!
//! A value that `x` of `n` selected spans have and `y` of `m` others is scored by the lower bound (95%) of the difference of its shares, with
//! one success and one failure added to both: `p = (x+1)/(n+2)`, `q = (y+1)/(m+2)`,
//! `|p-q| - 1.96 sqrt(p(1-p)/(n+2) + q(1-q)/(m+2))`. The difference alone would rank the accidents of a small selection first. (The interval is
//! that of Agresti and Caffo, The American Statistician 54, 2000, with half of its prior.)

use std::cmp::Ordering;

use serde::Serialize;

use super::known;
use super::tally::{BASELINE, Counts, Numbers, SELECTED, Tallies, Tally, of_rank};
use super::values::{Key, Of};

/// Bins of numbers; so many distinct ones or fewer are values as they are.
const BINS: usize = 20;
/// Attributes that are told, and that are looked at for picking the same spans: as many as a mask has bits, or fewer.
pub(super) const MAX_TOLD: usize = 100;
/// Values that are told of an attribute.
const MAX_VALUES: usize = 10;
/// An attribute is hidden when more than one in so many of its texts is distinct.
const VARIED: u64 = 2;
/// How many standard deviations the bound is below the difference.
const CONFIDENCE: f64 = 1.96;

/// The lower bound of the difference of two shares; less than zero where nothing is sure.
pub(super) fn score(counts: Counts, spans: Counts) -> f64 {
    let share = |part: usize| (f64::from(counts[part]) + 1.0) / (f64::from(spans[part]) + 2.0);
    let (p, q) = (share(SELECTED), share(BASELINE));
    let variance = |share: f64, part: usize| share * (1.0 - share) / (f64::from(spans[part]) + 2.0);
    (p - q).abs() - CONFIDENCE * (variance(p, SELECTED) + variance(q, BASELINE)).sqrt()
}

/// The highest first. What differs by less than a billionth is the same: scores of two values that split all spans are equal but for how
/// they were rounded.
fn by_score(a: f64, b: f64) -> Ordering {
    let rounded = |score: f64| (score * 1e9).round();
    rounded(b).total_cmp(&rounded(a))
}

/// Which spans a value picks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pick {
    /// Those without the attribute.
    Absent,
    /// Those with the text of this hash.
    Text(u64),
    /// Those with a number between these ranks, inclusive.
    Range(u64, u64),
}

/// A value of an attribute, as it is told.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ScoredValue {
    /// None where the attribute is absent.
    pub value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<f64>,
    pub selected: u32,
    pub baseline: u32,
    selected_share: f64,
    baseline_share: f64,
    pub score: f64,
    /// A condition of the query text that picks it.
    query: Option<String>,
    #[serde(skip)]
    pick: Pick,
}

/// An attribute that differs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Difference {
    #[serde(flatten)]
    name: Name,
    pub score: f64,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The surest first.
    pub values: Vec<ScoredValue>,
    distinct: u64,
    approximate: bool,
    /// Attributes whose best value picks the same spans.
    pub same: Vec<Same>,
    #[serde(skip)]
    pub key: Key,
}

/// An attribute's name, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Name {
    name: String,
    of: Of,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Same {
    #[serde(flatten)]
    name: Name,
    value: Option<String>,
}

/// An attribute that is not told, because nearly every span has a value of its own.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Hidden {
    #[serde(flatten)]
    name: Name,
    distinct: u64,
    spans: u32,
}

/// What differs.
#[derive(Debug, Serialize)]
pub(super) struct Differences {
    /// The surest first.
    pub attributes: Vec<Difference>,
    hidden: Vec<Hidden>,
    /// How many attributes were compared.
    compared: usize,
    /// Whether there were more attributes than are compared.
    more_attributes: bool,
}

impl Differences {
    pub(super) fn of(tallies: &Tallies, show_varied: bool) -> Self {
        let spans = [tallies.spans(SELECTED), tallies.spans(BASELINE)];
        let (mut attributes, mut hidden) = (Vec::new(), Vec::new());
        let all = tallies.in_order();
        for (key, tally) in &all {
            let present = tally.present[SELECTED] + tally.present[BASELINE];
            if !show_varied && tally.distinct_texts * VARIED > u64::from(present) {
                hidden.push(Hidden { name: key.shown_name(), distinct: tally.distinct_texts, spans: present });
            } else {
                attributes.extend(difference(key, tally, spans));
            }
        }
        attributes.sort_by(|a, b| by_score(a.score, b.score).then_with(|| known::order(&a.key, &b.key)));
        attributes.truncate(MAX_TOLD);
        hidden.sort_by_key(|hidden| std::cmp::Reverse(hidden.spans));
        hidden.truncate(MAX_TOLD);
        Self { attributes, hidden, compared: all.len(), more_attributes: tallies.are_more }
    }

    /// Which spans the best value of each attribute picks.
    pub(super) fn picks(&self) -> Vec<(&Key, Pick)> {
        self.attributes.iter().filter_map(|each| Some((&each.key, each.values.first()?.pick))).collect()
    }

    /// Folds attributes that pick the same spans into the best known of them. `firsts` tells of each the place of the first that picks the
    /// same as it.
    pub(super) fn fold(&mut self, firsts: &[usize]) {
        let mut groups: Vec<(usize, Vec<Difference>)> = Vec::new();
        for (attribute, first) in std::mem::take(&mut self.attributes).into_iter().zip(firsts) {
            match groups.iter_mut().find(|(place, _)| place == first) {
                Some((_, group)) => group.push(attribute),
                None => groups.push((*first, vec![attribute])),
            }
        }
        self.attributes = groups.into_iter().filter_map(|(_, group)| folded(group)).collect();
        self.attributes.sort_by(|a, b| by_score(a.score, b.score));
    }
}

fn folded(mut group: Vec<Difference>) -> Option<Difference> {
    group.sort_by(|a, b| known::order(&a.key, &b.key));
    let mut group = group.into_iter();
    let mut shown = group.next()?;
    let same =
        |each: Difference| Same { name: each.name, value: each.values.into_iter().next().and_then(|best| best.value) };
    shown.same = group.map(same).collect();
    Some(shown)
}

impl Key {
    fn shown_name(&self) -> Name {
        Name { name: self.name.clone(), of: self.of }
    }
}

/// An attribute, if it differs.
fn difference(key: &Key, tally: &Tally, spans: Counts) -> Option<Difference> {
    let mut values = scored(tally, spans);
    // Of two values that split all spans, the one that those selected have is the telling one.
    let is_more = |value: &ScoredValue| value.selected_share > value.baseline_share;
    values.sort_by(|a, b| {
        by_score(a.score, b.score).then_with(|| is_more(b).cmp(&is_more(a))).then_with(|| a.value.cmp(&b.value))
    });
    values.truncate(MAX_VALUES);
    let score = values.first().map(|best| best.score).filter(|score| *score > 0.0)?;
    Some(Difference {
        name: key.shown_name(),
        score,
        kind: if tally.numbers.len() > 0 { "number" } else { "text" },
        values: values.into_iter().map(|value| value.with_query(key)).collect(),
        distinct: tally.distinct_texts + tally.numbers.len() as u64,
        approximate: tally.is_approximate,
        same: Vec::new(),
        key: key.clone(),
    })
}

fn scored(tally: &Tally, spans: Counts) -> Vec<ScoredValue> {
    let value = |value: Option<String>, pick: Pick, counts: Counts| {
        let share = |part: usize| f64::from(counts[part]) / f64::from(spans[part].max(1));
        let bounds = match pick {
            Pick::Range(low, high) => (Some(of_rank(low)), Some(of_rank(high))),
            _ => (None, None),
        };
        ScoredValue {
            value,
            low: bounds.0,
            high: bounds.1,
            selected: counts[SELECTED],
            baseline: counts[BASELINE],
            selected_share: share(SELECTED),
            baseline_share: share(BASELINE),
            score: score(counts, spans),
            query: None,
            pick,
        }
    };
    let absent = [SELECTED, BASELINE].map(|part| spans[part].saturating_sub(tally.present[part]));
    let absent = (absent != [0; 2]).then(|| value(None, Pick::Absent, absent));
    let texts = tally.texts.iter().map(|(hash, text)| {
        let shown = if text.is_whole { text.text.to_string() } else { format!("{}…", text.text) };
        value(Some(shown), Pick::Text(*hash), text.counts)
    });
    let numbers = bins(&tally.numbers).into_iter().map(|(low, high, counts)| {
        value(Some(range_text(of_rank(low), of_rank(high))), Pick::Range(low, high), counts)
    });
    absent.into_iter().chain(texts).chain(numbers).collect()
}

impl ScoredValue {
    fn with_query(mut self, key: &Key) -> Self {
        let is_one = self.low == self.high;
        self.query = self.value.as_deref().filter(|_| is_one).and_then(|value| known::condition(key, value));
        self
    }
}

fn range_text(low: f64, high: f64) -> String {
    if low == high { low.to_string() } else { format!("{low} to {high}") }
}

/// Numbers in bins of equally many values of the baseline, by their ranks; few distinct numbers each for itself.
pub(super) fn bins(numbers: &Numbers) -> Vec<(u64, u64, Counts)> {
    let all = numbers.in_order();
    if all.len() <= BINS {
        return all;
    }
    let total: u64 = all.iter().map(|(.., counts)| u64::from(counts[BASELINE])).sum();
    let (mut bins, mut below, mut number) = (Vec::<(u64, u64, Counts)>::new(), 0, None);
    for (low, high, counts) in all {
        let bin = (below * BINS as u64).checked_div(total).unwrap_or(0).min(BINS as u64 - 1);
        match bins.last_mut().filter(|_| number == Some(bin)) {
            Some(last) => {
                last.1 = high;
                last.2[SELECTED] += counts[SELECTED];
                last.2[BASELINE] += counts[BASELINE];
            }
            None => bins.push((low, high, counts)),
        }
        number = Some(bin);
        below += u64::from(counts[BASELINE]);
    }
    bins
}
