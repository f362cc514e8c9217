//! Rule files: what Prometheus and vmalert read, with their checks and texts. All mistakes of a file are told.

use std::collections::HashMap;
use std::time::Duration;

use vitrine_observe_promql::ast::Expr;
use vitrine_observe_promql::go_quote;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_series::NAME;
use vitrine_platform_config::yaml::{self, Fields, Location, Mistake, Node, Reader};

use crate::alert;

/// Most rules of a file.
const MAX_RULES: usize = 50_000;

/// A rule's name and labels.
type RuleKey<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// A rule file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleFile {
    /// In order.
    pub groups: Vec<GroupSpec>,
}

/// A group of rules.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSpec {
    /// Unique in the file.
    pub name: String,
    /// How often its rules are evaluated; the default if none.
    pub interval: Option<Duration>,
    /// How much earlier than now its queries look; the default if none.
    pub query_offset: Option<Duration>,
    /// Most series of a recording rule, and most alerts of an alerting rule; 0 is no limit.
    pub limit: usize,
    /// Labels that each rule adds unless it has one of that name.
    pub labels: Vec<(String, String)>,
    /// In order.
    pub rules: Vec<RuleSpec>,
    /// Where it stands.
    pub location: Location,
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSpec {
    /// What becomes of the result.
    pub kind: RuleKind,
    /// The expression as it is written.
    pub text: String,
    /// What it says.
    pub expr: Expr,
    /// Its own labels; templates in an alerting rule.
    pub labels: Vec<(String, String)>,
    /// Where it stands.
    pub location: Location,
}

/// What becomes of a rule's result.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// It is kept as a metric of this name.
    Record(String),
    /// Each of its series is an alert.
    Alert {
        /// The alert's name.
        name: String,
        /// How long a series must be there before the alert fires.
        hold: Duration,
        /// How long the alert goes on firing when the series is gone.
        keep_firing_for: Duration,
        /// Templates for people.
        annotations: Vec<(String, String)>,
    },
}

impl RuleSpec {
    /// The name of the metric or the alert.
    pub fn name(&self) -> &str {
        match &self.kind {
            RuleKind::Record(name) | RuleKind::Alert { name, .. } => name,
        }
    }
}

impl RuleFile {
    /// Reads a file. An empty one has no groups.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        yaml::read(text, read_file)
    }

    /// Reads a group that stands alone.
    pub fn parse_group(text: &str) -> Result<GroupSpec, Vec<Mistake>> {
        yaml::read(text, read_group)
    }

    /// How many rules there are in all groups.
    pub fn rules(&self) -> usize {
        self.groups.iter().map(|group| group.rules.len()).sum()
    }

    /// Rules that are there more than once, with the same name and labels, so that their results stand in each other's way.
    pub fn duplicates(&self) -> Vec<&RuleSpec> {
        let mut seen: HashMap<RuleKey<'_>, usize> = HashMap::new();
        let rules: Vec<(&GroupSpec, &RuleSpec)> =
            self.groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule))).collect();
        let key = |(group, rule): &(&'_ GroupSpec, &'_ RuleSpec)| merged(&group.labels, &rule.labels);
        let labels: Vec<Vec<(String, String)>> = rules.iter().map(key).collect();
        let mut duplicates = Vec::new();
        for ((_, rule), labels) in rules.iter().zip(&labels) {
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let count = seen.entry((rule.name(), labels)).or_default();
            *count += 1;
            if *count == 2 {
                duplicates.push(*rule);
            }
        }
        duplicates
    }
}

/// A group's labels under those of a rule, in order of their names.
pub(crate) fn merged(group: &[(String, String)], rule: &[(String, String)]) -> Vec<(String, String)> {
    let mut labels: std::collections::BTreeMap<String, String> = group.iter().cloned().collect();
    labels.extend(rule.iter().cloned());
    labels.into_iter().collect()
}

fn read_file(root: &Node, reader: &Reader) -> Option<RuleFile> {
    let mut fields = reader.fields(root)?;
    // Mimir's and vmalert's tools write it; it says nothing to us.
    fields.text("namespace");
    let nodes = fields.list("groups");
    let mut names: HashMap<String, Location> = HashMap::new();
    let mut groups = Vec::new();
    let mut rules = 0;
    for node in nodes {
        let Some(group) = read_group(node, reader) else { continue };
        if names.insert(group.name.clone(), group.location).is_some() {
            let message = format!("groupname: {} is repeated in the same file", go_quote(&group.name));
            reader.mistake(group.location, message);
        }
        rules += group.rules.len();
        if rules > MAX_RULES {
            reader.mistake(group.location, format!("the file has more than {MAX_RULES} rules"));
            return None;
        }
        groups.push(group);
    }
    Some(RuleFile { groups })
}

