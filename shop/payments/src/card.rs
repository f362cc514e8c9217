//! Checking a card without keeping it.

use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::limits::{
    MAX_CARD_DIGITS, MAX_CARD_TYPED, MAX_CARD_YEARS, MAX_CVV_DIGITS, MIN_CARD_DIGITS, MIN_CVV_DIGITS,
};
use vitrine_contracts::payments::v1::Card;
use vitrine_kit::clock::year_and_month;

/// The test number that the built-in acquirer declines.
const DECLINES: &str = "4000000000000002";
/// The test number whose bank asks for a challenge.
const CHALLENGES: &str = "4000000000003220";

/// What may be kept of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// "visa", "mastercard", "amex" or "discover".
    pub scheme: String,
    /// The last four digits.
    pub last4: String,
    /// Whether the acquirer will decline.
    pub declines: bool,
    /// Whether its bank asks for a challenge.
    #[serde(default)]
    pub challenges: bool,
}

fn bad(field: &str, expected: &str, message: &str, reason: &'static str) -> Problem {
    Problem::invalid(&format!("card.{field}"), expected, message).with_reason(reason)
}

/// What a card is told whose network the shop does not take; the field is the card's or the token's.
pub fn not_taken(field: &str) -> Problem {
    let expected = "a Visa, Mastercard, American Express or Discover card, as far as the shop takes them";
    Problem::invalid(field, expected, "cards of this scheme are not taken").with_reason("UNSUPPORTED_CARD_SCHEME")
}

/// Checks all of a card. No message repeats what was typed.
pub fn check(card: &Card, now_ms: i64) -> Result<Checked, Problem> {
    let separators = |c: &char| !matches!(c, ' ' | '-');
    let digits: String = card.number.chars().take(MAX_CARD_TYPED).filter(separators).collect();
    if !(MIN_CARD_DIGITS..=MAX_CARD_DIGITS).contains(&digits.len())
        || !digits.bytes().all(|b| b.is_ascii_digit())
        || card.number.len() > MAX_CARD_TYPED
    {
        let expected = format!("{MIN_CARD_DIGITS} to {MAX_CARD_DIGITS} digits");
        return Err(bad("number", &expected, "the card number is not a number", "INVALID_CARD_NUMBER"));
    }
    if !luhn(&digits) {
        return Err(bad(
            "number",
            "a number with a right check digit",
            "the card number is mistyped",
            "INVALID_CARD_NUMBER",
        ));
    }
    let Some((scheme, cvv_digits)) = scheme(&digits) else { return Err(not_taken("card.number")) };
    if !(1..=12).contains(&card.expiry_month) {
        return Err(bad("expiry_month", "1 to 12", "there is no such month", "INVALID_CARD_EXPIRY"));
    }
    let (year, month) = year_and_month(now_ms);
    let (year, month) = (i64::from(year), u32::from(month));
    let expires = (i64::from(card.expiry_year), card.expiry_month);
    if expires < (year, month) {
        return Err(bad("expiry_year", "a month that is not over", "the card has expired", "CARD_EXPIRED"));
    }
    if expires.0 > year + MAX_CARD_YEARS {
        let expected = format!("a year within the next {MAX_CARD_YEARS}");
        return Err(bad("expiry_year", &expected, "the year is too far away", "INVALID_CARD_EXPIRY"));
    }
    if card.cvv.len() != cvv_digits || !card.cvv.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("cvv", &format!("{cvv_digits} digits"), "the security code is not right", "INVALID_CARD_CVV"));
    }
    let last4 = digits[digits.len() - 4..].to_owned();
    Ok(Checked { scheme: scheme.to_owned(), last4, declines: digits == DECLINES, challenges: digits == CHALLENGES })
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn luhn(digits: &str) -> bool {
    let doubled = |d: u32| if d > 4 { d * 2 - 9 } else { d * 2 };
    let sum: u32 = digits
        .bytes()
        .rev()
        .map(|b| u32::from(b - b'0'))
        .enumerate()
        .map(|(i, d)| if i % 2 == 1 { doubled(d) } else { d })
        .sum();
    sum.is_multiple_of(10)
}

