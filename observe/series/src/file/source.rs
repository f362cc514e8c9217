//! A file as one of those that are asked, without what was deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashSet;
use roaring::RoaringBitmap;
use rustc_hash::FxBuildHasher;

use crate::file::BLOCK_SERIES;
use crate::file::footer::block_of;
use crate::file::labels::LabelName;
use crate::file::names::{NamedSeries, NamedView, read_identities};
use crate::file::read::{FileReader, SeriesFile};
use crate::file::symbols::{self, Texts};
use crate::index::{Index, resolve};
use crate::part::{Part, SourceNumber, TimesCache};
use crate::source::{PartReader, Source, ViewInfo};
use crate::{Exemplar, FileError, Label, Labels, Matcher, MetadataEntry, QueryError, SeriesId, Tombstones};

/// A file, and what was deleted of it.
#[derive(Debug, Clone)]
pub struct FileInput {
    /// The file.
    pub file: Arc<SeriesFile>,
    /// What was deleted since it was written.
    pub deleted: Arc<Tombstones>,
}

impl SeriesFile {
    fn label(&self, name: &str) -> Result<Option<&LabelName>, FileError> {
        let Some(number) = symbols::find(&self.blocks, &self.footer, name)? else { return Ok(None) };
        let names = self.label_names()?;
        Ok(names.binary_search_by_key(&number, |label| label.name).ok().map(|at| &names[at]))
    }

    /// Calls `each` with the views that are given, which rise, and their series.
    fn each_view(
        &self,
        views: impl IntoIterator<Item = u32>,
        mut each: impl FnMut(u32, u32, &NamedSeries, &NamedView),
    ) -> Result<(), FileError> {
        let mut views = views.into_iter().peekable();
        while let Some(view) = views.peek() {
            let block = block_of(&self.footer.names, u64::from(*view))?;
            let (first, place) = self.footer.names[block];
            let bytes = self.blocks.cached(place)?;
            let (mut rest, mut number) = (&bytes[..], first as u32);
            for series in (block * BLOCK_SERIES) as u32.. {
                let Some(view) = views.peek() else { break };
                if rest.is_empty() {
                    break;
                }
                let end = number.saturating_add(NamedSeries::count_views(rest)?);
                if *view >= end {
                    NamedSeries::skip(&mut rest)?;
                } else {
                    let named = NamedSeries::read(&mut rest)?;
                    for (of_view, number) in named.views.iter().zip(number..) {
                        if views.next_if_eq(&number).is_some() {
                            each(number, series, &named, of_view);
                        }
                    }
                }
                number = end;
            }
            if views.peek().is_some_and(|view| *view < number) {
                return Err(FileError::Damaged("a view is missing"));
            }
            let is_last = block + 1 == self.footer.names.len();
            if is_last && views.peek().is_some() {
                return Err(FileError::Damaged("a view is missing"));
            }
        }
        Ok(())
    }

    /// Numbers of texts of these views.
    fn numbers(
        &self,
        views: &RoaringBitmap,
        chosen: impl Fn(&(u32, u32)) -> Option<u32>,
    ) -> Result<BTreeSet<u32>, FileError> {
        let mut numbers = BTreeSet::new();
        self.each_view(views, |_, _, _, named| numbers.extend(named.labels.iter().filter_map(&chosen)))?;
        Ok(numbers)
    }

    fn add_texts(&self, numbers: BTreeSet<u32>, found: &mut BTreeSet<String>) -> Result<(), FileError> {
        let texts = Texts::read(&self.blocks, &self.footer, numbers.iter().copied())?;
        for number in numbers {
            found.insert(texts.get(number)?.to_string());
        }
        Ok(())
    }
}

