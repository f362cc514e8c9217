//! Bounds of queries.

use std::time::Duration;

/// Queries answered at a time: each may take tens of megabytes while its rows are structs and then JSON.
const MAX_QUERIES: usize = 3;
/// Queries that wait for their turn: more than a person's dashboards ask at once, and each is only a request's head.
const MAX_WAITING: usize = 64;
/// How long a query may take, waiting included: Grafana gives up after 30 seconds, too.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Keys that Zipkin's page completes unless others are configured: the common ones with few values.
const AUTOCOMPLETE_KEYS: [&str; 6] =
    ["environment", "deployment.environment.name", "http.method", "http.request.method", "http.route", "rpc.service"];

/// Bounds of queries, and what Zipkin's page completes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Queries answered at a time.
    pub max_queries: usize,
    /// Queries that wait while so many are being answered; one more is refused.
    pub max_waiting: usize,
    /// How long a query may take, waiting included.
    pub time_limit: Duration,
    /// Attributes whose values `/zipkin/api/v2/autocompleteValues` tells.
    pub autocomplete_keys: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_queries: MAX_QUERIES,
            max_waiting: MAX_WAITING,
            time_limit: TIME_LIMIT,
            autocomplete_keys: AUTOCOMPLETE_KEYS.map(str::to_owned).to_vec(),
        }
    }
}
