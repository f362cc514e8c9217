//! Patterns with captures: `<ip> - <_> "<method>"`, of `| pattern` and of `|>`.

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A capture; without a name for `<_>`.
    Capture(Option<String>),
}

/// A pattern that finds labels.
#[derive(Debug, Clone)]
pub(super) struct CapturePattern(Vec<Part>);

/// A pattern that a whole line has, or has not.
#[derive(Debug, Clone)]
pub(crate) struct LinePattern(Vec<Part>);

/// A pattern in parts: texts and captures take turns.
fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut all: Vec<Part> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let capture = rest.strip_prefix('<').and_then(|inner| inner.split_once('>')).filter(|(name, _)| is_name(name));
        if let Some((name, behind)) = capture {
            if let Some(Part::Capture(_)) = all.last() {
                return Err(format!("found consecutive capture '<{name}>': expected a text between captures"));
            }
            all.push(Part::Capture((name != "_").then(|| name.to_owned())));
            rest = behind;
            continue;
        }
        let length = rest.chars().next().map_or(0, char::len_utf8);
        match all.last_mut() {
            Some(Part::Text(before)) => before.push_str(&rest[..length]),
            _ => all.push(Part::Text(rest[..length].to_owned())),
        }
        rest = &rest[length..];
    }
    Ok(all)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl CapturePattern {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let all = parts(text)?;
        let mut names: Vec<&String> =
            all.iter().filter_map(|part| if let Part::Capture(name) = part { name.as_ref() } else { None }).collect();
        if names.is_empty() {
            return Err("at least one capture is required".to_owned());
        }
        names.sort();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("duplicate capture name ({}): expected each once", pair[0]));
        }
        Ok(Self(all))
    }

    /// What a line has for each capture, as far as the pattern goes along with it.
    pub(super) fn captures<'a>(&'a self, line: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut found = Vec::new();
        let (mut rest, mut parts) = (line, self.0.as_slice());
        if let Some((Part::Text(text), others)) = parts.split_first() {
            let Some(behind) = rest.strip_prefix(text.as_str()) else { return found };
            (rest, parts) = (behind, others);
        }
        while let Some((Part::Capture(name), others)) = parts.split_first() {
            let next = others
                .first()
                .and_then(|part| if let Part::Text(text) = part { rest.split_once(text.as_str()) } else { None });
            // What has no end goes to the end of the line.
            let (value, behind) = next.unwrap_or((rest, ""));
            found.extend(name.as_deref().map(|name| (name, value)));
            if next.is_none() {
                break;
            }
            (rest, parts) = (behind, &others[1..]);
        }
        found
    }
}

impl LinePattern {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let all = parts(text)?;
        if all.iter().any(|part| matches!(part, Part::Capture(Some(_)))) {
            return Err("named captures are not allowed in line filters: expected <_>".to_owned());
        }
        Ok(Self(all))
    }

    /// Whether a whole line is such. A capture stands for one character at least.
    pub(crate) fn matches(&self, line: &str) -> bool {
        let Some(last) = self.0.last() else { return line.is_empty() };
        let mut rest = line;
        for (place, part) in self.0.iter().enumerate() {
            let Part::Text(text) = part else { continue };
            let at = rest.find(text.as_str());
            match at {
                Some(at) if (place == 0) == (at == 0) => rest = &rest[at + text.len()..],
                _ => return false,
            }
        }
        matches!(last, Part::Capture(_)) != rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{CapturePattern, LinePattern};

    #[test]
    fn captures_end_where_the_next_text_begins() {
        let pattern = CapturePattern::new("<a> <_> [<b>]").expect("a pattern");
        assert_eq!(pattern.captures("1 2 [3] 4"), [("a", "1"), ("b", "3")]);
        assert_eq!(pattern.captures("1 2 3"), [("a", "1")]);
        for wrong in ["", "text", "<a><b>", "<_>", "<a> <a>"] {
            assert!(CapturePattern::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn line_patterns_are_of_whole_lines() {
        for (pattern, line, matches) in [
            ("", "", true),
            ("", "a", false),
            ("<_>", "a", true),
            ("<_>", "", false),
            ("a <_> c", "a b c", true),
            ("a <_> c", "a  c", false),
            ("a <_>", "b a c", false),
            ("<_>c", "abc", true),
            ("<_>b", "abc", false),
        ] {
            assert_eq!(LinePattern::new(pattern).expect("a pattern").matches(line), matches, "{pattern:?} {line:?}");
        }
        assert!(LinePattern::new("<name>").is_err());
    }
}
