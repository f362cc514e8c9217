//! A head as one of those that are asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use roaring::RoaringBitmap;
use rustc_hash::FxBuildHasher;

use crate::head::track::Seen;
use crate::head::{Head, Rows};
use crate::index::{Index, resolve};
use crate::part::{Part, SourceNumber, TimesCache};
use crate::source::{PartReader, Source, ViewInfo};
use crate::table::{self, PairRow};
use crate::{Exemplar, Labels, Matcher, MetadataEntry, QueryError, SeriesId, SeriesTable};

/// The index of a table.
struct TableIndex<'a> {
    table: &'a SeriesTable,
    rows: &'a table::Rows,
}

impl Index for TableIndex<'_> {
    fn all(&self) -> Result<RoaringBitmap, QueryError> {
        Ok((0..self.rows.views().len() as u32).collect())
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, QueryError> {
        Ok(bitmap(self.rows.views_with(name, value, self.table)))
    }

    fn matching(
        &self,
        name: &str,
        _prefix: &str,
        accepts: &mut dyn FnMut(&str) -> bool,
    ) -> Result<RoaringBitmap, QueryError> {
        let mut found = RoaringBitmap::new();
        for pair in self.rows.pairs_named(name, self.table) {
            if accepts(self.rows.symbol(pair.value)) {
                found |= bitmap(&pair.views);
            }
        }
        Ok(found)
    }
}

fn bitmap(rising: &[u32]) -> RoaringBitmap {
    RoaringBitmap::from_sorted_iter(rising.iter().copied()).expect("a table numbers views as they come")
}

impl Head {
    /// Whether one of these views has samples, and is one of `chosen` if they are given.
    fn has_one(rows: &Rows, table: &table::Rows, pair: &PairRow, chosen: Option<&RoaringBitmap>) -> bool {
        let has = |view: &u32| rows.has(table.views()[*view as usize].series);
        match chosen {
            // They have samples.
            Some(chosen) => pair.views.iter().any(|view| chosen.contains(*view)),
            None => pair.views.iter().any(has),
        }
    }
}

impl Source for Head {
    fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        let status = self.status();
        status.samples > 0 && status.min_ms <= end_ms && status.max_ms >= start_ms
    }

    fn resolve(&self, matchers: &[Matcher]) -> Result<RoaringBitmap, QueryError> {
        let table = self.table().read();
        let found = resolve(&TableIndex { table: self.table(), rows: &table }, matchers)?;
        let rows = self.read();
        let has = |view: &u32| rows.has(table.views()[*view as usize].series);
        Ok(RoaringBitmap::from_sorted_iter(found.iter().filter(has)).expect("those of a set rise"))
    }

    fn views(&self, views: &RoaringBitmap) -> Result<Vec<ViewInfo>, QueryError> {
        let table = self.table().read();
        let info = |view: u32| {
            let row = table.views()[view as usize];
            let series = table.series()[row.series as usize];
            ViewInfo {
                view,
                series: row.series,
                id: series.id,
                projection: row.projection,
                kind: series.kind,
                temporality: series.temporality,
            }
        };
        Ok(views.iter().map(info).collect())
    }

    fn views_of(&self, series: u32) -> Result<Vec<ViewInfo>, QueryError> {
        let views = self.table().read().views_of(series);
        self.views(&RoaringBitmap::from_sorted_iter(views).expect("a range rises"))
    }

    fn labels(&self, views: &[u32]) -> Result<Vec<Labels>, QueryError> {
        let table = self.table().read();
        Ok(views.iter().map(|view| table.labels(*view)).collect())
    }

    fn label_names(&self, views: Option<&RoaringBitmap>, names: &mut BTreeSet<String>) -> Result<(), QueryError> {
        let (table, rows) = (self.table().read(), self.read());
        for pair in table.pairs() {
            let name = table.symbol(pair.name);
            if !names.contains(&**name) && Self::has_one(&rows, &table, pair, views) {
                names.insert(name.to_string());
            }
        }
        Ok(())
    }

    fn label_values(
        &self,
        name: &str,
        views: Option<&RoaringBitmap>,
        values: &mut BTreeSet<String>,
    ) -> Result<(), QueryError> {
        let (table, rows) = (self.table().read(), self.read());
        for pair in table.pairs_named(name, self.table()) {
            let value = table.symbol(pair.value);
            if !values.contains(&**value) && Self::has_one(&rows, &table, pair, views) {
                values.insert(value.to_string());
            }
        }
        Ok(())
    }

    fn identities(&self, series: &[u32]) -> Result<Vec<Bytes>, QueryError> {
        let table = self.table().read();
        Ok(series.iter().map(|number| Bytes::copy_from_slice(table.identity(*number))).collect())
    }

    fn hidden(&self) -> Result<Vec<(SeriesId, u32)>, QueryError> {
        let (table, rows) = (self.table().read(), self.read());
        let numbered = table.series().iter().zip(0..);
        let hidden = numbered.filter(|(_, number)| table.views_of(*number).is_empty() && rows.has(*number));
        Ok(hidden.map(|(series, number)| (series.id, number)).collect())
    }

    fn exemplars(&self, (series, _): (u32, SeriesId)) -> Result<Vec<Exemplar>, QueryError> {
        Ok(self.read().exemplars(series).to_vec())
    }

    fn metadata(&self, metric: Option<&str>, entries: &mut BTreeSet<MetadataEntry>) -> Result<(), QueryError> {
        let table = self.table().read();
        let chosen = table.metadata().iter().filter(|entry| metric.is_none_or(|metric| entry.metric == metric));
        entries.extend(chosen.cloned());
        Ok(())
    }

    fn reader(self: Arc<Self>, number: SourceNumber, series: &[u32]) -> Box<dyn PartReader> {
        let rows = self.read();
        let seen = series.iter().map(|series| (*series, rows.seen(*series))).collect();
        drop(rows);
        Box::new(HeadReader { head: self, number, seen })
    }
}

/// Reads samples that were there when it was made.
struct HeadReader {
    head: Arc<Head>,
    number: SourceNumber,
    seen: HashMap<u32, Seen, FxBuildHasher>,
}

impl PartReader for HeadReader {
    fn parts(
        &mut self,
        (series, _): (u32, SeriesId),
        range: (i64, i64),
        times: &mut TimesCache,
    ) -> Result<Vec<Part>, QueryError> {
        let seen = self.seen.get(&series).copied().unwrap_or_default();
        Ok(self.head.read().parts(self.number, series, seen, range, times))
    }
}
