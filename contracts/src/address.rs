//! Addresses as they must be, wherever one is given.

use crate::common::v1::Address;
use crate::limits::{MAX_ADDRESS_LINE, MAX_CITY, MAX_POSTAL_CODE, MAX_RECIPIENT};
use crate::problem::Problem;
use crate::text::line;

/// Checks an address that must be there, and returns it as it is kept; its fields are named as REST names them.
pub fn check_address(address: Option<&Address>, field: &str) -> Result<Address, Problem> {
    let address = address.ok_or_else(|| Problem::invalid(field, "an address", "the address is missing"))?;
    let part = |name: &str, text: &str, length| line(&format!("{field}.{name}"), text, length);
    let checked = Address {
        recipient: part("recipient", &address.recipient, 1..=MAX_RECIPIENT)?,
        line1: part("line1", &address.line1, 1..=MAX_ADDRESS_LINE)?,
        line2: part("line2", &address.line2, 0..=MAX_ADDRESS_LINE)?,
        city: part("city", &address.city, 1..=MAX_CITY)?,
        postal_code: part("postal_code", &address.postal_code, 1..=MAX_POSTAL_CODE)?,
        country_code: address.country_code.clone(),
    };
    let country = checked.country_code.as_bytes();
    if country.len() != 2 || !country.iter().all(u8::is_ascii_uppercase) {
        let expected = "an ISO 3166-1 alpha-2 code, upper case, for example DE";
        return Err(Problem::invalid(&format!("{field}.country"), expected, "the country is missing or malformed"));
    }
    Ok(checked)
}
