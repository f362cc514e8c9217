//! What may be said about a customer.

use vitrine_contracts::Problem;
use vitrine_kit::money::Currency;

/// Most addresses of one customer.
pub const MAX_ADDRESSES: usize = 20;

/// An e-mail address as it is kept: trimmed, lower case.
pub fn normal_email(email: &str) -> Result<String, Problem> {
    let email = email.trim().to_lowercase();
    let plain = email.len() <= 254 && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    let shaped = email.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && name.len() <= 64
            && !domain.contains('@')
            && domain.split('.').count() > 1
            && !domain.split('.').any(str::is_empty)
    });
    if plain && shaped {
        return Ok(email);
    }
    Err(Problem::invalid("email", "an address such as ada@example.org", "the e-mail address is malformed")
        .with_reason("INVALID_EMAIL"))
}

/// A name to show, trimmed.
pub fn display_name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Problem::invalid(
            "display_name",
            "1 to 100 characters",
            "the name is empty, too long or not plain text",
        ));
    }
    Ok(name.to_owned())
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
    use super::{display_name, normal_email, preferred_currency};

    #[test]
    fn addresses_of_people() {
        for (given, kept) in
            [("ada@example.org", "ada@example.org"), ("  Ada.L+x@Sub.Example.ORG ", "ada.l+x@sub.example.org")]
        {
            assert_eq!(normal_email(given).expect(given), kept);
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@example",
            "a b@example.org",
            "a@b@example.org",
            "a@.org",
            "a\n@example.org",
            &long,
        ] {
            assert_eq!(normal_email(bad).expect_err(bad).reason, "INVALID_EMAIL");
        }
    }

    #[test]
    fn names_and_currencies() {
        assert_eq!(display_name(" Ada ").expect("fine"), "Ada");
        assert!(
            display_name(" ").is_err() && display_name("a\u{0}b").is_err() && display_name(&"a".repeat(101)).is_err()
        );
        assert_eq!(preferred_currency("").expect("the default"), "EUR");
        assert_eq!(preferred_currency("eur").expect_err("lower case").reason, "UNKNOWN_CURRENCY");
    }
}
