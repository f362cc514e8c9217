//! A file whose series are called otherwise from now on.
//!
//! Labels are views of what a series is ([`View`]). When the way in which views are made changes, a file is written again, in the order
//! of the new labels: samples stay as they are. What is in memory is names, old and new, the times of clocks, and one series of samples.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashMap};
use rustc_hash::FxBuildHasher;

use crate::file::{
    BLOCK_SERIES, FileReader, FileWriter, NamedSeries, NamedView, SeriesData, Texts, in_order, read_identities,
};
use crate::merge::add_clocks;
use crate::part::{TimesCache, join};
use crate::table::Symbols;
use crate::{FileError, FileInput, View, WriteOptions, Written};

/// Times are kept for later series up to so many bytes.
const TIMES_BYTES: usize = 16 << 20;

/// A series, and where it was.
struct Renamed {
    number: u32,
    named: NamedSeries,
    identity: Bytes,
}

/// Writes a file again, without what was deleted and what is earlier than `not_before_ms`. `views` returns under which labels the series of
/// an identity is found from now on; none if it stays where it is.
///
/// # Errors
///
/// The file cannot be read, or the new one not written.
pub fn reindex(
    input: &FileInput,
    not_before_ms: i64,
    views: &dyn Fn(&[u8]) -> Option<Vec<View>>,
    options: &WriteOptions,
    out: impl Write,
) -> Result<Written, FileError> {
    let (texts, series) = renamed(input, views)?;
    let mut file = FileWriter::new(out, options, texts)?;
    add_clocks(std::slice::from_ref(input), not_before_ms, &mut file)?;
    let (mut times, mut reader) = (TimesCache::default(), FileReader::new(input.file.clone(), 0));
    for Renamed { number, named, identity } in series {
        if times.bytes() > TIMES_BYTES {
            times = TimesCache::default();
        }
        let parts = reader.read(number, (not_before_ms.saturating_sub(1), i64::MAX), &mut times)?;
        let samples = join(input.deleted.apply(named.id, parts), &mut times);
        let mut exemplars = input.file.exemplars(number)?;
        input.deleted.apply_to(named.id, &mut exemplars);
        exemplars.retain(|exemplar| exemplar.time_ms >= not_before_ms);
        if !samples.times.is_empty() || !exemplars.is_empty() {
            let clock = reader.clock_of(number)?;
            file.push(&SeriesData { named, identity: &identity, clock, samples, exemplars: &exemplars })?;
        }
    }
    let metadata: BTreeSet<_> = input.file.metadata()?.into_iter().collect();
    file.finish(&metadata)
}

/// All series in the order of their new labels, and the texts of these.
fn renamed(
    input: &FileInput,
    views: &dyn Fn(&[u8]) -> Option<Vec<View>>,
) -> Result<(Vec<Arc<str>>, Vec<Renamed>), FileError> {
    let file = &input.file;
    let old: HashMap<u32, Arc<str>, FxBuildHasher> = Texts::all(&file.blocks, &file.footer)?.into_iter().collect();
    let (keys, mut symbols, mut series) = (DefaultHashBuilder::default(), Symbols::default(), Vec::new());
    let mut number_of = |text: &Arc<str>| symbols.intern(&keys, text);
    for (block, (_, place)) in file.footer.identities.iter().enumerate() {
        let bytes = file.blocks.read(*place)?;
        let (names, identities) = (file.names(block)?, read_identities(&bytes)?);
        if names.len() != identities.len() {
            return Err(FileError::Damaged("an identity is missing"));
        }
        for (within, (mut named, identity)) in names.into_iter().zip(identities).enumerate() {
            match views(identity) {
                Some(views) => named.views = views.iter().map(|view| new_view(view, &mut number_of)).collect(),
                None => {
                    for number in named.views.iter_mut().flat_map(|view| &mut view.labels).flat_map(|(n, v)| [n, v]) {
                        *number = number_of(old.get(number).ok_or(FileError::Damaged("a text is missing"))?);
                    }
                }
            }
            let number = (block * BLOCK_SERIES + within) as u32;
            series.push(Renamed { number, named, identity: bytes.slice_ref(identity) });
        }
    }
    let texts = in_order(symbols.all().to_vec());
    let rank = |text: &Arc<str>| texts.binary_search(text).map_or(u32::MAX, |rank| rank as u32);
    let ranks: Vec<u32> = symbols.all().iter().map(rank).collect();
    for labels in series.iter_mut().flat_map(|it| &mut it.named.views).map(|view| &mut view.labels) {
        labels.iter_mut().for_each(|(name, value)| {
            (*name, *value) = (ranks[*name as usize], ranks[*value as usize]);
        });
    }
    series.sort_unstable_by(|one, other| one.named.order().cmp(&other.named.order()));
    Ok((texts, series))
}

fn new_view(view: &View, number_of: &mut impl FnMut(&Arc<str>) -> u32) -> NamedView {
    let labels = view.labels.iter().map(|label| (number_of(&label.name), number_of(&label.value)));
    NamedView { projection: view.projection, labels: labels.collect() }
}
