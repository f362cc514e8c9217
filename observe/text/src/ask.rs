//! What an index is asked for a match.
//!
//! A text that matches holds certain characters, in lower case. What of these are whole words is looked for as such; at the ends,
//! where a word may go on, only what begins with it or holds it. So every text that matches is on a page that has what is asked for.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::terms::{Run, Term, Word, canonical};
use crate::text_match::TextMatch;

/// Most characters of a class that is looked at: a letter in all its cases has fewer.
const MAX_CASES: u32 = 4;

/// What a page must have for some of its texts to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Anything: every page may have such a text.
    Everything,
    /// All of these.
    All(Vec<Ask>),
    /// One of these.
    Any(Vec<Ask>),
    /// This term.
    Word(String),
    /// A term that begins with this.
    Prefix(String),
    /// A term that holds this.
    Infix(String),
    /// This id.
    Id(String),
}

impl Ask {
    /// Returns what a page must have that has exactly this text.
    pub fn whole(text: &str) -> Self {
        let mut asks = Vec::new();
        characters(text, [false; 2], &mut asks);
        Self::all(asks)
    }

    /// Returns what a page must have that has one of these.
    pub fn any(asks: Vec<Self>) -> Self {
        if asks.contains(&Self::Everything) { Self::Everything } else { Self::Any(asks) }
    }

    fn all(mut asks: Vec<Self>) -> Self {
        asks.retain(|ask| *ask != Self::Everything);
        match asks.len() {
            0 => Self::Everything,
            1 => asks.remove(0),
            _ => Self::All(asks),
        }
    }
}

impl TextMatch {
    /// Returns what a page must have for some of its texts to match.
    pub fn ask(&self) -> Ask {
        let mut asks = Vec::new();
        match self {
            Self::Contains(part) | Self::ContainsFolded(part) => characters(part, [true; 2], &mut asks),
            Self::Word(word) => characters(word, [false; 2], &mut asks),
            Self::WordPrefix(start) => characters(start, [false, true], &mut asks),
            Self::Phrase { words, last_is_prefix, .. } => {
                for (number, word) in words.iter().enumerate() {
                    characters(word, [false, *last_is_prefix && number + 1 == words.len()], &mut asks);
                }
            }
            Self::WordRegex(regex) | Self::Regex(regex) => match regex_syntax::parse(regex.as_str()) {
                Ok(pattern) => return required(&pattern),
                Err(_) => return Ask::Everything,
            },
            // Too little of a word is left for sure where any character may be another one.
            Self::Fuzzy { .. } => return Ask::Everything,
        }
        Ask::all(asks)
    }
}

/// What a page must have that has these characters, in whatever case, where words may go on at the open ends.
fn characters(text: &str, open: [bool; 2], asks: &mut Vec<Ask>) {
    let (text, mut at) = (&*canonical(text), 0);
    while let Some(word) = Word::next(text, at) {
        at = word.end();
        match [open[0] && word.start == 0, open[1] && at == text.len()] {
            [false, false] => word.terms(&mut |term| match term {
                Term::Listed(word) => asks.push(Ask::Word(word.to_owned())),
                Term::Id(id) => asks.push(Ask::Id(id.to_owned())),
                Term::Omitted => {}
            }),
            // The rest of the word may make it a number in hexadecimal, whose letters are not listed.
            _ if word.is_hex() => {}
            open => word.runs(&mut |run| letters(run, word, open, asks)),
        }
    }
}

/// What a page must have that has these letters of a word which goes on at the open ends.
fn letters(run: Run<'_>, word: Word<'_>, open: [bool; 2], asks: &mut Vec<Ask>) {
    let open = [open[0] && run.start == 0, open[1] && run.start + run.text.len() == word.text.len()];
    let text = || run.text.to_owned();
    match open {
        _ if run.is_unspaced && !run.is_single() => run.pairs(&mut |pair| asks.push(Ask::Word(pair.to_owned()))),
        [false, false] => asks.push(Ask::Word(text())),
        _ if run.is_single() && !run.is_unspaced => {}
        [false, true] if !run.is_unspaced => asks.push(Ask::Prefix(text())),
        _ => asks.push(Ask::Infix(text())),
    }
}

/// What a page must have that has something which a pattern finds.
fn required(pattern: &Hir) -> Ask {
    Ask::all(Required::of(pattern).asks)
}

/// The longest characters, in lower case, that are in all that a pattern finds; empty if none are for sure.
pub(crate) fn required_literal(pattern: &str) -> String {
    regex_syntax::parse(pattern).map(|pattern| Required::of(&pattern).longest).unwrap_or_default()
}

