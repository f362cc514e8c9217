//! Inhibition: alerts that mute others while they fire.

use std::collections::HashMap;

use vitrine_platform_config::yaml::{Node, Reader};

use crate::alert::Alert;
use crate::config::read_matchers;
use crate::labels::{Fingerprint, LabelSet};
use crate::matcher::{Matcher, all_match};

/// A rule: alerts that are sources mute those that are targets and have the same values of the labels of `equal`. A label that is not there
/// has the empty value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InhibitRule {
    /// What a source is.
    pub source: Vec<Matcher>,
    /// What a target is.
    pub target: Vec<Matcher>,
    /// Labels that both share.
    pub equal: Vec<String>,
}

impl InhibitRule {
    pub(crate) fn read(reader: &Reader, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        // Only for people.
        let _ = fields.text("name");
        let source = read_matchers(reader, &mut fields, "source_match", "source_match_re", "source_matchers");
        let target = read_matchers(reader, &mut fields, "target_match", "target_match_re", "target_matchers");
        let equal = fields.list_of_texts("equal");
        if equal.iter().any(String::is_empty) {
            reader.mistake(fields.location_of("equal"), "invalid label name \"\" in equal list");
        }
        Some(Self { source, target, equal })
    }

    /// The values that source and target share.
    fn shared<'a>(&self, labels: &'a LabelSet) -> Vec<&'a str> {
        self.equal.iter().map(|name| labels.get(name).map_or("", String::as_str)).collect()
    }
}

/// A rule's sources by the values that they share with their targets.
type ByValues<'a> = HashMap<Vec<&'a str>, Vec<&'a Alert>>;

/// Firing alerts that are sources of rules.
pub(crate) struct Sources<'a> {
    rules: Vec<(&'a InhibitRule, ByValues<'a>)>,
}

impl<'a> Sources<'a> {
    /// Those of some alerts that fire at a time.
    pub(crate) fn of(rules: &'a [InhibitRule], alerts: impl Iterator<Item = &'a Alert>, now: i64) -> Self {
        let mut rules: Vec<(&InhibitRule, ByValues<'_>)> = rules.iter().map(|rule| (rule, HashMap::new())).collect();
        if !rules.is_empty() {
            for alert in alerts.filter(|alert| !alert.is_resolved_at(now)) {
                for (rule, sources) in &mut rules {
                    if all_match(&rule.source, &alert.labels) {
                        sources.entry(rule.shared(&alert.labels)).or_default().push(alert);
                    }
                }
            }
        }
        Self { rules }
    }

    /// What mutes an alert with these labels; none if nothing does.
    pub(crate) fn muting(&self, labels: &LabelSet) -> Option<Fingerprint> {
        self.rules.iter().filter(|(rule, _)| all_match(&rule.target, labels)).find_map(|(rule, sources)| {
            // What matches both sides mutes nothing that does, and so not itself.
            let is_two_sided = all_match(&rule.source, labels);
            let sources = sources.get(&rule.shared(labels))?;
            let source = sources.iter().find(|source| !(is_two_sided && all_match(&rule.target, &source.labels)))?;
            Some(source.fingerprint())
        })
    }
}
