//! What of a record matches a query, to be shown.

use std::collections::BTreeMap;
use std::ops::Range;

use vitrine_observe_columns::TextTest;
use vitrine_observe_search::people::field_name;
use vitrine_observe_store::model::{LogField, LogFilter, LogRow, LogTest};
use vitrine_observe_text::TextMatch;

/// Ranges of one field; more are not told.
const MAX_RANGES: usize = 100;
/// Bytes of a text that is looked through; what stands behind is not marked.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Where the text of a field matches.
pub(crate) struct Mark {
    /// The text.
    pub text: String,
    /// Ranges of its bytes, in order and without overlaps.
    pub ranges: Vec<Range<usize>>,
}

/// Returns what of a record matches a filter, by the names of fields. What a filter excludes is not looked for.
pub(crate) fn marks(filter: &LogFilter, row: &LogRow) -> BTreeMap<String, Mark> {
    let mut wanted = Vec::new();
    collect(filter, &mut wanted);
    let mut marks: BTreeMap<String, Mark> = BTreeMap::new();
    for (field, text_match) in wanted {
        for (field, text) in texts(field, row) {
            let looked_through = &text[..text.floor_char_boundary(MAX_TEXT_BYTES)];
            let found = text_match.ranges(looked_through);
            if !found.is_empty() {
                let mark = marks.entry(field_name(&field)).or_insert_with(|| Mark { text, ranges: Vec::new() });
                mark.ranges.extend(found);
            }
        }
    }
    marks.values_mut().for_each(|mark| mark.ranges = joined(std::mem::take(&mut mark.ranges)));
    marks
}

fn collect<'a>(filter: &'a LogFilter, into: &mut Vec<(&'a LogField, &'a TextMatch)>) {
    match filter {
        LogFilter::All(filters) | LogFilter::Any(filters) => {
            filters.iter().for_each(|filter| collect(filter, into));
        }
        LogFilter::Field(field, LogTest::Text(TextTest::Match(text_match))) => into.push((field, text_match.as_ref())),
        LogFilter::Not(_) | LogFilter::Field(..) => {}
    }
}

/// The texts that a field stands for, each with the field that it is of.
fn texts(field: &LogField, row: &LogRow) -> Vec<(LogField, String)> {
    let one = |field: &LogField| row.value(field).map(|value| (field.clone(), value.text()));
    match field {
        LogField::Any => {
            let known = [LogField::Body, LogField::SeverityText, LogField::EventName, LogField::Service];
            let attributes = row.attributes.iter().map(|attribute| LogField::Attribute(attribute.key.clone()));
            let resource = row.resource.iter().map(|attribute| LogField::Resource(attribute.key.clone()));
            known.into_iter().chain(attributes).chain(resource).filter_map(|field| one(&field)).collect()
        }
        LogField::Named(key) => {
            let places = [LogField::Attribute, LogField::Resource, LogField::Scope];
            places.into_iter().find_map(|make| one(&make(key.clone()))).into_iter().collect()
        }
        field => one(field).into_iter().collect(),
    }
}

/// Ranges in order, those that overlap as one.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match out.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => out.push(range),
        }
    }
    out.truncate(MAX_RANGES);
    out
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn ranges_that_overlap_are_one() {
        assert_eq!(joined(vec![5..9, 0..2, 2..3, 6..7]), [0..3, 5..9]);
    }
}
