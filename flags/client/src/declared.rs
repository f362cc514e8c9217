//! Flags as code declares them: typed, with the variants that code knows, and what its owner should know.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use vitrine_flags_engine::{FlagType, Variant, VariantValue};

/// A value that stands in code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number within ±(2^53−1).
    Integer(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(&'static str),
    /// An object, as JSON.
    Object(&'static str),
}

impl Value {
    /// What it is.
    pub const fn flag_type(&self) -> FlagType {
        match self {
            Self::Bool(_) => FlagType::Boolean,
            Self::Integer(_) => FlagType::Integer,
            Self::Float(_) => FlagType::Float,
            Self::Text(_) => FlagType::String,
            Self::Object(_) => FlagType::Object,
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Text(value) => (*value).into(),
            // Null where code does not hold what it says; a test of each service would see it.
            Self::Object(json) => serde_json::from_str(json).unwrap_or_default(),
        }
    }
}

/// What a flag is for, which says how long it is expected to live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something new is let out by it; afterwards it is taken out of the code.
    #[default]
    Release,
    /// Variants are compared for a while.
    Experiment,
    /// People who run the system turn it; it stays.
    Operational,
    /// Some are allowed what others are not; it stays.
    Permission,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Release, Self::Experiment, Self::Operational, Self::Permission];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Experiment => "experiment",
            Self::Operational => "operational",
            Self::Permission => "permission",
        }
    }
}

/// What code says of a flag.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// Its key.
    pub key: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// The service that reads it.
    pub owner: &'static str,
    /// What it switches, for people.
    pub purpose: &'static str,
    /// The variants that code knows, by name; the first is what holds where nobody says otherwise.
    pub variants: &'static [(&'static str, Value)],
    /// The day from which it should be gone (`2027-03-31`); none for one that stays.
    pub until: Option<&'static str>,
}

impl Declared {
    /// What holds where nobody says otherwise.
    pub const fn default(&self) -> &Value {
        &self.variants[0].1
    }
}

/// A type of flags: [`bool`], [`i64`], [`f64`], [`Text`], [`Object`].
pub trait Typed {
    /// What the values are in a definition.
    const TYPE: FlagType;
    /// What a reader gets.
    type Read;
    /// The value of code; none if it is of another type.
    fn of_code(value: &Value) -> Option<Self::Read>;
    /// The value of a variant; none if it is of another type.
    fn of_variant(variant: &Variant) -> Option<Self::Read>;
}

impl Typed for bool {
    const TYPE: FlagType = FlagType::Boolean;
    type Read = bool;
    fn of_code(value: &Value) -> Option<bool> {
        if let Value::Bool(value) = value { Some(*value) } else { None }
    }
    fn of_variant(variant: &Variant) -> Option<bool> {
        if let VariantValue::Bool(value) = variant.value { Some(value) } else { None }
    }
}

impl Typed for i64 {
    const TYPE: FlagType = FlagType::Integer;
    type Read = i64;
    fn of_code(value: &Value) -> Option<i64> {
        if let Value::Integer(value) = value { Some(*value) } else { None }
    }
    fn of_variant(variant: &Variant) -> Option<i64> {
        match variant.value {
            // Whole numbers of definitions lie within ±(2^53−1), so nothing is cut.
            VariantValue::Number(value) if value.fract() == 0.0 => Some(value as i64),
            _ => None,
        }
    }
}

impl Typed for f64 {
    const TYPE: FlagType = FlagType::Float;
    type Read = f64;
    fn of_code(value: &Value) -> Option<f64> {
        if let Value::Float(value) = value { Some(*value) } else { None }
    }
    fn of_variant(variant: &Variant) -> Option<f64> {
        if let VariantValue::Number(value) = variant.value { Some(value) } else { None }
    }
}

/// Flags whose values are texts.
#[derive(Clone, Copy, Debug)]
pub struct Text;

impl Typed for Text {
    const TYPE: FlagType = FlagType::String;
    type Read = String;
    fn of_code(value: &Value) -> Option<String> {
        if let Value::Text(value) = value { Some((*value).to_owned()) } else { None }
    }
    fn of_variant(variant: &Variant) -> Option<String> {
        if let VariantValue::Text(value) = &variant.value { Some(value.to_string()) } else { None }
    }
}

/// Flags whose values are JSON objects.
#[derive(Clone, Copy, Debug)]
pub struct Object;

impl Typed for Object {
    const TYPE: FlagType = FlagType::Object;
    type Read = serde_json::Value;
    fn of_code(value: &Value) -> Option<serde_json::Value> {
        matches!(value, Value::Object(_)).then(|| value.to_json())
    }
    fn of_variant(variant: &Variant) -> Option<serde_json::Value> {
        if variant.value == VariantValue::Object { serde_json::from_str(&variant.json).ok() } else { None }
    }
}

/// A flag that was declared: only such a one can be read.
#[derive(Clone, Copy, Debug)]
pub struct Flag<T> {
    declared: Declared,
    of: PhantomData<fn() -> T>,
}

impl<T: Typed> Flag<T> {
    /// A flag whose variants are of this type; another one does not compile.
    pub const fn new(declared: Declared) -> Self {
        assert!(!declared.variants.is_empty(), "a flag has a variant");
        let mut n = 0;
        while n < declared.variants.len() {
            assert!(declared.variants[n].1.flag_type() as u8 == T::TYPE as u8, "a variant is of another type");
            n += 1;
        }
        Self { declared, of: PhantomData }
    }

    /// What was declared.
    pub const fn declared(&self) -> Declared {
        self.declared
    }

    /// What holds where nobody says otherwise.
    pub fn default(&self) -> T::Read {
        T::of_code(self.declared.default()).expect("a flag is only made of variants of its type")
    }
}

/// Declares flags as constants, and `FLAGS`, which is all of them: none can be forgotten there.
///
/// ```
/// use vitrine_flags_client::{Kind, Value, flags};
///
/// flags! {
///     /// Whether there is a sale.
///     SALE: bool = {
///         key: "sale",
///         kind: Kind::Operational,
///         owner: "shop",
///         purpose: "Whether prices are those of the sale.",
///         variants: &[("off", Value::Bool(false)), ("on", Value::Bool(true))],
///         until: None,
///     };
/// }
/// assert_eq!((FLAGS.len(), FLAGS[0].key, SALE.default()), (1, "sale", false));
/// ```
#[macro_export]
macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident: $type:ty = { $($declared:tt)* };)+) => {
        $($(#[$doc])* pub const $name: $crate::Flag<$type> = $crate::Flag::new($crate::Declared { $($declared)* });)+
        /// All flags that are read here.
        pub const FLAGS: &[$crate::Declared] = &[$($name.declared()),+];
    };
}
