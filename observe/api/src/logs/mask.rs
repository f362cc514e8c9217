//! Messages without what differs from one to the next.

use vitrine_observe_text::is_word;

/// What stands for a value.
pub(crate) const MASKED: &str = "<*>";
/// Longest text in quotes that is one value, in bytes.
const MAX_QUOTED_BYTES: usize = 200;

/// Returns a message with its numbers, ids and quoted values masked: whatever has a digit in it, and texts in quotes that are no key of an
/// object. Values that only a `.`, `:`, `,` or `/` holds apart are one.
pub(super) fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (length, is_value) = match character {
            '\'' if text[..text.len() - rest.len()].ends_with(is_word) => (1, false),
            '"' | '\'' => quoted(rest, character).map_or((1, false), |length| (length, !is_key(&rest[length..]))),
            c if is_word(c) => {
                let length = rest.find(|c| !is_word(c) && c != '-').unwrap_or(rest.len());
                let run = rest[..length].trim_end_matches('-');
                (run.len(), run.contains(|c: char| c.is_numeric()))
            }
            c => (c.len_utf8(), false),
        };
        if is_value {
            add_masked(&mut out)
        } else {
            out.push_str(&rest[..length])
        }
        rest = &rest[length..];
    }
    out
}

/// The length of a text in quotes; none if it is not closed soon.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, character) in rest.char_indices().skip(1).take_while(|(at, _)| *at <= MAX_QUOTED_BYTES) {
        if character == quote && !is_escaped {
            return Some(at + 1);
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    None
}

fn is_key(after: &str) -> bool {
    after.trim_start().starts_with(':')
}

fn add_masked(out: &mut String) {
    let joined = out.strip_suffix(['.', ':', ',', '/']).filter(|before| before.ends_with(MASKED));
    match joined.map(str::len) {
        Some(length) => out.truncate(length),
        None if out.ends_with(MASKED) => {}
        None => out.push_str(MASKED),
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn what_differs_is_masked() {
        for (text, masked) in [
            ("GET /cart/7f3a 500 in 30ms", "GET /cart/<*> <*> in <*>"),
            ("2026-11-28T21:05:00.123Z connected to 10.0.0.7:5432", "<*> connected to <*>"),
            ("order 550e8400-e29b-41d4-a716-446655440000 paid", "order <*> paid"),
            ("user \"Ada Lovelace\" signed in", "user <*> signed in"),
            ("{\"user\":\"ada\",\"n\":12,\"ok\":true}", "{\"user\":<*>,\"n\":<*>,\"ok\":true}"),
            ("it isn't there, is it? can't be", "it isn't there, is it? can't be"),
            ("user 'ada' isn't known", "user <*> isn't known"),
            ("read-only - retry", "read-only - retry"),
            ("", ""),
        ] {
            assert_eq!(mask(text), masked, "{text}");
        }
    }
}
