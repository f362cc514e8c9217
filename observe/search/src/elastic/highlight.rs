//! What a query looked for, marked in the texts where it was found.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};
use vitrine_observe_model::elastic::is_like;
use vitrine_observe_text::is_word;

use super::error::SearchError;
use super::json::{Object, list};
use super::lowering::Mark;

/// Characters of a fragment, and how many there are, when nothing says so.
const FRAGMENT_CHARS: usize = 100;
const FRAGMENTS: usize = 5;

/// How hits are highlighted.
pub(crate) struct Highlight {
    fields: Vec<Field>,
}

struct Field {
    pattern: String,
    before: String,
    after: String,
    fragment_chars: usize,
    /// 0 for the whole text.
    fragments: usize,
    /// Whether only what was looked for in this field counts.
    own_only: bool,
}

impl Highlight {
    pub(crate) fn read(value: &Value) -> Result<Self, SearchError> {
        let all = Object::new("highlight", value)?;
        let mut fields = Vec::new();
        for part in list(all.need("fields")?) {
            for (pattern, options) in Object::new("highlight.fields", part)?.iter() {
                let own = Object::new(pattern, options)?;
                let tag = |key: &str, usual: &str| {
                    let found = own.get(key).or(all.get(key)).and_then(|tags| list(tags).first()?.as_str());
                    found.unwrap_or(usual).to_owned()
                };
                let count = |key| Ok::<_, SearchError>(own.count(key)?.or(all.count(key)?));
                fields.push(Field {
                    pattern: pattern.to_owned(),
                    before: tag("pre_tags", "<em>"),
                    after: tag("post_tags", "</em>"),
                    fragment_chars: count("fragment_size")?.unwrap_or(FRAGMENT_CHARS),
                    fragments: count("number_of_fragments")?.unwrap_or(FRAGMENTS),
                    own_only: own.flag("require_field_match")?.or(all.flag("require_field_match")?).unwrap_or(true),
                });
            }
        }
        Ok(Self { fields })
    }

    /// The fragments of a document's texts, by field.
    pub(crate) fn of(&self, flat: &BTreeMap<String, Vec<Value>>, marks: &[Mark]) -> Map<String, Value> {
        let mut found = Map::new();
        for (name, values) in flat {
            let Some(field) = self.fields.iter().find(|field| is_like(&field.pattern, name)) else { continue };
            let own = |mark: &&Mark| !field.own_only || mark.field == "*" || mark.field == *name;
            let marks: Vec<&Mark> = marks.iter().filter(own).collect();
            let texts = values.iter().filter_map(Value::as_str);
            let fragments: Vec<Value> = texts.flat_map(|text| field.fragments(text, &marks)).map(Value::from).collect();
            if !fragments.is_empty() {
                found.insert(name.clone(), fragments.into());
            }
        }
        found
    }
}

impl Field {
    fn fragments(&self, text: &str, marks: &[&Mark]) -> Vec<String> {
        let ranges = union(marks.iter().flat_map(|mark| mark.text.ranges(text)).collect());
        if ranges.is_empty() {
            return Vec::new();
        }
        if self.fragments == 0 || text.len() <= self.fragment_chars {
            return vec![self.marked(text, 0..text.len(), &ranges)];
        }
        let mut found: Vec<Range<usize>> = Vec::new();
        for range in &ranges {
            if found.last().is_some_and(|last| range.end <= last.end) {
                continue;
            }
            if found.len() == self.fragments {
                break;
            }
            let from = found.last().map_or(0, |last| last.end);
            found.push(around(text, range, from, self.fragment_chars));
        }
        found.into_iter().map(|fragment| self.marked(text, fragment, &ranges)).collect()
    }

    fn marked(&self, text: &str, fragment: Range<usize>, ranges: &[Range<usize>]) -> String {
        let (mut written, mut at) = (String::new(), fragment.start);
        for range in ranges.iter().filter(|range| range.start >= fragment.start && range.end <= fragment.end) {
            written.push_str(&text[at..range.start]);
            written.extend([self.before.as_str(), &text[range.clone()], self.after.as_str()]);
            at = range.end;
        }
        written.push_str(&text[at..fragment.end]);
        written
    }
}

/// Ranges in order, those that touch as one.
fn union(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut all: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match all.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => all.push(range),
        }
    }
    all
}

/// About so many characters around a range, whole words, not before a place.
fn around(text: &str, range: &Range<usize>, from: usize, chars: usize) -> Range<usize> {
    let spare = chars.saturating_sub(range.len());
    let mut start = range.start.saturating_sub(spare / 2).max(from).min(range.start);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    if start > from {
        // Not from the middle of a word on.
        let rest = &text[start..range.start];
        start += rest.find(|c| !is_word(c)).map_or(0, |at| at + rest[at..].chars().next().map_or(0, char::len_utf8));
    }
    let mut end = start.saturating_add(chars).max(range.end).min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    if end < text.len() {
        let rest = &text[range.end..end];
        end = rest.rfind(|c| !is_word(c)).map_or(end, |at| range.end + at);
    }
    start..end
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vitrine_observe_text::TextMatch;

    use super::{Highlight, Mark};

    #[test]
    fn what_was_looked_for_is_marked() {
        let marks = [Mark { field: "*".into(), text: TextMatch::Word("declined".into()) }];
        let flat = [("message".to_owned(), vec![Value::from("Card declined, and declined again")])].into();
        let all =
            json!({ "fields": { "*": {} }, "pre_tags": ["<"], "post_tags": [">"], "fragment_size": 2_147_483_647 });
        let found = Highlight::read(&all).expect("read").of(&flat, &marks);
        assert_eq!(Value::from(found), json!({ "message": ["Card <declined>, and <declined> again"] }));

        let short = json!({ "fields": { "message": { "fragment_size": 16, "number_of_fragments": 1 } } });
        let found = Highlight::read(&short).expect("read").of(&flat, &marks);
        assert_eq!(Value::from(found), json!({ "message": ["<em>declined</em>, and"] }));

        let other = json!({ "fields": { "status": {} } });
        assert!(Highlight::read(&other).expect("read").of(&flat, &marks).is_empty());
    }
}
