//! Versions as `sem_ver` compares them: Semantic Versioning 2.0, with a `v` in front allowed, and parts that are missing taken for zero.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A version; what is built of it (`+…`) does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version<'a> {
    numbers: [u64; 3],
    pre_release: Cow<'a, str>,
}

/// What is asked of two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    SameMajor,
    SameMinor,
}

impl Comparison {
    pub(crate) const ALL: &'static str = "= != < > <= >= ~ ^";

    pub(crate) fn read(text: &str) -> Option<Self> {
        [
            Self::Equal,
            Self::NotEqual,
            Self::Less,
            Self::LessOrEqual,
            Self::Greater,
            Self::GreaterOrEqual,
            Self::SameMajor,
            Self::SameMinor,
        ]
        .into_iter()
        .find(|comparison| comparison.name() == text)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::SameMajor => "^",
            Self::SameMinor => "~",
        }
    }

    pub(crate) fn holds(self, left: &Version<'_>, right: &Version<'_>) -> bool {
        let order = left.cmp(right);
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
            Self::SameMajor => left.numbers[0] == right.numbers[0],
            Self::SameMinor => left.numbers[..2] == right.numbers[..2],
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits without zeros in front.
fn number(text: &str) -> Option<u64> {
    (is_number(text) && (text.len() == 1 || !text.starts_with('0'))).then(|| text.parse().ok())?
}

fn identifiers_hold(text: &str, zeros_in_front: bool) -> bool {
    text.split('.').all(|part| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && (zeros_in_front || !is_number(part) || part == "0" || !part.starts_with('0'))
    })
}

impl<'a> Version<'a> {
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (core, pre_release) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
        if build.is_some_and(|build| !identifiers_hold(build, true))
            || pre_release.is_some_and(|pre_release| !identifiers_hold(pre_release, false))
        {
            return None;
        }
        let mut numbers = [0; 3];
        for (n, part) in core.split('.').enumerate() {
            *numbers.get_mut(n)? = number(part)?;
        }
        Some(Self { numbers, pre_release: Cow::Borrowed(pre_release.unwrap_or("")) })
    }

    pub(crate) fn into_owned(self) -> Version<'static> {
        Version { numbers: self.numbers, pre_release: Cow::Owned(self.pre_release.into_owned()) }
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| {
            match (self.pre_release.is_empty(), other.pre_release.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => order_of_parts(&self.pre_release, &other.pre_release),
            }
        })
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Numbers below words, numbers by size, words by their characters, and fewer parts below more.
fn order_of_parts(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
                // Without zeros in front, the longer number is the larger one.
                (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}
