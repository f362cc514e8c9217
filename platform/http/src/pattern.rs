//! Names with a star in them, as settings have origins and hosts.

/// Stands for everything, alone; for any names, within a text.
pub(crate) const ANY: &str = "*";

/// What stands before the star and behind it; without a star, all is before. In lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    before: String,
    behind: Option<String>,
}

impl Pattern {
    /// A text in lower case that has at most one star.
    pub(crate) fn of(lower: &str) -> Self {
        match lower.split_once(ANY) {
            Some((before, behind)) => Self { before: before.to_owned(), behind: Some(behind.to_owned()) },
            None => Self { before: lower.to_owned(), behind: None },
        }
    }

    /// Whether it is a star alone.
    pub(crate) fn is_all(&self) -> bool {
        self.before.is_empty() && self.behind.as_ref().is_some_and(String::is_empty)
    }

    /// Whether a text in lower case is one of those that it stands for. A star stands for names and what divides them, and never for
    /// nothing.
    pub(crate) fn is(&self, text: &str) -> bool {
        let Some(behind) = &self.behind else { return text == self.before };
        if self.is_all() {
            return true;
        }
        let names = text.strip_prefix(&self.before).and_then(|rest| rest.strip_suffix(behind.as_str()));
        names.is_some_and(|names| {
            !names.is_empty() && names.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        })
    }
}
