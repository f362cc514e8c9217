//! Reads a pattern by Go's rules (`regexp/syntax`, Perl flags) and writes it for the `regex` crate.

use std::fmt::Write as _;

use super::GoRegexError;

/// Most repetitions that may be asked for.
const MOST_REPETITIONS: i64 = 1000;

/// ASCII classes of Perl, as ranges.
const DIGITS: &str = "0-9";
const SPACES: &str = r"\t\n\x{c}\r\x{20}";
const WORDS: &str = "0-9A-Za-z_";

/// Names of POSIX's classes: they mean the same in both.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

type Read<T> = Result<T, GoRegexError>;

/// A pattern in Go's syntax, written for the `regex` crate.
pub(super) fn translate(pattern: &str) -> Read<String> {
    let mut reader =
        Reader { pattern, at: 0, out: String::with_capacity(pattern.len() * 2), groups: 0, names: Vec::new() };
    reader.whole()?;
    Ok(reader.out)
}

fn error<T>(what: &str, part: &str) -> Read<T> {
    Err(GoRegexError(format!("{what}: `{part}`")))
}

/// Writes a character that means itself, in classes as well.
fn push_literal(out: &mut String, c: char) {
    if c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' {
        let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
    } else {
        out.push(c);
    }
}

struct Reader<'a> {
    pattern: &'a str,
    at: usize,
    out: String,
    groups: usize,
    names: Vec<&'a str>,
}

/// One element of a class.
enum ClassItem {
    Char(char),
    /// Written as it stands between brackets.
    Set(String),
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.pattern[self.at..]
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn whole(&mut self) -> Read<()> {
        // Whether there is something to repeat, and where the last repetition began.
        let (mut operand, mut repetition): (bool, Option<usize>) = (false, None);
        while let Some(c) = self.rest().chars().next() {
            let begin = self.at;
            if let Some((length, written)) = self.repetition()? {
                self.at += length;
                let lazy = self.accept("?");
                if !operand {
                    return error("missing argument to repetition operator", &self.pattern[begin..begin + length]);
                }
                if let Some(first) = repetition {
                    return error("invalid nested repetition operator", &self.pattern[first..self.at]);
                }
                self.out.push_str(&written);
                if lazy {
                    self.out.push('?');
                }
                repetition = Some(begin);
                continue;
            }
            repetition = None;
            operand = true;
            self.at += c.len_utf8();
            match c {
                '(' => operand = self.group()?,
                ')' => {
                    let Some(left) = self.groups.checked_sub(1) else { return error("unexpected )", self.pattern) };
                    self.groups = left;
                    self.out.push(')');
                }
                '|' => {
                    operand = false;
                    self.out.push('|');
                }
                '[' => self.class(begin)?,
                '.' | '^' | '$' => self.out.push(c),
                '\\' => operand = self.escape(begin, operand)?,
                _ => push_literal(&mut self.out, c),
            }
        }
        if self.groups > 0 { error("missing closing )", self.pattern) } else { Ok(()) }
    }

    /// The repetition that is next: its length without a question mark behind it, and how it is written.
    fn repetition(&self) -> Read<Option<(usize, String)>> {
        let rest = self.rest();
        if let Some(c) = rest.chars().next().filter(|c| matches!(c, '*' | '+' | '?')) {
            return Ok(Some((1, c.to_string())));
        }
        let Some((least, most, length)) = counts(rest) else { return Ok(None) };
        let fits = (0..=MOST_REPETITIONS).contains(&least)
            && most.is_none_or(|most| (0..=MOST_REPETITIONS).contains(&most) && least <= most);
        if fits {
            Ok(Some((length, rest[..length].to_owned())))
        } else {
            error("invalid repeat count", &rest[..length])
        }
    }

