//! Names of indices: which a request means, and which there are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vitrine_observe_columns::TextTest;
use vitrine_observe_model::elastic::is_like;
use vitrine_observe_model::elastic::{self, INDEX};
use vitrine_observe_model::{LogCountQuery, LogField, LogFilter, LogQuery, LogRow, LogTest};
use vitrine_observe_store::{Logs, Tenant};

use super::error::{SearchError, shown};
use super::fields::{any_of, not};

/// The index of records that did not come as documents.
pub const OTHER_INDEX: &str = "logs-otlp";
/// Most names in one request.
const MAX_NAMES: usize = 1_000;
/// Most indices that are listed.
const MAX_INDICES: usize = 10_000;
/// The end of all time that the engine knows.
pub(crate) const END_NS: u64 = i64::MAX as u64;

/// Which indices a request is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSet {
    /// Names and patterns, in order; those that begin with `-` take away.
    names: Vec<String>,
    /// Whether names of indices that are not there are left out.
    ignore_unavailable: bool,
    /// Whether patterns may mean nothing at all.
    allow_none: bool,
}

/// An index that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// Its documents.
    pub documents: u64,
    /// Bytes of their messages.
    pub bytes: u64,
}

impl IndexSet {
    /// Reads names with commas between them; all indices if there are none.
    pub fn parse(text: &str, ignore_unavailable: bool, allow_none: bool) -> Result<Self, SearchError> {
        let names: Vec<String> =
            text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if names.len() > MAX_NAMES {
            return Err(SearchError::illegal(format!("{} indices; expected {MAX_NAMES} at most", names.len())));
        }
        let wrong = |name: &&String| name.contains(|c: char| c.is_whitespace() || "\"\\/?<>|#".contains(c));
        if let Some(name) = names.iter().find(wrong) {
            return Err(SearchError::illegal(format!(
                "invalid index name [{}]; expected letters, digits, dashes and dots",
                shown(name)
            )));
        }
        Ok(Self { names, ignore_unavailable, allow_none })
    }

    /// Whether an index is meant.
    pub fn has(&self, index: &str) -> bool {
        let mut is_meant = self.names.first().is_none_or(|name| name.starts_with('-'));
        for name in &self.names {
            match name.strip_prefix('-') {
                Some(pattern) => is_meant &= !is_like(pattern, index),
                None => is_meant |= name == "_all" || is_like(name, index),
            }
        }
        is_meant
    }

    /// Whether a template's pattern may be about one of these indices.
    pub fn may_mean(&self, pattern: &str) -> bool {
        let is_open = |name: &String| name.contains('*') || name == "_all";
        let named = |name: &String| !name.starts_with('-') && (is_open(name) || is_like(pattern, name));
        self.names.is_empty() || self.names.iter().any(named)
    }

    /// What records of these indices have.
    pub(crate) fn filter(&self) -> LogFilter {
        if self.names.iter().all(|name| name == "*" || name == "_all") {
            return LogFilter::everything();
        }
        let field = LogField::Scope(INDEX.to_owned());
        let test = match self.names.as_slice() {
            [name] if !name.contains('*') && !name.starts_with('-') => TextTest::Equal(name.clone()),
            _ => {
                let set = self.clone();
                TextTest::Where(Arc::new(move |index| set.has(index)))
            }
        };
        let sent = LogFilter::Field(field.clone(), LogTest::Text(test));
        if self.has(OTHER_INDEX) {
            return any_of(vec![sent, not(LogFilter::Field(field, LogTest::Exists))]);
        }
        sent
    }

    /// Refuses names of indices that are not there, if nothing was found or one of several may be wrong.
    pub(crate) fn check(&self, logs: &dyn Logs, tenant: &Tenant, found: bool) -> Result<(), SearchError> {
        let is_name =
            |name: &&String| !name.contains('*') && !name.starts_with('-') && *name != "_all" && *name != OTHER_INDEX;
        let names: Vec<&String> = self.names.iter().filter(is_name).collect();
        if !self.ignore_unavailable && !(found && self.names.len() == 1) {
            for name in names {
                let only = Self { names: vec![name.clone()], ..self.clone() };
                if !only.is_there(logs, tenant)? {
                    return Err(SearchError::IndexNotFound(name.clone()));
                }
            }
        }
        if !self.allow_none && !found && !self.is_there(logs, tenant)? {
            return Err(SearchError::IndexNotFound(self.names.join(",")));
        }
        Ok(())
    }

    fn is_there(&self, logs: &dyn Logs, tenant: &Tenant) -> Result<bool, SearchError> {
        let query =
            LogQuery { filter: self.filter(), start_ns: 0, end_ns: END_NS, newest_first: true, after: None, limit: 1 };
        Ok(!logs.logs(tenant, &query)?.is_empty())
    }

    /// The indices of these that there are, by name; their bytes only where these are asked for, because messages are read for them.
    pub fn list(&self, logs: &dyn Logs, tenant: &Tenant, bytes: bool) -> Result<Vec<IndexInfo>, SearchError> {
        let query = LogCountQuery {
            filter: self.filter(),
            start_ns: 0,
            end_ns: END_NS,
            step_ns: 0,
            origin_ns: 0,
            by: vec![LogField::Scope(INDEX.to_owned())],
            bytes,
            most: MAX_INDICES,
        };
        let counts = logs.log_counts(tenant, &query)?.into_iter().map(|count| IndexInfo {
            name: count.by.into_iter().next().flatten().unwrap_or_else(|| OTHER_INDEX.to_owned()),
            documents: count.records,
            bytes: count.bytes,
        });
        let mut all: Vec<IndexInfo> = counts.collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        self.check(logs, tenant, !all.is_empty())?;
        Ok(all)
    }
}

/// The index of a record.
pub(crate) fn index_of(row: &LogRow) -> &str {
    elastic::index(row).unwrap_or(OTHER_INDEX)
}

#[cfg(test)]
mod tests {
    use super::IndexSet;

    #[test]
    fn names_patterns_and_exceptions_say_which() {
        for (names, index, expected) in [
            ("", "a", true),
            ("_all", "a", true),
            ("a,b*", "a", true),
            ("a,b*", "bc", true),
            ("a,b*", "c", false),
            ("*,-a*", "ab", false),
            ("*,-a*", "b", true),
            ("-a", "b", true),
        ] {
            let set = IndexSet::parse(names, false, true).expect("names");
            assert_eq!(set.has(index), expected, "{names} {index}");
        }
        assert!(IndexSet::parse("a b", false, true).is_err());
    }
}
