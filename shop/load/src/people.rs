//! Who customers are, where they live, what they look for and how they pay.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

/// What people search for.
const WORDS: &[&str] = &[
    "vase",
    "blue",
    "bowl",
    "lamp",
    "hand blown",
    "wine",
    "green glass",
    "bead",
    "workshop",
    "recycled",
    "gift",
    "water",
];
const CURRENCIES: &[&str] = &["EUR", "EUR", "EUR", "EUR", "USD", "GBP", "CZK", "JPY"];
/// Where people live: recipient, street, city, postal code, country.
const HOMES: &[[&str; 5]] = &[
    ["Ada Brenner", "Glashüttenweg 4", "Dresden", "01067", "DE"],
    ["Luc Moreau", "12 rue des Verriers", "Nancy", "54000", "FR"],
    ["Chiara Barovier", "Fondamenta Vetrai 8", "Venezia", "30141", "IT"],
    ["Inés Granja", "Calle del Vidrio 9", "San Ildefonso", "40100", "ES"],
    ["Pieter de Vries", "Glasblazerstraat 5", "Leerdam", "4141 BJ", "NL"],
    ["Resi Lobmeyr", "Kärntner Straße 26", "Wien", "1010", "AT"],
    ["Jana Nováková", "Sklářská 21", "Nový Bor", "473 01", "CZ"],
    ["Tom Whitefriars", "7 Furnace Lane", "Stourbridge", "DY8 1AA", "GB"],
    ["Grace Corning", "1 Museum Way", "Corning", "14830", "US"],
    ["Mei Sato", "3-1-2 Otaru", "Otaru", "047-0031", "JP"],
];
/// The test cards: one that pays, and one that is always declined.
const GOOD_CARD: &str = "4242424242424242";
const DECLINING_CARD: &str = "4000000000000002";
/// For how many years cards are good.
const CARD_YEARS: u64 = 3;
/// A mean Gregorian year; near enough to name the current one but for hours around New Year.
const YEAR: Duration = Duration::from_secs(31_556_952);

fn home(rng: &mut StdRng) -> [&'static str; 5] {
    *HOMES.choose(rng).unwrap_or(&HOMES[0])
}

pub(crate) fn word(rng: &mut StdRng) -> &'static str {
    WORDS.choose(rng).copied().unwrap_or("vase")
}

pub(crate) fn currency(rng: &mut StdRng) -> &'static str {
    CURRENCIES.choose(rng).copied().unwrap_or("EUR")
}

pub(crate) fn name(rng: &mut StdRng) -> &'static str {
    home(rng)[0]
}

pub(crate) fn address(rng: &mut StdRng) -> Value {
    let [recipient, line1, city, postal_code, country] = home(rng);
    json!({"recipient": recipient, "line1": line1, "city": city, "postal_code": postal_code, "country": country})
}

/// A card that pays, or one that is declined.
pub(crate) fn card(declining: bool) -> Value {
    let number = if declining { DECLINING_CARD } else { GOOD_CARD };
    let expiry_year = year(SystemTime::now()) + CARD_YEARS;
    json!({"number": number, "expiry_month": 12, "expiry_year": expiry_year, "cvv": "123"})
}

fn year(now: SystemTime) -> u64 {
    1970 + now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / YEAR.as_secs()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::year;

    #[test]
    fn years_are_named() {
        for (seconds, wanted) in [(0, 1970), (951_782_400, 2000), (1_782_000_000, 2026), (4_102_531_200, 2100)] {
            assert_eq!(year(UNIX_EPOCH + Duration::from_secs(seconds)), wanted, "{seconds}");
        }
    }
}
