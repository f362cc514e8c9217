//! Which values pick the same spans.
//!
//! Of each span it is a bit whether a value picks it; spans with the same bits are counted together, and these counts tell how any two
//! values go together.

use std::collections::HashSet;

use vitrine_observe_columns::NULL_CODE;
use vitrine_observe_store::SpanChunk;

use super::part;
use super::score::{MAX_TOLD, Pick};
use super::tally::{hash_of, rank};
use super::values::{Cell, FxMap, Key, Of, Rows, Values, visit_values};

/// Two values pick the same spans when their phi coefficient, the correlation of two bits, is above this.
const SAME: f64 = 0.95;

const _: () = assert!(MAX_TOLD <= u128::BITS as usize, "a mask has a bit for each attribute");

/// Spans by the values that pick them.
pub(super) struct Folding {
    picks: Vec<Pick>,
    places: FxMap<Key, usize>,
    seed: u64,
    spans: FxMap<u128, u32>,
}

impl Folding {
    /// Of at most [`MAX_TOLD`] values of different attributes; texts are hashed with this seed.
    pub(super) fn new(picks: &[(&Key, Pick)], seed: u64) -> Self {
        let places = picks.iter().enumerate().map(|(place, (key, _))| ((*key).clone(), place)).collect();
        Self { picks: picks.iter().map(|(_, pick)| *pick).collect(), places, seed, spans: FxMap::default() }
    }

    /// Counts spans, of which these attributes were read.
    pub(super) fn mark(&mut self, chunk: &SpanChunk<'_>, wanted: &HashSet<Key>) {
        let absent = self.picks.iter().enumerate().filter(|(_, pick)| **pick == Pick::Absent);
        let absent = absent.fold(0u128, |mask, (place, _)| mask | 1 << place);
        let mut masks = vec![absent; chunk.parts.len()];
        visit_values(chunk, Some(wanted), &mut |of, name, values| self.mark_values(of, name, values, &mut masks));
        for (row, mask) in masks.into_iter().enumerate() {
            if part(chunk.parts, row).is_some() {
                *self.spans.entry(mask).or_default() += 1;
            }
        }
    }

    fn mark_values(&self, of: Of, name: &str, values: &Values<'_, '_>, masks: &mut [u128]) {
        let Some(place) = self.places.get(&Key { of, name: name.to_owned() }) else { return };
        let (pick, bit) = (self.picks[*place], 1u128 << place);
        let picked: Vec<bool> =
            (0..values.codes as u32).map(|code| self.picks_cell(pick, &(values.cell)(code))).collect();
        let mut mark = |row: usize, code: u32| {
            if pick == Pick::Absent {
                masks[row] &= !bit;
            } else if picked[code as usize] {
                masks[row] |= bit;
            }
        };
        match &values.rows {
            Rows::Dense(codes) => {
                let present = codes.iter().enumerate().filter(|(_, code)| **code != NULL_CODE);
                present.for_each(|(row, code)| mark(row, *code));
            }
            Rows::Sparse(pairs) => pairs.iter().for_each(|(row, code)| mark(*row as usize, *code)),
        }
    }

    fn picks_cell(&self, pick: Pick, cell: &Cell<'_>) -> bool {
        match (pick, cell) {
            (Pick::Text(hash), Cell::Text(text)) => hash_of(self.seed, text) == hash,
            (Pick::Range(low, high), Cell::Number(number)) => (low..=high).contains(&rank(*number)),
            _ => false,
        }
    }

    /// Of each value the place of the first that picks the same spans: its own, if none before it does.
    pub(super) fn same(&self) -> Vec<usize> {
        let mut firsts: Vec<usize> = Vec::with_capacity(self.picks.len());
        for place in 0..self.picks.len() {
            let mut earlier = (0..place).filter(|earlier| firsts[*earlier] == *earlier);
            firsts.push(earlier.find(|earlier| self.phi(*earlier, place) > SAME).unwrap_or(place));
        }
        firsts
    }

    /// The correlation of two values' bits; 0 where one of them picks no span, or every one.
    fn phi(&self, a: usize, b: usize) -> f64 {
        let mut counts = [[0f64; 2]; 2];
        for (mask, spans) in &self.spans {
            let bit = |place: usize| usize::from(mask >> place & 1 == 1);
            counts[bit(a)][bit(b)] += f64::from(*spans);
        }
        let [[neither, only_b], [only_a, both]] = counts;
        let product = (both + only_a) * (both + only_b) * (neither + only_a) * (neither + only_b);
        if product == 0.0 { 0.0 } else { (both * neither - only_a * only_b) / product.sqrt() }
    }
}
