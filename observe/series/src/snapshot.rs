//! All series of a tenant at one time, and what is asked of them.

mod exemplars;
pub(crate) mod scan;
mod select;
mod stats;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::source::Source;
use crate::{
    Budget, ExemplarSeries, FileInput, Filter, Head, MetadataEntry, QueryError, Queryable, Select, Selection, SeriesId,
    Stats,
};

/// What a label's name or value takes in a set, beside its bytes.
const NAME_OVERHEAD: usize = 40;

/// Heads and files of a tenant, as they are now.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// In the order in which they were written.
    sources: Vec<Arc<dyn Source>>,
    heads: Vec<Arc<Head>>,
}

/// A source, and which of its views are chosen; all if none are given.
type Chosen<'a> = (&'a Arc<dyn Source>, Option<RoaringBitmap>);

impl Snapshot {
    /// Of files and then heads, both in the order in which they were written: of samples of one series and time the last one counts.
    /// A merged file is written when the last of those was that it is of.
    pub fn new(files: Vec<FileInput>, heads: Vec<Arc<Head>>) -> Self {
        let files = files.into_iter().map(|file| Arc::new(file) as Arc<dyn Source>);
        let sources = files.chain(heads.iter().map(|head| head.clone() as Arc<dyn Source>)).collect();
        Self { sources, heads }
    }

    /// Ids of series that meet all conditions of one of the sets, for [`Tombstones`](crate::Tombstones).
    pub fn ids(&self, filter: &Filter, budget: &Arc<Budget>) -> Result<BTreeSet<SeriesId>, QueryError> {
        let mut ids = BTreeSet::new();
        for source in &self.sources {
            for matchers in &filter.matchers {
                budget.check()?;
                ids.extend(source.views(&source.resolve(matchers)?)?.iter().map(|view| view.id));
            }
        }
        Ok(ids)
    }

    /// Sources that may have samples of a time, with the views that a filter chooses; none chosen means all.
    fn filtered(&self, filter: &Filter, budget: &Budget) -> Result<Vec<Chosen<'_>>, QueryError> {
        let mut chosen = Vec::new();
        for source in &self.sources {
            budget.check()?;
            if !source.overlaps(filter.start_ms, filter.end_ms) {
                continue;
            }
            if filter.matchers.is_empty() {
                chosen.push((source, None));
                continue;
            }
            let mut views = RoaringBitmap::new();
            for matchers in &filter.matchers {
                views |= source.resolve(matchers)?;
            }
            if !views.is_empty() {
                chosen.push((source, Some(views)));
            }
        }
        Ok(chosen)
    }

    /// A sorted set of texts to which each source adds its own.
    fn texts(
        &self,
        filter: &Filter,
        budget: &Arc<Budget>,
        add: impl Fn(&dyn Source, Option<&RoaringBitmap>, &mut BTreeSet<String>) -> Result<(), QueryError>,
    ) -> Result<Vec<String>, QueryError> {
        let mut texts = BTreeSet::new();
        let mut reservation = budget.reserve(0)?;
        for (source, views) in self.filtered(filter, budget)? {
            budget.check()?;
            add(&**source, views.as_ref(), &mut texts)?;
            drop(reservation);
            reservation = budget.reserve(texts.iter().map(|text| text.len() + NAME_OVERHEAD).sum())?;
        }
        drop(reservation);
        Ok(texts.into_iter().collect())
    }
}

impl Queryable for Snapshot {
    fn select(&self, select: &Select, budget: &Arc<Budget>) -> Result<Box<dyn Selection>, QueryError> {
        Ok(Box::new(select::select(&self.sources, select, budget)?))
    }

    fn label_names(&self, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<String>, QueryError> {
        self.texts(filter, budget, |source, views, names| source.label_names(views, names))
    }

    fn label_values(&self, name: &str, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<String>, QueryError> {
        self.texts(filter, budget, |source, views, values| source.label_values(name, views, values))
    }

    fn exemplars(&self, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<ExemplarSeries>, QueryError> {
        let mut found = BTreeMap::new();
        for source in &self.sources {
            budget.check()?;
            exemplars::collect(&**source, filter, budget, &mut found)?;
        }
        Ok(exemplars::in_order(found))
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetadataEntry>, QueryError> {
        let mut entries = BTreeSet::new();
        for source in &self.sources {
            source.metadata(metric, &mut entries)?;
        }
        Ok(entries.into_iter().collect())
    }

    fn stats(&self, most: usize) -> Result<Stats, QueryError> {
        Ok(stats::of(&self.heads, most))
    }
}
