//! The tree of routes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use vitrine_observe_series::MatchOp;
use vitrine_platform_config::yaml::{Fields, Node, Reader};

use crate::labels::LabelSet;
use crate::matcher::{self, Matcher, all_match};
use crate::time_interval::TimeInterval;

/// How long a group waits for more alerts before it is told of first.
const GROUP_WAIT: Duration = Duration::from_secs(30);
/// How long a group waits before it is told of again.
const GROUP_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// After how long a group that has not changed is told of again.
const REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 3600);
/// Most routes of a configuration.
const MAX_ROUTES: usize = 10_000;

/// What alerts are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// All labels: each alert is a group of its own.
    All,
    /// These labels.
    Labels(BTreeSet<String>),
}

/// A node of the tree, with what it inherits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Matchers of it and of those above: `{}/{team="web"}`. Not of one route alone.
    pub key: String,
    /// The same with its place among its neighbours: of one route alone.
    pub id: String,
    /// Who is told.
    pub receiver: String,
    /// What alerts are grouped by.
    pub group_by: GroupBy,
    /// How long a group waits before it is told of first.
    pub group_wait: Duration,
    /// How long it waits before it is told of again.
    pub group_interval: Duration,
    /// After how long it is told of again when nothing has changed.
    pub repeat_interval: Duration,
    /// Time intervals in which nobody is told.
    pub mute_time_intervals: Vec<String>,
    /// Time intervals outside of which nobody is told; always where there are none.
    pub active_time_intervals: Vec<String>,
    /// Labels of the route, its own and those inherited; values may be templates.
    pub labels: LabelSet,
    matchers: Vec<Matcher>,
    does_continue: bool,
    children: Vec<usize>,
}

/// The tree of routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// Each after all below it; the root is the last.
    routes: Vec<Route>,
}

impl Routes {
    /// Reads the tree. `receivers` and `intervals` are those that it may name.
    pub(crate) fn read(
        reader: &Reader,
        node: &Node,
        receivers: &BTreeSet<&str>,
        intervals: &BTreeMap<String, Vec<TimeInterval>>,
    ) -> Option<Self> {
        let mut reading = Reading { reader, receivers, intervals, routes: Vec::new() };
        reading.route(node, None, 0)?;
        if reading.routes.len() > MAX_ROUTES {
            reader.mistake(node.location, format!("{} routes: expected at most {MAX_ROUTES}", reading.routes.len()));
        }
        Some(Self { routes: reading.routes })
    }

    /// Returns the routes of an alert, depth first: of each node the first child that matches, and those after it if that one says `continue`; the
    /// node itself where no child matches. Never none: the root takes everything.
    pub fn of(&self, labels: &LabelSet) -> Vec<&Route> {
        let mut found = Vec::new();
        self.find(self.routes.len() - 1, labels, &mut found);
        found
    }

    /// All routes.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// A route by its id.
    pub fn by_id(&self, id: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.id == id)
    }

    /// Whether anything was found. Recursion ends at the depth of what was read.
    fn find<'a>(&'a self, at: usize, labels: &LabelSet, found: &mut Vec<&'a Route>) -> bool {
        let route = &self.routes[at];
        if !all_match(&route.matchers, labels) {
            return false;
        }
        let before = found.len();
        for child in &route.children {
            if self.find(*child, labels, found) && !self.routes[*child].does_continue {
                break;
            }
        }
        if found.len() == before {
            found.push(route);
        }
        true
    }
}

