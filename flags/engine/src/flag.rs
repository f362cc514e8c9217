//! A flag: its variants, its rule, and what is told of it.

mod read;

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::EvaluationError;
use crate::json::{Json, Member};
use crate::rule::{Code, Rule};

pub(crate) use read::{Reading, members, metadata, number_of, unique};

/// Longest key of a flag and name of a variant, in bytes.
pub const MAX_NAME_BYTES: usize = 512;
/// Most variants of a flag.
pub const MAX_VARIANTS: usize = 64;
/// Most members of a flag's or a set's metadata.
pub const MAX_METADATA: usize = 64;

/// What the values of a flag are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlagType {
    /// True or false.
    Boolean,
    /// Texts.
    String,
    /// Whole numbers, all written without point and exponent.
    Integer,
    /// Numbers, one at least written with a point or an exponent.
    Float,
    /// JSON objects.
    Object,
}

impl FlagType {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Object => "object",
        }
    }
}

/// The value of a variant.
#[derive(Clone, Debug, PartialEq)]
pub enum VariantValue {
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(Box<str>),
    /// An object, of which only the JSON is kept.
    Object,
}

/// A named value.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its name.
    pub name: Box<str>,
    /// Its value.
    pub value: VariantValue,
    /// The value as JSON, numbers as they were written, with a point if one of the flag's has one.
    pub json: Box<str>,
}

#[derive(Debug)]
pub(crate) enum Targeting {
    None,
    Rule(Rule),
    /// The rule names an evaluator or an operator that is not there.
    Broken(String),
}

/// A flag, ready to be evaluated.
#[derive(Debug)]
pub struct Flag {
    pub(crate) key: Arc<str>,
    pub(crate) enabled: bool,
    pub(crate) kind: FlagType,
    pub(crate) variants: Arc<[Variant]>,
    pub(crate) default: Option<u8>,
    pub(crate) targeting: Targeting,
    pub(crate) metadata: Box<[Member<'static>]>,
    /// The flag as other evaluators may see it: what flagd's schema knows, evaluators put in where they are named.
    pub(crate) projected: Box<str>,
    /// Where in it the rule stands.
    pub(crate) rule_range: Option<Range<usize>>,
}

impl Flag {
    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether its state is `ENABLED`.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// What its values are.
    pub fn kind(&self) -> FlagType {
        self.kind
    }

    /// Its variants, in the order in which they were written.
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// The variant without a rule, or where the rule says none.
    pub fn default_variant(&self) -> Option<&Variant> {
        self.default.map(|n| &self.variants[usize::from(n)])
    }

    /// Whether a rule decides.
    pub fn is_targeted(&self) -> bool {
        !matches!(self.targeting, Targeting::None)
    }

    /// The rule as JSON, evaluators put in where they are named.
    pub fn targeting_json(&self) -> Option<&str> {
        self.rule_range.clone().and_then(|range| self.projected.get(range))
    }

    /// Why its rule cannot be evaluated, if it cannot: it names an evaluator or an operator that is not there.
    pub fn broken(&self) -> Option<&str> {
        match &self.targeting {
            Targeting::Broken(reason) => Some(reason),
            _ => None,
        }
    }

    /// A member of its own metadata.
    pub fn metadata_member(&self, name: &str) -> Option<&Json<'static>> {
        self.metadata.iter().find(|member| member.name == name).map(|member| &member.value)
    }

    /// The flag as JSON, as flagd's clients take it: no member that their schema does not know.
    pub fn projected(&self) -> &str {
        &self.projected
    }

    /// The rule where it was read; an error if it is broken, or there is none.
    pub(crate) fn code(&self) -> Result<Code<'_>, EvaluationError> {
        let why = match &self.targeting {
            Targeting::Rule(rule) => return Ok(rule.code()),
            Targeting::Broken(missing) => missing,
            Targeting::None => "there is no rule",
        };
        Err(EvaluationError::ParseError(format!("flag {:?}: {why}", self.key)))
    }

    pub(crate) fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| *variant.name == *name)
    }
}

/// Why a flag has the value that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// There is no rule.
    Static,
    /// The rule said so.
    TargetingMatch,
    /// The rule said nothing, or there is no default variant.
    Default,
    /// The flag is disabled: there is no value.
    Disabled,
}

impl Reason {
    /// OpenFeature's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "STATIC",
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Default => "DEFAULT",
            Self::Disabled => "DISABLED",
        }
    }
}

/// What came out.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation<'s> {
    /// The flag.
    pub flag: &'s Flag,
    /// The variant; none where the caller's own default is to be used.
    pub variant: Option<&'s Variant>,
    /// Why.
    pub reason: Reason,
    /// The set's metadata and the flag's over it, as a JSON object.
    pub metadata: &'s str,
}

impl<'s> Evaluation<'s> {
    /// The same, if the flag's values are what was asked for. A whole number is also a float, and a float without a fraction an integer.
    pub fn expect(self, asked: FlagType) -> Result<Self, EvaluationError> {
        let has = self.flag.kind;
        let fits = match (asked, has, self.variant.map(|variant| &variant.value)) {
            _ if asked == has => true,
            // Nothing was resolved: the caller's default has the caller's type.
            (_, _, None) => true,
            (FlagType::Float, FlagType::Integer, _) => true,
            (FlagType::Integer, FlagType::Float, Some(VariantValue::Number(value))) => value.fract() == 0.0,
            _ => false,
        };
        if fits {
            return Ok(self);
        }
        Err(EvaluationError::TypeMismatch { key: self.flag.key.to_string(), has: has.name(), asked: asked.name() })
    }
}
