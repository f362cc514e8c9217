//! Texts as an index has them ([`canonical`]), cut into what it lists.
//!
//! Letters that stand together are a term, wherever they stand: so `myerror_17` is found by `error`. Of scripts without spaces it is
//! each two neighbours. A number of up to [`MAX_DIGITS`] digits that is a word of its own is a term, too. These are few, and are listed
//! as they are. Every word with digits that is anything else is an id: these are many, and only hashes are kept of them.
//!
//! Of numbers in hexadecimal the letters are not listed, for they say nothing; nor are the three short groups in the middle of a UUID,
//! of which each page holds nearly all that there may be.

use std::borrow::Cow;

use crate::words::{fold, is_word};

/// Most digits of a number that is listed.
const MAX_DIGITS: usize = 4;
/// Digits of the groups in the middle of a UUID.
const GROUP_BYTES: usize = 4;
/// Bytes of a UUID as a text.
const UUID_BYTES: usize = 36;
/// Where its hyphens are.
const UUID_HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// A letter of a script with spaces.
const LETTER: u8 = 1;
/// A digit.
const DIGIT: u8 = 2;
/// A letter of a script without spaces between words.
const UNSPACED: u8 = 4;
/// What joins letters and digits to a word.
const UNDERSCORE: u8 = 8;
/// A character of a word that is no digit in hexadecimal.
const BEYOND_HEX: u8 = 16;

/// Begins or continues a character outside of ASCII, which is looked at as a whole.
const LONGER: u8 = 128;

/// By the byte, what an ASCII character is; 0 if it is in no word.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' => LETTER,
            b'g'..=b'z' | b'A'..=b'Z' => LETTER | BEYOND_HEX,
            b'_' => UNDERSCORE | BEYOND_HEX,
            128.. => LONGER,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// A text as an index has it: in lower case, and with a plain s for a long one, which patterns take for the same letter. No other letter of
/// ASCII has another form that lower case leaves apart.
pub(crate) fn canonical(text: &str) -> Cow<'_, str> {
    let folded = fold(text);
    if folded.contains('ſ') { folded.replace('ſ', "s").into() } else { folded }
}

/// What an index lists of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Term<'a> {
    /// This, as it is.
    Listed(&'a str),
    /// This, by its hash.
    Id(&'a str),
    /// Nothing, though it is an id: a group in the middle of a UUID.
    Omitted,
}

/// Whether an index may have left out an id because it is part of a UUID.
pub(crate) fn may_be_omitted(id: &str) -> bool {
    id.len() == GROUP_BYTES && classes_of(id) & BEYOND_HEX == 0
}

/// A word of a text in lower case, with what its characters are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'a> {
    /// Where it begins.
    pub(crate) start: usize,
    /// The word.
    pub(crate) text: &'a str,
    classes: u8,
}

impl<'a> Word<'a> {
    /// The first word from a place on.
    #[inline]
    pub(crate) fn next(text: &'a str, from: usize) -> Option<Self> {
        let mut start = from;
        while start < text.len() {
            let (class, length) = class_at(text, start);
            if class == 0 {
                start += length;
                continue;
            }
            let (mut end, mut classes) = (start + length, class);
            while end < text.len() {
                let (class, length) = class_at(text, end);
                if class == 0 {
                    break;
                }
                (end, classes) = (end + length, classes | class);
            }
            return Some(Self { start, text: &text[start..end], classes });
        }
        None
    }

    /// Where it ends.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it might be part of a number in hexadecimal.
    pub(crate) fn is_hex(&self) -> bool {
        self.classes & BEYOND_HEX == 0
    }

    /// What is listed of it.
    #[inline]
    pub(crate) fn terms(&self, each: &mut impl FnMut(Term<'a>)) {
        match self.classes & !BEYOND_HEX {
            LETTER => return each(Term::Listed(self.text)),
            DIGIT if self.text.len() <= MAX_DIGITS => return each(Term::Listed(self.text)),
            _ => {}
        }
        let has_digit = self.classes & DIGIT != 0;
        if has_digit {
            each(Term::Id(self.text));
        }
        if !(has_digit && self.is_hex()) {
            self.runs(&mut |run| run.terms(each));
        }
    }

    /// Its runs of letters, in order.
    pub(crate) fn runs(&self, each: &mut impl FnMut(Run<'a>)) {
        let mut at = 0;
        while at < self.text.len() {
            let (start, kind) = (at, class_at(self.text, at).0 & (LETTER | UNSPACED));
            while at < self.text.len() {
                let (class, length) = class_at(self.text, at);
                if class & (LETTER | UNSPACED) != kind {
                    break;
                }
                at += length;
            }
            if kind != 0 {
                each(Run { start, text: &self.text[start..at], is_unspaced: kind == UNSPACED });
            }
        }
    }
}

/// Letters of one kind that stand together in a word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    /// Where it begins in the word.
    pub(crate) start: usize,
    /// The letters.
    pub(crate) text: &'a str,
    /// Whether the script has no spaces between words.
    pub(crate) is_unspaced: bool,
}

impl<'a> Run<'a> {
    /// Whether it is a single letter.
    pub(crate) fn is_single(&self) -> bool {
        self.text.chars().nth(1).is_none()
    }

