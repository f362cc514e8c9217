//! Relabelling: rules that change, keep or drop labels, of targets before they are scraped and of series after it.
//!
//! Source: Prometheus's documentation, `<relabel_config>`, and its `model/relabel`.

use std::collections::BTreeMap;
use std::fmt;

use md5::{Digest, Md5};
use vitrine_observe_series::GoRegex;
use vitrine_observe_store::RelabelRule;
use vitrine_platform_config::yaml::{Fields, Node, Reader};

/// What every pattern is that is not given.
const ANYTHING: &str = "(.*)";
/// What every replacement is that is not given.
const FIRST_GROUP: &str = "$1";
/// What stands between the values of several labels if nothing else is given.
const SEPARATOR: &str = ";";
/// Actions by their names.
const ACTIONS: [(&str, Action); 11] = [
    ("replace", Action::Replace),
    ("keep", Action::Keep),
    ("drop", Action::Drop),
    ("keepequal", Action::KeepEqual),
    ("dropequal", Action::DropEqual),
    ("hashmod", Action::HashMod),
    ("labelmap", Action::LabelMap),
    ("labeldrop", Action::LabelDrop),
    ("labelkeep", Action::LabelKeep),
    ("lowercase", Action::Lowercase),
    ("uppercase", Action::Uppercase),
];

/// Labels while rules work on them. None has an empty value.
pub type LabelMap = BTreeMap<String, String>;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    source_labels: Vec<String>,
    separator: String,
    regex: GoRegex,
    pattern: String,
    modulus: u64,
    target_label: String,
    replacement: String,
    action: Action,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        let key = |rule: &Self| {
            (rule.pattern.clone(), rule.action, rule.modulus, rule.source_labels.clone(), rule.separator.clone())
        };
        key(self) == key(other) && (&self.target_label, &self.replacement) == (&other.target_label, &other.replacement)
    }
}

/// Applies rules in order. Returns whether the labels are kept.
pub fn apply(rules: &[Rule], labels: &mut LabelMap) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

impl Rule {
    /// Reads a list of rules.
    pub fn read_list(reader: &Reader, nodes: &[Node]) -> Vec<Self> {
        nodes.iter().filter_map(|node| Self::read(reader, node)).collect()
    }

    fn read(reader: &Reader, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        let expected = ACTIONS.map(|(name, _)| name).join(", ");
        let action = fields.parsed("action", &expected, action);
        let pattern = fields.text("regex").unwrap_or_else(|| ANYTHING.to_owned());
        let regex = GoRegex::new(&pattern);
        if let Err(error) = &regex {
            reader.mistake(fields.location_of("regex"), format!("regex: {error}"));
        }
        let rule = Self {
            source_labels: fields.list_of_texts("source_labels"),
            separator: fields.text("separator").unwrap_or_else(|| SEPARATOR.to_owned()),
            modulus: fields.number("modulus").unwrap_or_default(),
            target_label: fields.text("target_label").unwrap_or_default(),
            replacement: fields.text("replacement").unwrap_or_else(|| FIRST_GROUP.to_owned()),
            action: action.unwrap_or(Action::Replace),
            regex: regex.ok()?,
            pattern,
        };
        rule.check(reader, &fields);
        Some(rule)
    }

    /// The rule as it is written, with what it has by default.
    pub(crate) fn describe(&self) -> RelabelRule {
        RelabelRule {
            source_labels: self.source_labels.clone(),
            separator: self.separator.clone(),
            regex: self.pattern.clone(),
            modulus: self.modulus,
            target_label: self.target_label.clone(),
            replacement: self.replacement.clone(),
            action: self.action.to_string(),
        }
    }

    fn check(&self, reader: &Reader, fields: &Fields<'_>) {
        let is_set = |name| fields.location_of(name) != fields.location();
        let mistake = |message: String| reader.mistake(fields.location(), message);
        let action = self.action;
        let needs_target = matches!(
            action,
            Action::Replace
                | Action::HashMod
                | Action::Lowercase
                | Action::Uppercase
                | Action::KeepEqual
                | Action::DropEqual
        );
        if needs_target && self.target_label.is_empty() {
            mistake(format!("relabel action {action} requires 'target_label'"));
        }
        if action == Action::HashMod && self.modulus == 0 {
            mistake("relabel action hashmod requires a modulus above 0".to_owned());
        }
        let only_regex = matches!(action, Action::LabelDrop | Action::LabelKeep);
        let others = ["source_labels", "target_label", "modulus", "separator", "replacement"];
        if only_regex && others.iter().any(|name| is_set(name)) {
            mistake(format!("relabel action {action} takes 'regex' and no other field"));
        }
        let only_equal = matches!(action, Action::KeepEqual | Action::DropEqual);
        if only_equal && ["regex", "modulus", "separator", "replacement"].iter().any(|name| is_set(name)) {
            mistake(format!("relabel action {action} takes 'source_labels' and 'target_label' and no other field"));
        }
    }

    fn value(&self, labels: &LabelMap) -> String {
        let values = self.source_labels.iter().map(|name| labels.get(name).map_or("", String::as_str));
        values.collect::<Vec<_>>().join(&self.separator)
    }

    /// Whether the labels are kept.
    fn apply(&self, labels: &mut LabelMap) -> bool {
        let value = self.value(labels);
        match self.action {
            Action::Keep => return self.regex.is_match(&value),
            Action::Drop => return !self.regex.is_match(&value),
            Action::KeepEqual => return labels.get(&self.target_label).map_or("", String::as_str) == value,
            Action::DropEqual => return labels.get(&self.target_label).map_or("", String::as_str) != value,
            Action::Replace => self.replace(&value, labels),
            Action::Lowercase => set(labels, &self.target_label, value.to_lowercase()),
            Action::Uppercase => set(labels, &self.target_label, value.to_uppercase()),
            Action::HashMod => {
                let hash = Md5::digest(value.as_bytes());
                let [.., a, b, c, d, e, f, g, h] = <[u8; 16]>::from(hash);
                let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % self.modulus.max(1);
                set(labels, &self.target_label, number.to_string());
            }
            Action::LabelMap => {
                let mapped = labels
                    .iter()
                    .filter_map(|(name, value)| Some((self.regex.expand(name, &self.replacement)?, value.clone())));
                for (name, value) in mapped.collect::<Vec<_>>() {
                    set(labels, &name, value);
                }
            }
            Action::LabelDrop => labels.retain(|name, _| !self.regex.is_match(name)),
            Action::LabelKeep => labels.retain(|name, _| self.regex.is_match(name)),
        }
        true
    }

    fn replace(&self, value: &str, labels: &mut LabelMap) {
        let expanded = |template: &str| self.regex.expand(value, template);
        if let (Some(target), Some(replacement)) = (expanded(&self.target_label), expanded(&self.replacement)) {
            set(labels, &target, replacement);
        }
    }
}

/// Sets a label; an empty value takes it away, an empty name is none.
fn set(labels: &mut LabelMap, name: &str, value: String) {
    if name.is_empty() {
        return;
    }
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name.to_owned(), value);
    }
}

fn action(text: &str) -> Option<Action> {
    ACTIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, action)| *action)
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ACTIONS.iter().find(|(_, action)| action == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}
