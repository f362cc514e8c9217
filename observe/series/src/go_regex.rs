//! Regular expressions in Go's syntax (RE2), with Go's errors.
//!
//! Prometheus's patterns are Go's: `\d` and its like mean ASCII, `{` that begins no repetition is a literal, `\Q…\E` quotes,
//! look-around and stacked repetitions are errors. A pattern is read by Go's rules and written anew for the `regex` crate,
//! with all that means something there escaped.

mod translate;

use regex_syntax::hir::literal::{ExtractKind, Extractor};

use translate::translate;

/// The longest pattern that is read, in bytes.
const MOST_PATTERN_BYTES: usize = 128 * 1024;

/// Most bytes of a compiled pattern.
const MOST_COMPILED_BYTES: usize = 8 << 20;

/// Groups may nest so deep.
const MOST_NESTING: u32 = 200;

/// Most values that a pattern may stand for to be looked up instead of matched.
const MOST_LITERALS: usize = 10_000;

/// Most characters of a class that are spelled out.
const MOST_CLASS: usize = 16;

/// A pattern that is none: Go's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {0}")]
pub struct GoRegexError(pub(crate) String);

/// A pattern that a whole text matches, newlines included: `^(?s:…)$`.
#[derive(Debug, Clone)]
pub struct GoRegex {
    regex: regex::Regex,
    literals: Option<Vec<String>>,
    prefix: String,
}

impl GoRegex {
    /// A pattern in Go's syntax.
    pub fn new(pattern: &str) -> Result<Self, GoRegexError> {
        let (regex, body) = compile(pattern, |body| format!("^(?s:{body})$"))?;
        let (literals, prefix) = literals(&body);
        Ok(Self { regex, literals, prefix })
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.literals {
            Some(literals) => literals.binary_search_by(|literal| literal.as_str().cmp(text)).is_ok(),
            None => text.starts_with(&self.prefix) && self.regex.is_match(text),
        }
    }

    /// All texts that match, in order, if they are known and few.
    pub fn literals(&self) -> Option<&[String]> {
        self.literals.as_deref()
    }

    /// With what all texts begin that match; may be empty.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A template with `$1`, `${1}`, `$name` and `$$` expanded from what a whole text matched; none if it does not match.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let captures = self.regex.captures(text)?;
        Some(expand(&captures, template))
    }
}

/// A pattern compiled to be found anywhere in a text, as Go's `regexp.MustCompile` does.
pub fn go_regex_unanchored(pattern: &str) -> Result<regex::Regex, GoRegexError> {
    compile(pattern, str::to_owned).map(|(regex, _)| regex)
}

fn compile(pattern: &str, wrap: impl Fn(&str) -> String) -> Result<(regex::Regex, String), GoRegexError> {
    if pattern.len() > MOST_PATTERN_BYTES {
        let length = pattern.len();
        return Err(GoRegexError(format!("the pattern has {length} bytes, and may have {MOST_PATTERN_BYTES}")));
    }
    let body = translate(pattern)?;
    let regex = regex::RegexBuilder::new(&wrap(&body))
        .size_limit(MOST_COMPILED_BYTES)
        .nest_limit(MOST_NESTING)
        .build()
        .map_err(|error| GoRegexError(reason(pattern, &error)))?;
    Ok((regex, body))
}

/// Why the `regex` crate refuses what Go's syntax allows.
fn reason(pattern: &str, error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => format!("expression too large: `{pattern}`"),
        regex::Error::Syntax(text) if text.contains("nest") => format!("expression nests too deeply: `{pattern}`"),
        _ => format!("invalid character class range: `{pattern}`"),
    }
}

/// All texts that match, if they are few, and with what all of them begin.
fn literals(body: &str) -> (Option<Vec<String>>, String) {
    let parsed = regex_syntax::ParserBuilder::new().nest_limit(MOST_NESTING).build().parse(&format!("(?s:{body})"));
    let Ok(tree) = parsed else { return (None, String::new()) };
    let mut extractor = Extractor::new();
    extractor
        .kind(ExtractKind::Prefix)
        .limit_class(MOST_CLASS)
        .limit_literal_len(MOST_PATTERN_BYTES)
        .limit_total(MOST_LITERALS);
    let found = extractor.extract(&tree);
    // Assertions count as nothing there, though they may exclude some of the literals.
    let is_complete = found.is_exact() && tree.properties().look_set().is_empty();
    let texts = found.literals().filter(|_| is_complete).and_then(|literals| {
        literals.iter().map(|literal| String::from_utf8(literal.as_bytes().to_vec()).ok()).collect::<Option<Vec<_>>>()
    });
    let literals = texts.map(|mut texts| {
        texts.sort();
        texts.dedup();
        texts
    });
    let common = found.longest_common_prefix().unwrap_or_default();
    // A prefix may end within a character.
    let prefix = common.utf8_chunks().next().map_or_else(String::new, |chunk| chunk.valid().to_owned());
    (literals, prefix)
}

