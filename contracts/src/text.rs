//! Text that people write for people: names, the lines of an address, descriptions.
//!
//! It is kept in Unicode's form NFC, so that what looks the same is the same. What no one sees or means is refused: control and
//! formatting characters (bidirectional ones among them), characters that are never shown, unassigned and private ones. Two exceptions
//! change what is seen: joiners in the writing that needs them and in emoji, and variation selectors after what has variants.

use std::ops::RangeInclusive;

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, EmojiModifier, ExtendedPictographic, GeneralCategory,
    GeneralCategoryGroup, JoiningType, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;

use crate::problem::Problem;

/// Most marks that stand on one letter: more than any writing needs, and less than what covers the lines around it.
const MAX_MARKS: usize = 8;
const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
/// Asks for a character's form as an emoji.
const EMOJI_PRESENTATION: char = '\u{fe0f}';
/// Encloses the digit before it.
const KEYCAP: char = '\u{20e3}';
/// A symbol without ink.
const BLANK_BRAILLE: char = '\u{2800}';

/// One line: a name, a city, a reason. Returns it in NFC, with plain spaces, and without any at its ends. `length` is in characters.
pub fn line(field: &str, text: &str, length: RangeInclusive<usize>) -> Result<String, Problem> {
    checked(field, text, length, false)
}

/// The same where line feeds are meant: a description.
pub fn paragraphs(field: &str, text: &str, length: RangeInclusive<usize>) -> Result<String, Problem> {
    checked(field, text, length, true)
}

fn checked(field: &str, text: &str, length: RangeInclusive<usize>, feeds: bool) -> Result<String, Problem> {
    let (min, max) = (*length.start(), *length.end());
    let refused = |message: String| {
        let kind = if feeds { "characters of plain text" } else { "characters of plain text on one line" };
        let expected = format!("{min} to {max} {kind}, no control, formatting or invisible characters");
        Problem::invalid(field, &expected, &message)
    };
    let space = |c: char| if category(c) == GeneralCategory::SpaceSeparator { ' ' } else { c };
    let spaced: String = text.nfc().map(space).collect();
    let ends: &[char] = if feeds { &[' ', '\n'] } else { &[' '] };
    let text = spaced.trim_matches(ends);
    let characters: Vec<char> = text.chars().collect();
    if characters.len() > max {
        return Err(refused(format!("{field} is longer than {max} characters")));
    }
    for at in 0..characters.len() {
        if !(feeds && characters[at] == '\n') && is_refused(&characters, at) {
            return Err(refused(format!(
                "{field} holds U+{:04X}, which cannot stand there",
                u32::from(characters[at])
            )));
        }
    }
    if characters.chunk_by(|_, next| is_mark(*next)).any(|group| group.len() > MAX_MARKS + 1) {
        return Err(refused(format!("{field} holds more than {MAX_MARKS} marks on one letter")));
    }
    if min > 0 && !characters.iter().copied().any(is_seen) {
        return Err(refused(format!("{field} is empty")));
    }
    if characters.len() < min {
        return Err(refused(format!("{field} is shorter than {min} characters")));
    }
    Ok(text.to_owned())
}

pub(crate) fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

pub(crate) fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(category(c))
}

/// Whether a character is shown as nothing.
pub(crate) fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character says nothing to who reads: control, formatting, unassigned or private, or never shown.
pub(crate) fn is_unseen(c: char) -> bool {
    let of_none = GeneralCategoryGroup::Other;
    let breaks = [GeneralCategory::LineSeparator, GeneralCategory::ParagraphSeparator];
    of_none.contains(category(c)) || breaks.contains(&category(c)) || is_ignorable(c)
}

/// Whether a character is ink of its own.
fn is_seen(c: char) -> bool {
    !c.is_whitespace() && !is_mark(c) && !is_ignorable(c) && c != BLANK_BRAILLE
}

fn is_refused(text: &[char], at: usize) -> bool {
    let c = text[at];
    if !is_unseen(c) {
        return false;
    }
    match c {
        ZERO_WIDTH_NON_JOINER | ZERO_WIDTH_JOINER => !joins(text, at),
        '\u{fe00}'..=EMOJI_PRESENTATION | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}' => {
            !selects(text, at)
        }
        _ => true,
    }
}

/// Whether a joiner changes what is seen: beside a virama or between letters that join (RFC 5892, appendix A), or between the parts of
/// an emoji (UTS 51).
fn joins(text: &[char], at: usize) -> bool {
    let is_virama =
        |c: &char| CodePointMapData::<CanonicalCombiningClass>::new().get(*c) == CanonicalCombiningClass::Virama;
    let (before, after) = (&text[..at], &text[at + 1..]);
    let (Some(previous), Some(next)) = (before.last(), after.first()) else { return false };
    if is_virama(previous) || is_virama(next) {
        return true;
    }
    if text[at] == ZERO_WIDTH_NON_JOINER {
        let kind = |c: &char| CodePointMapData::<JoiningType>::new().get(*c);
        let letter = |c: &&char| kind(c) != JoiningType::Transparent;
        let left = before.iter().rev().find(letter).map(kind);
        let right = after.iter().find(letter).map(kind);
        return matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
            && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining));
    }
    let pictures = CodePointSetData::new::<ExtendedPictographic>();
    let modifiers = CodePointSetData::new::<EmojiModifier>();
    let ends_picture = pictures.contains(*previous) || modifiers.contains(*previous) || *previous == EMOJI_PRESENTATION;
    ends_picture && pictures.contains(*next)
}

