//! E-mail addresses in one form: two that look the same are the same.

use std::fmt;

use icu_properties::CodePointSetData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup, Script, SoftDotted};
use icu_properties::script::ScriptWithExtensions;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;

use crate::limits::MAX_EMAIL;
use crate::problem::Problem;
use crate::text::{category, is_ignorable, is_mark, is_unseen};

/// Longest local part, in bytes (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;
/// Longest text that is looked at, in bytes.
const MAX_GIVEN_BYTES: usize = 4 * MAX_EMAIL;
/// What an atom may hold beside letters and digits (RFC 5322, section 3.2.3).
const ATOM_SYMBOLS: &str = "!#$%&'*+-/=?^_`{|}~";
/// Most marks in a row (UTS 39, section 5.4).
const MAX_MARKS: usize = 4;
/// What the Hangul writing of old is spelled with; that of today is composed by NFC.
const OLD_HANGUL: [std::ops::RangeInclusive<char>; 3] =
    ['\u{1100}'..='\u{11ff}', '\u{a960}'..='\u{a97f}', '\u{d7b0}'..='\u{d7ff}'];

/// An e-mail address in the one form in which it is kept and looked for.
///
/// The local part is a dot-atom (RFC 5322 and 6531) in NFC and in lower case, as PRECIS maps user names (RFC 8265, section 3.3); its
/// letters are of one script, and none is a variant of another that looks like it (RFC 8264, section 9.17). The domain is what DNS is asked
/// for (UTS 46): lower case, `xn--` where it is not ASCII. Quoted local parts, comments, display names and address literals are not taken.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Reads what someone typed. The field is named when it is not an address.
    pub fn parse(field: &str, text: &str) -> Result<Self, Problem> {
        read(text.trim()).map(Self).map_err(|message| {
            let expected = format!(
                "an address such as ada@example.org: an atom of at most {MAX_LOCAL_BYTES} bytes, @ and a domain, \
                 {MAX_EMAIL} bytes at most, without invisible characters"
            );
            Problem::invalid(field, &expected, message).with_reason("INVALID_EMAIL")
        })
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// An address is a person's: what is logged does not show it.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EmailAddress").finish_non_exhaustive()
    }
}

fn read(text: &str) -> Result<String, &'static str> {
    if text.len() > MAX_GIVEN_BYTES {
        return Err("the e-mail address is too long");
    }
    let (local, domain) = text.split_once('@').ok_or("the e-mail address has no @")?;
    if domain.contains('@') {
        return Err("the e-mail address has more than one @");
    }
    if text.chars().any(|c| c.is_whitespace() || is_unseen(c)) {
        return Err("the e-mail address holds a space, or a character that is not seen");
    }
    let address = format!("{}@{}", local_part(local)?, domain_part(domain)?);
    if address.len() > MAX_EMAIL {
        return Err("the e-mail address is too long");
    }
    Ok(address)
}

fn local_part(text: &str) -> Result<String, &'static str> {
    let lower = text.nfc().collect::<String>().to_lowercase();
    let local: String = lower.nfc().collect();
    if local.len() > MAX_LOCAL_BYTES {
        return Err("what stands before the @ of the e-mail address is too long");
    }
    for atom in local.split('.') {
        if atom.is_empty() {
            return Err("before the @ of the e-mail address nothing stands, or a dot at an end or beside another");
        }
        check_atom(atom)?;
    }
    if !is_of_one_script(&local) {
        return Err("the letters before the @ of the e-mail address are of several scripts");
    }
    Ok(local)
}

fn check_atom(atom: &str) -> Result<(), &'static str> {
    let characters: Vec<char> = atom.chars().collect();
    for (at, c) in characters.iter().copied().enumerate() {
        let fine = match c {
            _ if c.is_ascii() => c.is_ascii_alphanumeric() || ATOM_SYMBOLS.contains(c),
            _ if is_mark(c) => {
                let before = at.checked_sub(1).map(|before| characters[before]);
                before.is_some_and(|before| takes_mark(before, c))
            }
            _ => is_letter(c),
        };
        if !fine {
            return Err(
                "before the @ of the e-mail address stands what is neither a letter, a digit nor one of .!#$%&'*+-/=?^_`{|}~",
            );
        }
    }
    if characters.chunk_by(|_, next| is_mark(*next)).any(|group| group.len() > MAX_MARKS + 1) {
        return Err("the e-mail address holds a letter with too many marks");
    }
    Ok(())
}

/// Whether a character is a letter or a digit, and in no other way written with those that look the same.
fn is_letter(c: char) -> bool {
    let group = GeneralCategoryGroup::Letter;
    let named = group.contains(category(c)) || category(c) == GeneralCategory::DecimalNumber;
    named && !is_variant(c) && !OLD_HANGUL.iter().any(|range| range.contains(&c))
}

/// Whether a character stands for another in a compatible form: fullwidth, superscript, ligature.
fn is_variant(c: char) -> bool {
    std::iter::once(c).nfkc().ne(std::iter::once(c).nfc())
}

