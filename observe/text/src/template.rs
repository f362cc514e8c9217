//! Templates of texts: what is left when numbers, ids and quoted values are masked.
//!
//! A mask says the same of a text whenever it is looked at; a tree of similar lines (Drain) says what it saw before.

use vitrine_kit::hash;

use crate::words::is_word;

/// Bytes of a text that make its template.
const MAX_TEXT_BYTES: usize = 1_024;
/// Longest text in quotes that is one value, in bytes.
const MAX_QUOTED_BYTES: usize = 200;
/// What stands for a value where a template's id is made.
const MASK: &str = "\0";
/// The seed of ids, which are written to files: digits of pi.
const SEED: u64 = 0x1319_8A2E_0370_7344;
/// Bits of an id: as many as a number of JavaScript's keeps.
const ID_BITS: u32 = 52;

/// Returns a text with its numbers, ids and quoted values masked: whatever has a digit in it, words in angle brackets, and texts in quotes that
/// are no key of an object. Values that only a `.`, `:`, `,` or `/` holds apart are one. Of a long text the beginning counts; the rest is a value.
pub fn template(text: &str, mask: &str) -> String {
    let mut out = String::new();
    write(text, mask, &mut out);
    out
}

/// Returns the number of a text's template. Texts of the same template have the same one, now and later; those of others nearly never have.
pub fn template_id(text: &str, buffer: &mut String) -> i64 {
    buffer.clear();
    write(text, MASK, buffer);
    (hash::fold(hash::seeded(SEED, buffer.as_bytes()).0, hash::MULTIPLIER) >> (u64::BITS - ID_BITS)) as i64
}

fn write(text: &str, mask: &str, out: &mut String) {
    let (text, cut) = text.split_at(text.floor_char_boundary(MAX_TEXT_BYTES));
    // Behind a value, what stands between it and what comes: nothing, or what may hold two parts of one value apart.
    let (mut at, mut after_value) = (0, None);
    while at < text.len() {
        let (end, is_value) = piece(text, at);
        let piece = &text[at..end];
        after_value = match after_value {
            Some(_) if is_value => Some(""),
            Some("") if matches!(piece, "." | ":" | "," | "/") => Some(piece),
            between => {
                out.push_str(between.unwrap_or_default());
                out.push_str(if is_value { mask } else { piece });
                is_value.then_some("")
            }
        };
        at = end;
    }
    match after_value {
        Some("") => {}
        _ if !cut.is_empty() => out.push_str(mask),
        between => out.push_str(between.unwrap_or_default()),
    }
}

/// Where the piece of a text ends that begins here, and whether it is a value.
fn piece(text: &str, at: usize) -> (usize, bool) {
    match text.as_bytes()[at] {
        b'\'' if text[..at].ends_with(is_word) => (at + 1, false),
        b'<' => tag(&text[at..]).map_or((at + 1, false), |length| (at + length, true)),
        quote @ (b'"' | b'\'') => match quoted(&text[at..], char::from(quote)) {
            Some(length) => (at + length, !is_key(&text[at + length..])),
            None => (at + 1, false),
        },
        byte if byte.is_ascii() && !is_word(char::from(byte)) => (at + 1, false),
        _ => run(text, at),
    }
}

/// The same of a run of letters and digits, within which dashes may stand, or of another character.
fn run(text: &str, at: usize) -> (usize, bool) {
    let (bytes, mut end, mut has_digit) = (text.as_bytes(), at, false);
    // Nearly all is ASCII, whose characters are found without being decoded.
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' => has_digit = true,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'-' => {}
            128.. => {
                let Some(letter) = text[end..].chars().next().filter(|c| is_word(*c)) else { break };
                has_digit |= letter.is_numeric();
                end += letter.len_utf8() - 1;
            }
            _ => break,
        }
        end += 1;
    }
    if end == at {
        return (at + text[at..].chars().next().map_or(1, char::len_utf8), false);
    }
    (at + text[at..end].trim_end_matches('-').len(), has_digit)
}

/// The length of a text in quotes; none if it is not closed soon.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1).take_while(|(at, _)| *at <= MAX_QUOTED_BYTES) {
        if character == quote && !is_escaped {
            return Some(at + 1);
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    None
}

/// The length of a word in angle brackets, if that is what a text begins with.
fn tag(text: &str) -> Option<usize> {
    let end = 1 + text[1..].find(|c| !is_word(c))?;
    (end > 1 && text[end..].starts_with('>')).then_some(end + 1)
}

fn is_key(after: &str) -> bool {
    after.trim_start().starts_with(':')
}

#[cfg(test)]
mod tests {
    use super::{template, template_id};

    #[test]
    fn what_differs_is_masked() {
        for (text, masked) in [
            ("GET /cart/7f3a 500 in 30ms", "GET /cart/<*> <*> in <*>"),
            ("2026-11-28T21:05:00.123Z connected to 10.0.0.7:5432", "<*> connected to <*>"),
            ("took 7.", "took <*>."),
            ("from 10.0.0.1:80 to <none> if 1 < 2", "from <*> to <*> if <*> < <*>"),
            (r#"level=info msg="card declined" order=17"#, "level=info msg=<*> order=<*>"),
            ("an \"open quote", "an \"open quote"),
            ("order 550e8400-e29b-41d4-a716-446655440000 paid", "order <*> paid"),
            ("user \"Ada Lovelace\" signed in", "user <*> signed in"),
            ("{\"user\":\"ada\",\"n\":12,\"ok\":true}", "{\"user\":<*>,\"n\":<*>,\"ok\":true}"),
            ("it isn't there, is it? can't be", "it isn't there, is it? can't be"),
            ("user 'ada' isn't known", "user <*> isn't known"),
            ("read-only - retry", "read-only - retry"),
            ("größe 7 von 東京1号", "größe <*> von <*>"),
            ("", ""),
        ] {
            assert_eq!(template(text, "<*>"), masked, "{text}");
        }
        let long = format!("{}, {}", "a b ".repeat(300), 7);
        assert!(template(&long, "<*>").ends_with("a b a b <*>"), "the rest of a long text is a value");
    }

    #[test]
    fn texts_of_one_template_have_one_number_for_ever() {
        let id = |text| template_id(text, &mut String::from("what was before"));
        assert_eq!(id("took 7 ms"), id("took 3000 ms"));
        assert_ne!(id("took 7 ms"), id("took 7 s"));
        assert_eq!(
            (id("took 7 ms"), id("")),
            (3_716_117_583_046_025, 2_723_135_892_539_437),
            "they are written to files"
        );
    }
}
