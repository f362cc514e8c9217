//! The characters of a query: blanks, words with quotes in them, regular expressions.

use super::tree::SyntaxError;

/// What is an operator where a word of its own begins.
const OPERATORS: [&str; 3] = ["AND", "OR", "NOT"];

/// A reading position in a query.
pub(super) struct Lexer<'a> {
    pub text: &'a str,
    pub at: usize,
}

/// What stands between blanks and brackets.
#[derive(Debug)]
pub(super) struct Word {
    /// The texts between its stars: one more than there are stars.
    pub parts: Vec<String>,
    /// Whether it begins with a quote.
    pub begins_quoted: bool,
    /// Whether something of it is quoted or escaped.
    pub is_quoted: bool,
}

impl Lexer<'_> {
    pub fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes this character if it comes next.
    pub fn take(&mut self, character: char) -> bool {
        let is_next = self.peek() == Some(character);
        if is_next {
            self.at += character.len_utf8();
        }
        is_next
    }

    pub fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Whether a condition ends here: at a blank, a bracket, or the end of the text.
    pub fn is_between(&self) -> bool {
        self.peek().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')'))
    }

    /// Takes an operator if it comes next.
    pub fn operator(&mut self, name: &str) -> bool {
        let begin = self.at;
        if !self.rest().starts_with(name) {
            return false;
        }
        self.at += name.len();
        let is_one = self.is_between();
        if !is_one {
            self.at = begin;
        }
        is_one
    }

    /// An error at a byte of the text.
    pub fn error_at(&self, at: usize, problem: impl Into<String>, expected: impl Into<String>) -> SyntaxError {
        let position = self.text[..at].chars().count() + 1;
        SyntaxError { position, problem: problem.into(), expected: expected.into() }
    }

    /// Takes a word. A key ends before a colon, but not before one that `//` follows: that is an address.
    pub fn word(&mut self, is_key: bool) -> Result<Word, SyntaxError> {
        let begins_quoted = self.peek() == Some('"');
        let mut word = Word { parts: vec![String::new()], begins_quoted, is_quoted: false };
        let mut is_address = false;
        while let Some(character) = self.peek().filter(|_| !self.is_between()) {
            if character == ':' && is_key && !is_address {
                is_address = self.rest().starts_with("://");
                if !is_address {
                    break;
                }
            }
            let begin = self.at;
            self.at += character.len_utf8();
            match character {
                '"' => {
                    word.is_quoted = true;
                    self.quoted(begin, word.last())?;
                }
                '\\' => {
                    word.is_quoted = true;
                    let Some(escaped) = self.peek() else {
                        return Err(self.error_at(begin, "nothing is escaped", "a character after \\"));
                    };
                    self.at += escaped.len_utf8();
                    word.last().push(escaped);
                }
                '*' => word.parts.push(String::new()),
                plain => word.last().push(plain),
            }
        }
        Ok(word)
    }

    /// Takes what is left of a quoted text whose quote stands at `begin`.
    fn quoted(&mut self, begin: usize, into: &mut String) -> Result<(), SyntaxError> {
        while let Some(character) = self.peek() {
            self.at += character.len_utf8();
            match character {
                '"' => return Ok(()),
                '\\' if matches!(self.peek(), Some('"' | '\\')) => {
                    into.extend(self.peek());
                    self.at += 1;
                }
                plain => into.push(plain),
            }
        }
        Err(self.error_at(begin, "a quote is not closed", "\" at the end of the text"))
    }

    /// Takes a regular expression between slashes, if there is one here: what has no second slash, or goes on after it, is a text.
    pub fn regex(&mut self) -> Option<String> {
        let begin = self.at;
        let mut source = String::new();
        if self.take('/') {
            while let Some(character) = self.peek() {
                self.at += character.len_utf8();
                match character {
                    '/' if self.is_between() && !source.is_empty() => return Some(source),
                    '/' => break,
                    '\\' => {
                        let escaped = self.peek();
                        self.at += escaped.map_or(0, char::len_utf8);
                        source.extend((escaped != Some('/')).then_some('\\'));
                        source.extend(escaped);
                    }
                    plain => source.push(plain),
                }
            }
        }
        self.at = begin;
        None
    }
}

impl Word {
    fn last(&mut self) -> &mut String {
        // There is one at least.
        let place = self.parts.len() - 1;
        &mut self.parts[place]
    }

    /// Its text, if it has no stars.
    pub fn text(&self) -> Option<&str> {
        (self.parts.len() == 1).then(|| self.parts[0].as_str())
    }
}

/// Whether a text reads as itself without quotes, wherever it stands.
pub(super) fn is_bare(text: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./@+#$%&=,;~'".contains(c);
    text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && text.chars().all(is_plain)
        && !text.contains("..")
        && !OPERATORS.contains(&text)
}

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A regular expression between slashes.
pub(super) fn slashed(source: &str) -> String {
    let mut out = String::from("/");
    let mut characters = source.chars();
    while let Some(character) = characters.next() {
        match character {
            '/' => out.push_str("\\/"),
            '\\' => {
                out.push('\\');
                out.extend(characters.next());
            }
            plain => out.push(plain),
        }
    }
    out.push('/');
    out
}
