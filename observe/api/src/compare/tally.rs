//! Counts of the values of attributes, bounded in memory.

use std::hash::{BuildHasher, RandomState};

use vitrine_kit::hash;
use vitrine_observe_columns::NULL_CODE;

use super::part;
use super::values::{Cell, FxMap, Key, Of, Rows, Values};

/// The place of the spans that were selected among counts.
pub(super) const SELECTED: usize = 0;
/// The place of the others.
pub(super) const BASELINE: usize = 1;

/// Attributes that are counted; further ones are left out, and it is said.
const MAX_ATTRIBUTES: usize = 1_000;
/// Texts that are counted apart of one attribute; of more, the rarest are let go of.
const MAX_TEXTS: usize = 20_000;
/// Texts that are counted apart of all attributes together, beyond [`MIN_TEXTS`] of each.
const MAX_ALL_TEXTS: usize = 200_000;
/// Texts that are counted apart of each attribute however many there are of others.
const MIN_TEXTS: usize = 200;
/// Numbers that are counted apart of one attribute; of more, digits at their ends are let go of.
const MAX_NUMBERS: usize = 8_192;
/// Bits of a number that are let go of first, which leaves ten of its fraction; and how many more each further time.
const FIRST_BITS: u32 = 42;
const MORE_BITS: u32 = 2;
/// Bytes of a text that are kept to show it.
const MAX_SHOWN_BYTES: usize = 256;

/// How many spans: of those selected, and of the others.
pub(super) type Counts = [u32; 2];

/// A text that was counted. It is known by a hash of all of it.
#[derive(Debug, Clone)]
pub(super) struct CountedText {
    /// The text, or its beginning.
    pub text: Box<str>,
    pub is_whole: bool,
    pub counts: Counts,
}

/// The values of one attribute.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Spans that have the attribute.
    pub present: Counts,
    pub texts: FxMap<u64, CountedText>,
    pub numbers: Numbers,
    /// Texts that came; some may have come twice, when texts were let go of.
    pub distinct_texts: u64,
    /// Whether texts were let go of.
    pub is_approximate: bool,
}

/// Numbers that were counted, in an order of whole numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    counts: FxMap<u64, Counts>,
    /// Bits that were let go of.
    bits: u32,
}

