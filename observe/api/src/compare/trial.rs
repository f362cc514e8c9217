//! Trials with causes that were planted.

use std::borrow::Cow;

use vitrine_kit::hash;

use super::score::{Differences, bins, score};
use super::tally::{BASELINE, Counts, Numbers, SELECTED, Tallies, Tally, of_rank};
use super::values::{Cell, Of, Rows, Values};

/// Chance that is the same in each run: Steele, Lea and Flood's SplitMix64.
struct Chance(u64);

impl Chance {
    /// A number below one.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(hash::MULTIPLIER);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below another.
    fn below(&mut self, end: u32) -> u32 {
        ((self.share() * f64::from(end)) as u32).min(end - 1)
    }
}

const SPANS: usize = 4_000;
const SELECTION: usize = 40;
const ATTRIBUTES: usize = 120;

/// Counts 120 attributes of 4,000 spans of which 40 are selected; one value of one attribute, the cause, is at 45% of those selected and
/// 8% of the others.
fn planted(seed: u64) -> Tallies {
    let mut chance = Chance(seed);
    let parts: Vec<u8> = (0..SPANS).map(|span| if span < SELECTION { 0 } else { 1 }).collect();
    let mut tallies = Tallies::new();
    tallies.count_spans(&parts);
    let cell = |code: u32| Cell::Text(Cow::Owned(format!("value {code}")));
    for attribute in 0..ATTRIBUTES {
        let distinct = 2 + chance.below(30);
        let codes: Vec<u32> = (0..SPANS).map(|_| chance.below(distinct).min(chance.below(distinct))).collect();
        let values = Values { rows: Rows::Dense(&codes), codes: distinct as usize, cell: &cell };
        tallies.count(Of::Attribute, &format!("attribute {attribute}"), &values, &parts);
    }
    let cause = |part: &u8| if *part == 0 { 0.45 } else { 0.08 };
    let codes: Vec<u32> = parts.iter().map(|part| u32::from(chance.share() >= cause(part))).collect();
    let values = Values { rows: Rows::Dense(&codes), codes: 2, cell: &cell };
    tallies.count(Of::Attribute, "cause", &values, &parts);
    tallies
}

#[test]
fn the_cause_comes_first_in_forty_trials_of_forty() {
    let mut false_differences = 0;
    for seed in 0..40 {
        let differences = Differences::of(&planted(seed * 1_000_003 + 7), false);
        let first = differences.attributes.first().expect("a difference");
        assert_eq!((first.key.name.as_str(), first.values[0].value.as_deref()), ("cause", Some("value 0")), "{seed}");
        false_differences += differences.attributes[1..].iter().filter(|other| other.score > 0.05).count();
    }
    assert!(false_differences < 2 * 40, "{false_differences} false differences above 5 points in all trials");
}

#[test]
fn a_score_is_the_lower_bound_of_a_difference() {
    for (counts, spans, expected) in [
        ([18, 320], [40, 4_000], 0.221_4),
        ([0, 0], [40, 4_000], -0.022_5),
        ([4_000, 0], [4_000, 4_000], 0.998_8),
        ([0, 4_000], [4_000, 4_000], 0.998_8),
        ([1, 0], [1, 0], -0.708),
    ] {
        let found = score(counts, spans);
        assert!((found - expected).abs() < 0.001, "{counts:?} of {spans:?}: {found}");
    }
}

fn of_values(tallies: &mut Tallies, name: &str, parts: &[u8], codes: &[u32], cell: &dyn Fn(u32) -> Cell<'static>) {
    let distinct = codes.iter().filter(|code| **code != u32::MAX).max().map_or(0, |most| *most as usize + 1);
    tallies.count(Of::Attribute, name, &Values { rows: Rows::Dense(codes), codes: distinct, cell }, parts);
}

#[test]
fn absence_is_a_value_and_what_is_varied_is_hidden() {
    let parts: Vec<u8> = (0..200).map(|span| u8::from(span >= 100)).collect();
    let mut tallies = Tallies::new();
    tallies.count_spans(&parts);
    let text = |code: u32| Cell::Text(format!("value {code}").into());
    let absent: Vec<u32> = parts.iter().map(|part| if *part == 0 { u32::MAX } else { 0 }).collect();
    of_values(&mut tallies, "absent", &parts, &absent, &text);
    let varied: Vec<u32> = (0..200).map(|span| if span < 110 { span } else { 0 }).collect();
    of_values(&mut tallies, "varied", &parts, &varied, &text);
    let differences = Differences::of(&tallies, false);
    let [attribute] = &differences.attributes[..] else { panic!("{differences:?}") };
    assert_eq!((attribute.key.name.as_str(), &attribute.values[0].value), ("absent", &None));
    assert_eq!((attribute.values[0].selected, attribute.values[0].baseline), (100, 0));
    assert_eq!(Differences::of(&tallies, true).attributes.len(), 2);
    let shown = serde_json::to_value(&differences).expect("JSON");
    assert_eq!(shown["hidden"][0]["name"], "varied");
}

#[test]
fn numbers_are_in_bins_of_the_baseline() {
    let mut tallies = Tallies::new();
    let parts: Vec<u8> = (0..2_000).map(|span| u8::from(span >= 1_000)).collect();
    tallies.count_spans(&parts);
    // Those selected have the upper half of what the others have.
    let codes: Vec<u32> = (0..2_000).map(|span| if span < 1_000 { 500 + span / 2 } else { span - 1_000 }).collect();
    of_values(&mut tallies, "size", &parts, &codes, &|code| Cell::Number(f64::from(code)));
    let all = tallies.in_order();
    let Tally { numbers, .. } = all[0].1;
    let found = bins(numbers);
    assert_eq!(found.len(), 20);
    let is_even = |(.., counts): &(u64, u64, Counts)| counts[BASELINE] == 50;
    assert!(found.iter().all(is_even), "{found:?}");
    assert_eq!((of_rank(found[0].0), of_rank(found[0].1), of_rank(found[19].1)), (0.0, 49.0, 999.0));
    assert_eq!(found.iter().map(|(.., counts)| counts[SELECTED]).sum::<u32>(), 1_000);
    assert!(bins(&Numbers::default()).is_empty());
}

#[test]
fn attributes_that_pick_the_same_are_one_row_under_the_known_name() {
    let parts: Vec<u8> = (0..200).map(|span| u8::from(span >= 100)).collect();
    let mut tallies = Tallies::new();
    tallies.count_spans(&parts);
    let codes: Vec<u32> = parts.iter().map(|part| u32::from(*part)).collect();
    let text = |code: u32| Cell::Text(format!("value {code}").into());
    for name in ["a.b", "http.route", "zone"] {
        of_values(&mut tallies, name, &parts, &codes, &text);
    }
    let mut differences = Differences::of(&tallies, false);
    let places: Vec<_> = differences.attributes.iter().map(|each| each.key.name.clone()).collect();
    assert_eq!(places, ["http.route", "a.b", "zone"]);
    differences.fold(&[0, 0, 2]);
    let shown = serde_json::to_value(&differences).expect("JSON");
    assert_eq!(shown["attributes"][0]["name"], "http.route");
    assert_eq!(
        shown["attributes"][0]["same"],
        serde_json::json!([{"name": "a.b", "of": "attribute", "value": "value 0"}])
    );
    assert_eq!(shown["attributes"][1]["name"], "zone");
}
