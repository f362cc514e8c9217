//! What can be seen of jobs and targets at work.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use vitrine_observe_store::TargetHealth;

use crate::relabel::LabelMap;
use crate::target::Target;

/// The last scrape of a target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scraped {
    pub health: TargetHealth,
    pub error: Option<String>,
    pub time_ms: i64,
    pub took: Duration,
}

/// What can be seen of a job.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub targets: Vec<(Arc<Target>, Arc<Mutex<Scraped>>)>,
    pub dropped: Vec<Arc<LabelMap>>,
    pub dropped_count: usize,
    pub errors: Vec<String>,
}