fn read_group(node: &Node, reader: &Reader) -> Option<GroupSpec> {
    let mut fields = reader.fields(node)?;
    let name = fields.text("name").unwrap_or_default();
    if name.is_empty() {
        reader.mistake(node.location, "Groupname must not be empty");
    }
    let interval = fields.duration("interval").filter(|interval| !interval.is_zero());
    let query_offset = fields.duration("query_offset");
    let limit = fields.number::<i64>("limit").map_or(0, |limit| usize::try_from(limit).unwrap_or(0));
    let labels = fields.texts("labels");
    let at = fields.location_of("labels");
    check_labels(reader, at, "", &labels);
    let rules = fields.list("rules").iter().enumerate();
    let rules = rules.filter_map(|(number, node)| read_rule(node, reader, &name, number + 1)).collect();
    Some(GroupSpec { name, interval, query_offset, limit, labels, rules, location: node.location })
}

fn check_labels(reader: &Reader, at: Location, before: &str, labels: &[(String, String)]) {
    for (name, _) in labels.iter().filter(|(name, _)| name.is_empty() || name == NAME) {
        reader.mistake(at, format!("{before}invalid label name: {name}"));
    }
}

fn read_rule(node: &Node, reader: &Reader, group: &str, number: usize) -> Option<RuleSpec> {
    let mut fields = reader.fields(node)?;
    let record = fields.text("record").unwrap_or_default();
    let alert = fields.text("alert").unwrap_or_default();
    let name = if alert.is_empty() { &record } else { &alert };
    let before = format!("group {}, rule {number}, {}: ", go_quote(group), go_quote(name));
    let mistake = |at: Location, message: String| reader.mistake(at, format!("{before}{message}"));
    match (record.is_empty(), alert.is_empty()) {
        (false, false) => {
            mistake(fields.location_of("record"), "only one of 'record' and 'alert' must be set".to_owned())
        }
        (true, true) => mistake(node.location, "one of 'record' or 'alert' must be set".to_owned()),
        _ => {}
    }
    let text = fields.text("expr").unwrap_or_default();
    let expr = if text.is_empty() {
        mistake(fields.location_of("expr"), "field 'expr' must be set in rule".to_owned());
        None
    } else {
        let at = fields.location_of("expr");
        parse_expr(&text).map_err(|error| mistake(at, format!("could not parse expression: {error}"))).ok()
    };
    let hold = fields.duration("for").unwrap_or_default();
    let keep_firing_for = fields.duration("keep_firing_for").unwrap_or_default();
    let labels = fields.texts("labels");
    let annotations = fields.texts("annotations");
    check_labels(reader, fields.location_of("labels"), &before, &labels);
    for (name, _) in annotations.iter().filter(|(name, _)| name.is_empty()) {
        mistake(fields.location_of("annotations"), format!("invalid annotation name: {name}"));
    }
    let kind = if alert.is_empty() {
        check_recording(
            &fields,
            &record,
            [annotations.is_empty(), hold.is_zero(), keep_firing_for.is_zero()],
            &mistake,
        );
        RuleKind::Record(record)
    } else {
        for (what, texts) in [("label", &labels), ("annotation", &annotations)] {
            for (of, text) in texts {
                if let Err(error) = alert::check_template(&alert, text) {
                    mistake(fields.location_of(&format!("{what}s")), format!("{what} {}: {error}", go_quote(of)));
                }
            }
        }
        RuleKind::Alert { name: alert, hold, keep_firing_for, annotations }
    };
    Some(RuleSpec { kind, text, expr: expr?, labels, location: node.location })
}

/// What a recording rule must not have, and how its name must not look. `absent`: annotations, for, keep_firing_for.
fn check_recording(fields: &Fields<'_>, record: &str, absent: [bool; 3], mistake: &dyn Fn(Location, String)) {
    for (is_absent, field) in absent.into_iter().zip(["annotations", "for", "keep_firing_for"]) {
        if !is_absent && !record.is_empty() {
            mistake(fields.location_of(field), format!("invalid field '{field}' in recording rule"));
        }
    }
    if record.contains(['{', '}']) {
        let message = format!("braces present in the recording rule name; should it be in expr?: {record}");
        mistake(fields.location_of("record"), message);
    }
}
