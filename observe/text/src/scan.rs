//! Many texts at once: which of them match.
//!
//! Texts that lie end to end are searched as one for characters that each match must hold, in one pass. Only where these are found, the
//! text itself is looked at.

use std::borrow::Cow;

use memchr::memmem;

use crate::ask::required_literal;
use crate::text_match::TextMatch;
use crate::words::fold;

/// The characters outside of ASCII that may stand for some in it: the Kelvin sign, a capital I with a dot, and a long s.
const BECOME_ASCII: [&str; 3] = ["\u{130}", "\u{17F}", "\u{212A}"];

/// Characters that each match must hold.
struct Needle<'a> {
    characters: Cow<'a, str>,
    /// Whether they are of the text in lower case.
    folded: bool,
}

impl TextMatch {
    /// Returns which of some texts match. They are parts of `bytes`, in order: where each starts and ends, or none where there is no
    /// text. What is not UTF-8 is an empty text.
    pub fn matching(&self, bytes: &[u8], places: &[Option<(u32, u32)>]) -> Vec<bool> {
        let matches = |(start, end): (u32, u32)| {
            self.matches(std::str::from_utf8(&bytes[start as usize..end as usize]).unwrap_or_default())
        };
        let Some(needle) = self.needle().filter(|needle| needle.serves(bytes)) else {
            return places.iter().map(|place| place.is_some_and(matches)).collect();
        };
        let searched = if needle.folded { Cow::Owned(bytes.to_ascii_lowercase()) } else { Cow::Borrowed(bytes) };
        let mut matching = vec![false; places.len()];
        let finder = memmem::Finder::new(needle.characters.as_bytes());
        let mut from = 0;
        for (place, matching) in places.iter().zip(&mut matching) {
            let Some((start, end)) = *place else { continue };
            if end as usize <= from {
                continue;
            }
            // Where the characters stand next; what is before is passed over.
            from = from.max(start as usize);
            let Some(found) = finder.find(&searched[from..]) else { break };
            let found = from + found;
            if found < end as usize {
                *matching = found + needle.characters.len() <= end as usize && matches((start, end));
                from = end as usize;
            } else {
                from = found;
            }
        }
        matching
    }

    /// Characters that each match must hold, if there are any for sure.
    fn needle(&self) -> Option<Needle<'_>> {
        let folded = |characters| Needle { characters, folded: true };
        let needle = match self {
            Self::Contains(part) => Needle { characters: part.into(), folded: false },
            Self::ContainsFolded(part) => folded(fold(part)),
            Self::Word(word) | Self::WordPrefix(word) => folded(word.into()),
            Self::Phrase { words, .. } => folded(words.iter().max_by_key(|word| word.len())?.into()),
            Self::WordRegex(regex) | Self::Regex(regex) => folded(required_literal(regex.as_str()).into()),
            Self::Fuzzy { .. } => return None,
        };
        Some(needle).filter(|needle| !needle.characters.is_empty())
    }
}

impl Needle<'_> {
    /// Whether these bytes can be searched for it: in lower case only ASCII is, without other characters that would become such.
    fn serves(&self, bytes: &[u8]) -> bool {
        let becomes = |character: &&str| memmem::find(bytes, character.as_bytes()).is_some();
        !self.folded
            || self.characters.is_ascii() && (bytes.is_ascii() || !BECOME_ASCII.iter().any(|one| becomes(&one)))
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