/// Expands a template as Go's `Regexp.Expand` does: the longest name counts (`$1x` is the group `1x`), and a group that is
/// not there is empty.
pub fn expand(captures: &regex::Captures<'_>, template: &str) -> String {
    let mut expanded = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = reference(rest) else {
            expanded.push('$');
            continue;
        };
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && !(name.len() > 1 && name.starts_with('0'));
        let group = if is_number {
            name.parse::<usize>().ok().and_then(|number| captures.get(number))
        } else {
            captures.name(name)
        };
        expanded.push_str(group.map_or("", |group| group.as_str()));
        rest = after;
    }
    expanded.push_str(rest);
    expanded
}

/// The name behind a dollar sign, and what follows it; none if there is no name.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (inner, braces) = match text.strip_prefix('{') {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let length = inner.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, after) = inner.split_at(length);
    if name.is_empty() {
        return None;
    }
    Some((name, if braces { after.strip_prefix('}')? } else { after }))
}

#[cfg(test)]
mod tests {
    use super::{GoRegex, MOST_PATTERN_BYTES, go_regex_unanchored};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        for (pattern, yes, no) in [
            ("a.c", vec!["abc", "a\nc"], vec!["abcd", "xabc", "ac"]),
            (r"\d+", vec!["12"], vec!["٣", ""]),
            (r"\w", vec!["a", "_"], vec!["ä", "-"]),
            (r"\W", vec!["ä"], vec!["a"]),
            (r"[\d\W]", vec!["1", "ä"], vec!["a"]),
            (r"\s", vec![" ", "\n"], vec!["\u{a0}", "\u{b}"]),
            ("a{,2}", vec!["a{,2}"], vec!["a", "aa"]),
            ("{a}", vec!["{a}"], vec!["a"]),
            ("a{2}", vec!["aa"], vec!["a", "a{2}"]),
            ("a{02}", vec!["a{02}"], vec!["aa"]),
            (r"\Qa.b\E+", vec!["a.b", "a.bb"], vec!["axb"]),
            (r"\Qa.b", vec!["a.b"], vec!["axb"]),
            (r"[[:alpha:]-]+", vec!["a-b"], vec!["1"]),
            (r"[[:^digit:]]", vec!["a"], vec!["1"]),
            (r"[]a]", vec!["]", "a"], vec!["b"]),
            (r"[^]a]", vec!["b", "\n"], vec!["]"]),
            (r"[a&&b]+", vec!["a&b"], vec!["c"]),
            (r"[a~~+--]", vec!["~", "a"], vec!["d"]),
            (r"[[a]", vec!["[", "a"], vec!["b"]),
            (r"\x41\x{1F600}\101\t\-\/\<", vec!["A😀A\t-/<"], vec!["A"]),
            (r"\pL\p{Greek}\P{L}\p{^L}", vec!["aα12"], vec!["aa12"]),
            ("(?i)straße", vec!["STRAßE"], vec!["strasse"]),
            ("(?i:a)b", vec!["Ab"], vec!["AB"]),
            ("(?-s:.)", vec!["a"], vec!["\n"]),
            (r"a\bb|c\b", vec!["c"], vec!["ab"]),
            (r"ä\b.", vec![], vec!["ä "]),
            (r"a\Bb", vec!["ab"], vec!["a"]),
            ("a|", vec!["a", ""], vec!["b"]),
            ("(?P<x>a)(?<y>b)", vec!["ab"], vec!["a"]),
            ("a # b", vec!["a # b"], vec!["a"]),
            ("^a$", vec!["a"], vec!["a\n"]),
            ("a*?b", vec!["aab", "b"], vec!["a"]),
        ] {
            let regex = GoRegex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            for text in yes {
                assert!(regex.is_match(text), "{pattern} {text:?}");
            }
            for text in no {
                assert!(!regex.is_match(text), "{pattern} {text:?}");
            }
        }
    }

    #[test]
    fn mistakes_are_told_as_go_tells_them() {
        for (pattern, wanted) in [
            ("*", "missing argument to repetition operator: `*`"),
            ("a|+", "missing argument to repetition operator: `+`"),
            ("({2})", "missing argument to repetition operator: `{2}`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("a*??", "invalid nested repetition operator: `*??`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("(a", "missing closing ): `(a`"),
            ("a)", "unexpected ): `a)`"),
            ("[a", "missing closing ]: `[a`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[[:nope:]]", "invalid character class range: `[:nope:]`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
            ("(?<=a)", "invalid named capture: `(?<=a)`"),
            ("(?P<>a)", "invalid named capture: `(?P<>`"),
            ("(?P<n>a)(?P<n>b)", "duplicate capture group name: `n`"),
            (r"\1", r"invalid escape sequence: `\1`"),
            (r"\q", r"invalid escape sequence: `\q`"),
            (r"\Z", r"invalid escape sequence: `\Z`"),
            (r"\p{Nope}", r"invalid character class range: `\p{Nope}`"),
            ("a\\", "trailing backslash at end of expression: ``"),
        ] {
            let error = GoRegex::new(pattern).map(|_| ()).unwrap_err().to_string();
            assert_eq!(error, format!("error parsing regexp: {wanted}"), "{pattern}");
        }
        for pattern in ["(".repeat(50_000), "((a{1000}){1000}){1000}".to_owned(), "a".repeat(MOST_PATTERN_BYTES + 1)] {
            assert!(GoRegex::new(&pattern).is_err());
        }
    }

    #[test]
    fn values_and_prefixes_are_known_without_matching() {
        for (pattern, wanted) in [
            ("a|b|ab", Some(vec!["a", "ab", "b"])),
            ("(dev|prod)-[12]", Some(vec!["dev-1", "dev-2", "prod-1", "prod-2"])),
            ("", Some(vec![""])),
            ("a?b", Some(vec!["ab", "b"])),
            ("a+", None),
            ("a.", None),
            (r"a|b\b", None),
        ] {
            let regex = GoRegex::new(pattern).unwrap();
            let wanted = wanted.map(|texts| texts.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(regex.literals(), wanted.as_deref(), "{pattern}");
        }
        for (pattern, prefix) in [("api-.*", "api-"), ("ä[äö]+", "ä"), (".*", ""), ("ab.*|ac.*", "a"), ("^ab.+$", "ab")]
        {
            assert_eq!(GoRegex::new(pattern).unwrap().prefix(), prefix, "{pattern}");
        }
        let many: Vec<String> = (0..5000).map(|number| format!("pod-{number:05}")).collect();
        assert_eq!(GoRegex::new(&many.join("|")).unwrap().literals(), Some(many.as_slice()));
    }

    #[test]
    fn templates_are_expanded_as_go_expands_them() {
        let regex = GoRegex::new("(?P<first>[a-z]+)-([0-9]+)(x)?").unwrap();
        for (template, wanted) in [
            ("$1/$2", "ab/12"),
            ("${1}0 $first ${first}s", "ab0 ab abs"),
            ("$1x|$3|$9|$nope", "|||"),
            ("$$ $ ${1 ${} $-", "$ $ ${1 ${} $-"),
            ("$0", "ab-12"),
        ] {
            assert_eq!(regex.expand("ab-12", template).as_deref(), Some(wanted), "{template}");
        }
        assert_eq!(regex.expand("ab", "$1"), None);
        assert!(go_regex_unanchored("b+").unwrap().is_match("abc"));
    }

    proptest! {
        #[test]
        fn no_pattern_takes_the_reader_down(pattern in any::<String>(), tokens in proptest::collection::vec("[a-c]|[\\[\\](){}|*+?.^$\\\\,:<>-]|\\[:alpha:\\]|\\(\\?|\\\\[pdwsQEx0-9]|[0-9]", 0..20), text in "[a-c0-9]{0,6}") {
            let _ = GoRegex::new(&pattern);
            let pattern = tokens.concat();
            if let Ok(regex) = GoRegex::new(&pattern) {
                // What is known without matching is what is matched.
                prop_assert_eq!(regex.is_match(&text), regex.regex.is_match(&text), "{}", pattern);
            }
        }

        #[test]
        fn any_text_quoted_matches_itself(text in any::<String>()) {
            let quoted: String = text.chars().map(|c| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }).collect();
            let regex = GoRegex::new(&quoted).unwrap();
            prop_assert_eq!(regex.literals().unwrap(), std::slice::from_ref(&text));
        }
    }
}