/// The scheme by the number's beginning and length, and how long its security code is.
fn scheme(digits: &str) -> Option<(&'static str, usize)> {
    let begin = |n: usize| digits.get(..n).and_then(|d| d.parse::<u32>().ok()).unwrap_or(0);
    let length = digits.len();
    match () {
        () if begin(1) == 4 && matches!(length, 13 | 16 | 19) => Some(("visa", MIN_CVV_DIGITS)),
        () if (51..=55).contains(&begin(2)) && length == 16 => Some(("mastercard", MIN_CVV_DIGITS)),
        () if (2221..=2720).contains(&begin(4)) && length == 16 => Some(("mastercard", MIN_CVV_DIGITS)),
        () if matches!(begin(2), 34 | 37) && length == 15 => Some(("amex", MAX_CVV_DIGITS)),
        () if (begin(4) == 6011 || begin(2) == 65 || (644..=649).contains(&begin(3))) && length >= 16 => {
            Some(("discover", MIN_CVV_DIGITS))
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Card, check};

    /// 21 November 2026.
    const NOW: i64 = 1_795_219_200_000;

    fn card(number: &str, month: u32, year: u32, cvv: &str) -> Card {
        Card { number: number.to_owned(), expiry_month: month, expiry_year: year, cvv: cvv.to_owned() }
    }

    #[test]
    fn good_cards() {
        for (number, cvv, scheme) in [
            ("4242424242424242", "123", "visa"),
            ("4242 4242 4242 4242", "123", "visa"),
            ("5555-5555-5555-4444", "123", "mastercard"),
            ("2223003122003222", "123", "mastercard"),
            ("378282246310005", "1234", "amex"),
            ("6011111111111117", "123", "discover"),
        ] {
            let checked = check(&card(number, 11, 2026, cvv), NOW).expect(number);
            assert_eq!(checked.scheme, scheme);
            assert_eq!(checked.last4, number[number.len() - 4..]);
        }
        let told = |number| check(&card(number, 1, 2030, "123"), NOW).map(|c| (c.declines, c.challenges));
        assert_eq!(told("4000000000000002"), Ok((true, false)));
        assert_eq!(told("4000 0000 0000 3220"), Ok((false, true)));
    }

    #[test]
    fn bad_cards_name_their_field() {
        for (card, field, reason) in [
            (card("4242424242424241", 1, 2030, "123"), "card.number", "INVALID_CARD_NUMBER"),
            (card("42", 1, 2030, "123"), "card.number", "INVALID_CARD_NUMBER"),
            (card("", 1, 2030, "123"), "card.number", "INVALID_CARD_NUMBER"),
            (card("4242x24242424242", 1, 2030, "123"), "card.number", "INVALID_CARD_NUMBER"),
            (card("9999999999999995", 1, 2030, "123"), "card.number", "UNSUPPORTED_CARD_SCHEME"),
            (card("4242424242424242", 0, 2030, "123"), "card.expiry_month", "INVALID_CARD_EXPIRY"),
            (card("4242424242424242", 10, 2026, "123"), "card.expiry_year", "CARD_EXPIRED"),
            (card("4242424242424242", 1, 2099, "123"), "card.expiry_year", "INVALID_CARD_EXPIRY"),
            (card("4242424242424242", 1, 2030, "1234"), "card.cvv", "INVALID_CARD_CVV"),
            (card("378282246310005", 1, 2030, "123"), "card.cvv", "INVALID_CARD_CVV"),
        ] {
            let problem = check(&card, NOW).expect_err(reason);
            assert_eq!((problem.field.as_deref(), problem.reason), (Some(field), reason));
            assert!(!problem.message.contains(card.number.as_str()) || card.number.is_empty());
        }
    }
}
