//! `| logfmt`: `key=value key="quoted value" key`.

use vitrine_observe_promql::parse::unquote;

use super::Line;
use crate::labels::label_name;

/// What a line is told of that is no logfmt, if it is strict.
const ERROR: &str = "LogfmtParserErr";

/// Finds labels: all keys, or these, each with the label that it becomes.
pub(super) fn parse(line: &mut Line<'_>, strict: bool, keep_empty: bool, keys: &[(String, String)]) {
    let text = line.text.clone();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, value, behind) = pair(rest);
        let is_key = !key.is_empty() && !key.contains('"');
        match value {
            Some(value) if is_key => found(line, keep_empty, keys, key, value),
            // A key alone has nothing to tell, unless it is to be kept.
            None if is_key => found(line, keep_empty, keys, key, String::new()),
            _ if strict => {
                let at = text.len() - rest.len() + 1;
                line.labels.fail(ERROR, format!("logfmt syntax error at pos {at} : unexpected character"));
            }
            _ => {}
        }
        rest = behind.trim_start();
    }
}

fn found(line: &mut Line<'_>, keep_empty: bool, keys: &[(String, String)], key: &str, value: String) {
    if value.is_empty() && !keep_empty {
        return;
    }
    if keys.is_empty() {
        return line.labels.parsed(&label_name(key), value);
    }
    for (label, _) in keys.iter().filter(|(_, wanted)| wanted == key) {
        line.labels.parsed(label, value.clone());
    }
}

/// A key, its value, and what follows.
fn pair(text: &str) -> (&str, Option<String>, &str) {
    let end = text.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    let Some(rest) = rest.strip_prefix('=') else { return (key, None, rest) };
    if rest.starts_with('"') {
        let mut is_escaped = false;
        let close = rest.char_indices().skip(1).find(|(_, c)| {
            let closes = *c == '"' && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            closes
        });
        if let Some((close, _)) = close {
            let quoted = &rest[..=close];
            let value = unquote(quoted).unwrap_or_else(|_| quoted[1..close].to_owned());
            return (key, Some(value), &rest[close + 1..]);
        }
    }
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    (key, Some(rest[..end].to_owned()), &rest[end..])
}