impl Index for SeriesFile {
    fn all(&self) -> Result<RoaringBitmap, QueryError> {
        Ok((0..self.footer.views as u32).collect())
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, QueryError> {
        let Some(label) = self.label(name)? else { return Ok(RoaringBitmap::new()) };
        let Some(value) = symbols::find(&self.blocks, &self.footer, value)? else { return Ok(RoaringBitmap::new()) };
        let after = label.runs.partition_point(|run| run.first <= value);
        let Some(run) = after.checked_sub(1).map(|at| &label.runs[at]) else { return Ok(RoaringBitmap::new()) };
        Ok(run.union(&self.blocks, self.footer.views, |other| other == value)?)
    }

    fn matching(
        &self,
        name: &str,
        prefix: &str,
        accepts: &mut dyn FnMut(&str) -> bool,
    ) -> Result<RoaringBitmap, QueryError> {
        let mut found = RoaringBitmap::new();
        let Some(label) = self.label(name)? else { return Ok(found) };
        // Numbers of texts are in the order of the texts.
        let least = symbols::at_least(&self.blocks, &self.footer, prefix.as_bytes())?;
        let least = least.map_or(u32::MAX, |(number, _)| number);
        for (at, run) in label.runs.iter().enumerate() {
            if label.runs.get(at + 1).is_some_and(|next| next.first <= least) {
                continue;
            }
            let values = run.values(&self.blocks)?;
            let numbers = values.iter().map(|(value, ..)| *value).filter(|value| *value >= least);
            let numbers: Vec<u32> = numbers.collect();
            let texts = Texts::read(&self.blocks, &self.footer, numbers.iter().copied())?;
            let mut chosen = RoaringBitmap::new();
            let mut is_beyond = false;
            for number in numbers {
                let text = texts.get(number)?;
                if !text.starts_with(prefix) {
                    is_beyond = true;
                    break;
                }
                if accepts(text) {
                    chosen.insert(number);
                }
            }
            found |= run.union(&self.blocks, self.footer.views, |value| chosen.contains(value))?;
            if is_beyond {
                break;
            }
        }
        Ok(found)
    }
}

impl Source for FileInput {
    fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        let footer = &self.file.footer;
        footer.samples > 0 && footer.min_ms <= end_ms && footer.max_ms >= start_ms
    }

    fn resolve(&self, matchers: &[Matcher]) -> Result<RoaringBitmap, QueryError> {
        resolve(&*self.file, matchers)
    }

    fn views(&self, views: &RoaringBitmap) -> Result<Vec<ViewInfo>, QueryError> {
        let mut found = Vec::with_capacity(views.len() as usize);
        self.file.each_view(views, |view, series, named, of_view| found.push(info(view, series, named, of_view)))?;
        Ok(found)
    }

    fn views_of(&self, series: u32) -> Result<Vec<ViewInfo>, QueryError> {
        let block = series as usize / BLOCK_SERIES;
        let names = self.file.names(block)?;
        let (before, rest) = names.split_at((series as usize % BLOCK_SERIES).min(names.len()));
        let first = self.file.footer.names[block].0 as usize + before.iter().map(|it| it.views.len()).sum::<usize>();
        let views = rest.first().into_iter().flat_map(|it| it.views.iter().map(move |view| (it, view)));
        Ok(views.zip(first..).map(|((named, view), number)| info(number as u32, series, named, view)).collect())
    }

    fn labels(&self, views: &[u32]) -> Result<Vec<Labels>, QueryError> {
        let mut pairs = Vec::with_capacity(views.len());
        let mut numbers: HashSet<u32, FxBuildHasher> = HashSet::default();
        self.file.each_view(views.iter().copied(), |_, _, _, named| {
            numbers.extend(named.labels.iter().flat_map(|(name, value)| [*name, *value]));
            pairs.push(named.labels.clone());
        })?;
        let texts = Texts::read(&self.file.blocks, &self.file.footer, numbers)?;
        let label = |(name, value): &(u32, u32)| -> Result<Label, FileError> {
            Ok(Label { name: texts.get(*name)?.clone(), value: texts.get(*value)?.clone() })
        };
        let labels = pairs.iter().map(|of_view| {
            let labels = of_view.iter().map(label).collect::<Result<Vec<Label>, FileError>>()?;
            if !labels.is_sorted_by(|one, other| one.name < other.name) {
                return Err(FileError::Damaged("labels are not in order").into());
            }
            Ok(Labels::from_sorted(labels))
        });
        labels.collect()
    }

