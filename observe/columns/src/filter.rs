//! What a row must have.

use std::fmt;
use std::sync::Arc;

use vitrine_observe_text::TextMatch;

/// A condition on one text. It is asked once for each distinct text, not for each row.
#[derive(Clone)]
pub enum TextTest {
    /// Exactly this.
    Equal(String),
    /// One of these.
    OneOf(Vec<String>),
    /// What this finds.
    Match(Arc<TextMatch>),
    /// Whatever this says.
    Where(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

/// Two of [`TextTest::Where`] are equal if they are the same one.
impl PartialEq for TextTest {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Equal(a), Self::Equal(b)) => a == b,
            (Self::OneOf(a), Self::OneOf(b)) => a == b,
            (Self::Match(a), Self::Match(b)) => a == b,
            (Self::Where(a), Self::Where(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl fmt::Debug for TextTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal(text) => f.debug_tuple("Equal").field(text).finish(),
            Self::OneOf(texts) => f.debug_tuple("OneOf").field(texts).finish(),
            Self::Match(wanted) => f.debug_tuple("Match").field(wanted).finish(),
            Self::Where(_) => f.write_str("Where(..)"),
        }
    }
}

impl TextTest {
    /// Returns the texts that it names, if it names any.
    pub(crate) fn named(&self) -> Option<&[String]> {
        match self {
            Self::Equal(text) => Some(std::slice::from_ref(text)),
            Self::OneOf(texts) => Some(texts),
            Self::Match(_) | Self::Where(_) => None,
        }
    }

    /// Whether a text meets it.
    pub fn meets(&self, text: &str) -> bool {
        match self {
            Self::Equal(wanted) => wanted == text,
            Self::OneOf(wanted) => wanted.iter().any(|wanted| wanted == text),
            Self::Match(wanted) => wanted.matches(text),
            Self::Where(meets) => meets(text),
        }
    }
}

/// A floating point number as text.
pub fn double_text(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN".into(),
        n if n == f64::INFINITY => "+Inf".into(),
        n if n == f64::NEG_INFINITY => "-Inf".into(),
        n => n.to_string(),
    }
}

/// What a row must have. A column that a table does not have is null in every row, and null meets no condition.
#[derive(Debug, Clone)]
pub enum Filter {
    /// All of these; anything if there are none.
    All(Vec<Filter>),
    /// One of these; nothing if there are none.
    Any(Vec<Filter>),
    /// Not this: also where the column is null, or is not there.
    Not(Box<Filter>),
    /// A column of this name that is not null, whatever it holds.
    Exists {
        /// The column's name.
        column: String,
    },
    /// A text column.
    Text {
        /// The column's name.
        column: String,
        /// What its text must be.
        test: TextTest,
    },
    /// A column of numbers, times, booleans or ids, by its values as text: decimal digits, `NaN`, `+Inf`, `true`, hexadecimal digits.
    AsText {
        /// The column's name.
        column: String,
        /// What that text must be.
        test: TextTest,
    },
    /// A column of whole numbers or times: at least and at most.
    Int {
        /// The column's name.
        column: String,
        /// At least.
        min: i64,
        /// At most.
        max: i64,
    },
    /// A column of floating point numbers: at least and at most.
    Double {
        /// The column's name.
        column: String,
        /// At least.
        min: f64,
        /// At most.
        max: f64,
    },
    /// A column of booleans.
    Bool {
        /// The column's name.
        column: String,
        /// What it must be.
        value: bool,
    },
    /// An id.
    Id {
        /// The column's name ([`crate::Kind::Id16`] or [`crate::Kind::Id8`], the latter in the low half).
        column: String,
        /// What it must be.
        value: u128,
    },
    /// A list with an element that meets this. Column names are those of the elements' fields.
    Element {
        /// The list's name.
        list: String,
        /// What one element must meet.
        filter: Box<Filter>,
    },
}
