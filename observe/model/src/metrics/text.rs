//! Values as texts, as Go's libraries write them: labels must be those that Prometheus would have.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json::{Any, encode};
use crate::wire::Fault;

/// Below this and from [`EXPONENT_FROM`] on, doubles of attributes are written with an exponent.
const EXPONENT_BELOW: f64 = 1e-6;
/// See [`EXPONENT_BELOW`].
const EXPONENT_FROM: f64 = 1e21;

/// A bound or a quantile: the shortest text without an exponent, as `strconv.FormatFloat(value, 'f', -1, 64)` writes it.
pub(crate) fn plain_number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

/// An attribute's value as a label's.
pub(crate) fn attribute(value: Any<'_>) -> Result<String, Fault> {
    Ok(match value {
        Any::Empty => String::new(),
        Any::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Any::Bool(flag) => flag.to_string(),
        Any::Int(number) => number.to_string(),
        Any::Double(number) => double(number),
        Any::Bytes(bytes) => STANDARD.encode(bytes),
        Any::Array(_) | Any::Map(_) => {
            let mut text = Vec::new();
            encode(value, &mut text)?;
            String::from_utf8_lossy(&text).into_owned()
        }
    })
}

fn double(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && size.is_finite() && !(EXPONENT_BELOW..EXPONENT_FROM).contains(&size) {
        let text = format!("{number:e}");
        // Go writes the sign of an exponent always.
        return if text.contains("e-") { text } else { text.replace('e', "e+") };
    }
    plain_number(number)
}

#[cfg(test)]
mod tests {
    use super::{attribute, plain_number};
    use crate::json::Any;

    #[test]
    fn numbers_are_written_as_go_does() {
        for (value, expected) in [
            (0.005, "0.005"),
            (1.0, "1"),
            (1e21, "1000000000000000000000"),
            (f64::INFINITY, "+Inf"),
            (2.5e-7, "0.00000025"),
        ] {
            assert_eq!(plain_number(value), expected);
        }
        for (value, expected) in [(1.0, "1"), (1e21, "1e+21"), (2.5e-7, "2.5e-7"), (0.0, "0"), (f64::NAN, "NaN")] {
            assert_eq!(attribute(Any::Double(value)).ok().as_deref(), Some(expected));
        }
        assert_eq!(attribute(Any::Bytes(b"ab")).ok().as_deref(), Some("YWI="));
        assert_eq!(attribute(Any::Bool(true)).ok().as_deref(), Some("true"));
    }
}