    /// What follows an opening parenthesis; whether there is something to repeat then.
    fn group(&mut self) -> Read<bool> {
        let begin = self.at - 1;
        if !self.accept("?") {
            self.groups += 1;
            self.out.push('(');
            return Ok(false);
        }
        let named = self.accept("P<") || self.accept("<");
        if named {
            return self.named(begin).map(|()| false);
        }
        let (mut negative, mut seen) = (false, false);
        while let Some(c) = self.bump() {
            match c {
                'i' | 'm' | 's' | 'U' => seen = true,
                '-' if !negative => (negative, seen) = (true, false),
                ':' | ')' if !negative || seen => {
                    // `(?)` and `(?:` set nothing.
                    let text = &self.pattern[begin..self.at];
                    if text != "(?)" {
                        self.out.push_str(text);
                    }
                    self.groups += usize::from(c == ':');
                    return Ok(false);
                }
                _ => return error("invalid or unsupported Perl syntax", &self.pattern[begin..self.at]),
            }
        }
        error("missing closing )", self.pattern)
    }

    fn named(&mut self, begin: usize) -> Read<()> {
        let Some(length) = self.rest().find('>') else {
            return error("invalid named capture", &self.pattern[begin..]);
        };
        let name = &self.rest()[..length];
        self.at += length + 1;
        if name.is_empty() || !name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
            return error("invalid named capture", &self.pattern[begin..self.at]);
        }
        if self.names.contains(&name) {
            return error("duplicate capture group name", name);
        }
        self.names.push(name);
        self.groups += 1;
        // The crate wants no digit first: Go does not mind. Nothing refers to such a name but a template.
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            self.out.push('(');
        } else {
            let _ = write!(self.out, "(?P<{name}>");
        }
        Ok(())
    }

    /// What follows a backslash outside a class; whether there is something to repeat then.
    fn escape(&mut self, begin: usize, operand: bool) -> Read<bool> {
        if self.accept("Q") {
            let rest = self.rest();
            let (quoted, skipped) = rest.find("\\E").map_or((rest, rest.len()), |end| (&rest[..end], end + 2));
            self.at += skipped;
            for c in quoted.chars() {
                push_literal(&mut self.out, c);
            }
            return Ok(operand || !quoted.is_empty());
        }
        for (name, written) in [("A", r"\A"), ("z", r"\z"), ("b", r"(?-u:\b)"), ("B", r"(?-u:\B)")] {
            if self.accept(name) {
                self.out.push_str(written);
                return Ok(true);
            }
        }
        if let Some(set) = self.set(begin)? {
            let _ = write!(self.out, "[{set}]");
        } else {
            let c = self.escaped_char(begin)?;
            push_literal(&mut self.out, c);
        }
        Ok(true)
    }

    /// A class that a backslash before the next character begins, as it stands between brackets.
    fn set(&mut self, begin: usize) -> Read<Option<String>> {
        let Some(c) = self.rest().chars().next() else {
            return error("trailing backslash at end of expression", "");
        };
        let set = match c {
            'd' => DIGITS.to_owned(),
            's' => SPACES.to_owned(),
            'w' => WORDS.to_owned(),
            'D' => format!("[^{DIGITS}]"),
            'S' => format!("[^{SPACES}]"),
            'W' => format!("[^{WORDS}]"),
            'p' | 'P' => return self.unicode(begin).map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(set))
    }

    /// `\pL`, `\p{Greek}`, `\P{^L}`.
    fn unicode(&mut self, begin: usize) -> Read<String> {
        let bad = |end: usize| error("invalid character class range", &self.pattern[begin..end]);
        let negated = self.rest().starts_with('P');
        let after = &self.rest()[1..];
        let (name, length) = match after.strip_prefix('{') {
            Some(inner) => match inner.find('}') {
                Some(end) => (&inner[..end], end + 2),
                None => return bad(self.pattern.len()),
            },
            None => match after.chars().next() {
                Some(c) => (&after[..c.len_utf8()], c.len_utf8()),
                None => return bad(self.pattern.len()),
            },
        };
        let (name, inverted) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
        let letter = if negated == inverted { 'p' } else { 'P' };
        let written = format!("\\{letter}{{{name}}}");
        let end = self.at + 1 + length;
        let is_name = !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
        if !is_name || regex_syntax::parse(&written).is_err() {
            return bad(end);
        }
        self.at = end;
        Ok(written)
    }

    /// The character that a backslash and what follows it stand for.
    fn escaped_char(&mut self, begin: usize) -> Read<char> {
        let Some(c) = self.bump() else { return error("trailing backslash at end of expression", "") };
        let found = match c {
            'a' => Some('\u{7}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            'x' => self.hexadecimal(),
            // One digit alone would refer to a group.
            '1'..='7' if !self.rest().starts_with(|c: char| matches!(c, '0'..='7')) => None,
            '0'..='7' => {
                let digits = &self.pattern[self.at - 1..];
                let length = digits.chars().take(3).take_while(|c| matches!(c, '0'..='7')).count();
                self.at += length - 1;
                u32::from_str_radix(&digits[..length], 8).ok().and_then(char::from_u32)
            }
            _ if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c),
            _ => None,
        };
        found.map_or_else(|| error("invalid escape sequence", &self.pattern[begin..self.at]), Ok)
    }

    /// `41` or `{1F600}`.
    fn hexadecimal(&mut self) -> Option<char> {
        let rest = self.rest();
        let (digits, length) = match rest.strip_prefix('{') {
            Some(inner) => {
                let end = inner.find('}')?;
                (&inner[..end], end + 2)
            }
            None => (rest.get(..2)?, 2),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let found = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
        self.at += length;
        Some(found)
    }

    /// What follows an opening bracket that stands at `begin`.
    fn class(&mut self, begin: usize) -> Read<()> {
        self.out.push('[');
        if self.accept("^") {
            self.out.push('^');
        }
        let mut first = true;
        while first || !self.rest().starts_with(']') {
            if self.rest().is_empty() {
                return error("missing closing ]", &self.pattern[begin..]);
            }
            first = false;
            let from = self.at;
            match self.class_item(begin)? {
                ClassItem::Set(set) => self.out.push_str(&set),
                ClassItem::Char(low) => {
                    push_literal(&mut self.out, low);
                    let rest = self.rest();
                    if !rest.starts_with('-') || rest.starts_with("-]") || rest.len() < 2 {
                        continue;
                    }
                    self.at += 1;
                    let high = self.class_char(begin)?;
                    if high < low {
                        return error("invalid character class range", &self.pattern[from..self.at]);
                    }
                    self.out.push('-');
                    push_literal(&mut self.out, high);
                }
            }
        }
        self.at += 1;
        self.out.push(']');
        Ok(())
    }

    fn class_item(&mut self, begin: usize) -> Read<ClassItem> {
        let from = self.at;
        if let Some(inner) = self.rest().strip_prefix("[:")
            && let Some(end) = inner.find(":]")
        {
            let name = &inner[..end];
            self.at += end + 4;
            if !POSIX.contains(&name.trim_start_matches('^')) || name.starts_with("^^") {
                return error("invalid character class range", &self.pattern[from..self.at]);
            }
            return Ok(ClassItem::Set(format!("[:{name}:]")));
        }
        if self.rest().starts_with('\\') {
            self.at += 1;
            if let Some(set) = self.set(from)? {
                return Ok(ClassItem::Set(set));
            }
            self.at = from;
        }
        self.class_char(begin).map(ClassItem::Char)
    }

    fn class_char(&mut self, begin: usize) -> Read<char> {
        let from = self.at;
        match self.bump() {
            None => error("missing closing ]", &self.pattern[begin..]),
            Some('\\') => self.escaped_char(from),
            Some(c) => Ok(c),
        }
    }
}

/// The bounds and the length of `{2}`, `{2,}` or `{2,3}` with which a text begins; none if it begins with none.
fn counts(text: &str) -> Option<(i64, Option<i64>, usize)> {
    let inner = text.strip_prefix('{')?;
    let end = inner.find('}')?;
    let number = |digits: &str| {
        let plain = !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !(digits.len() > 1 && digits.starts_with('0'));
        // What does not fit is too many.
        plain.then(|| digits.parse().unwrap_or(i64::MAX))
    };
    let (least, most) = match inner[..end].split_once(',') {
        None => {
            let count = number(&inner[..end])?;
            (count, Some(count))
        }
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some((least, most, end + 2))
}
