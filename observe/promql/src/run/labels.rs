//! Labels of results.

use std::fmt::Write as _;

use vitrine_observe_series::{GoRegex, Label, Labels, NAME};

use crate::plan::{Node, NodeKind};
use crate::text::{go_quote, is_label_name, is_plain_label_name};

use super::cells::Row;
use super::grid::Grid;
use super::{Done, Run, Sink, failed};

/// Labels that say what a metric is, and not whose it is: they go wherever the name goes.
const METADATA: [&str; 3] = [NAME, "__type__", "__unit__"];

/// Without the name, the type and the unit.
pub(super) fn without_metadata(labels: &Labels) -> Labels {
    if METADATA.iter().all(|name| labels.get(name).is_none()) {
        return labels.clone();
    }
    keep(labels, |label| !METADATA.contains(&&*label.name))
}

/// Without the name, the type and the unit, unless these are dropped at the end.
pub(super) fn without_metadata_unless(labels: &Labels, delayed: bool) -> Labels {
    if delayed { labels.clone() } else { without_metadata(labels) }
}

/// Those labels for which this holds.
pub(super) fn keep(labels: &Labels, mut which: impl FnMut(&Label) -> bool) -> Labels {
    labels.filtered(|label| which(label))
}

/// With a label set; an empty value takes it out.
pub(super) fn with(labels: &Labels, name: &str, value: &str) -> Labels {
    let set = Label { name: name.into(), value: value.into() };
    Labels::new(labels.iter().filter(|label| *label.name != *name).cloned().chain([set]))
}

/// The labels of these names, or all but these. Names are in order.
pub(super) fn grouped(labels: &Labels, names: &[String], without: bool) -> Labels {
    let named = |label: &Label| names.binary_search_by(|name| (**name).cmp(&*label.name)).is_ok();
    if without { keep(labels, |label| !named(label) && &*label.name != NAME) } else { keep(labels, named) }
}

/// As Go writes label sets in messages: `{__name__="up", job="api"}`.
pub(super) fn text(labels: &Labels) -> String {
    let mut text = String::from("{");
    for (place, label) in labels.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        let name = if is_plain_label_name(&label.name) { label.name.to_string() } else { go_quote(&label.name) };
        let _ = write!(text, "{comma}{name}={}", go_quote(&label.value));
    }
    text.push('}');
    text
}

impl Run<'_> {
    /// Drops a row's name, now or at the end.
    pub(super) fn drop_name(&self, row: &mut Row) {
        if !self.options.delayed_names {
            row.labels = without_metadata(&row.labels);
        }
        row.drop_name = true;
    }

    pub(super) fn label_replace(&self, args: &[Node], grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let [vector, dst, replacement, src, pattern] = args else { return failed("label_replace() takes 5 arguments") };
        let (dst, replacement, src, pattern) = (string(dst)?, string(replacement)?, string(src)?, string(pattern)?);
        let Ok(pattern) = GoRegex::new(pattern) else {
            return failed(format!("invalid regular expression in label_replace(): {pattern}"));
        };
        if !is_label_name(dst) {
            return failed(format!("invalid destination label name in label_replace(): {dst}"));
        }
        self.merged(sink, &mut |sink| {
            self.rows(vector, grid, &mut |mut row| {
                if let Some(value) = pattern.expand(row.labels.get(src).unwrap_or_default(), replacement) {
                    row.labels = with(&row.labels, dst, &value);
                    row.drop_name &= dst != NAME;
                }
                sink(row)
            })
        })
    }

    pub(super) fn label_join(&self, args: &[Node], grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let [vector, dst, separator, sources @ ..] = args else {
            return failed("label_join() takes 3 arguments or more");
        };
        let (dst, separator) = (string(dst)?, string(separator)?);
        let mut names = Vec::with_capacity(sources.len());
        for source in sources {
            let name = string(source)?;
            if !is_label_name(name) {
                return failed(format!("invalid source label name in label_join(): {name}"));
            }
            names.push(name);
        }
        if !is_label_name(dst) {
            return failed(format!("invalid destination label name in label_join(): {dst}"));
        }
        self.merged(sink, &mut |sink| {
            self.rows(vector, grid, &mut |mut row| {
                let values: Vec<&str> = names.iter().map(|name| row.labels.get(name).unwrap_or_default()).collect();
                row.labels = with(&row.labels, dst, &values.join(separator));
                row.drop_name &= dst != NAME;
                sink(row)
            })
        })
    }
}

/// The text of an argument.
pub(super) fn string(node: &Node) -> Done<&str> {
    match &node.kind {
        NodeKind::String(text) => Ok(text),
        _ => failed("a text was expected"),
    }
}
