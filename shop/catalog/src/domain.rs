//! The rules of products, stock and reservations.

use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::{Kind, Product};
use vitrine_contracts::common::v1::{Line, Money as WireMoney};
use vitrine_contracts::limits::{
    MAX_DESCRIPTION, MAX_DURATION_MIN, MAX_LINES, MAX_PRICE, MAX_PRODUCT_NAME, MAX_QUANTITY, MAX_STOCK, MAX_TAG,
    MAX_TAGS, MAX_VENUE, MAX_WEIGHT_G, MIN_DURATION_MIN,
};
use vitrine_contracts::money_from_proto;
use vitrine_contracts::text::{line, paragraphs};
use vitrine_kit::money::{Currency, Money};

/// How long a reservation holds by default, and the bounds of what may be said, in milliseconds.
const TTL_MS: (u32, u32, u32) = (900_000, 1_000, 3_600_000);

/// How much of a product there is. Nothing is ever negative, and nothing appears or vanishes but by restocking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Can be reserved now.
    pub available: u32,
    /// Held by open reservations.
    pub reserved: u32,
    /// Was bought.
    pub sold: u64,
}

impl Stock {
    /// Moves from the shelf into a reservation; none if there is not enough.
    pub fn hold(self, quantity: u32) -> Option<Self> {
        let available = self.available.checked_sub(quantity)?;
        Some(Self { available, reserved: self.reserved.checked_add(quantity)?, ..self })
    }

    /// Moves from a reservation to what was sold.
    pub fn sell(self, quantity: u32) -> Option<Self> {
        Some(Self { reserved: self.reserved.checked_sub(quantity)?, sold: self.sold + u64::from(quantity), ..self })
    }

    /// Moves from the shelf to what was sold.
    pub fn hold_and_sell(self, quantity: u32) -> Option<Self> {
        self.hold(quantity)?.sell(quantity)
    }

    /// Moves from a reservation back onto the shelf.
    pub fn release(self, quantity: u32) -> Option<Self> {
        Some(Self {
            reserved: self.reserved.checked_sub(quantity)?,
            available: self.available.checked_add(quantity)?,
            ..self
        })
    }

    /// Moves from what was sold back onto the shelf.
    pub fn take_back(self, quantity: u32) -> Option<Self> {
        Some(Self {
            sold: self.sold.checked_sub(quantity.into())?,
            available: self.available.checked_add(quantity)?,
            ..self
        })
    }

    /// Adds new pieces, or takes some away.
    pub fn restock(self, by: i32) -> Result<Self, Problem> {
        if by.unsigned_abs() > MAX_STOCK {
            let expected = format!("-{MAX_STOCK} to {MAX_STOCK}");
            return Err(Problem::invalid("restock", &expected, "so much is never in stock"));
        }
        match self.available.checked_add_signed(by) {
            Some(available) if available <= MAX_STOCK => Ok(Self { available, ..self }),
            Some(_) => {
                let message = format!("at most {MAX_STOCK} are in stock, and that would be more");
                Err(Problem::precondition("TOO_MUCH_STOCK", &message))
            }
            None => Err(Problem::precondition("NOT_ENOUGH_STOCK", "more would be taken away than is available")),
        }
    }
}

/// Where a reservation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// Holds its units.
    Held,
    /// Its units are sold.
    Committed,
    /// Its units are back.
    Released,
    /// No one came in time; its units are back.
    Expired,
}

/// Checks the lines of a reservation.
pub fn check_lines(lines: &[Line]) -> Result<(), Problem> {
    if lines.is_empty() || lines.len() > MAX_LINES {
        return Err(Problem::invalid(
            "lines",
            &format!("1 to {MAX_LINES} lines"),
            &format!("{} lines cannot be reserved", lines.len()),
        ));
    }
    for (i, line) in lines.iter().enumerate() {
        if !(1..=MAX_QUANTITY).contains(&line.quantity) {
            let message = format!("a quantity of {} is out of range", line.quantity);
            let (field, expected) = (format!("lines[{i}].quantity"), format!("1 to {MAX_QUANTITY}"));
            return Err(Problem::invalid(&field, &expected, &message).with_reason("INVALID_QUANTITY"));
        }
        if lines[..i].iter().any(|l| l.product_id == line.product_id) {
            return Err(Problem::invalid(
                &format!("lines[{i}].product_id"),
                "each product once",
                "the product is named twice",
            ));
        }
    }
    Ok(())
}

/// How long a reservation holds, in milliseconds.
pub fn ttl_ms(asked: u32) -> Result<i64, Problem> {
    let (default, min, max) = TTL_MS;
    match asked {
        0 => Ok(default.into()),
        ms if (min..=max).contains(&ms) => Ok(ms.into()),
        ms => {
            let expected = format!("{min} to {max}, or 0 for {default}");
            Err(Problem::invalid("ttl_ms", &expected, &format!("{ms} ms is out of range")))
        }
    }
}

/// A name as it is kept.
pub fn name(name: &str) -> Result<String, Problem> {
    line("name", name, 1..=MAX_PRODUCT_NAME)
}

/// A description as it is kept.
pub fn description(description: &str) -> Result<String, Problem> {
    paragraphs("description", description, 1..=MAX_DESCRIPTION)
}