/// Whether a variation selector stands after what has variants.
fn selects(text: &[char], at: usize) -> bool {
    let Some(base) = at.checked_sub(1).map(|before| text[before]) else { return false };
    let script = CodePointMapData::<Script>::new().get(base);
    match text[at] {
        '\u{180b}'..='\u{180f}' => script == Script::Mongolian,
        _ if script == Script::Han => true,
        EMOJI_PRESENTATION if matches!(base, '0'..='9' | '#' | '*') => text.get(at + 1) == Some(&KEYCAP),
        '\u{fe0e}' | EMOJI_PRESENTATION => CodePointSetData::new::<ExtendedPictographic>().contains(base),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{line, paragraphs};
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn names_of_people_and_places_are_taken() {
        for (given, kept) in [
            (" Ada ", "Ada"),
            ("Jose\u{301} Nun\u{303}ez", "José Nuñez"),
            ("O\u{2019}Brien-Müller, Jr.", "O’Brien-Müller, Jr."),
            ("山田\u{3000}太郎", "山田 太郎"),
            ("葛\u{e0100}城市", "葛\u{e0100}城市"),
            ("Ada\u{a0}Lovelace", "Ada Lovelace"),
            ("\u{200a}Ada\u{3000}", "Ada"),
            ("نامه\u{200c}ای", "نامه\u{200c}ای"),
            ("क्\u{200d}ष", "क्\u{200d}ष"),
            ("র\u{200d}্য", "র\u{200d}্য"),
            ("👩\u{200d}👩\u{200d}👧", "👩\u{200d}👩\u{200d}👧"),
            ("❤\u{fe0f}\u{200d}🔥", "❤\u{fe0f}\u{200d}🔥"),
            ("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
            ("Nguyễn Thị Ánh", "Nguyễn Thị Ánh"),
            ("שלום", "שלום"),
            ("각각", "각각"),
            ("\u{1100}\u{1161}\u{11a8}", "각"),
            ("X Æ A-12", "X Æ A-12"),
        ] {
            assert_eq!(line("name", given, 1..=40).as_deref(), Ok(kept), "{given:?}");
        }
    }

    #[test]
    fn what_nobody_sees_is_refused() {
        for bad in [
            "",
            " ",
            "\u{3000}",
            "\u{2800}",
            "\u{200b}",
            "\u{301}",
            " \u{301}",
            "\u{feff}Ada",
            "Ada\u{200b}",
            "A\u{200d}da",
            "A\u{200c}da",
            "Ada\u{200d}",
            "\u{202e}adA",
            "Ada\u{202c}",
            "\u{2066}Ada\u{2069}",
            "Ada\u{200e}",
            "Ada\u{200f}",
            "Ada\u{61c}",
            "A\u{ad}da",
            "Ada\u{2060}",
            "Ada\u{fe0f}",
            "Ada\u{e0100}",
            "Ada\u{e0041}",
            "Ada\u{180e}",
            "Ada\u{180b}",
            "\u{115f}",
            "Ada\u{1160}",
            "\u{3164}",
            "\u{ffa0}",
            "Ada\u{34f}",
            "Ada\u{17b4}",
            "Ada\nBcc: eve@example.org",
            "Ada\r\n",
            "Ada\n",
            "Ada\tB",
            "Ada\u{0}",
            "Ada\u{7f}",
            "Ada\u{85}",
            "Ada\u{2028}",
            "Ada\u{2029}",
            "Ada\u{e000}",
            "Ada\u{f8ff}",
            "Ada\u{378}",
            "Ada\u{fdd0}",
            "Ada\u{ffff}",
            "Ada\u{10ffff}",
            "Ada\u{1d173}",
            "Ada\u{fff9}",
            "👩\u{200d}",
            "1\u{fe0f}",
        ] {
            let problem = line("name", bad, 1..=40).expect_err(bad);
            assert_eq!((problem.reason, problem.field.as_deref()), ("INVALID_FIELD", Some("name")), "{bad:?}");
        }
        let marks = |n: usize| format!("a{}", "\u{335}".repeat(n));
        line("name", &marks(8), 1..=40).expect("as many as any writing needs");
        line("name", &marks(9), 1..=40).expect_err("too many marks");
    }

    #[test]
    fn lengths_are_of_what_is_kept() {
        assert_eq!(line("label", "  ", 0..=3).as_deref(), Ok(""));
        assert_eq!(line("label", &"e\u{301}".repeat(3), 1..=3).as_deref(), Ok("ééé"));
        line("label", "abcd", 1..=3).expect_err("too long");
        line("label", "a", 2..=3).expect_err("too short");
        assert_eq!(paragraphs("text", "\none\n\ntwo \n", 1..=40).as_deref(), Ok("one\n\ntwo"));
        for bad in ["\n \n", "one\rtwo", "one\u{2028}two", "one\u{202e}two", "one\ttwo"] {
            paragraphs("text", bad, 1..=40).expect_err(bad);
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_kept_as_it_is(text in "[ \\na-cé\u{300}-\u{303}\u{200b}-\u{200f}\u{202a}\u{fe0f}❤👩ك\u{94d}क\u{3000}\u{1100}\u{1161}]{0,12}", feeds in any::<bool>()) {
            let check = |text: &str| if feeds { paragraphs("x", text, 0..=12) } else { line("x", text, 0..=12) };
            if let Ok(kept) = check(&text) {
                prop_assert_eq!(check(&kept), Ok(kept.clone()));
                let unseen = ["\u{200b}", "\u{200e}", "\u{200f}", "\u{202a}"].iter().any(|c| kept.contains(c));
                prop_assert!(!unseen);
            }
        }

        #[test]
        fn no_text_ends_anything(text in any::<String>()) {
            let _ = line("x", &text, 0..=usize::MAX);
        }
    }
}
