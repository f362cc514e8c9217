//! The syntax before 0.27: names of letters, digits and `_`, values in quotes or without, tolerant about backslashes.

use vitrine_observe_series::MatchOp;

use super::{Matcher, MatcherError};

/// Reads matchers, apart by commas that stand in no quotes.
pub(super) fn parse(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let text = text.trim();
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    let (mut parts, mut part) = (Vec::new(), String::new());
    let (mut is_inside, mut is_escaped) = (false, false);
    for c in text.chars() {
        match c {
            ',' if !is_inside => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            '"' if is_escaped => is_escaped = false,
            '"' => is_inside = !is_inside,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
        part.push(c);
    }
    if !part.trim().is_empty() {
        parts.push(part.trim().to_owned());
    }
    parts.iter().map(|part| parse_one(part)).collect()
}

/// Reads one matcher.
pub(super) fn parse_one(text: &str) -> Result<Matcher, MatcherError> {
    let bad = || MatcherError(format!("bad matcher format: {text}"));
    let trimmed = text.trim_start();
    let is_name =
        |place: usize, c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':') || (place > 0 && c.is_ascii_digit());
    let length =
        trimmed.char_indices().find(|(place, c)| !is_name(*place, *c)).map_or(trimmed.len(), |(place, _)| place);
    let (name, rest) = trimmed.split_at(length);
    if name.is_empty() {
        return Err(bad());
    }
    let rest = rest.trim_start();
    let ops = [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
    let (op, raw) = ops.iter().find_map(|(sign, op)| Some((*op, rest.strip_prefix(sign)?))).ok_or_else(bad)?;
    Matcher::new(name, op, &value(raw.trim())?)
}

/// What a value says, with or without its quotes.
fn value(raw: &str) -> Result<String, MatcherError> {
    let unescaped = || MatcherError(format!("matcher value contains unescaped double quote: {raw}"));
    let (inner, mut expects_quote) = raw.strip_prefix('"').map_or((raw, false), |inner| (inner, true));
    let mut value = String::with_capacity(inner.len());
    let mut is_escaped = false;
    for (place, c) in inner.char_indices() {
        let is_last = place + c.len_utf8() == inner.len();
        if is_escaped {
            is_escaped = false;
            match c {
                'n' => value.push('\n'),
                '"' | '\\' => value.push(c),
                c => value.extend(['\\', c]),
            }
            continue;
        }
        match c {
            '\\' if !is_last => is_escaped = true,
            '"' if !expects_quote || !is_last => return Err(unescaped()),
            '"' => expects_quote = false,
            c => value.push(c),
        }
    }
    if expects_quote { Err(unescaped()) } else { Ok(value) }
}
