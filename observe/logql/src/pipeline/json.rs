//! `| json` and `| unpack`.

use serde_json::Value;

use super::Line;
use crate::labels::label_name;

/// What a line is told of that is no JSON object.
const ERROR: &str = "JSONParserErr";
/// The key of the line itself in what is unpacked.
const ENTRY: &str = "_entry";

/// A path into JSON: `a.b[0]["c d"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

impl Path {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let wrong = |at: &str| format!("cannot parse expression [{text}]: expected a.b[0][\"c\"], and found {at:?}");
        let (mut all, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix("[\"") {
                let (key, behind) = inner.split_once("\"]").ok_or_else(|| wrong(rest))?;
                all.push(Segment::Key(key.to_owned()));
                rest = behind;
            } else if let Some(inner) = rest.strip_prefix('[') {
                let (index, behind) = inner.split_once(']').ok_or_else(|| wrong(rest))?;
                all.push(Segment::Index(index.parse().map_err(|_| wrong(rest))?));
                rest = behind;
            } else {
                let key = if all.is_empty() { rest } else { rest.strip_prefix('.').ok_or_else(|| wrong(rest))? };
                let end = key.find(['.', '[']).unwrap_or(key.len());
                let is_name = key[..end].chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@'));
                if end == 0 || !is_name {
                    return Err(wrong(rest));
                }
                all.push(Segment::Key(key[..end].to_owned()));
                rest = &key[end..];
            }
        }
        if all.is_empty() { Err(wrong("")) } else { Ok(Self(all)) }
    }

    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, segment| match segment {
            Segment::Key(key) => value.get(key),
            Segment::Index(index) => value.get(index),
        })
    }
}

/// A value as a label's; none for what is no scalar.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Finds labels: all scalars with their paths as names, or what stands at these paths.
pub(super) fn parse(line: &mut Line<'_>, paths: &[(String, Path)]) {
    let value: Value = match serde_json::from_str(&line.text) {
        Ok(value) => value,
        Err(why) => return line.labels.fail(ERROR, why.to_string()),
    };
    let Value::Object(object) = &value else {
        return line.labels.fail(ERROR, "expecting json object(6), but it is not");
    };
    if paths.is_empty() {
        let mut prefix = String::new();
        for (key, value) in object {
            flatten(line, &mut prefix, key, value);
        }
        return;
    }
    for (label, path) in paths {
        let found = path.of(&value).filter(|found| !found.is_null());
        let text = found.map(|found| scalar(found).unwrap_or_else(|| found.to_string()));
        line.labels.parsed(label, text.unwrap_or_default());
    }
}

/// Depth is bounded by the JSON reader's own limit.
fn flatten(line: &mut Line<'_>, prefix: &mut String, key: &str, value: &Value) {
    let before = prefix.len();
    if before > 0 {
        prefix.push('_');
    }
    prefix.push_str(key);
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                flatten(line, prefix, key, value);
            }
        }
        value => {
            if let Some(text) = scalar(value) {
                line.labels.parsed(&label_name(prefix), text);
            }
        }
    }
    prefix.truncate(before);
}

/// Takes out what Promtail's stage `pack` put in: labels, and the line itself.
pub(super) fn unpack(line: &mut Line<'_>) {
    let value: Value = match serde_json::from_str(&line.text) {
        Ok(value) => value,
        Err(why) => return line.labels.fail(ERROR, why.to_string()),
    };
    let Value::Object(object) = value else {
        return line.labels.fail(ERROR, "expecting json object(6), but it is not");
    };
    for (key, value) in object {
        match value {
            Value::String(text) if key == ENTRY => line.text = text.into(),
            Value::String(text) => line.labels.parsed(&label_name(&key), text),
            _ => {}
        }
    }
}
