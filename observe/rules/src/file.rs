//! Rule files: what Prometheus and vmalert read, with their checks and texts. All mistakes of a file are told.

use std::collections::HashMap;
use std::time::Duration;

use vitrine_kit::duration::prometheus;
use vitrine_observe_promql::ast::Expr;
use vitrine_observe_promql::go_quote;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_series::NAME;
use vitrine_platform_config::yaml::{self, Fields, Location, Mistake, Node, Reader};

use crate::alert;
use crate::sql::{self, MIN_SQL_INTERVAL};

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
    pub query: Query,
    /// Its own labels; templates in an alerting rule.
    pub labels: Vec<(String, String)>,
    /// Where it stands.
    pub location: Location,
}

/// What a rule asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// PromQL, over series.
    PromQl(Expr),
    /// SQL, over everything: a statement that reads.
    Sql(String),
}

impl Query {
    /// As it is told: PromQL as its formatter writes it.
    pub fn text(&self) -> String {
        match self {
            Self::PromQl(expr) => expr.to_string(),
            Self::Sql(text) => text.trim().to_owned(),
        }
    }

    /// As it is asked at a time, both in milliseconds: in SQL, `$time` and `$interval` are filled in.
    pub fn at(&self, time_ms: i64, interval_ms: i64) -> String {
        match self {
            Self::PromQl(expr) => expr.to_string(),
            Self::Sql(text) => sql::statement(text, time_ms, interval_ms),
        }
    }

    /// PromQL, if it is that.
    pub fn expr(&self) -> Option<&Expr> {
        match self {
            Self::PromQl(expr) => Some(expr),
            Self::Sql(_) => None,
        }
    }
}

/// In what a rule is written, where the file says it.
#[derive(Clone, Copy)]
enum Language {
    PromQl,
    Sql,
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

    fn is_sql(&self) -> bool {
        matches!(self.query, Query::Sql(_))
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
    let language = read_language(&mut fields).unwrap_or(Language::PromQl);
    let rules = fields.list("rules").iter().enumerate();
    let rules: Vec<RuleSpec> =
        rules.filter_map(|(number, node)| read_rule(node, reader, &name, number + 1, language)).collect();
    if interval.is_some_and(|interval| interval < MIN_SQL_INTERVAL) && rules.iter().any(RuleSpec::is_sql) {
        let least = prometheus::format(MIN_SQL_INTERVAL);
        let message = format!("interval: expected at least {least}, because the group has rules in SQL");
        reader.mistake(fields.location_of("interval"), message);
    }
    Some(GroupSpec { name, interval, query_offset, limit, labels, rules, location: node.location })
}

fn check_labels(reader: &Reader, at: Location, before: &str, labels: &[(String, String)]) {
    for (name, _) in labels.iter().filter(|(name, _)| name.is_empty() || name == NAME) {
        reader.mistake(at, format!("{before}invalid label name: {name}"));
    }
}

/// `type`, as vmalert has it.
fn read_language(fields: &mut Fields<'_>) -> Option<Language> {
    fields.parsed("type", "prometheus or sql", |text| match text {
        "prometheus" | "" => Some(Language::PromQl),
        "sql" => Some(Language::Sql),
        _ => None,
    })
}

/// What a rule asks for, and as it is written: `expr`, or `sql`.
fn read_query(
    fields: &mut Fields<'_>,
    language: Language,
    mistake: &dyn Fn(Location, String),
) -> (String, Option<Query>) {
    let language = read_language(fields).unwrap_or(language);
    let expr = fields.text("expr").unwrap_or_default();
    let sql = fields.text("sql").unwrap_or_default();
    match (expr.is_empty(), sql.is_empty(), language) {
        (true, true, _) => {
            mistake(fields.location_of("expr"), "field 'expr' must be set in rule".to_owned());
            (String::new(), None)
        }
        (false, false, _) => {
            mistake(fields.location_of("sql"), "only one of 'expr' and 'sql' must be set".to_owned());
            (String::new(), None)
        }
        (true, false, _) => (sql.clone(), Some(Query::Sql(sql))),
        (false, true, Language::Sql) => (expr.clone(), Some(Query::Sql(expr))),
        (false, true, Language::PromQl) => {
            let at = fields.location_of("expr");
            let parsed = parse_expr(&expr).map_err(|error| mistake(at, format!("could not parse expression: {error}")));
            (expr, parsed.ok().map(Query::PromQl))
        }
    }
}

fn read_rule(node: &Node, reader: &Reader, group: &str, number: usize, language: Language) -> Option<RuleSpec> {
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
    let (text, query) = read_query(&mut fields, language, &mistake);
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
    Some(RuleSpec { kind, text, query: query?, labels, location: node.location })
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
