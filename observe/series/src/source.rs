//! What a head and a file have in common for those who ask.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use roaring::RoaringBitmap;

use crate::part::{Part, SourceNumber, TimesCache};
use crate::{Exemplar, Labels, Matcher, MetadataEntry, MetricType, Projection, QueryError, SeriesId, Temporality};

/// Series of one head or file.
pub(crate) trait Source: fmt::Debug + Send + Sync {
    /// Whether it may have samples from one time to another, both included, in milliseconds since 1970.
    fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool;

    /// Views that meet all conditions, and whose series have samples.
    fn resolve(&self, matchers: &[Matcher]) -> Result<RoaringBitmap, QueryError>;

    /// What is known of views, in their order.
    fn views(&self, views: &RoaringBitmap) -> Result<Vec<ViewInfo>, QueryError>;

    /// All views of a series.
    fn views_of(&self, series: u32) -> Result<Vec<ViewInfo>, QueryError>;

    /// Labels of views, which rise.
    fn labels(&self, views: &[u32]) -> Result<Vec<Labels>, QueryError>;

    /// Names of labels of these views; of all if none are given.
    fn label_names(&self, views: Option<&RoaringBitmap>, names: &mut BTreeSet<String>) -> Result<(), QueryError>;

    /// Values of a label of these views; of all if none are given.
    fn label_values(
        &self,
        name: &str,
        views: Option<&RoaringBitmap>,
        values: &mut BTreeSet<String>,
    ) -> Result<(), QueryError>;

    /// Identities of series, which rise.
    fn identities(&self, series: &[u32]) -> Result<Vec<Bytes>, QueryError>;

    /// Series without views: no condition on labels finds them.
    fn hidden(&self) -> Result<Vec<(SeriesId, u32)>, QueryError>;

    /// Exemplars of a series and its id, in the order in which they came.
    fn exemplars(&self, series: (u32, SeriesId)) -> Result<Vec<Exemplar>, QueryError>;

    /// What is known of a metric, or of all.
    fn metadata(&self, metric: Option<&str>, entries: &mut BTreeSet<MetadataEntry>) -> Result<(), QueryError>;

    /// Reads samples of these series, which it has as they are now.
    fn reader(self: Arc<Self>, number: SourceNumber, series: &[u32]) -> Box<dyn PartReader>;
}

/// A view of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ViewInfo {
    pub view: u32,
    pub series: u32,
    pub id: SeriesId,
    pub projection: Projection,
    pub kind: MetricType,
    pub temporality: Temporality,
}

/// Reads samples of a source's series.
pub(crate) trait PartReader: Send {
    /// Samples of a series and its id later than the first time, up to and including the second, in the order in which they take
    /// each other's place.
    fn parts(
        &mut self,
        series: (u32, SeriesId),
        range: (i64, i64),
        times: &mut TimesCache,
    ) -> Result<Vec<Part>, QueryError>;
}
