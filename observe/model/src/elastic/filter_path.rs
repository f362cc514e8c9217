//! `filter_path`: which parts of an answer a client wants.

use serde_json::{Map, Value};

use super::is_like;

/// Patterns of one request; more are not looked at.
const MAX_PATTERNS: usize = 32;
/// Steps of one pattern; deeper ones are not looked at.
const MAX_STEPS: usize = 16;

/// What is kept of an answer: dotted paths with `*` for any part of a name and `**` for any number of names; with `-` before it, a pattern
/// takes away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilterPath {
    kept: Vec<Vec<String>>,
    removed: Vec<Vec<String>>,
}

impl FilterPath {
    /// Reads the value of the parameter: patterns with commas between them. Nothing is kept apart if it is empty.
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for pattern in text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()).take(MAX_PATTERNS) {
            let (list, pattern) = match pattern.strip_prefix('-') {
                Some(pattern) => (&mut found.removed, pattern),
                None => (&mut found.kept, pattern),
            };
            list.push(pattern.split('.').take(MAX_STEPS).map(str::to_owned).collect());
        }
        found
    }

    /// Whether it keeps everything.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.removed.is_empty()
    }

    /// What is kept of an answer.
    pub fn apply(&self, mut answer: Value) -> Value {
        if !self.removed.is_empty() {
            let patterns: Vec<&[String]> = self.removed.iter().map(Vec::as_slice).collect();
            remove(&mut answer, &patterns);
        }
        if self.kept.is_empty() {
            return answer;
        }
        let patterns: Vec<&[String]> = self.kept.iter().map(Vec::as_slice).collect();
        keep(answer, &patterns).unwrap_or_else(|| Value::Object(Map::new()))
    }
}

/// What is left of each pattern behind a name; an empty one has met it.
fn behind<'p>(patterns: &[&'p [String]], name: &str) -> Vec<&'p [String]> {
    let mut rest = Vec::new();
    for pattern in patterns {
        match pattern.split_first() {
            Some((step, others)) if step == "**" => {
                // It stands for this name, and maybe for more; or for none, and the next step for this one.
                rest.push(*pattern);
                rest.extend(behind(&[others], name));
            }
            Some((step, others)) if is_like(step, name) => rest.push(others),
            _ => {}
        }
    }
    rest
}

fn keep(value: Value, patterns: &[&[String]]) -> Option<Value> {
    match value {
        Value::Object(entries) => {
            let kept = entries.into_iter().filter_map(|(name, value)| {
                let rest = behind(patterns, &name);
                if rest.iter().any(|pattern| pattern.is_empty()) {
                    return Some((name, value));
                }
                if rest.is_empty() { None } else { keep(value, &rest).map(|value| (name, value)) }
            });
            let kept: Map<String, Value> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let kept: Vec<Value> = items.into_iter().filter_map(|item| keep(item, patterns)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        // What a pattern ends with was kept above; `**` at its end takes whatever there is.
        value => patterns.iter().any(|pattern| pattern.iter().all(|step| step == "**")).then_some(value),
    }
}

fn remove(value: &mut Value, patterns: &[&[String]]) {
    match value {
        Value::Object(entries) => {
            let mut gone = Vec::new();
            for (name, value) in entries.iter_mut() {
                let rest = behind(patterns, name);
                if rest.iter().any(|pattern| pattern.is_empty()) {
                    gone.push(name.clone());
                } else if !rest.is_empty() {
                    remove(value, &rest);
                }
            }
            for name in gone {
                entries.remove(&name);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| remove(item, patterns)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::FilterPath;

    #[test]
    fn answers_are_cut_to_what_is_asked_for() {
        let answer = json!({
            "took": 3, "errors": true,
            "items": [{ "create": { "_id": "1", "status": 201 } }, { "index": { "status": 400, "error": { "type": "t" } } }],
        });
        let cases: [(&str, Value); 7] = [
            ("", answer.clone()),
            ("took", json!({ "took": 3 })),
            (
                "errors,items.*.error,items.*.status",
                json!({ "errors": true, "items": [{ "create": { "status": 201 } },
                    { "index": { "status": 400, "error": { "type": "t" } } }] }),
            ),
            ("items.*.err*.type", json!({ "items": [{ "index": { "error": { "type": "t" } } }] })),
            ("**.status", json!({ "items": [{ "create": { "status": 201 } }, { "index": { "status": 400 } }] })),
            ("-items,-took", json!({ "errors": true })),
            ("nothing", json!({})),
        ];
        for (pattern, expected) in cases {
            assert_eq!(FilterPath::parse(pattern).apply(answer.clone()), expected, "{pattern}");
        }
    }
}
