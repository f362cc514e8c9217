//! Addresses as they must be, wherever one is given.

use crate::common::v1::Address;
use crate::problem::Problem;

/// Checks an address that must be there; its fields are named as REST names them.
pub fn check_address<'a>(address: Option<&'a Address>, field: &str) -> Result<&'a Address, Problem> {
    let address = address.ok_or_else(|| Problem::invalid(field, "an address", "the address is missing"))?;
    let rules = [
        ("recipient", &address.recipient, 1, 100),
        ("line1", &address.line1, 1, 120),
        ("line2", &address.line2, 0, 120),
        ("city", &address.city, 1, 80),
        ("postal_code", &address.postal_code, 1, 16),
    ];
    for (name, value, min, max) in rules {
        let length = value.trim().chars().count();
        if length < min || length > max || value.chars().any(char::is_control) {
            let expected = format!("{min} to {max} characters, no control characters");
            return Err(Problem::invalid(
                &format!("{field}.{name}"),
                &expected,
                "the address is incomplete or not plain text",
            ));
        }
    }
    let country = address.country_code.as_bytes();
    if country.len() != 2 || !country.iter().all(u8::is_ascii_uppercase) {
        let expected = "an ISO 3166-1 alpha-2 code, upper case, for example DE";
        return Err(Problem::invalid(&format!("{field}.country"), expected, "the country is missing or malformed"));
    }
    Ok(address)
}
