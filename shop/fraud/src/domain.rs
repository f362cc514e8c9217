//! The rules. Each looks at an order and at what its customer did lately, and gives points with an explanation.

use serde::{Deserialize, Serialize};
use vitrine_contracts::limits::MAX_SCORE;

/// Most past orders of a customer that are looked at.
pub const MAX_RECENT: usize = 50;
/// From how many euros a first order is large, where nothing else is said.
pub const FIRST_ORDER_FROM: i64 = 300;
/// How far back "lately" goes, for how often someone orders.
const VELOCITY_MS: i64 = 10 * 60_000;
/// How far back the countries are compared.
const DAY_MS: i64 = 24 * 60 * 60_000;

/// About how many units of a currency make a euro: the magnitude is all that a rule needs. The others are near one.
const PER_EURO: &[(&str, i64)] = &[
    ("BRL", 6),
    ("CNY", 8),
    ("CZK", 25),
    ("DKK", 7),
    ("HKD", 8),
    ("HUF", 400),
    ("IDR", 17_000),
    ("ILS", 4),
    ("INR", 90),
    ("ISK", 150),
    ("JPY", 160),
    ("KRW", 1_500),
    ("MXN", 20),
    ("MYR", 5),
    ("NOK", 11),
    ("PHP", 60),
    ("PLN", 4),
    ("RON", 5),
    ("SEK", 11),
    ("THB", 38),
    ("TRY", 40),
    ("ZAR", 20),
];

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The total, in whole units of its currency.
    pub total_units: i64,
    /// ISO 4217.
    pub currency: &'a str,
    /// The largest quantity of one product.
    pub max_quantity: u32,
    /// Where to.
    pub country: &'a str,
    /// When, Unix time in milliseconds.
    pub at: i64,
    /// How many orders the customer made before.
    pub earlier_orders: u64,
    /// When and where to the latest of them went.
    pub recent: &'a [(i64, String)],
    /// From how many euros a first order is large.
    pub first_order_from: i64,
}

/// What a rule gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which rule.
    pub rule: String,
    /// How much.
    pub points: u32,
    /// Why, for people.
    pub explanation: String,
}

fn finding(rule: &str, points: u32, explanation: String) -> Option<Finding> {
    Some(Finding { rule: rule.to_owned(), points, explanation })
}

fn euros(case: &Case<'_>) -> i64 {
    let per_euro = PER_EURO.iter().find(|(code, _)| *code == case.currency).map_or(1, |(_, n)| *n);
    case.total_units / per_euro
}

fn large_amount(case: &Case<'_>) -> Option<Finding> {
    match euros(case) {
        euros @ 2000.. => finding("large_amount", 40, format!("about {euros} EUR at once")),
        euros @ 500.. => finding("large_amount", 20, format!("about {euros} EUR at once")),
        _ => None,
    }
}

fn bulk_quantity(case: &Case<'_>) -> Option<Finding> {
    match case.max_quantity {
        n @ 100.. => finding("bulk_quantity", 35, format!("{n} of one product")),
        n @ 20.. => finding("bulk_quantity", 15, format!("{n} of one product")),
        _ => None,
    }
}

fn velocity(case: &Case<'_>) -> Option<Finding> {
    let lately = case.recent.iter().filter(|(at, _)| case.at - at <= VELOCITY_MS).count() + 1;
    match lately {
        10.. => finding("velocity", 45, format!("{lately} orders within ten minutes")),
        5.. => finding("velocity", 25, format!("{lately} orders within ten minutes")),
        _ => None,
    }
}

fn many_countries(case: &Case<'_>) -> Option<Finding> {
    let lately = case.recent.iter().filter(|(at, _)| case.at - at <= DAY_MS).map(|(_, country)| country.as_str());
    let mut countries: Vec<&str> = lately.chain([case.country]).collect();
    countries.sort_unstable();
    countries.dedup();
    if countries.len() < 3 {
        return None;
    }
    finding("many_countries", 25, format!("to {} within a day", countries.join(", ")))
}

fn new_customer_large_order(case: &Case<'_>) -> Option<Finding> {
    let euros = euros(case);
    if case.earlier_orders > 0 || euros < case.first_order_from {
        return None;
    }
    finding("new_customer_large_order", 25, format!("the first order, about {euros} EUR"))
}

/// Every rule's findings, and the score: their sum, at most 100.
pub fn assess(case: &Case<'_>) -> (u32, Vec<Finding>) {
    let rules: [fn(&Case<'_>) -> Option<Finding>; 5] =
        [large_amount, bulk_quantity, velocity, many_countries, new_customer_large_order];
    let findings: Vec<Finding> = rules.iter().filter_map(|rule| rule(case)).collect();
    (findings.iter().map(|f| f.points).sum::<u32>().min(MAX_SCORE), findings)
}

#[cfg(test)]
mod tests {
    use super::{Case, FIRST_ORDER_FROM, assess};

    fn check(case: &Case<'_>, score: u32, rules: &[&str]) {
        let (found, findings) = assess(case);
        assert_eq!(findings.iter().map(|f| f.rule.as_str()).collect::<Vec<_>>(), rules);
        assert_eq!(found, score);
        assert!(findings.iter().all(|f| !f.explanation.is_empty()));
    }

    #[test]
    fn the_score_explains_itself() {
        let day = 86_400_000;
        let usual = Case {
            total_units: 80,
            currency: "EUR",
            max_quantity: 2,
            country: "DE",
            at: 10 * day,
            earlier_orders: 3,
            recent: &[],
            first_order_from: FIRST_ORDER_FROM,
        };
        check(&usual, 0, &[]);
        check(&Case { total_units: 700, ..usual.clone() }, 20, &["large_amount"]);
        check(&Case { total_units: 80_000, currency: "JPY", ..usual.clone() }, 20, &["large_amount"]);
        check(&Case { total_units: 8_000, currency: "JPY", ..usual.clone() }, 0, &[]);
        check(&Case { max_quantity: 20, ..usual.clone() }, 15, &["bulk_quantity"]);
        check(
            &Case { total_units: 2500, earlier_orders: 0, ..usual.clone() },
            65,
            &["large_amount", "new_customer_large_order"],
        );
        let first = Case { total_units: 120, earlier_orders: 0, ..usual.clone() };
        check(&first, 0, &[]);
        check(&Case { first_order_from: 100, ..first }, 25, &["new_customer_large_order"]);
        let busy: Vec<_> = (0..9).map(|i| (10 * day - i * 1000, "DE".to_owned())).collect();
        check(&Case { recent: &busy, ..usual.clone() }, 45, &["velocity"]);
        let travels =
            [(10 * day - 3_600_000, "FR".to_owned()), (10 * day - 7_200_000, "US".to_owned()), (day, "JP".to_owned())];
        check(&Case { recent: &travels, ..usual.clone() }, 25, &["many_countries"]);
        let all = Case { total_units: 9999, max_quantity: 500, recent: &busy, earlier_orders: 0, ..usual };
        check(&all, 100, &["large_amount", "bulk_quantity", "velocity", "new_customer_large_order"]);
    }
}
