//! Words of a text, as every engine finds them: in lower case and without the marks of Latin letters, as SQLite's `unicode61` with
//! `remove_diacritics 2` does it.

use unicode_normalization::char::decompose_canonical;

/// Most words of a search that count.
pub(crate) const MAX_WORDS: usize = 16;
/// How deep one may page into a search.
pub(crate) const MAX_DEPTH: usize = 10_000;
/// Most letters of a word that count; PostgreSQL takes 2046 bytes.
const MAX_LETTERS: usize = 256;

/// A mark that is written apart from its letter, as macOS types it; it does not end a word.
fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// The words as they are written.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !is_mark(c)).filter(|w| !w.chars().all(is_mark))
}

/// The words as they are compared.
pub(crate) fn folded(text: &str) -> impl Iterator<Item = String> {
    split(text).map(|word| {
        word.chars().flat_map(char::to_lowercase).filter(|c| !is_mark(*c)).map(bare).take(MAX_LETTERS).collect()
    })
}

/// A Latin letter without its marks; any other as it is.
fn bare(c: char) -> char {
    let (mut letter, mut marks_only) = (None, true);
    decompose_canonical(c, |part| match letter {
        None => letter = Some(part),
        Some(_) => marks_only &= is_mark(part),
    });
    letter.filter(|l| l.is_ascii_alphabetic() && marks_only).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn words_are_folded_like_sqlites() {
        let words: Vec<String> = folded("Glasögon, GRÖSSE größe o\u{308}l Ồ ваЙ; グラス \u{301} ½").collect();
        assert_eq!(words, ["glasogon", "grosse", "große", "ol", "o", "вай", "グラス", "½"]);
    }
}
