//! Many texts at once: which of them match.
//!
//! Texts that lie end to end are searched as one for characters that each match must hold, in one pass. Only where these are found, the
//! text itself is looked at.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::memmem;

use crate::ask::required_literal;
use crate::text_match::TextMatch;
use crate::words::fold;

/// The characters outside of ASCII that may stand for some in it: the Kelvin sign, a capital I with a dot, and a long s.
const BECOME_ASCII: [&str; 3] = ["\u{130}", "\u{17F}", "\u{212A}"];

/// A match made ready to look through many texts.
#[derive(Debug, Clone)]
pub struct TextScan {
    wanted: Arc<TextMatch>,
    needle: Option<Needle>,
}

/// Characters that each match must hold.
#[derive(Debug, Clone)]
struct Needle {
    characters: memmem::Finder<'static>,
    /// Whether they are of the text in lower case.
    folded: bool,
}

impl TextScan {
    /// Returns the scan for texts that match.
    pub fn new(wanted: Arc<TextMatch>) -> Self {
        Self { needle: Needle::of(&wanted), wanted }
    }

    /// Returns which of some texts match. They are parts of `bytes`, in order: where each starts and ends, or none where there is no
    /// text. What is not UTF-8 is an empty text.
    pub fn matching(&self, bytes: &[u8], places: impl ExactSizeIterator<Item = Option<(u32, u32)>>) -> Vec<bool> {
        let matches = |(start, end): (u32, u32)| {
            self.wanted.matches(std::str::from_utf8(&bytes[start as usize..end as usize]).unwrap_or_default())
        };
        let Some(needle) = self.needle.as_ref().filter(|needle| needle.serves(bytes)) else {
            return places.map(|place| place.is_some_and(matches)).collect();
        };
        let searched = if needle.folded { Cow::Owned(bytes.to_ascii_lowercase()) } else { Cow::Borrowed(bytes) };
        let mut matching = vec![false; places.len()];
        let length = needle.characters.needle().len();
        let mut from = 0;
        for (place, matching) in places.zip(&mut matching) {
            let Some((start, end)) = place else { continue };
            if end as usize <= from {
                continue;
            }
            // Where the characters stand next; what is before is passed over.
            from = from.max(start as usize);
            let Some(found) = needle.characters.find(&searched[from..]) else { break };
            let found = from + found;
            if found < end as usize {
                *matching = found + length <= end as usize && matches((start, end));
                from = end as usize;
            } else {
                from = found;
            }
        }
        matching
    }
}

impl Needle {
    /// If there are any for sure.
    fn of(wanted: &TextMatch) -> Option<Self> {
        let (characters, folded): (Cow<'_, str>, bool) = match wanted {
            TextMatch::Contains(part) => (part.into(), false),
            TextMatch::ContainsFolded(part) => (fold(part), true),
            TextMatch::Word(_) | TextMatch::WordPrefix(_) | TextMatch::Phrase { .. } => {
                (wanted.required_word()?.into(), true)
            }
            TextMatch::WordRegex(regex) | TextMatch::Regex(regex) => (required_literal(regex.as_str()).into(), true),
            TextMatch::Fuzzy { .. } => return None,
        };
        let finder = || memmem::Finder::new(characters.as_bytes()).into_owned();
        (!characters.is_empty()).then(|| Self { characters: finder(), folded })
    }

    /// Whether these bytes can be searched for it: in lower case only ASCII is, without other characters that would become such.
    fn serves(&self, bytes: &[u8]) -> bool {
        let becomes = |character: &&str| memmem::find(bytes, character.as_bytes()).is_some();
        !self.folded
            || self.characters.needle().is_ascii()
                && (bytes.is_ascii() || !BECOME_ASCII.iter().any(|one| becomes(&one)))
    }
}

#[cfg(test)]
mod tests {
    use super::BECOME_ASCII;
    use crate::terms::canonical;

    #[test]
    fn only_these_become_ascii() {
        let all = ('\u{80}'..=char::MAX).map(String::from);
        assert!(all.filter(|one| canonical(one).contains(|lower: char| lower.is_ascii())).eq(BECOME_ASCII));
        let pattern = regex::Regex::new("(?i)^[a-z0-9_]$").expect("a pattern");
        let others = ('\u{80}'..=char::MAX).map(String::from).filter(|one| pattern.is_match(one));
        assert!(others.eq(["\u{17F}", "\u{212A}"]), "patterns take others for letters of ASCII");
    }
}