/// Whether a mark can stand after a character and be seen: not twice, not on what is no letter, and no dot on a letter that has one.
fn takes_mark(before: char, mark: char) -> bool {
    let enclosing = category(mark) == GeneralCategory::EnclosingMark;
    let on_letter = before != mark && (before.is_alphabetic() || is_mark(before));
    let dotted = CodePointSetData::new::<SoftDotted>().contains(before) || matches!(before, 'ı' | 'ȷ');
    let second_dot = dotted && mark == '\u{307}';
    on_letter && !(enclosing || second_dot || is_ignorable(mark) || is_variant(mark))
}

/// Whether all letters are of one script (UTS 39, section 5.1). What Chinese, Japanese and Korean are written with is one here, and may
/// stand with Latin letters.
fn is_of_one_script(text: &str) -> bool {
    let mut common: Option<Vec<Script>> = None;
    for c in text.chars() {
        let scripts = scripts_of(c);
        if scripts.is_empty() {
            continue;
        }
        let shared = match common {
            None => scripts,
            Some(known) => known.into_iter().filter(|script| scripts.contains(script)).collect(),
        };
        if shared.is_empty() {
            return false;
        }
        common = Some(shared);
    }
    true
}

/// The scripts that a character is used with; none where it is used with any.
fn scripts_of(c: char) -> Vec<Script> {
    let mut scripts = Vec::new();
    for script in ScriptWithExtensions::new().get_script_extensions_val(c).iter() {
        match script {
            Script::Common | Script::Inherited => return Vec::new(),
            Script::Hiragana | Script::Katakana | Script::Bopomofo | Script::Hangul => scripts.push(Script::Han),
            Script::Latin => scripts.extend([Script::Latin, Script::Han]),
            other => scripts.push(other),
        }
    }
    scripts
}

fn domain_part(text: &str) -> Result<String, &'static str> {
    let wrong = "what stands behind the @ of the e-mail address is not a domain";
    let uts46 = Uts46::new();
    let ascii = uts46.to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
    let ascii = ascii.map_err(|_| wrong)?;
    let (_, top) = ascii.rsplit_once('.').ok_or("the domain of the e-mail address has no dot")?;
    if top.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong);
    }
    // As people see it: the xn-- form must hold nothing that the other may not.
    let (shown, checked) = uts46.to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    if checked.is_err() || shown.chars().any(is_unseen) {
        return Err(wrong);
    }
    if !shown.split('.').all(is_of_one_script) {
        return Err("a part of the e-mail address's domain has letters of several scripts");
    }
    Ok(ascii.into_owned())
}

#[cfg(test)]
mod tests {
    use super::EmailAddress;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use unicode_normalization::UnicodeNormalization;

    fn parse(text: &str) -> Result<String, String> {
        EmailAddress::parse("email", text).map(EmailAddress::into_string).map_err(|problem| problem.message)
    }