/// A number as a whole number of the same order.
pub(super) fn rank(number: f64) -> u64 {
    // Zeros are one number.
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The number of a rank.
pub(super) fn of_rank(rank: u64) -> f64 {
    f64::from_bits(if rank >> 63 == 1 { rank & !(1 << 63) } else { !rank })
}

fn add(counts: &mut Counts, more: Counts) {
    counts[SELECTED] += more[SELECTED];
    counts[BASELINE] += more[BASELINE];
}

impl Numbers {
    fn add(&mut self, number: f64, counts: Counts) {
        add(self.counts.entry(self.first(rank(number))).or_default(), counts);
        while self.counts.len() > MAX_NUMBERS {
            self.bits = if self.bits == 0 { FIRST_BITS } else { self.bits + MORE_BITS };
            for (rank, counts) in std::mem::take(&mut self.counts) {
                add(self.counts.entry(self.first(rank)).or_default(), counts);
            }
        }
    }

    /// The least rank that is counted together with this one.
    fn first(&self, rank: u64) -> u64 {
        rank >> self.bits << self.bits
    }

    /// How many are counted apart.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The least and the greatest rank of what was counted together, and how many there were; in order.
    pub(super) fn in_order(&self) -> Vec<(u64, u64, Counts)> {
        let within = (1u64 << self.bits) - 1;
        let mut all: Vec<_> = self.counts.iter().map(|(rank, counts)| (*rank, rank | within, *counts)).collect();
        all.sort_unstable();
        all
    }
}

impl Tally {
    fn add_text(&mut self, hash: u64, text: &str, counts: Counts) {
        if let Some(known) = self.texts.get_mut(&hash) {
            return add(&mut known.counts, counts);
        }
        let shown = &text[..text.floor_char_boundary(MAX_SHOWN_BYTES)];
        self.texts.insert(hash, CountedText { text: shown.into(), is_whole: shown.len() == text.len(), counts });
        self.distinct_texts += 1;
    }

    /// Lets go of texts but for those that came most often: among what was selected first, because a value that only the baseline has
    /// must be frequent to matter.
    fn cut(&mut self, most: usize) {
        if self.texts.len() <= most {
            return;
        }
        let mut all: Vec<(u64, CountedText)> = self.texts.drain().collect();
        all.select_nth_unstable_by_key(most / 2, |(_, text)| std::cmp::Reverse(text.counts));
        all.truncate(most / 2);
        self.texts = all.into_iter().collect();
        self.is_approximate = true;
    }
}

/// The values of all attributes.
pub(super) struct Tallies {
    seed: u64,
    spans: Counts,
    all: FxMap<Key, Tally>,
    /// Texts of all tallies together.
    texts: usize,
    /// Whether there were more attributes than are counted.
    pub are_more: bool,
    /// The counts of codes that are being counted, whose memory is used again.
    by_code: Vec<Counts>,
}

impl Tallies {
    pub(super) fn new() -> Self {
        // Values that collide cannot be chosen.
        let seed = RandomState::new().hash_one(0u8);
        Self { seed, spans: [0; 2], all: FxMap::default(), texts: 0, are_more: false, by_code: Vec::new() }
    }

    /// With what texts are hashed.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// How many spans there are of a part.
    pub(super) fn spans(&self, part: usize) -> u32 {
        self.spans[part]
    }

    /// The tallies, in order of their attributes.
    pub(super) fn in_order(&self) -> Vec<(&Key, &Tally)> {
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// Counts spans.
    pub(super) fn count_spans(&mut self, parts: &[u8]) {
        for part in (0..parts.len()).filter_map(|row| part(parts, row)) {
            self.spans[part] += 1;
        }
    }

    /// Counts values of an attribute.
    pub(super) fn count(&mut self, of: Of, name: &str, values: &Values<'_, '_>, parts: &[u8]) {
        let key = Key { of, name: name.to_owned() };
        if self.all.len() >= MAX_ATTRIBUTES && !self.all.contains_key(&key) {
            self.are_more = true;
            return;
        }
        self.by_code.clear();
        self.by_code.resize(values.codes, [0; 2]);
        let present = count_codes(&mut self.by_code, &values.rows, parts);
        if present == [0; 2] {
            return;
        }
        let tally = self.all.entry(key).or_default();
        add(&mut tally.present, present);
        let before = tally.texts.len();
        for (code, counts) in self.by_code.iter().enumerate().filter(|(_, counts)| **counts != [0; 2]) {
            match (values.cell)(code as u32) {
                Cell::Text(text) => tally.add_text(hash_of(self.seed, &text), &text, *counts),
                Cell::Number(number) => tally.numbers.add(number, *counts),
            }
        }
        tally.cut(if self.texts > MAX_ALL_TEXTS { MIN_TEXTS } else { MAX_TEXTS });
        self.texts = self.texts + tally.texts.len() - before;
    }
}

/// The hash by which a text is known.
pub(super) fn hash_of(seed: u64, text: &str) -> u64 {
    hash::seeded(seed, text.as_bytes()).0
}

/// Counts spans by code, and all that have one.
fn count_codes(by_code: &mut [Counts], rows: &Rows<'_>, parts: &[u8]) -> Counts {
    let mut present = [0; 2];
    match rows {
        Rows::Dense(codes) => {
            for (code, part) in codes.iter().zip(parts) {
                if let Some(counts) = by_code.get_mut(*code as usize)
                    && let Some(count) = counts.get_mut(usize::from(*part))
                {
                    *count += 1;
                }
            }
            by_code.iter().for_each(|counts| add(&mut present, *counts));
        }
        Rows::Sparse(pairs) => {
            let mut last = NULL_CODE;
            for (row, code) in *pairs {
                let Some(part) = part(parts, *row as usize) else { continue };
                by_code[*code as usize][part] += 1;
                present[part] += u32::from(*row != last);
                last = *row;
            }
        }
    }
    present
}

#[cfg(test)]
mod tests {
    use super::{Counts, MAX_NUMBERS, MAX_TEXTS, Numbers, Tallies, Tally, of_rank, rank};
    use crate::compare::values::{Cell, Of, Rows, Values};
    use vitrine_observe_columns::NULL_CODE;
    use vitrine_observe_store::NOT_ASKED;

    #[test]
    fn ranks_are_in_the_order_of_numbers() {
        let numbers = [f64::NEG_INFINITY, -1e9, -0.5, 0.0, 1e-9, 2.0, f64::INFINITY];
        assert!(numbers.map(rank).is_sorted_by(|a, b| a < b));
        assert_eq!(numbers.map(|number| of_rank(rank(number))), numbers);
        assert_eq!(rank(-0.0), rank(0.0));
    }

    #[test]
    fn many_numbers_are_told_apart_less_finely() {
        let mut numbers = Numbers::default();
        (0..100_000).for_each(|number| numbers.add(f64::from(number), [1, 2]));
        assert!(numbers.len() <= MAX_NUMBERS);
        let all = numbers.in_order();
        assert_eq!(all.iter().map(|(.., counts)| counts[1]).sum::<u32>(), 200_000);
        let within = |(low, high, _): &(u64, u64, Counts)| of_rank(*high) <= of_rank(*low) * 1.01 + 1e-300;
        assert!(all.iter().all(within));
    }

    #[test]
    fn frequent_texts_stay() {
        let mut tally = Tally::default();
        tally.add_text(7, "often", [0, 40_000]);
        tally.add_text(8, "selected", [2, 0]);
        for number in 0..100_000 {
            tally.add_text(1_000 + number, "once", [0, 1]);
            tally.cut(MAX_TEXTS);
        }
        assert!(tally.is_approximate && tally.texts.len() <= MAX_TEXTS && tally.distinct_texts == 100_002);
        assert_eq!((tally.texts[&7].counts, tally.texts[&8].counts), ([0, 40_000], [2, 0]));
    }

    #[test]
    fn spans_are_counted_once_however_many_values_they_have() {
        let mut tallies = Tallies::new();
        let parts = [0, 1, NOT_ASKED, 1];
        tallies.count_spans(&parts);
        let cell = |code: u32| Cell::Text(format!("value {code}").into());
        let pairs = [(0, 0), (0, 1), (2, 0), (3, 1)];
        tallies.count(Of::Event, "event", &Values { rows: Rows::Sparse(&pairs), codes: 2, cell: &cell }, &parts);
        let dense = [1, NULL_CODE, 0, 1];
        tallies.count(Of::Field, "service", &Values { rows: Rows::Dense(&dense), codes: 2, cell: &cell }, &parts);
        let found = tallies.in_order();
        assert_eq!((tallies.spans, found[0].1.present, found[1].1.present), ([1, 2], [1, 1], [1, 1]));
        let mut counts: Vec<Counts> = found[1].1.texts.values().map(|text| text.counts).collect();
        counts.sort_unstable();
        assert_eq!(counts, [[1, 0], [1, 1]]);
    }
}
