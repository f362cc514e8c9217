//! Texts cut into words.

use std::borrow::Cow;
use std::ops::Range;

/// Whether a character is part of a word.
pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Where the words of a text are, in order: the longest runs of letters, digits and underscores.
pub fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find(is_word)?;
        let end = text[start..].find(|c| !is_word(c)).map_or(text.len(), |length| start + length);
        from = end;
        Some(start..end)
    })
}

/// The words of a text, in order, as they are compared without regard to case.
pub fn folded_words(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    words(text).map(|word| fold(&text[word]))
}

/// A text as it is compared without regard to case: each character's lower case.
pub fn fold(text: &str) -> Cow<'_, str> {
    let is_folded = text.chars().all(|c| if c.is_ascii() { !c.is_ascii_uppercase() } else { c.to_lowercase().eq([c]) });
    // Character by character, so that what follows does not change a letter, as it does a final sigma.
    if is_folded { text.into() } else { text.chars().flat_map(char::to_lowercase).collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{fold, is_word, words};

    proptest! {
        #[test]
        fn words_are_all_that_is_between(text in any::<String>()) {
            let mut end = 0;
            for word in words(&text) {
                assert!(text[end..word.start].chars().all(|c| !is_word(c)));
                assert!(!word.is_empty() && text[word.clone()].chars().all(is_word));
                end = word.end;
            }
            assert!(text[end..].chars().all(|c| !is_word(c)));
            assert_eq!(fold(&fold(&text)), fold(&text));
        }
    }
}
