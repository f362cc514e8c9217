//! What may be said about a customer.

use vitrine_contracts::Problem;
use vitrine_contracts::limits::{MAX_DISPLAY_NAME, MAX_LABEL};
use vitrine_contracts::text::line;
use vitrine_kit::money::Currency;

/// A name to show.
pub fn display_name(name: &str) -> Result<String, Problem> {
    line("display_name", name, 1..=MAX_DISPLAY_NAME)
}

/// What a customer calls an address; may be empty.
pub fn label(label: &str) -> Result<String, Problem> {
    line("label", label, 0..=MAX_LABEL)
}

/// A currency to show prices in; nothing means the euro.
pub fn preferred_currency(code: &str) -> Result<&'static str, Problem> {
    if code.is_empty() {
        return Ok(Currency::EUR.code());
    }
    Currency::parse(code).map(Currency::code).map_err(|e| {
        Problem::invalid("preferred_currency", "an ISO 4217 code that the shop knows, upper case", &e.to_string())
            .with_reason("UNKNOWN_CURRENCY")
    })
}

#[cfg(test)]
mod tests {
    use super::{display_name, label, preferred_currency};

    #[test]
    fn names_and_currencies() {
        assert_eq!(display_name(" Ada ").expect("fine"), "Ada");
        assert!(
            display_name(" ").is_err()
                && display_name("a\u{202e}b").is_err()
                && display_name(&"a".repeat(101)).is_err()
        );
        assert_eq!(label(" "), Ok(String::new()));
        assert_eq!(preferred_currency("").expect("the default"), "EUR");
        assert_eq!(preferred_currency("eur").expect_err("lower case").reason, "UNKNOWN_CURRENCY");
    }
}
