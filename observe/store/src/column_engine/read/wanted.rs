//! Which series a scan asks for.

use std::collections::HashSet;

use vitrine_kit::prometheus::metric_name;
use vitrine_observe_model::UNKNOWN_SERVICE;
use vitrine_observe_model::metrics::SentSeries;
use vitrine_observe_series::{MatchOp, Matcher, NAME};

use crate::engine::{MapEntry, Scan};

/// Most texts of a pattern; of more, series are looked at one by one.
const MAX_TEXTS: usize = 100;
/// The label that names what is watched: `namespace/service`, or the service alone.
const JOB: &str = "job";
/// Words that a translated name has in another place, or not at all.
const MOVED: [&str; 2] = ["total", "ratio"];
/// What ends the names of the series that a histogram is shown as.
const FAMILY: &str = "(?:_bucket|_count|_sum)?";

/// Series that a scan asks for: by labels, which an index finds, and by what was sent of them.
#[derive(Debug)]
pub(crate) struct SeriesFilter {
    names: Option<HashSet<String>>,
    services: Option<HashSet<String>>,
    entries: Vec<MapEntry>,
}

impl SeriesFilter {
    pub(crate) fn new(scan: &Scan) -> Self {
        let set = |texts: &Option<Vec<String>>| texts.as_ref().map(|texts| texts.iter().cloned().collect());
        Self { names: set(&scan.names), services: set(&scan.services), entries: scan.entries.clone() }
    }

    /// Conditions on labels that all series meet that are asked for.
    pub(crate) fn matchers(&self) -> Vec<Matcher> {
        let mut all = Vec::new();
        let names = self.names.as_ref().filter(|names| names.len() <= MAX_TEXTS);
        // A name of OTLP begins the name that PromQL has for it, but for what is moved to its end; one of remote write is it.
        all.extend(names.map(|names| {
            let patterns = names.iter().flat_map(|name| [escaped(name), escaped(&beginning(name))]);
            (NAME.to_owned(), format!("(?s:(?:{}).*)", patterns.collect::<Vec<_>>().join("|")))
        }));
        let services = self.services.as_ref().filter(|services| services.len() <= MAX_TEXTS);
        all.extend(services.filter(|services| !services.contains(UNKNOWN_SERVICE)).map(|services| {
            let services: Vec<String> = services.iter().map(|service| escaped(service)).collect();
            (JOB.to_owned(), format!("(?s:(?:.*/)?(?:{}))", services.join("|")))
        }));
        all.extend(self.entries.iter().filter(|entry| entry.map == "labels" && !entry.value.is_empty()).map(|entry| {
            let family = if entry.key == NAME { FAMILY } else { "" };
            (entry.key.clone(), format!("{}{family}", escaped(&entry.value)))
        }));
        // What is no pattern after all, because it is too long, is looked at one by one.
        all.iter().filter_map(|(name, pattern)| Matcher::new(name, MatchOp::Regex, pattern).ok()).collect()
    }

    /// Whether a series is asked for.
    pub(crate) fn accepts(&self, sent: &SentSeries) -> bool {
        self.names.as_ref().is_none_or(|names| names.contains(&sent.name))
            && self.services.as_ref().is_none_or(|services| services.contains(&sent.service))
            && self.entries.iter().all(|entry| sent.has(&entry.map, &entry.key, &entry.value))
    }
}

/// With what the name begins that a metric has for PromQL.
fn beginning(name: &str) -> String {
    let translated = metric_name(name, "", None);
    let kept: Vec<&str> = translated.split('_').take_while(|word| !MOVED.contains(word)).collect();
    kept.join("_")
}

/// A pattern of one text.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation() && character != '_' {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::{Scan, SeriesFilter};

    #[test]
    fn names_of_both_kinds_are_found() {
        let names = Some(vec!["http.server.duration".to_owned(), "jobs.total.count".to_owned()]);
        let services = Some(vec!["cart".to_owned()]);
        let wanted = SeriesFilter::new(&Scan { names, services, ..Scan::default() });
        let matchers = wanted.matchers();
        for (place, value, expected) in [
            (0, "http_server_duration_seconds_bucket", true),
            (0, "http.server.duration", true),
            (0, "httpXserver", false),
            (0, "jobs_count_total", true),
            (1, "shop/cart", true),
            (1, "cart", true),
            (1, "carts", false),
        ] {
            assert_eq!(matchers[place].matches(value), expected, "{value}");
        }
    }
}
