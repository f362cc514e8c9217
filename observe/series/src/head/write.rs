//! A head becomes a file.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;

use crate::file::{ClockKey, FileWriter, NamedSeries, NamedView, SeriesData, in_order};
use crate::head::{Head, Rows};
use crate::part::{TimesCache, join};
use crate::table;
use crate::{FileError, WriteOptions, Written};

/// Times are kept for later series up to so many bytes.
const TIMES_BYTES: usize = 16 << 20;

impl Head {
    /// Writes all that it holds as a file. Nothing may be applied to it any more, or it is missing there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, options: &WriteOptions, out: impl Write) -> Result<Written, FileError> {
        let (table, rows) = (self.table().read(), self.read());
        let mut used = vec![false; table.symbols().len()];
        let written: Vec<u32> = (0..table.series().len() as u32).filter(|series| rows.has(*series)).collect();
        for series in &written {
            for pair in table.views_of(*series).flat_map(|view| table.pairs_of(view)) {
                let pair = &table.pairs()[*pair as usize];
                used[pair.name as usize] = true;
                used[pair.value as usize] = true;
            }
        }
        let texts = table.symbols().iter().zip(&used).filter(|(_, used)| **used).map(|(text, _)| text.clone());
        let texts = in_order(texts.collect());
        // The place of each text in that order.
        let known: HashMap<&str, u32> = texts.iter().map(|text| &**text).zip(0..).collect();
        let ranks: Vec<u32> = table.symbols().iter().map(|text| known.get(&**text).copied().unwrap_or(0)).collect();
        let mut series: Vec<(u32, NamedSeries)> =
            written.into_iter().map(|number| (number, named(&table, number, &ranks))).collect();
        series.sort_unstable_by(|(_, one), (_, other)| one.order().cmp(&other.order()));
        let mut file = FileWriter::new(out, options, texts.clone())?;
        drop(known);
        for clock in rows.clocks.all() {
            file.clock(ClockKey { key: clock.key, ordinal: clock.ordinal }, &clock.times)?;
        }
        write_series(&rows, &table, series, &mut file)?;
        let metadata: BTreeSet<_> = table.metadata().iter().cloned().collect();
        drop((table, rows));
        file.finish(&metadata)
    }
}

fn write_series<W: Write>(
    rows: &Rows,
    table: &table::Rows,
    series: Vec<(u32, NamedSeries)>,
    file: &mut FileWriter<W>,
) -> Result<(), FileError> {
    let mut times = TimesCache::default();
    for (number, named) in series {
        if times.bytes() > TIMES_BYTES {
            times = TimesCache::default();
        }
        let parts = rows.parts(0, number, rows.seen(number), (i64::MIN, i64::MAX), &mut times);
        let last = rows.tracks[number as usize].chunks().last().map(|chunk| &rows.clocks.all()[chunk.clock as usize]);
        file.push(&SeriesData {
            named,
            identity: table.identity(number),
            clock: last.map(|clock| ClockKey { key: clock.key, ordinal: clock.ordinal }),
            samples: join(parts, &mut times),
            exemplars: rows.exemplars(number),
        })?;
    }
    Ok(())
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
