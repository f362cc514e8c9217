//! Exemplars of series, by the labels under which they are shown.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use crate::source::{Source, ViewInfo};
use crate::{Budget, Exemplar, ExemplarSeries, Filter, Labels, Projection, QueryError};

/// Exemplars that are looked through between two looks at the clock.
const SERIES_BETWEEN_CHECKS: usize = 1024;

/// Adds a source's exemplars of the series and the time that a filter names.
pub(crate) fn collect(
    source: &dyn Source,
    filter: &Filter,
    budget: &Budget,
    found: &mut BTreeMap<Labels, Vec<Exemplar>>,
) -> Result<(), QueryError> {
    let mut views = RoaringBitmap::new();
    for matchers in &filter.matchers {
        views |= source.resolve(matchers)?;
    }
    for (number, view) in source.views(&views)?.into_iter().enumerate() {
        if number % SERIES_BETWEEN_CHECKS == 0 {
            budget.check()?;
        }
        let exemplars: Vec<Exemplar> = source
            .exemplars((view.series, view.id))?
            .into_iter()
            .filter(|exemplar| (filter.start_ms..=filter.end_ms).contains(&exemplar.time_ms))
            .collect();
        if exemplars.is_empty() {
            continue;
        }
        let shown = shown(source, &view, exemplars)?;
        if let (false, Some(labels)) = (shown.is_empty(), source.labels(&[view.view])?.pop()) {
            found.entry(labels).or_default().extend(shown);
        }
    }
    Ok(())
}

/// Of a histogram's exemplars each is shown with the bucket in which it is.
fn shown(source: &dyn Source, view: &ViewInfo, exemplars: Vec<Exemplar>) -> Result<Vec<Exemplar>, QueryError> {
    let le = match view.projection {
        Projection::Whole => return Ok(exemplars),
        Projection::Count | Projection::Sum => return Ok(Vec::new()),
        Projection::Bucket(le) => f64::from_bits(le),
    };
    let smaller = source.views_of(view.series)?.into_iter().filter_map(|other| match other.projection {
        Projection::Bucket(bound) if f64::from_bits(bound) < le => Some(f64::from_bits(bound)),
        _ => None,
    });
    let above = smaller.fold(f64::NEG_INFINITY, f64::max);
    let is_in = |exemplar: &Exemplar| exemplar.value <= le && (above == f64::NEG_INFINITY || exemplar.value > above);
    Ok(exemplars.into_iter().filter(is_in).collect())
}

/// Each exemplar once, in order of time.
pub(crate) fn in_order(found: BTreeMap<Labels, Vec<Exemplar>>) -> Vec<ExemplarSeries> {
    let series = found.into_iter().map(|(labels, mut exemplars)| {
        exemplars.sort_by_key(|exemplar| exemplar.time_ms);
        exemplars.dedup();
        ExemplarSeries { labels, exemplars }
    });
    series.collect()
}
