//! What a text must hold.

use std::borrow::Cow;
use std::ops::{Deref, Range};

use regex::Regex;

use crate::words::{fold, folded_words, words};

/// A regular expression all of whose flags stand in the pattern itself: it is equal to another of the same pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl From<Regex> for Pattern {
    fn from(regex: Regex) -> Self {
        Self(regex)
    }
}

impl Deref for Pattern {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        &self.0
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// What one text must hold to match.
#[derive(Debug, Clone, PartialEq)]
pub enum TextMatch {
    /// These characters, anywhere.
    Contains(String),
    /// These characters, anywhere, whatever their case.
    ContainsFolded(String),
    /// This word, in lower case.
    Word(String),
    /// A word that begins with this, in lower case.
    WordPrefix(String),
    /// These words, in lower case, one after the other.
    Phrase {
        /// The words.
        words: Vec<String>,
        /// How many words may stand between them, all together.
        slop: usize,
        /// Whether the last need only begin a word.
        last_is_prefix: bool,
    },
    /// A word that this matches whole, in lower case.
    WordRegex(Pattern),
    /// A word at most so many insertions, deletions, replacements and swaps of neighbours away, in lower case.
    Fuzzy {
        /// The word.
        word: String,
        /// Most changes.
        distance: usize,
    },
    /// What this finds, anywhere.
    Regex(Pattern),
}

impl TextMatch {
    /// Returns the match of a text's words, one after the other: of one word [`TextMatch::Word`]. A text without words is looked
    /// for as it is.
    pub fn phrase(text: &str) -> Self {
        let mut all: Vec<String> = folded_words(text).map(Cow::into_owned).collect();
        match all.len() {
            0 => Self::Contains(text.to_owned()),
            1 => Self::Word(all.remove(0)),
            _ => Self::Phrase { words: all, slop: 0, last_is_prefix: false },
        }
    }

    /// Returns the match of what a pattern finds.
    ///
    /// # Errors
    ///
    /// It is no pattern, or too large.
    pub fn pattern(pattern: &str) -> Result<Self, regex::Error> {
        Regex::new(pattern).map(|regex| Self::Regex(regex.into()))
    }

    /// Whether a text matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => text.contains(part.as_str()),
            Self::ContainsFolded(part) => fold(text).contains(&*fold(part)),
            Self::Regex(regex) => regex.is_match(text),
            _ if self.required_word().is_some_and(|word| !may_hold(text, word)) => false,
            _ => self.next_within(text, &mut Vec::new(), 0).is_some(),
        }
    }

    /// The characters in lower case that each match must hold, where they are those of a word.
    pub(crate) fn required_word(&self) -> Option<&str> {
        match self {
            Self::Word(word) | Self::WordPrefix(word) => Some(word),
            Self::Phrase { words, .. } => words.iter().max_by_key(|word| word.len()).map(String::as_str),
            _ => None,
        }
    }

    /// Where a text matches, in order, without overlaps.
    pub fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Contains(part) if part.is_empty() => Vec::new(),
            Self::Contains(part) => text.match_indices(part.as_str()).map(|(at, part)| at..at + part.len()).collect(),
            Self::ContainsFolded(part) => folded_ranges(text, &fold(part)),
            Self::Regex(regex) => {
                regex.find_iter(text).map(|found| found.range()).filter(|range| !range.is_empty()).collect()
            }
            _ => {
                let (mut found, mut all, mut from) = (Vec::new(), Vec::new(), 0);
                while let Some((place, range)) = self.next_within(text, &mut all, from) {
                    found.push(range);
                    from = place;
                }
                found
            }
        }
    }

    /// The first match among the words from a place on: the place after it, and where it is. `all` are the text's words, found when
    /// they are needed first.
    fn next_within(&self, text: &str, all: &mut Vec<Range<usize>>, from: usize) -> Option<(usize, Range<usize>)> {
        if all.is_empty() {
            all.extend(words(text));
        }
        (from..all.len()).find_map(|start| {
            let end = self.end_of(text, all, start)?;
            Some((end, all[start].start..all[end - 1].end))
        })
    }

    /// The place after the match that begins with this word.
    fn end_of(&self, text: &str, all: &[Range<usize>], start: usize) -> Option<usize> {
        let word = |place: usize| all.get(place).map(|range: &Range<usize>| fold(&text[range.clone()]));
        let first = word(start)?;
        match self {
            Self::Word(wanted) => (first == wanted.as_str()).then_some(start + 1),
            Self::WordPrefix(wanted) => first.starts_with(wanted.as_str()).then_some(start + 1),
            Self::WordRegex(regex) => {
                regex.find(&first).is_some_and(|found| found.len() == first.len()).then_some(start + 1)
            }
            Self::Fuzzy { word, distance } => (strsim::osa_distance(&first, word) <= *distance).then_some(start + 1),
            Self::Phrase { words, slop, last_is_prefix } => {
                let (mut place, mut left) = (start, *slop);
                for (number, wanted) in words.iter().enumerate() {
                    let is_prefix = *last_is_prefix && number + 1 == words.len();
                    loop {
                        let here = word(place)?;
                        if here == wanted.as_str() || is_prefix && here.starts_with(wanted.as_str()) {
                            break;
                        }
                        left = left.checked_sub(1).filter(|_| number > 0)?;
                        place += 1;
                    }
                    place += 1;
                }
                (place > start).then_some(place)
            }
            Self::Contains(_) | Self::ContainsFolded(_) | Self::Regex(_) => None,
        }
    }
}

