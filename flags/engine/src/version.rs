//! Versions as `sem_ver` compares them: Semantic Versioning 2.0, with a `v` in front allowed, and parts that are missing taken for zero.

use std::cmp::Ordering;

/// Parts of a version's core.
const PARTS: usize = 3;

/// A version; what is built of it (`+…`) does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version(semver::Version);

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

    pub(crate) fn holds(self, Version(left): &Version, Version(right): &Version) -> bool {
        let order = left.cmp_precedence(right);
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
            Self::SameMajor => left.major == right.major,
            Self::SameMinor => (left.major, left.minor) == (right.major, right.minor),
        }
    }
}

impl Version {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (core, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
        let missing = PARTS.checked_sub(core.split('.').count())?;
        let version = match missing {
            0 => semver::Version::parse(text),
            _ => semver::Version::parse(&format!("{core}{}{rest}", ".0".repeat(missing))),
        };
        version.ok().map(Self)
    }
}
