//! Recording and alerting rules: their files, their templates, and what becomes of alerts.
//!
//! Pure: time and results of queries come in, [`Effects`] go out. Who evaluates groups on time, keeps samples and state and sends alerts is
//! floor 4's. Files, checks, templates and the life of an alert are Prometheus's; what differs is that an alert's state can be kept
//! ([`SavedGroup`]), so that a restart changes nothing.
//!
//! [`RuleFile`] reads a file, [`Group`] evaluates, [`status`] says what is told of it all, [`template`] runs Go's templates,
//! [`unit_test`] runs promtool's tests, [`Slo`] makes rules of an objective.
//!
//! ```
//! use vitrine_observe_rules::RuleFile;
//!
//! let file = RuleFile::parse(
//!     "groups:\n- name: shop\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 5m\n    annotations: {summary: '{{ $labels.job }} is down'}\n",
//! )
//! .expect("a file without mistakes");
//! assert_eq!(file.groups[0].rules[0].name(), "Down");
//!
//! let mistakes = RuleFile::parse("groups:\n- name: shop\n  rules:\n  - alert: Down\n    expr: up ==\n    fro: 5m\n").expect_err("two mistakes");
//! assert_eq!(mistakes.len(), 2);
//! assert_eq!(mistakes[1].to_string(), "6:5: unknown field \"fro\": did you mean \"for\"?");
//! ```

pub mod alert;
pub mod status;
pub mod template;
pub mod unit_test;

mod file;
mod group;
mod namespaces;
mod slo;
mod source;
mod sql;

use std::time::Duration;

pub use file::{GroupSpec, Query, RuleFile, RuleKind, RuleSpec};
pub use group::{Effects, Group, Remains, SavedAlert, SavedGroup, SavedRule, Sink, Slot};
pub use namespaces::{
    ChangeError, Changing, Configuration, ConfigurationStatus, GivenGroup, MAX_GROUP_BYTES, MAX_NAMESPACE_GROUPS,
    MAX_NAMESPACE_NAME, MAX_NAMESPACES, Namespaces, Reloading, RuleNamespaces,
};
pub use slo::Slo;
pub use source::{EngineSource, Source, Sql};
pub use sql::{MAX_SQL_BYTES, MAX_SQL_ROWS, MIN_SQL_INTERVAL, vector_of_rows};

/// What holds for all groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How often groups are evaluated that do not say it.
    pub interval: Duration,
    /// How much earlier than now queries of groups look that do not say it.
    pub query_offset: Duration,
    /// After which time a firing alert is sent again.
    pub resend_delay: Duration,
    /// Labels of this whole installation, for templates.
    pub external_labels: Vec<(String, String)>,
    /// How this server is reached, for links.
    pub external_url: String,
}

impl Default for Settings {
    /// Prometheus's: an evaluation each minute, an alert again each minute.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            query_offset: Duration::ZERO,
            resend_delay: Duration::from_secs(60),
            external_labels: Vec::new(),
            external_url: String::new(),
        }
    }
}