    #[test]
    fn one_address_has_one_form() {
        for (given, kept) in [
            ("ada@example.org", "ada@example.org"),
            ("  Ada.L+x@Sub.Example.ORG\n", "ada.l+x@sub.example.org"),
            ("!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"),
            ("o'brien_1@example.org", "o'brien_1@example.org"),
            ("e\u{301}va@example.org", "éva@example.org"),
            ("ÉVA@example.org", "éva@example.org"),
            ("E\u{301}VA@example.org", "éva@example.org"),
            ("ada@bücher.example", "ada@xn--bcher-kva.example"),
            ("ada@bu\u{308}cher.example", "ada@xn--bcher-kva.example"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
            ("ada@XN--BCHER-KVA.Example", "ada@xn--bcher-kva.example"),
            ("ada@ｅｘａｍｐｌｅ.org", "ada@example.org"),
            ("ada@example。org", "ada@example.org"),
            ("ada@straße.example", "ada@xn--strae-oqa.example"),
            ("иван@пример.рф", "иван@xn--e1afmkfd.xn--p1ai"),
            ("山田taro@example.jp", "山田taro@example.jp"),
            ("さくら.サクラ.桜ー@example.jp", "さくら.サクラ.桜ー@example.jp"),
            ("नमस्ते@example.in", "नमस्ते@example.in"),
            ("\u{1100}\u{1161}@example.kr", "가@example.kr"),
            ("nguyễn.thị@example.vn", "nguyễn.thị@example.vn"),
        ] {
            assert_eq!(parse(given).as_deref(), Ok(kept), "{given:?}");
        }
    }

    const OTHERS: &[&str] = &[
        // Not an atom, an @ and a domain.
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "ada@localhost",
        "a b@example.org",
        "a@b@example.org",
        "a@.org",
        "a@org.",
        "<ada@example.org>",
        "Ada <ada@example.org>",
        "\"ada\"@example.org",
        "ada(x)@example.org",
        "ada@example.org (x)",
        "ada,eve@example.org",
        "ada@example.org,eve@example.org",
        "ada;@example.org",
        "mailto:ada@example.org",
        "ada\\@example.org",
        ".ada@example.org",
        "ada.@example.org",
        "a..da@example.org",
        "ada＠example.org",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "ada@exam_ple.org",
        "ada@-example.org",
        "ada@example-.org",
        "ada@example..org",
        "ada@example.org.",
        "ada@xn--a.org",
        "ada@xn--example-.org",
        "ada@exa mple.org",
        "ada@exam%70le.org",
        "ada@example.org/x",
        "ada@example.org:25",
        // Invisible, bidirectional, control.
        "a\u{200b}da@example.org",
        "ada\u{200d}@example.org",
        "ada\u{200c}@example.org",
        "\u{feff}ada@example.org",
        "a\u{ad}da@example.org",
        "\u{202e}ada@example.org",
        "\u{2066}ada@example.org",
        "ada\u{2069}@example.org",
        "ada\u{200e}@example.org",
        "ada\u{61c}@example.org",
        "ada\u{2060}@example.org",
        "ada\u{fe0f}@example.org",
        "ada\u{e0100}@example.org",
        "ada\u{e0061}@example.org",
        "ada\u{34f}@example.org",
        "ada\u{3164}@example.org",
        "ada\u{ffa0}@example.org",
        "ada\u{115f}@example.org",
        "ada\u{17b4}@example.org",
        "ada\u{180e}@example.org",
        "ada\u{2800}@example.org",
        "ada\u{a0}@example.org",
        "ada\u{3000}@example.org",
        "ada\u{2028}@example.org",
        "ada\u{0}@example.org",
        "ada\r\nBcc: eve@example.org",
        "ada@example.org\r\nBcc: eve",
        "ada\u{7f}@example.org",
        "ada\u{e000}@example.org",
        "ada\u{378}@example.org",
        "ada@exam\u{200b}ple.org",
        "ada@exam\u{ad}ple.org",
        "ada@example\u{2060}.org",
        "ada@exam\u{fe0f}ple.org",
        "ada@نامه\u{200c}ای.com",
        "ada@\u{202e}example.org",
        // The same letter in another form, another script among the letters, marks that are not seen.
        "ａda@example.org",
        "ﬁn@example.org",
        "a\u{2b0}@example.org",
        "ſam@example.org",
        "\u{212a}im\u{2122}@example.org",
        "a²@example.org",
        "𝐚da@example.org",
        "аda@example.org",
        "adа@example.org",
        "pαul@example.org",
        "ada@exаmple.org",
        "ada@xn--exmple-4nf.org",
        "i\u{307}van@example.org",
        "İvan@example.org",
        "\u{301}ada@example.org",
        "a.\u{301}da@example.org",
        "1\u{301}@example.org",
        "+\u{301}@example.org",
        "a\u{338}\u{338}@example.org",
        "a\u{20dd}@example.org",
        "a\u{334}\u{335}\u{336}\u{337}\u{321}@example.org",
        "☃@example.org",
        "👩@example.org",
        "a·b@example.org",
    ];

    #[test]
    fn what_looks_like_another_address_is_none() {
        let long = [
            format!("{}@example.org", "a".repeat(65)),
            format!("{}@example.org", "é".repeat(33)),
            format!("ada@{}.org", "a".repeat(64)),
            format!("ada@{}org", "abcdefgh.".repeat(30)),
            "a".repeat(100_000),
        ];
        for bad in OTHERS.iter().copied().chain(long.iter().map(String::as_str)) {
            let problem = EmailAddress::parse("email", bad).expect_err(bad);
            assert_eq!((problem.reason, problem.field.as_deref()), ("INVALID_EMAIL", Some("email")), "{bad:?}");
        }
        assert_eq!(format!("{:?}", EmailAddress::parse("email", "ada@example.org").expect("fine")), "EmailAddress(..)");
    }

    proptest! {
        #[test]
        fn the_form_stays_what_it_is(text in "[a-cA-CéÉß\u{300}-\u{308}ıİiσςΣабАüÜkK.+\u{200b}가\u{1100}\u{1161}山サ]{1,6}@[a-cA-Cé\u{301}üÜ。.\u{200d}ßж]{1,6}\\.(org|ORG|рф)") {
            if let Ok(kept) = parse(&text) {
                prop_assert_eq!(parse(&kept), Ok(kept.clone()));
                // Another normalisation, another letter case of what is ASCII, spaces around: the same address.
                for other in [text.nfd().collect::<String>(), text.nfc().collect(), kept.to_ascii_uppercase(), format!(" {text} ")] {
                    prop_assert_eq!(parse(&other), Ok(kept.clone()), "{:?}", other);
                }
                // Nothing invisible can be put anywhere.
                for unseen in ['\u{200b}', '\u{200d}', '\u{202e}', '\u{ad}', '\u{fe0f}', '\u{3164}', '\u{feff}'] {
                    for (at, _) in text.char_indices().skip(1) {
                        let mut other = text.clone();
                        other.insert(at, unseen);
                        prop_assert!(parse(&other).is_err(), "taken: {}", other.escape_unicode());
                    }
                }
            }
        }

        #[test]
        fn no_text_ends_anything(text in ".*@.*") {
            let _ = parse(&text);
        }
    }
}