/// What is known so far of all that a pattern finds, from left to right.
#[derive(Default)]
struct Required {
    /// Characters that stand together, in lower case.
    literal: String,
    /// The longest of these so far.
    longest: String,
    asks: Vec<Ask>,
}

impl Required {
    fn of(pattern: &Hir) -> Self {
        let mut required = Self::default();
        required.walk(pattern);
        required.end();
        required
    }

    fn walk(&mut self, pattern: &Hir) {
        match pattern.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => text.chars().for_each(|letter| self.letter(Some(letter))),
                Err(_) => self.end(),
            },
            HirKind::Class(class) => self.letter(one_letter(class)),
            HirKind::Repetition(repetition) => {
                self.end();
                if repetition.min > 0 {
                    self.walk(&repetition.sub);
                    self.end();
                }
            }
            HirKind::Capture(capture) => self.walk(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.walk(part)),
            HirKind::Alternation(parts) => {
                self.end();
                self.asks.push(Ask::any(parts.iter().map(required).collect()));
            }
        }
    }

    /// A letter in any case, if it is known which. Outside of ASCII there are cases that lower case leaves apart.
    fn letter(&mut self, letter: Option<char>) {
        match letter.filter(char::is_ascii) {
            Some(letter) => self.literal.push(letter.to_ascii_lowercase()),
            None => self.end(),
        }
    }

    /// What comes next does not stand beside what came before.
    fn end(&mut self) {
        let literal = std::mem::take(&mut self.literal);
        characters(&literal, [true; 2], &mut self.asks);
        if literal.len() > self.longest.len() {
            self.longest = literal;
        }
    }
}

/// The lower case of a class that is one letter in all its cases.
fn one_letter(class: &Class) -> Option<char> {
    let characters: Vec<char> = match class {
        Class::Unicode(class) => {
            let count: u32 = class.iter().map(|range| range.end() as u32 - range.start() as u32 + 1).sum();
            let few = (count <= MAX_CASES).then_some(class)?;
            few.iter().flat_map(|range| range.start()..=range.end()).collect()
        }
        Class::Bytes(class) => {
            let count: u32 = class.iter().map(|range| u32::from(range.end() - range.start()) + 1).sum();
            let few = (count <= MAX_CASES && class.is_ascii()).then_some(class)?;
            few.iter().flat_map(|range| range.start()..=range.end()).map(char::from).collect()
        }
    };
    let mut letters = characters.into_iter().map(|letter| canonical(letter.encode_utf8(&mut [0; 4])).into_owned());
    let first = letters.next()?;
    letters.all(|letter| letter == first).then_some(first)?.chars().next()
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::Ask;
    use crate::text_match::TextMatch;

    fn word(text: &str) -> Ask {
        Ask::Word(text.to_owned())
    }

    fn infix(text: &str) -> Ask {
        Ask::Infix(text.to_owned())
    }

    #[test]
    fn an_index_is_asked_for_what_must_be_there() {
        let regex = |pattern: &str| TextMatch::Regex(Regex::new(pattern).expect("a pattern").into());
        let id = |text: &str| Ask::Id(text.to_owned());
        for (asked, expected) in [
            (TextMatch::Contains("Error".into()), infix("error")),
            (
                TextMatch::Contains("card declined by".into()),
                Ask::All(vec![infix("card"), word("declined"), Ask::Prefix("by".into())]),
            ),
            (TextMatch::Contains("17".into()), Ask::Everything),
            (TextMatch::Contains("dead".into()), Ask::Everything),
            (TextMatch::Contains(" 7f3a91 ".into()), id("7f3a91")),
            (TextMatch::phrase("order 7f3a91"), Ask::All(vec![word("order"), id("7f3a91")])),
            (TextMatch::Word("insufficient_funds".into()), Ask::All(vec![word("insufficient"), word("funds")])),
            (TextMatch::WordPrefix("pay".into()), Ask::Prefix("pay".into())),
            (TextMatch::Contains("東京都".into()), Ask::All(vec![word("東京"), word("京都")])),
            (regex("(?i)timeout after [0-9]+ms"), Ask::All(vec![infix("timeout"), word("after"), infix("ms")])),
            (
                regex("(refused|reset).*peer"),
                Ask::All(vec![Ask::Any(vec![infix("refused"), infix("reset")]), infix("peer")]),
            ),
            (regex("(?i)ask"), infix("ask")),
            (regex("(?i)größe"), infix("gr")),
            (regex("x?[a-z]*"), Ask::Everything),
        ] {
            assert_eq!(asked.ask(), expected, "{asked:?}");
        }
    }
}