    fn label_names(&self, views: Option<&RoaringBitmap>, names: &mut BTreeSet<String>) -> Result<(), QueryError> {
        let numbers = match views {
            Some(views) => self.file.numbers(views, |(name, _)| Some(*name))?,
            None => self.file.label_names()?.iter().map(|label| label.name).collect(),
        };
        Ok(self.file.add_texts(numbers, names)?)
    }

    fn label_values(
        &self,
        name: &str,
        views: Option<&RoaringBitmap>,
        values: &mut BTreeSet<String>,
    ) -> Result<(), QueryError> {
        let Some(label) = self.file.label(name)? else { return Ok(()) };
        let mut numbers = BTreeSet::new();
        match views {
            Some(views) => numbers = self.file.numbers(views, |pair| (pair.0 == label.name).then_some(pair.1))?,
            None => {
                for run in &label.runs {
                    numbers.extend(run.values(&self.file.blocks)?.iter().map(|(value, ..)| *value));
                }
            }
        }
        Ok(self.file.add_texts(numbers, values)?)
    }

    fn identities(&self, series: &[u32]) -> Result<Vec<Bytes>, QueryError> {
        let mut found = Vec::with_capacity(series.len());
        for of_block in series.chunk_by(|one, other| *one as usize / BLOCK_SERIES == *other as usize / BLOCK_SERIES) {
            let missing = FileError::Damaged("an identity is missing");
            let number = of_block[0] as usize / BLOCK_SERIES;
            let (_, place) = self.file.footer.identities.get(number).ok_or(missing)?;
            let block = self.file.blocks.cached(*place)?;
            let identities = read_identities(&block)?;
            for series in of_block {
                let identity = identities.get(*series as usize % BLOCK_SERIES);
                found.push(block.slice_ref(identity.ok_or(FileError::Damaged("an identity is missing"))?));
            }
        }
        Ok(found)
    }

    fn hidden(&self) -> Result<Vec<(SeriesId, u32)>, QueryError> {
        let mut found = Vec::new();
        // They have no labels, and stand before all others.
        for block in 0..self.file.footer.names.len() {
            let first = (block * BLOCK_SERIES) as u32;
            for (named, number) in self.file.names(block)?.iter().zip(first..) {
                if !named.views.is_empty() {
                    return Ok(found);
                }
                found.push((named.id, number));
            }
        }
        Ok(found)
    }

    fn exemplars(&self, (series, id): (u32, SeriesId)) -> Result<Vec<Exemplar>, QueryError> {
        let mut exemplars = self.file.exemplars(series)?;
        self.deleted.apply_to(id, &mut exemplars);
        Ok(exemplars)
    }

    fn metadata(&self, metric: Option<&str>, entries: &mut BTreeSet<MetadataEntry>) -> Result<(), QueryError> {
        let all = self.file.metadata()?;
        entries.extend(all.into_iter().filter(|entry| metric.is_none_or(|metric| entry.metric == metric)));
        Ok(())
    }

    fn reader(self: Arc<Self>, number: SourceNumber, _series: &[u32]) -> Box<dyn PartReader> {
        let reader = FileReader::new(self.file.clone(), number);
        Box::new(InputReader { reader, deleted: self.deleted.clone() })
    }
}

fn info(view: u32, series: u32, named: &NamedSeries, of_view: &NamedView) -> ViewInfo {
    let NamedSeries { id, kind, temporality, .. } = *named;
    ViewInfo { view, series, id, projection: of_view.projection, kind, temporality }
}

struct InputReader {
    reader: FileReader,
    deleted: Arc<Tombstones>,
}

impl PartReader for InputReader {
    fn parts(
        &mut self,
        (series, id): (u32, SeriesId),
        range: (i64, i64),
        times: &mut TimesCache,
    ) -> Result<Vec<Part>, QueryError> {
        Ok(self.deleted.apply(id, self.reader.read(series, range, times)?))
    }
}
