//! What is booked for what. Debit is positive, credit negative; the entries of a transaction sum to zero.

use vitrine_kit::money::{Money, MoneyError};

/// Money that came in or went out.
pub const CASH: &str = "cash";
/// Goods and seats sold.
pub const GOODS: &str = "revenue:goods";
/// Shipping sold.
pub const SHIPPING: &str = "revenue:shipping";
/// Given back.
pub const REFUNDS: &str = "refunds";

/// An account and what moves on it.
pub type Entry = (&'static str, Money);

fn negative(money: Money) -> Money {
    Money::new(money.currency, -money.minor)
}

/// A sale: cash comes in, revenue is credited.
pub fn sale(subtotal: Money, shipping: Money) -> Result<Vec<Entry>, MoneyError> {
    let total = subtotal.checked_add(shipping)?;
    let mut entries = vec![(CASH, total), (GOODS, negative(subtotal))];
    if shipping.minor != 0 {
        entries.push((SHIPPING, negative(shipping)));
    }
    Ok(entries)
}

/// A refund: cash goes out.
pub fn refund(total: Money) -> Vec<Entry> {
    vec![(REFUNDS, total), (CASH, negative(total))]
}

#[cfg(test)]
mod tests {
    use super::{refund, sale};
    use proptest::prelude::{prop_assert_eq, proptest};
    use vitrine_kit::money::{Currency, Money};

    proptest! {
        #[test]
        fn every_transaction_sums_to_zero(subtotal in 0i64..1_000_000_000, shipping in 0i64..1_000_000) {
            let money = |minor| Money::new(Currency::EUR, minor);
            let sum = |entries: &[super::Entry]| entries.iter().map(|(_, m)| m.minor).sum::<i64>();
            let sold = sale(money(subtotal), money(shipping)).expect("one currency");
            prop_assert_eq!(sum(&sold), 0);
            prop_assert_eq!(sum(&refund(sold[0].1)), 0);
        }
    }
}
