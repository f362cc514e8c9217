//! `info`: labels of info series are added to series of the same job and instance.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vitrine_observe_series::{Labels, MatchOp, Matcher, NAME};

use crate::plan::{Node, NodeKind, RangeSource, Selector};

use super::cells::{Cell, Cells, Row};
use super::grid::Grid;
use super::labels::{keep, text, with};
use super::merge::{Merger, RowSet};
use super::select::Take;
use super::{Done, Run, SAME_LABELS, Sink, failed};

/// Labels by which info series are found.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// The info series that are meant where none are named.
const TARGET_INFO: &str = "target_info";

/// What is asked of info series.
struct InfoFilter {
    /// Conditions on their names.
    names: Vec<Matcher>,
    /// Conditions on their labels; if there are any, only these labels are added.
    data: BTreeMap<String, Vec<Matcher>>,
}

/// Info series by name, job and instance.
struct Infos {
    held: RowSet,
    names: BTreeSet<String>,
    places: HashMap<(String, Labels), Vec<usize>>,
}

fn matcher(name: &str, op: MatchOp, value: &str) -> Done<Matcher> {
    Matcher::new(name, op, value).or_else(|error| failed(error.to_string()))
}

impl InfoFilter {
    fn of(selector: Option<&Node>) -> Done<Self> {
        let (mut names, mut data) = (Vec::new(), BTreeMap::<String, Vec<Matcher>>::new());
        if let Some(NodeKind::Select(selector)) = selector.map(|node| &node.kind) {
            for matcher in &selector.matchers {
                if matcher.name == NAME {
                    names.push(matcher.clone());
                } else {
                    data.entry(matcher.name.clone()).or_default().push(matcher.clone());
                }
            }
        }
        if names.is_empty() {
            names.push(matcher(NAME, MatchOp::Equal, TARGET_INFO)?);
        } else if !names.iter().any(|m| matches!(m.op, MatchOp::Equal | MatchOp::Regex)) {
            names.insert(0, matcher(NAME, MatchOp::Regex, ".+_info")?);
        }
        Ok(Self { names, data })
    }

    /// Whether a series is an info series itself: it is left as it is.
    fn is_info(&self, labels: &Labels) -> bool {
        self.names.iter().all(|m| m.matches(labels.metric()))
    }

    /// Whether a series without info series stays.
    fn may_lack(&self) -> bool {
        self.data.values().flatten().all(|m| m.matches(""))
    }
}

fn identity(labels: &Labels) -> Labels {
    keep(labels, |label| IDENTIFYING.contains(&&*label.name))
}

/// The instant and the offset at which info series are looked at: those of the first selector in an expression.
fn reference(node: &Node) -> Option<(Option<i64>, i64)> {
    let of = |selector: &Selector| (selector.at_ms, selector.offset_ms);
    match &node.kind {
        NodeKind::Number(_) | NodeKind::String(_) => None,
        NodeKind::Select(selector) | NodeKind::Matrix(RangeSource::Series { selector, .. }) => Some(of(selector)),
        NodeKind::Matrix(RangeSource::Subquery { expr, offset_ms, at_ms, .. }) => {
            let (at, offset) = reference(expr)?;
            Some(if at.is_some() { (at, offset) } else { (*at_ms, offset.saturating_add(*offset_ms)) })
        }
        NodeKind::Aggregate(aggregate) => {
            reference(&aggregate.expr).or_else(|| aggregate.param.as_deref().and_then(reference))
        }
        NodeKind::Binary(binary) => reference(&binary.lhs).or_else(|| reference(&binary.rhs)),
        NodeKind::Negate(inner) | NodeKind::Invariant(inner) => reference(inner),
        NodeKind::Call { args, .. } => args.iter().find_map(reference),
    }
}

