//! Patterns of texts: Elasticsearch's wildcards and Lucene's regular expressions, as regular expressions of ours.
//!
//! Source: Lucene's `RegExp` (its optional operators `~`, `<>`, `&`, `@`, `#` included), which is always anchored. Ours run in time that
//! grows with the text only, so none can explode; what would be large when compiled is refused.

use regex::{Regex, RegexBuilder};

use super::error::{SearchError, shown};

/// Bytes that a pattern may take when it is compiled.
const MAX_COMPILED: usize = 1 << 20;
/// Longest pattern, in bytes, as Elasticsearch's `index.max_regex_length`.
const MAX_PATTERN: usize = 1_000;

/// Compiles a pattern that must meet a text as a whole.
fn whole(pattern: &str, of: &str, ignore_case: bool) -> Result<Regex, SearchError> {
    if of.len() > MAX_PATTERN {
        let length = of.len();
        return Err(SearchError::illegal(format!("a pattern of {length} bytes; expected {MAX_PATTERN} at most")));
    }
    let flags = if ignore_case { "is" } else { "s" };
    let built = RegexBuilder::new(&format!("^(?{flags}:{pattern})$")).size_limit(MAX_COMPILED).build();
    built.map_err(|error| {
        let problem = match error {
            regex::Error::CompiledTooBig(_) => "it is too large: ask for fewer repetitions".to_owned(),
            other => other.to_string().lines().last().unwrap_or_default().trim().to_owned(),
        };
        SearchError::illegal(format!("invalid pattern [{}]: {problem}", shown(of)))
    })
}

/// A pattern in which `*` is anything, `?` one character, and `\` takes the next as it is.
pub(crate) fn wildcard(pattern: &str, ignore_case: bool) -> Result<Regex, SearchError> {
    let mut written = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => written.push_str(".*"),
            '?' => written.push('.'),
            '\\' => written.push_str(&regex::escape(chars.next().unwrap_or('\\').encode_utf8(&mut [0; 4]))),
            c => written.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    whole(&written, pattern, ignore_case)
}

/// A regular expression as Lucene writes it.
pub(crate) fn lucene(pattern: &str, ignore_case: bool) -> Result<Regex, SearchError> {
    let mut written = String::new();
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    let unsupported = |what: char| {
        let why = "expected no complement, interval or intersection";
        SearchError::illegal(format!("invalid pattern [{}]: operator {what} is not supported; {why}", shown(pattern)))
    };
    while let Some(c) = chars.next() {
        match c {
            // Classes of characters are written as ours are; all else that follows a backslash is taken as it is.
            '\\' => match chars.next() {
                Some(class @ ('d' | 'D' | 's' | 'S' | 'w' | 'W')) => written.extend(['\\', class]),
                Some(c) => written.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
                None => written.push_str("\\\\"),
            },
            // Lucene takes what is between quotes as it is.
            '"' if !in_class => {
                let quoted: String = chars.by_ref().take_while(|c| *c != '"').collect();
                written.push_str(&format!("(?:{})", regex::escape(&quoted)));
            }
            '[' if in_class => written.push_str("\\["),
            '[' => {
                in_class = true;
                written.push('[');
                if chars.peek() == Some(&'^') {
                    written.extend(chars.next());
                }
            }
            ']' => {
                in_class = false;
                written.push(']');
            }
            '&' | '~' | '^' | '$' if in_class => written.extend(['\\', c]),
            '@' if !in_class => written.push_str(".*"),
            '#' if !in_class => written.push_str("[^\\s\\S]"),
            '~' | '<' | '&' if !in_class => return Err(unsupported(c)),
            // Lucene has no anchors: these are characters.
            '^' | '$' => written.extend(['\\', c]),
            '(' if chars.peek() == Some(&'?') && !in_class => return Err(unsupported('?')),
            c => written.push(c),
        }
    }
    whole(&written, pattern, ignore_case)
}

#[cfg(test)]
mod tests {
    use super::{lucene, wildcard};

    #[test]
    fn patterns_meet_whole_texts() {
        for (pattern, text, expected) in [
            ("a*c", "abbc", true),
            ("a?c", "abbc", false),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("a.c", "abc", false),
        ] {
            assert_eq!(wildcard(pattern, false).expect("a pattern").is_match(text), expected, "{pattern} {text}");
        }
        for (pattern, text, expected) in [
            ("ab?c", "ac", true),
            ("b", "abc", false),
            ("a|ab", "ab", true),
            ("a.*", "a\nb", true),
            ("[^a-c]+", "xyz", true),
            ("\"a.b\"@", "a.bcd", true),
            ("$a^", "$a^", true),
            ("[a&b]", "&", true),
            ("\\/x", "/x", true),
            ("x#", "x", false),
        ] {
            assert_eq!(lucene(pattern, false).expect("a pattern").is_match(text), expected, "{pattern} {text}");
        }
        for wrong in ["a{1000}{1000}", "(", "~a", "<1-5>", "a&b", "(?i)a", "[b-a]"] {
            assert!(lucene(wrong, false).is_err(), "{wrong}");
        }
    }
}
