//! Steps of a change, and definitions as texts: cut out of others and put together again, so that what an author wrote stays as it was written.

use vitrine_flags_engine::Refused;
use vitrine_flags_engine::json::{self, Json, Member};

use super::set::SHARED_MEMBERS;

/// One step of a change: a definition, or none for a deletion; of a flag, or of what flags share.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) key: Option<String>,
    pub(crate) definition: Option<String>,
}

/// A definition with another value of a member, everything else as it was written; a member that is not there comes last.
pub(super) fn with_member(definition: &str, name: &str, value: &str) -> String {
    let Ok(json) = json::read(definition) else { return definition.to_owned() };
    let cut = |at: u32, end: u32, middle: &str| {
        format!("{}{middle}{}", &definition[..at as usize], &definition[end as usize..])
    };
    if let Some(old) = json.get(name) {
        return cut(old.at, old.end, value);
    }
    let json::Kind::Map(members) = &json.kind else { return definition.to_owned() };
    let mut member = String::new();
    json::write_text(name, &mut member);
    match members.last() {
        Some(last) => cut(last.value.end, last.value.end, &format!(", {member}: {value}")),
        None => format!("{{{member}: {value}}}"),
    }
}

/// The edits that an import makes: what flags share if it says something of it, and each flag in its own text.
pub(super) fn import_edits(text: &str) -> Result<Vec<Edit>, Refused> {
    let lines = json::Lines::new(text);
    let json = json::read(text).map_err(|malformed| malformed.refuse(&lines))?;
    let mut edits = Vec::new();
    let mut shared = String::from("{");
    for name in SHARED_MEMBERS {
        if let Some(value) = json.get(name) {
            shared.push_str(if shared.len() > 1 { ",\n" } else { "" });
            json::write_text(name, &mut shared);
            shared.push_str(": ");
            shared.push_str(value.written(text));
        }
    }
    if shared.len() > 1 {
        shared.push('}');
        edits.push(Edit { key: None, definition: Some(shared) });
    }
    let flag = |key: &str, value: &Json<'_>| Edit {
        key: Some(key.to_owned()),
        definition: Some(value.written(text).to_owned()),
    };
    match json.get("flags").map(|flags| &flags.kind) {
        Some(json::Kind::Map(members)) => edits.extend(members.iter().map(|member| flag(&member.name, &member.value))),
        Some(json::Kind::List(items)) => {
            for item in items {
                let (Some(key), json::Kind::Map(members)) = (item.get("key").and_then(Json::as_text), &item.kind)
                else {
                    continue;
                };
                edits.push(Edit { key: Some(key.to_owned()), definition: Some(without(text, members, "key")) });
            }
        }
        _ => {}
    }
    Ok(edits)
}

/// An object without one of its members.
pub(super) fn without_member(text: &str, name: &str) -> String {
    match json::read(text).map(|json| json.kind) {
        Ok(json::Kind::Map(members)) => without(text, &members, name),
        _ => text.to_owned(),
    }
}

/// The same of an object that was read. A flag of a list has its key there, which clients refuse as a member that they do not know.
fn without(text: &str, members: &[Member<'_>], name: &str) -> String {
    let mut out = String::from("{");
    for member in members.iter().filter(|member| member.name != name) {
        out.push_str(if out.len() > 1 { ", " } else { "" });
        json::write_text(&member.name, &mut out);
        out.push_str(": ");
        out.push_str(member.value.written(text));
    }
    out.push('}');
    out
}