impl Run<'_> {
    pub(super) fn info(&self, args: &[Node], grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let [vector, rest @ ..] = args else { return failed("info needs a vector") };
        let wanted = InfoFilter::of(rest.first())?;
        let base = self.collect(vector, grid)?;
        let infos = self.infos(&wanted, reference(vector), &base, grid)?;
        let mut merger = Merger::default();
        for row in base.rows {
            self.budget.check()?;
            if wanted.is_info(&row.labels) {
                merger.add(self, row)?;
            } else {
                self.enrich(&wanted, &infos, &row, grid, &mut merger)?;
            }
        }
        merger.held.rows.into_iter().filter(|row| row.cells.any()).try_for_each(sink)
    }

    /// Info series of the jobs and instances of these rows, with the times of their samples.
    fn infos(&self, wanted: &InfoFilter, at: Option<(Option<i64>, i64)>, base: &RowSet, grid: &Grid) -> Done<Infos> {
        let mut infos = Infos { held: RowSet::default(), names: BTreeSet::new(), places: HashMap::new() };
        let mut matchers = Vec::new();
        for name in IDENTIFYING {
            let rows = base.rows.iter().filter(|row| !wanted.is_info(&row.labels));
            let values: BTreeSet<&str> = rows.filter_map(|row| row.labels.get(name)).collect();
            if !values.is_empty() {
                let quoted: Vec<String> = values.into_iter().map(regex::escape).collect();
                matchers.push(matcher(name, MatchOp::Regex, &quoted.join("|"))?);
            }
        }
        if matchers.is_empty() {
            return Ok(infos);
        }
        matchers.extend(wanted.data.values().flatten().chain(&wanted.names).cloned());
        let (at_ms, offset_ms) = at.unwrap_or_default();
        let selector = Selector { matchers, offset_ms, at_ms, anchored: false, smoothed: false, stats_only: false };
        self.select(&selector, grid, Take::TimeOfFloat, &mut |row| {
            if row.cells.has_histograms() {
                return failed(format!("this should be an info metric, with float samples: {}", text(&row.labels)));
            }
            let name = row.labels.metric().to_owned();
            infos.names.insert(name.clone());
            infos.places.entry((name, identity(&row.labels))).or_default().push(infos.held.rows.len());
            self.hold(&mut infos.held, row)
        })?;
        Ok(infos)
    }

    /// Adds the labels of info series to a row; they may be others at each step.
    fn enrich(&self, wanted: &InfoFilter, infos: &Infos, row: &Row, grid: &Grid, merger: &mut Merger) -> Done {
        let identity = identity(&row.labels);
        let mut known: HashMap<Vec<usize>, Option<Labels>> = HashMap::new();
        for (step, cell) in row.cells.present() {
            let mut found = Vec::new();
            for name in &infos.names {
                if let Some(places) = infos.places.get(&(name.clone(), identity.clone())) {
                    found.extend(newest(&infos.held.rows, places, step)?);
                }
            }
            let labels = match known.get(&found) {
                Some(labels) => labels.clone(),
                None => {
                    let labels = added(wanted, &infos.held.rows, &found, &row.labels)?;
                    known.insert(found, labels.clone());
                    labels
                }
            };
            let Some(labels) = labels else { continue };
            let into = merger.row(self, &labels, row.drop_name, grid.count)?;
            if into.cells.is_present(step) {
                return failed(SAME_LABELS);
            }
            into.cells.set(step, cell.point());
        }
        Ok(())
    }
}

/// The time of an info series' sample at a step, in seconds.
fn time(cells: &Cells, step: usize) -> Option<f64> {
    match cells.get(step) {
        Some(Cell::Float(seconds)) => Some(seconds),
        _ => None,
    }
}

/// Of info series with one name, job and instance the one whose sample is the newest.
fn newest(rows: &[Row], places: &[usize], step: usize) -> Done<Option<usize>> {
    let mut best: Option<(usize, f64)> = None;
    for place in places {
        let Some(time) = time(&rows[*place].cells, step) else { continue };
        match best {
            Some((_, known)) if known > time => {}
            Some((known, same)) if same == time => {
                let ms = (time * 1000.0) as i64;
                return failed(format!(
                    "found duplicate series for info metric: existing {} @ {ms}, new {} @ {ms}",
                    text(&rows[known].labels),
                    text(&rows[*place].labels)
                ));
            }
            _ => best = Some((*place, time)),
        }
    }
    Ok(best.map(|(place, _)| place))
}

/// A series' labels with those of its info series; none where it has none and needs one.
fn added(wanted: &InfoFilter, rows: &[Row], found: &[usize], base: &Labels) -> Done<Option<Labels>> {
    if found.is_empty() && !wanted.may_lack() {
        return Ok(None);
    }
    let mut new: BTreeMap<&str, &str> = BTreeMap::new();
    for place in found {
        for label in rows[*place].labels.iter() {
            let unwanted = !wanted.data.is_empty() && !wanted.data.contains_key(&*label.name);
            if &*label.name == NAME || unwanted {
                continue;
            }
            if new.get(&*label.name).is_some_and(|value| *value != &*label.value) {
                return failed(format!("conflicting label: {}", label.name));
            }
            if base.get(&label.name).is_none() {
                new.insert(&label.name, &label.value);
            }
        }
    }
    Ok(Some(new.into_iter().fold(base.clone(), |labels, (name, value)| with(&labels, name, value))))
}