/// Checks a price.
pub fn check_price(price: Money) -> Result<Money, Problem> {
    if price.minor <= 0 || price.minor > MAX_PRICE {
        let expected = format!("more than zero, at most {MAX_PRICE} of the smallest unit");
        return Err(Problem::invalid("price", &expected, "the price is out of range").with_reason("INVALID_PRICE"));
    }
    Ok(price)
}

/// The price by which products are compared, in cents: what a caller says it is in EUR.
pub fn comparable(price: Option<&WireMoney>) -> Result<Option<i64>, Problem> {
    let Some(price) = price else { return Ok(None) };
    let money = money_from_proto(Some(price), "comparable_price")?;
    if money.currency != Currency::EUR {
        return Err(Problem::invalid("comparable_price", "an amount in EUR", "prices are compared in EUR"));
    }
    Ok(Some(money.minor))
}

/// Checks all that describes a new product, and returns it as it is kept.
pub fn check_product(mut product: Product, stock: u32, now_ms: i64) -> Result<Product, Problem> {
    product.name = name(&product.name)?;
    product.description = description(&product.description)?;
    if product.tags.len() > MAX_TAGS {
        return Err(Problem::invalid("tags", &format!("at most {MAX_TAGS}"), "there are too many tags"));
    }
    for tag in &mut product.tags {
        *tag = line("tags", tag, 1..=MAX_TAG)?;
    }
    if let Some(event) = &mut product.event {
        event.venue = line("event.venue", &event.venue, 1..=MAX_VENUE)?;
    }
    if stock > MAX_STOCK {
        return Err(Problem::invalid("stock", &format!("0 to {MAX_STOCK}"), &format!("{stock} pieces are too many")));
    }
    check_kind(&product, now_ms)?;
    check_price(money_from_proto(product.price.as_ref(), "price")?)?;
    Ok(product)
}

/// Goods have a weight, events a time and a place.
fn check_kind(product: &Product, now_ms: i64) -> Result<(), Problem> {
    match (product.kind(), &product.event) {
        (Kind::Goods, None) if (1..=MAX_WEIGHT_G).contains(&product.weight_g) => {}
        (Kind::Goods, None) => {
            let expected = format!("1 to {MAX_WEIGHT_G} grams");
            return Err(Problem::invalid("weight_g", &expected, "goods need a weight"));
        }
        (Kind::Goods, Some(_)) => {
            return Err(Problem::invalid("event", "nothing for goods", "goods have no time and place"));
        }
        (Kind::Event, Some(event)) => {
            if event.starts_at_unix_ms <= now_ms {
                return Err(Problem::invalid("event.starts_at", "a time in the future", "the event would be over"));
            }
            if !(MIN_DURATION_MIN..=MAX_DURATION_MIN).contains(&event.duration_min) {
                let expected = format!("{MIN_DURATION_MIN} to {MAX_DURATION_MIN}");
                return Err(Problem::invalid("event.duration_min", &expected, "the duration is out of range"));
            }
            if product.weight_g != 0 {
                return Err(Problem::invalid("weight_g", "0 for events", "an event is not shipped"));
            }
        }
        (Kind::Event, None) => {
            return Err(Problem::invalid(
                "event",
                "starts_at, duration_min and venue",
                "an event needs a time and a place",
            ));
        }
        (Kind::Unspecified, _) => return Err(Problem::invalid("kind", "goods or event", "the kind is missing")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Line, MAX_STOCK, Stock, check_lines, ttl_ms};
    use proptest::prelude::{prop_assert_eq, proptest};

    #[test]
    fn lines_and_times_are_checked() {
        let line = |id: &str, quantity| Line { product_id: id.to_owned(), quantity };
        check_lines(&[line("prd_a", 1), line("prd_b", 999)]).expect("fine");
        for (lines, field) in [
            (vec![], "lines"),
            (vec![line("prd_a", 0)], "lines[0].quantity"),
            (vec![line("prd_a", 1), line("prd_b", 1000)], "lines[1].quantity"),
            (vec![line("prd_a", 1), line("prd_a", 1)], "lines[1].product_id"),
        ] {
            assert_eq!(check_lines(&lines).expect_err(field).field.as_deref(), Some(field));
        }
        assert_eq!(ttl_ms(0), Ok(900_000));
        assert!(ttl_ms(999).is_err() && ttl_ms(3_600_001).is_err());
    }

    #[test]
    fn restocking_knows_its_bounds() {
        let stock = Stock { available: 5, reserved: 3, sold: 1 };
        assert_eq!(stock.restock(-5).expect("all of it").available, 0);
        assert_eq!(stock.restock(-6).expect_err("too many").reason, "NOT_ENOUGH_STOCK");
        assert!(stock.restock(i32::MAX).is_err());
    }

    proptest! {
        #[test]
        fn pieces_neither_appear_nor_vanish(start in 0..MAX_STOCK, moves in proptest::collection::vec((0u8..5, 0u32..2000), 0..60)) {
            let mut stock = Stock { available: start, reserved: 0, sold: 0 };
            for (kind, quantity) in moves {
                let moved = match kind {
                    0 => stock.hold(quantity),
                    1 => stock.sell(quantity),
                    2 => stock.release(quantity),
                    3 => stock.hold_and_sell(quantity),
                    _ => stock.take_back(quantity),
                };
                stock = moved.unwrap_or(stock);
                prop_assert_eq!(u64::from(stock.available) + u64::from(stock.reserved) + stock.sold, u64::from(start));
            }
        }
    }
}
