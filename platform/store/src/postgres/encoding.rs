//! The form in which keys, texts, documents and words are kept.
//!
//! A key is a `bytea` whose order is that of the keys: a byte for its kind, whole numbers first, then the number with its sign turned
//! and the highest byte first, or the text. PostgreSQL knows no NUL in texts: one is kept as U+FDD0 and a digit, which no one else
//! writes, because Unicode keeps that character free for such uses; so that it stands for itself, it is written in this way, too.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::document::Key;
use crate::text_index::{MAX_WORDS, folded};

/// The kind of a whole number.
const INT: u8 = 1;
/// The kind of a text.
const STR: u8 = 2;
/// Turns the sign, so that negative numbers come first.
const SIGN: u64 = 1 << 63;
/// What a NUL is written with.
const ESCAPE: char = '\u{fdd0}';
/// The digit that makes it a NUL.
const NUL: char = '0';
/// The digit that makes it itself.
const SELF: char = '1';
/// A NUL in JSON.
const JSON_NUL: &str = "\\u0000";
/// Most bytes of a text's words that are indexed; PostgreSQL takes a megabyte.
const MAX_INDEXED: usize = 512 * 1024;
/// The last place within a text that PostgreSQL tells from others.
const MAX_PLACE: usize = 16_383;

pub(crate) fn key(key: &Key) -> Vec<u8> {
    match key {
        Key::Int(n) => {
            let mut bytes = vec![INT];
            bytes.extend((n.cast_unsigned() ^ SIGN).to_be_bytes());
            bytes
        }
        Key::Str(s) => {
            let mut bytes = vec![STR];
            bytes.extend(s.as_bytes());
            bytes
        }
    }
}

/// The key of these bytes; none if they are no key's.
pub(crate) fn read_key(bytes: &[u8]) -> Option<Key> {
    match bytes.split_first()? {
        (&INT, rest) => Some(Key::Int((u64::from_be_bytes(rest.try_into().ok()?) ^ SIGN).cast_signed())),
        (&STR, rest) => Some(Key::Str(String::from_utf8(rest.to_vec()).ok()?)),
        _ => None,
    }
}

pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => out.extend([ESCAPE, NUL]),
            ESCAPE => out.extend([ESCAPE, SELF]),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

pub(crate) fn read_text(text: String) -> String {
    if text.contains(ESCAPE) { unescaped(&text, "\0") } else { text }
}

/// A document, which is JSON.
pub(crate) fn body(json: &[u8]) -> Cow<'_, str> {
    let json = String::from_utf8_lossy(json);
    if !json.contains(JSON_NUL) && !json.contains(ESCAPE) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 8);
    let mut rest = json.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' if rest.as_str().starts_with(&JSON_NUL[1..]) => {
                out.extend([ESCAPE, NUL]);
                rest.by_ref().take(JSON_NUL.len() - 1).for_each(drop);
            }
            // What follows a backslash is no beginning of anything.
            '\\' => out.extend(std::iter::once(c).chain(rest.next())),
            ESCAPE => out.extend([ESCAPE, SELF]),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

pub(crate) fn read_body(json: String) -> Vec<u8> {
    if json.contains(ESCAPE) { unescaped(&json, JSON_NUL).into_bytes() } else { json.into_bytes() }
}

fn unescaped(text: &str, nul: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            ESCAPE if rest.next() == Some(NUL) => out.push_str(nul),
            c => out.push(c),
        }
    }
    out
}

/// The words of a text with their places, as `tsvector` is written. Folded words are letters and digits: nothing in them must be quoted
/// within quotes.
pub(crate) fn vector(text: &str) -> String {
    let mut out = String::new();
    for (word, place) in folded(text).zip(1..) {
        if out.len() + word.len() > MAX_INDEXED {
            break;
        }
        // Writing to a string never fails.
        let _ = write!(out, "'{word}':{} ", MAX_PLACE.min(place));
    }
    out
}

/// The words of a search as `tsquery` is written, the last one as a beginning; none if there is no word.
pub(crate) fn query(text: &str) -> Option<String> {
    let words: Vec<String> = folded(text).take(MAX_WORDS).map(|word| format!("'{word}'")).collect();
    (!words.is_empty()).then(|| format!("{}:*", words.join(" & ")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};

    use super::{body, key, read_body, read_key, read_text, text};
    use crate::document::Key;

    fn any_key() -> impl Strategy<Value = Key> {
        prop_oneof![any::<i64>().prop_map(Key::Int), any::<String>().prop_map(Key::Str)]
    }

    proptest! {
        #[test]
        fn keys_keep_their_order(a in any_key(), b in any_key()) {
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
            prop_assert_eq!(read_key(&key(&a)), Some(a));
        }

        #[test]
        fn texts_come_back(s in "[\\PC\0\u{fdd0}01\\\\u]{0,12}") {
            prop_assert_eq!(read_text(text(&s).into_owned()), s.clone());
            assert!(!text(&s).contains('\0'));
            let json = serde_json::to_vec(&s).expect("JSON");
            let kept = body(&json).into_owned();
            serde_json::from_str::<String>(&kept).expect("still JSON");
            let back: String = serde_json::from_slice(&read_body(kept)).expect("JSON again");
            prop_assert_eq!(back, s);
        }
    }
}
