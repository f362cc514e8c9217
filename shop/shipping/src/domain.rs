//! What a parcel costs, and the way that it goes.

use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_kit::money::{Currency, Money};

/// Heaviest parcel, in grams; more becomes several parcels.
pub const MAX_PARCEL_G: u64 = 30_000;
/// Padding for each piece of glass, in cents.
const PADDING_CENTS: i64 = 40;

/// Where parcels go at the same price.
struct Zone {
    countries: &'static [&'static str],
    /// For each parcel, in cents.
    base_cents: i64,
    /// For each begun kilogram, in cents.
    per_kg_cents: i64,
    days: (u32, u32),
}

const ZONES: &[Zone] = &[
    Zone { countries: &["DE"], base_cents: 390, per_kg_cents: 60, days: (1, 2) },
    Zone {
        countries: &[
            "AT", "BE", "BG", "CY", "CZ", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
            "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
        ],
        base_cents: 790,
        per_kg_cents: 120,
        days: (2, 5),
    },
    Zone { countries: &["CH", "GB", "IS", "LI", "NO"], base_cents: 1290, per_kg_cents: 180, days: (3, 7) },
    Zone {
        countries: &["AU", "BR", "CA", "IL", "IN", "JP", "KR", "MX", "MY", "NZ", "SG", "TH", "TR", "US", "ZA"],
        base_cents: 2490,
        per_kg_cents: 690,
        days: (6, 14),
    },
];

/// What sending costs and how long it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// In EUR.
    pub cost: Money,
    /// Fewest and most days.
    pub days: (u32, u32),
}

/// Whether the padding of each piece is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Piece by piece.
    Charged,
    /// With the parcel.
    Free,
}

/// Prices a consignment.
pub fn quote(country_code: &str, weight_g: u32, items: u32, padding: Padding) -> Result<Quote, Problem> {
    let Some(zone) = ZONES.iter().find(|z| z.countries.contains(&country_code)) else {
        let expected = "an ISO 3166-1 alpha-2 code of a country that is served, upper case";
        let shown: String = country_code.chars().take(16).collect();
        let problem = Problem::invalid("address.country", expected, &format!("nothing is sent to {shown:?}"));
        return Err(problem.with_reason("COUNTRY_NOT_SERVED"));
    };
    let grams = u64::from(weight_g);
    let parcels = i64::try_from(grams.div_ceil(MAX_PARCEL_G)).unwrap_or(i64::MAX);
    let kilograms = i64::try_from(grams.div_ceil(1000)).unwrap_or(i64::MAX);
    let padded = if padding == Padding::Charged { i64::from(items) } else { 0 };
    let cents = parcels * zone.base_cents + kilograms * zone.per_kg_cents + padded * PADDING_CENTS;
    Ok(Quote { cost: Money::new(Currency::EUR, cents), days: zone.days })
}

/// Where a parcel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Being packed.
    Created,
    /// Handed to the carrier.
    Dispatched,
    /// Under way.
    InTransit,
    /// There.
    Delivered,
    /// Never sent.
    Cancelled,
}

impl State {
    /// What comes next by itself.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Created => Some(Self::Dispatched),
            Self::Dispatched => Some(Self::InTransit),
            Self::InTransit => Some(Self::Delivered),
            Self::Delivered | Self::Cancelled => None,
        }
    }
}

/// The tracking number of a shipment: thirteen characters as the Universal Postal Union's S10 standard has it.
pub fn tracking_number(shipment_id: &str) -> String {
    let serial = format!("{:08}", vitrine_kit::id::hash(shipment_id) % 100_000_000);
    let sum: u32 = serial.bytes().zip([8, 6, 4, 2, 3, 5, 9, 7]).map(|(b, w)| u32::from(b - b'0') * w).sum();
    let check = match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    };
    format!("VT{serial}{check}DE")
}

#[cfg(test)]
mod tests {
    use super::{Padding, State, ZONES, quote, tracking_number};
    use proptest::prelude::{any, prop_assert, proptest};
    use vitrine_contracts::limits::COUNTRIES_SERVED;

    #[test]
    fn the_zones_are_the_countries_of_the_contract() {
        let mut served: Vec<&str> = ZONES.iter().flat_map(|zone| zone.countries).copied().collect();
        served.sort_unstable();
        assert_eq!(served, COUNTRIES_SERVED);
    }

    #[test]
    fn farther_and_heavier_costs_more() {
        let cents = |country, grams, items| quote(country, grams, items, Padding::Charged).expect("served").cost.minor;
        assert_eq!(cents("DE", 900, 1), 390 + 60 + 40);
        assert_eq!(quote("DE", 900, 7, Padding::Free).expect("served").cost.minor, 390 + 60);
        assert_eq!(cents("FR", 1001, 2), 790 + 240 + 80);
        assert_eq!(cents("US", 30_001, 1), 2 * 2490 + 31 * 690 + 40);
        assert!(cents("DE", 900, 1) < cents("CZ", 900, 1) && cents("CZ", 900, 1) < cents("JP", 900, 1));
        for bad in ["", "de", "XX", "DEU", "Ä"] {
            let problem = quote(bad, 1, 1, Padding::Charged).expect_err(bad);
            assert_eq!((problem.field.as_deref(), problem.reason), (Some("address.country"), "COUNTRY_NOT_SERVED"));
        }
    }

    #[test]
    fn a_parcel_arrives() {
        let mut way = vec![State::Created];
        while let Some(next) = way.last().and_then(|s| s.next()) {
            way.push(next);
        }
        assert_eq!(way, [State::Created, State::Dispatched, State::InTransit, State::Delivered]);
    }

    #[test]
    fn tracking_numbers_are_stable_and_differ() {
        assert_eq!(tracking_number("shp_1"), tracking_number("shp_1"));
        assert_ne!(tracking_number("shp_1"), tracking_number("shp_2"));
        assert_eq!(tracking_number("shp_1").len(), 13);
    }

    proptest! {
        #[test]
        fn no_weight_overflows(grams in any::<u32>(), items in any::<u32>()) {
            prop_assert!(quote("US", grams, items, Padding::Charged).expect("served").cost.minor >= 0);
        }
    }
}