/// Letters and digits, the most frequent in texts of services first: what stands last, or not here, is looked for first.
const FREQUENT: &[u8] = b"etaoinsrdlchumpgf0123456789bvywkxjqz";

/// Whether a text may hold a part that is in lower case, whatever the text's own case. One that is not ASCII may hold anything.
fn may_hold(text: &str, part: &str) -> bool {
    if !text.is_ascii() {
        return true;
    }
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let frequency = |byte: &u8| FREQUENT.iter().position(|one| one == byte).unwrap_or(FREQUENT.len());
    let Some((before, rarest)) = part.iter().enumerate().max_by_key(|(_, byte)| frequency(byte)) else { return true };
    let mut found = memchr::memchr2_iter(*rarest, rarest.to_ascii_uppercase(), text);
    found.any(|at| {
        let start = at.checked_sub(before);
        start
            .and_then(|start| text.get(start..start + part.len()))
            .is_some_and(|there| there.eq_ignore_ascii_case(part))
    })
}

/// Where a text in lower case stands in another, whose own characters may be longer or shorter in lower case.
fn folded_ranges(text: &str, part: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if part.is_empty() {
        return found;
    }
    let mut from = 0;
    while let Some((start, first)) = text[from..].char_indices().next().map(|(_, first)| (from, first)) {
        let (mut rest, mut end) = (part, start);
        for character in text[start..].chars() {
            let lower: String = character.to_lowercase().collect();
            let Some(left) = rest.strip_prefix(lower.as_str()) else { break };
            (rest, end) = (left, end + character.len_utf8());
            if rest.is_empty() {
                break;
            }
        }
        if rest.is_empty() {
            found.push(start..end);
            from = end;
        } else {
            from = start + first.len_utf8();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;
    use regex::Regex;

    use super::TextMatch;
    use crate::words::fold;

    fn phrase(words: &[&str], slop: usize, last_is_prefix: bool) -> TextMatch {
        TextMatch::Phrase { words: words.iter().map(|word| (*word).to_owned()).collect(), slop, last_is_prefix }
    }

    #[test]
    fn texts_match_by_words_characters_and_patterns() {
        let text = "GET /cart/7f3a 500: Timeout after 30s of payment_service";
        for (wanted, ranges) in [
            (TextMatch::Contains("cart/7f".into()), vec![5..12]),
            (TextMatch::Contains("get".into()), vec![]),
            (TextMatch::ContainsFolded("Get /C".into()), vec![0..6]),
            (TextMatch::Word("timeout".into()), vec![20..27]),
            (TextMatch::Word("payment".into()), vec![]),
            (TextMatch::WordPrefix("payment".into()), vec![41..56]),
            (phrase(&["timeout", "after"], 0, false), vec![20..33]),
            (phrase(&["timeout", "30s"], 0, false), vec![]),
            (phrase(&["timeout", "30s"], 1, false), vec![20..37]),
            (phrase(&["after", "30"], 0, true), vec![28..37]),
            (TextMatch::WordRegex(Regex::new("ti.e").expect("a pattern").into()), vec![]),
            (TextMatch::WordRegex(Regex::new("ti.*t").expect("a pattern").into()), vec![20..27]),
            (TextMatch::Regex(Regex::new("[0-9]{3}").expect("a pattern").into()), vec![15..18]),
            (TextMatch::Fuzzy { word: "tiemout".into(), distance: 1 }, vec![20..27]),
        ] {
            assert_eq!(wanted.ranges(text), ranges, "{wanted:?}");
            assert_eq!(wanted.matches(text), !ranges.is_empty(), "{wanted:?}");
        }
    }

    proptest! {
        #[test]
        fn no_match_is_passed_over(text in "[a-cA-C0 İſK_-]{0,24}", word in "[a-c0İſ_]{0,3}", other in "[a-c0]{1,2}") {
            let word = fold(&word).into_owned();
            for wanted in [TextMatch::Word(word.clone()), TextMatch::WordPrefix(word.clone()), phrase(&[&word, &other], 1, true)] {
                let is_there = wanted.next_within(&text, &mut Vec::new(), 0).is_some();
                assert_eq!(wanted.matches(&text), is_there, "{wanted:?} in {text:?}");
            }
        }
    }

    #[test]
    fn what_is_longer_in_lower_case_is_found_where_it_stands() {
        let text = "a İstanbul b";
        assert_eq!(TextMatch::ContainsFolded("İSTANBUL".into()).ranges(text), [2..11]);
        assert!(TextMatch::ContainsFolded("i\u{307}stan".into()).matches(text));
    }
}