    fn terms(&self, each: &mut impl FnMut(Term<'a>)) {
        if self.is_unspaced && !self.is_single() {
            self.pairs(&mut |pair| each(Term::Listed(pair)));
        } else {
            each(Term::Listed(self.text));
        }
    }

    /// Each two neighbours.
    pub(crate) fn pairs(&self, each: &mut impl FnMut(&'a str)) {
        let starts = || self.text.char_indices().map(|(start, _)| start);
        let ends = starts().skip(2).chain([self.text.len()]);
        starts().zip(ends).for_each(|(start, end)| each(&self.text[start..end]));
    }
}

/// What an index lists of a text in lower case. A term may come more than once.
pub(crate) fn terms<'a>(text: &'a str, each: &mut impl FnMut(Term<'a>)) {
    let mut at = 0;
    while let Some(word) = Word::next(text, at) {
        word.terms(each);
        at = word.end();
        if word.text.len() == UUID_HYPHENS[0] && word.is_hex() && is_uuid(text, word.start) {
            for hyphens in UUID_HYPHENS.windows(2) {
                let Some(group) = Word::next(text, word.start + hyphens[0]) else { return };
                let is_mixed = group.classes == LETTER | DIGIT;
                if is_mixed { each(Term::Omitted) } else { group.terms(each) }
            }
            at = word.start + UUID_HYPHENS[3];
        }
    }
}

/// Whether a UUID begins here, and nothing goes on behind it.
fn is_uuid(text: &str, start: usize) -> bool {
    let Some(bytes) = text.as_bytes().get(start..start + UUID_BYTES) else { return false };
    let fits = |(place, byte): (usize, &u8)| match UUID_HYPHENS.contains(&place) {
        true => *byte == b'-',
        false => matches!(CLASSES[usize::from(*byte)], DIGIT | LETTER),
    };
    let end = start + UUID_BYTES;
    bytes.iter().enumerate().all(fits) && (end == text.len() || class_at(text, end).0 == 0)
}

fn classes_of(text: &str) -> u8 {
    text.chars().fold(0, |classes, character| classes | class(character))
}

/// What the character that begins here is, and how many bytes it has.
#[inline]
fn class_at(text: &str, at: usize) -> (u8, usize) {
    match CLASSES[usize::from(text.as_bytes()[at])] {
        LONGER => longer_at(text, at),
        class => (class, 1),
    }
}

#[cold]
fn longer_at(text: &str, at: usize) -> (u8, usize) {
    let character = text[at..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
    (class(character), character.len_utf8())
}

fn class(character: char) -> u8 {
    match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() => CLASSES[usize::from(byte)],
        _ if !is_word(character) => 0,
        _ if character.is_numeric() => DIGIT | BEYOND_HEX,
        _ if is_unspaced(character) => UNSPACED | BEYOND_HEX,
        _ => LETTER | BEYOND_HEX,
    }
}

/// Whether a letter is of a script without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
fn is_unspaced(character: char) -> bool {
    matches!(character as u32,
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF)
}

#[cfg(test)]
mod tests {
    use super::{Term, terms};

    fn listed(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        terms(text, &mut |term| {
            all.push(match term {
                Term::Listed(word) => word.to_owned(),
                Term::Id(id) => format!("#{id}"),
                Term::Omitted => "-".to_owned(),
            });
        });
        all
    }

    #[test]
    fn letters_and_short_numbers_are_listed_and_ids_hashed() {
        for (text, expected) in [
            ("get /cart 500: timeout", "get cart 500 timeout"),
            ("insufficient_funds", "insufficient funds"),
            ("myerror_17 took 30s", "#myerror_17 myerror took #30s s"),
            ("order 7f3a91 of 12345", "order #7f3a91 of #12345"),
            ("dead beef 2026", "dead beef 2026"),
            ("id=7f3ab9c2-d1e4-4f00-dead-0123456789ab.", "id #7f3ab9c2 - - dead #0123456789ab"),
            ("7f3ab9c2-d1e4-4f00-dead-0123456789abc", "#7f3ab9c2 #d1e4 #4f00 dead #0123456789abc"),
            ("東京都に着いた ok", "東京 京都 都に に着 着い いた ok"),
            ("猫", "猫"),
            ("größe ١٢٣٤٥ __", "größe #١٢٣٤٥"),
        ] {
            assert_eq!(listed(text).join(" "), expected, "{text}");
        }
    }
}