impl Route {
    /// Returns the labels that name an alert's group.
    pub fn group_labels(&self, labels: &LabelSet) -> LabelSet {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels
                .iter()
                .filter(|(name, _)| names.contains(*name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    /// What a route without a word of its own has of the one above it, or of nobody.
    fn below(above: Option<&Self>) -> Self {
        let mut route = above.cloned().unwrap_or(Self {
            key: String::new(),
            id: String::new(),
            receiver: String::new(),
            group_by: GroupBy::Labels(BTreeSet::new()),
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_interval: REPEAT_INTERVAL,
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            labels: LabelSet::new(),
            matchers: Vec::new(),
            does_continue: false,
            children: Vec::new(),
        });
        route.matchers.clear();
        route.children.clear();
        route.mute_time_intervals.clear();
        route.active_time_intervals.clear();
        route.does_continue = false;
        route
    }
}

struct Reading<'a> {
    reader: &'a Reader,
    receivers: &'a BTreeSet<&'a str>,
    intervals: &'a BTreeMap<String, Vec<TimeInterval>>,
    routes: Vec<Route>,
}

impl Reading<'_> {
    /// Reads a route and all below it; returns its index. Recursion ends at the depth that YAML may have.
    fn route(&mut self, node: &Node, above: Option<&Route>, place: usize) -> Option<usize> {
        let mut fields = self.reader.fields(node)?;
        let mut route = Route::below(above);
        self.settings(&mut fields, &mut route);
        route.matchers = read_matchers(self.reader, &mut fields, "match", "match_re", "matchers");
        matcher::sort(&mut route.matchers);
        route.does_continue = fields.flag("continue").unwrap_or_default();
        let own = matcher::written(&route.matchers);
        match above {
            None => (route.key, route.id) = (own.clone(), own),
            Some(above) => {
                route.key = format!("{}/{own}", above.key);
                route.id = format!("{}/{own}/{place}", above.id);
            }
        }
        if above.is_none() {
            self.check_root(&fields, &route);
        }
        let nodes = fields.list("routes");
        drop(fields);
        let children =
            nodes.iter().enumerate().filter_map(|(place, node)| self.route(node, Some(&route), place)).collect();
        route.children = children;
        self.routes.push(route);
        Some(self.routes.len() - 1)
    }

    fn settings(&self, fields: &mut Fields<'_>, route: &mut Route) {
        let reader = self.reader;
        if let Some(receiver) = fields.text("receiver").filter(|name| !name.is_empty()) {
            if !self.receivers.contains(receiver.as_str()) {
                reader
                    .mistake(fields.location_of("receiver"), format!("undefined receiver {receiver:?} used in route"));
            }
            route.receiver = receiver;
        }
        if let Some(node) = fields.node("group_by") {
            route.group_by = group_by(reader, fields, node);
        }
        for (name, of) in [
            ("group_wait", &mut route.group_wait),
            ("group_interval", &mut route.group_interval),
            ("repeat_interval", &mut route.repeat_interval),
        ] {
            let Some(duration) = fields.duration(name) else { continue };
            if duration.is_zero() && name != "group_wait" {
                reader.mistake(fields.location_of(name), format!("{name} cannot be zero"));
            } else {
                *of = duration;
            }
        }
        for (name, of) in [
            ("mute_time_intervals", &mut route.mute_time_intervals),
            ("active_time_intervals", &mut route.active_time_intervals),
        ] {
            *of = fields.list_of_texts(name);
            for interval in of.iter().filter(|interval| !self.intervals.contains_key(*interval)) {
                reader.mistake(fields.location_of(name), format!("undefined time interval {interval:?} used in route"));
            }
        }
        for (name, value) in fields.texts("labels") {
            if name.is_empty() {
                reader.mistake(fields.location_of("labels"), "invalid label name \"\" in route labels");
            }
            route.labels.insert(name, value);
        }
    }

    /// The root takes all alerts, always.
    fn check_root(&self, fields: &Fields<'_>, route: &Route) {
        let wrong = |message: &str| self.reader.mistake(fields.location(), message);
        if route.receiver.is_empty() {
            wrong("root route must specify a default receiver");
        }
        if !route.matchers.is_empty() {
            wrong("root route must not have any matchers");
        }
        if !route.mute_time_intervals.is_empty() {
            wrong("root route must not have any mute time intervals");
        }
        if !route.active_time_intervals.is_empty() {
            wrong("root route must not have any active time intervals");
        }
        if route.does_continue {
            wrong("cannot have continue in root route");
        }
    }
}

fn group_by(reader: &Reader, fields: &mut Fields<'_>, node: &Node) -> GroupBy {
    const ALL: &str = "...";
    let names = fields.list_of_texts("group_by");
    let wrong = |message: String| reader.mistake(node.location, message);
    let mut labels = BTreeSet::new();
    for name in names.iter().filter(|name| *name != ALL) {
        if name.is_empty() {
            wrong("invalid label name \"\" in group_by list".to_owned());
        } else if !labels.insert(name.clone()) {
            wrong(format!("duplicated label {name:?} in group_by"));
        }
    }
    if labels.len() == names.len() {
        return GroupBy::Labels(labels);
    }
    if !labels.is_empty() {
        wrong("cannot have wildcard group_by (`...`) and other labels at the same time".to_owned());
    }
    GroupBy::All
}

/// Reads matchers from the two old fields, name to value and name to pattern, and the new one.
pub(crate) fn read_matchers(
    reader: &Reader,
    fields: &mut Fields<'_>,
    equal: &'static str,
    pattern: &'static str,
    new: &'static str,
) -> Vec<Matcher> {
    let mut matchers = Vec::new();
    for (name, op) in [(equal, MatchOp::Equal), (pattern, MatchOp::Regex)] {
        for (label, value) in fields.texts(name) {
            match Matcher::new(&label, op, &value) {
                Ok(_) if label.is_empty() => {
                    reader.mistake(fields.location_of(name), format!("{name}: invalid label name \"\""))
                }
                Ok(matcher) => matchers.push(matcher),
                Err(error) => reader.mistake(fields.location_of(name), format!("{name}: {error}")),
            }
        }
    }
    for text in fields.list_of_texts(new) {
        match Matcher::parse_all(&text) {
            Ok(found) => matchers.extend(found),
            Err(error) => reader.mistake(fields.location_of(new), format!("{new}: {text:?}: {error}")),
        }
    }
    matchers
}
