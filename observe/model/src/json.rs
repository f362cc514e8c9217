//! Typed JSON: values of any type as text that is natural to read and loses nothing.
//!
//! | OTLP | text |
//! |---|---|
//! | nothing | `null` |
//! | text, boolean, whole number | as in JSON |
//! | floating point number | always with a point or an exponent: `1.0`, `1e300` |
//! | NaN and the infinities | `{"doubleValue":"NaN"}`, `"Infinity"`, `"-Infinity"` |
//! | bytes | `{"bytesValue":"base64"}` |
//! | array | an array |
//! | map | an object, its keys in the order sent, a key as often as it was sent |
//! | a map that would read as one of the above | `{"kvlistValue":{…}}` |
//!
//! Values that lie deeper than [`MAX_DEPTH`] are replaced by the text [`TOO_DEEP`]. Bytes that are not UTF-8 become
//! U+FFFD.

mod encode;
mod parse;

pub(crate) use encode::{Any, Object, any, encode, key_value};
pub(crate) use parse::{parse, parse_attributes};

/// How deep arrays and maps may be nested.
pub const MAX_DEPTH: u32 = 32;
/// What stands in the place of a value that lies deeper.
pub const TOO_DEEP: &str = "(nested deeper than 32 levels)";

const BYTES: &str = "bytesValue";
const DOUBLE: &str = "doubleValue";
const MAP: &str = "kvlistValue";
