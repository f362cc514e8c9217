//! A series as it is written: `name{label="value"}` or `{"name", "label"="value"}`.

use std::borrow::Cow;

use vitrine_observe_series::{Label, Labels, NAME};

/// Most labels of one series.
const MAX_LABELS: usize = 1_024;

/// The labels of a series as it is written; an error says what is wrong with it.
pub fn series_labels(written: &str) -> Result<Labels, String> {
    let mut cursor = Cursor { rest: written };
    let name = cursor.identifier(true);
    let mut labels = Vec::new();
    if !name.is_empty() {
        labels.push(Label { name: NAME.into(), value: name.into() });
    }
    cursor.blanks();
    if !cursor.rest.is_empty() {
        cursor.braces(&mut labels)?;
    }
    if !cursor.rest.is_empty() {
        return Err(format!("{:?} after the series {written:?}", shorten(cursor.rest)));
    }
    if !labels.iter().any(|label| &*label.name == NAME) {
        return Err(format!("the series {:?} has no name", shorten(written)));
    }
    unique(labels)
}

/// Labels of which no two have one name.
pub(super) fn unique(labels: Vec<Label>) -> Result<Labels, String> {
    let mut names: Vec<&str> = labels.iter().map(|label| &*label.name).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("label name {:?} is not unique", twice[0]));
    }
    Ok(Labels::new(labels))
}

/// The labels of an exemplar, `{trace_id="…"}`, and what follows them.
pub(super) fn exemplar_labels(text: &str) -> Result<(Labels, &str), String> {
    let mut cursor = Cursor { rest: text };
    let mut labels = Vec::new();
    cursor.braces(&mut labels)?;
    if labels.iter().any(|label| &*label.name == NAME) {
        return Err("an exemplar with a metric name".to_owned());
    }
    Ok((unique(labels)?, cursor.rest))
}

/// The series at the start of a line, and what follows it.
pub(super) fn split_series(line: &str) -> Result<(&str, &str), String> {
    let bytes = line.as_bytes();
    let name_end = bytes.iter().position(|byte| !is_name(*byte)).unwrap_or(bytes.len());
    if bytes.first().is_some_and(u8::is_ascii_digit) {
        return Err(format!("{:?} where a metric name was expected", shorten(line)));
    }
    let brace = name_end + bytes[name_end..].iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(0);
    if bytes.get(brace) != Some(&b'{') {
        if name_end == 0 {
            return Err(format!("{:?} where a metric name was expected", shorten(line)));
        }
        return Ok(line.split_at(name_end));
    }
    let (mut quoted, mut escaped) = (false, false);
    for (place, byte) in bytes.iter().enumerate().skip(brace + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Ok(line.split_at(place + 1)),
            _ => {}
        }
    }
    Err("labels without an end: expected '}'".to_owned())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')
}

/// The start of a text, for messages.
pub(super) fn shorten(text: &str) -> &str {
    const MOST: usize = 40;
    text.char_indices().nth(MOST).map_or(text, |(end, _)| &text[..end])
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A name without quotes; empty if there is none. With colons only in names of metrics.
    fn identifier(&mut self, colons: bool) -> &'a str {
        let fits = |byte: &u8| is_name(*byte) && (colons || *byte != b':');
        let mut end = self.rest.bytes().position(|byte| !fits(&byte)).unwrap_or(self.rest.len());
        if self.rest.starts_with(|first: char| first.is_ascii_digit()) {
            end = 0;
        }
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name
    }

    /// A text in quotes, with `\\`, `\"` and `\n` in it.
    fn quoted(&mut self) -> Result<Cow<'a, str>, String> {
        let text = self.rest.strip_prefix('"').ok_or_else(|| self.unexpected("'\"'"))?;
        let mut escaped = false;
        for (place, byte) in text.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    self.rest = &text[place + 1..];
                    return Ok(unescape(&text[..place], true));
                }
                _ => {}
            }
        }
        Err("a text without its closing quote".to_owned())
    }

    fn unexpected(&self, expected: &str) -> String {
        format!("{:?} where {expected} was expected", shorten(self.rest))
    }

    /// What stands in braces, and the braces.
    fn braces(&mut self, labels: &mut Vec<Label>) -> Result<(), String> {
        if !self.take('{') {
            return Err(self.unexpected("'{'"));
        }
        loop {
            self.blanks();
            if self.take('}') {
                return Ok(());
            }
            if labels.len() >= MAX_LABELS {
                return Err(format!("a series with more than {MAX_LABELS} labels"));
            }
            labels.push(self.label(labels)?);
            self.blanks();
            if self.take(',') {
                continue;
            }
            if !self.rest.starts_with('}') {
                return Err(self.unexpected("',' or '}'"));
            }
        }
    }

    /// `name="value"`, or the metric's name in quotes.
    fn label(&mut self, before: &[Label]) -> Result<Label, String> {
        let is_quoted = self.rest.starts_with('"');
        let name = if is_quoted { self.quoted()? } else { Cow::Borrowed(self.identifier(false)) };
        if name.is_empty() {
            return Err(self.unexpected("a label name"));
        }
        self.blanks();
        if self.take('=') {
            self.blanks();
            let value = self.quoted()?;
            return Ok(Label { name: (*name).into(), value: (*value).into() });
        }
        let is_first = before.is_empty();
        if is_quoted && is_first {
            return Ok(Label { name: NAME.into(), value: (*name).into() });
        }
        Err(self.unexpected("'='"))
    }
}

/// A text without its escapes: `\\`, `\n`, and `\"` where quotes are escaped. Others stay as they are.
pub(super) fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some('\\') => plain.push('\\'),
            Some('"') if quotes => plain.push('"'),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    Cow::Owned(plain)
}
