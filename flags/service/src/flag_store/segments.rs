//! Segments: rules with names in `$evaluators`, and who uses them.

use std::collections::{BTreeMap, BTreeSet};

use vitrine_flags_engine::MAX_NAME_BYTES;
use vitrine_flags_engine::json::{self, Json, Kind};

use super::Error;
use super::edit::{Edit, with_member, without_member};
use super::set::SetInForce;
use crate::operation::listed;

/// The member of what flags share.
const EVALUATORS: &str = "$evaluators";
/// How a rule takes another one in.
const REF: &str = "$ref";

/// A rule with a name, and who uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// The rule, as it was written.
    pub rule: String,
    /// The flags that use it, also through other segments.
    pub flags: Vec<String>,
    /// The segments that name it.
    pub segments: Vec<String>,
}

/// The names that a rule takes in. JSON is read with a bound to its depth.
fn refs<'j>(json: &'j Json<'_>, found: &mut BTreeSet<&'j str>) {
    match &json.kind {
        Kind::List(items) => items.iter().for_each(|item| refs(item, found)),
        Kind::Map(members) => {
            for member in members {
                match member.value.as_text() {
                    Some(name) if member.name == REF => {
                        found.insert(name);
                    }
                    _ => refs(&member.value, found),
                }
            }
        }
        _ => {}
    }
}

impl SetInForce {
    /// The segments of the set, in the order in which they were written.
    pub fn segments(&self) -> Vec<Segment> {
        let evaluators = self.snapshot.set().evaluators();
        let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, rule) in evaluators.iter() {
            refs(rule, names.entry(name).or_default());
        }
        let mut flags: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, stored) in &self.stored {
            let Ok(definition) = json::read(&stored.definition) else { continue };
            let mut direct = BTreeSet::new();
            if let Some(targeting) = definition.get("targeting") {
                refs(targeting, &mut direct);
            }
            let mut seen: BTreeSet<&str> = BTreeSet::new();
            let mut left: Vec<&str> = direct.into_iter().collect();
            while let Some(name) = left.pop() {
                if seen.insert(name) {
                    left.extend(names.get(name).into_iter().flatten());
                }
            }
            for name in seen {
                flags.entry(name.to_owned()).or_default().push(key.clone());
            }
        }
        let shared = json::read(&self.shared).ok();
        let written = |name: &str| {
            let rule = shared.as_ref().and_then(|shared| shared.get(EVALUATORS)).and_then(|all| all.get(name));
            rule.map_or_else(String::new, |rule| rule.written(&self.shared).to_owned())
        };
        let segment = |(name, _): (&str, &Json<'static>)| Segment {
            name: name.to_owned(),
            rule: written(name),
            flags: flags.get(name).cloned().unwrap_or_default(),
            segments: names
                .iter()
                .filter(|(_, refs)| refs.contains(name))
                .map(|(user, _)| (*user).to_owned())
                .collect(),
        };
        evaluators.iter().map(segment).collect()
    }
}

/// What flags share with another rule for a segment, or without the segment.
pub(super) fn segment_edit(now: &SetInForce, name: &str, rule: Option<&str>) -> Result<Edit, Error> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(Error::Invalid(format!("a segment's name has 1 to {MAX_NAME_BYTES} bytes")));
    }
    let read = json::read(&now.shared).ok();
    let all = read.as_ref().and_then(|shared| shared.get(EVALUATORS));
    let written = all.map_or("{}", |all| all.written(&now.shared));
    let evaluators = match rule {
        Some(rule) => {
            // A mistake in it has its line in what was sent.
            let refused = |malformed: vitrine_flags_engine::Malformed| Error::Refused {
                about: String::new(),
                refused: malformed.refuse(&json::Lines::new(rule)),
            };
            let read = json::read(rule).map_err(refused)?;
            if !matches!(read.kind, Kind::Map(_)) {
                return Err(Error::Invalid(format!(
                    "a segment is a rule, which is an object, and here is {}",
                    read.what()
                )));
            }
            with_member(written, name, rule.trim())
        }
        None => {
            let segments = now.segments();
            let Some(segment) = segments.iter().find(|segment| segment.name == name) else {
                return Err(Error::NotFound(format!("there is no segment {name:?}")));
            };
            if !segment.flags.is_empty() || !segment.segments.is_empty() {
                return Err(Error::InUse(used(segment)));
            }
            without_member(written, name)
        }
    };
    Ok(Edit { key: None, definition: Some(with_member(&now.shared, EVALUATORS, &evaluators)) })
}

fn used(segment: &Segment) -> String {
    let users = [("flags", &segment.flags), ("segments", &segment.segments)];
    let told: Vec<String> = users
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what} {}", listed(names)))
        .collect();
    format!("segment {:?} is used by {}", segment.name, told.join(" and "))
}
