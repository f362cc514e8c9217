//! A head becomes a file.
//!
//! The table goes on taking series for the next head meanwhile: it is held only while something is copied from it.

use std::collections::BTreeSet;
use std::io::Write;

use crate::file::{ClockKey, FileWriter, NamedSeries, NamedView, SeriesData, in_order};
use crate::head::{Head, Rows};
use crate::part::{TimesCache, join};
use crate::table;
use crate::{FileError, MetadataEntry, SeriesId, WriteOptions, Written};

/// Times are kept for later series up to so many bytes.
const TIMES_BYTES: usize = 16 << 20;

/// Series in the order of a file.
struct Order {
    series: Vec<u32>,
    /// The place of each text of the table among those that are used.
    ranks: Vec<u32>,
}

/// A series that has no place in the order yet.
struct Unordered {
    number: u32,
    id: SeriesId,
    /// Where its labels are.
    labels: std::ops::Range<usize>,
}

impl Head {
    /// Writes all that it holds as a file. Nothing may be applied to it any more, or it is missing there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, options: &WriteOptions, out: impl Write) -> Result<Written, FileError> {
        let rows = self.read();
        let (order, texts) = self.order(&rows);
        let mut file = FileWriter::new(out, options, texts)?;
        for clock in rows.clocks.all() {
            file.clock(ClockKey { key: clock.key, ordinal: clock.ordinal }, &clock.times)?;
        }
        self.write_series(&rows, &order, &mut file)?;
        drop(rows);
        let metadata: BTreeSet<MetadataEntry> = self.table().read().metadata().iter().cloned().collect();
        file.finish(&metadata)
    }

    /// The order of the series, and the texts of their labels in order.
    fn order(&self, rows: &Rows) -> (Order, Vec<std::sync::Arc<str>>) {
        let table = self.table().read();
        let mut unordered = Vec::new();
        // Pairs of all series, one after the other.
        let mut labels: Vec<u32> = Vec::new();
        let mut is_used = vec![false; table.symbols().len()];
        for (series, number) in table.series().iter().zip(0..) {
            if !rows.has(number) {
                continue;
            }
            let begin = labels.len();
            for (view, place) in table.views_of(number).zip(0..) {
                for pair in table.pairs_of(view) {
                    let row = &table.pairs()[*pair as usize];
                    is_used[row.name as usize] = true;
                    is_used[row.value as usize] = true;
                    if place == 0 {
                        labels.push(*pair);
                    }
                }
            }
            unordered.push(Unordered { number, id: series.id, labels: begin..labels.len() });
        }
        let pairs: Vec<(u32, u32)> = table.pairs().iter().map(|pair| (pair.name, pair.value)).collect();
        let all = table.symbols().to_vec();
        drop(table);
        let used = all.iter().zip(&is_used).filter(|(_, is_used)| **is_used).map(|(text, _)| text.clone());
        let texts = in_order(used.collect());
        let rank = |text| texts.binary_search(text).map_or(u32::MAX, |rank| rank as u32);
        let ranks: Vec<u32> =
            all.iter().zip(&is_used).map(|(text, is_used)| if *is_used { rank(text) } else { u32::MAX }).collect();
        // Pairs by their place in the order of names and values: then labels compare as lists of numbers.
        let mut by_text: Vec<u32> = (0..pairs.len() as u32).collect();
        by_text.sort_unstable_by_key(|pair| {
            let (name, value) = pairs[*pair as usize];
            (ranks[name as usize], ranks[value as usize])
        });
        let mut place = vec![0; pairs.len()];
        by_text.iter().zip(0..).for_each(|(pair, at)| place[*pair as usize] = at);
        labels.iter_mut().for_each(|pair| *pair = place[*pair as usize]);
        unordered.sort_unstable_by(|one, other| {
            let key = |it: &Unordered| (&labels[it.labels.clone()], it.id);
            key(one).cmp(&key(other))
        });
        (Order { series: unordered.into_iter().map(|it| it.number).collect(), ranks }, texts)
    }

    fn write_series<W: Write>(&self, rows: &Rows, order: &Order, file: &mut FileWriter<W>) -> Result<(), FileError> {
        let mut times = TimesCache::default();
        for number in order.series.iter().copied() {
            if times.bytes() > TIMES_BYTES {
                times = TimesCache::default();
            }
            let (named, identity) = {
                let table = self.table().read();
                (named(&table, number, &order.ranks), table.identity(number).to_vec())
            };
            let parts = rows.parts(0, number, rows.seen(number), (i64::MIN, i64::MAX), &mut times);
            let last = rows.tracks[number as usize].chunks().last();
            let last = last.map(|chunk| &rows.clocks.all()[chunk.clock as usize]);
            file.push(&SeriesData {
                named,
                identity: &identity,
                clock: last.map(|clock| ClockKey { key: clock.key, ordinal: clock.ordinal }),
                samples: join(parts, &mut times),
                exemplars: rows.exemplars(number),
            })?;
        }
        Ok(())
    }
}

fn named(table: &table::Rows, number: u32, ranks: &[u32]) -> NamedSeries {
    let series = table.series()[number as usize];
    let view = |view: u32| {
        let rank = |pair: &u32| {
            let pair = &table.pairs()[*pair as usize];
            (ranks[pair.name as usize], ranks[pair.value as usize])
        };
        let labels = table.pairs_of(view).iter().map(rank).collect();
        NamedView { projection: table.views()[view as usize].projection, labels }
    };
    let views = table.views_of(number).map(view).collect();
    NamedSeries { id: series.id, kind: series.kind, temporality: series.temporality, views }
}
