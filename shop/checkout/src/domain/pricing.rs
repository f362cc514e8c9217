//! What is to be paid.

use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::{Kind, Product};
use vitrine_contracts::common::v1::Line;
use vitrine_contracts::orders::v1::OrderLine;
use vitrine_kit::money::{Money, MoneyError};

/// What is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parcel {
    /// Grams.
    pub weight_g: u32,
    /// Pieces.
    pub items: u32,
}

/// The products of a cart, in its order. One that is not sold any more is named.
pub fn match_products(lines: &[Line], mut products: Vec<Product>) -> Result<Vec<Product>, Problem> {
    if lines.is_empty() {
        return Err(Problem::precondition("CART_EMPTY", "there is nothing in the cart"));
    }
    let find = |line: &Line| {
        let place = products.iter().position(|p| p.id == line.product_id);
        place.map(|i| products.swap_remove(i)).ok_or_else(|| {
            let message = format!("{} is not sold any more: take it out of the cart", line.product_id);
            Problem::precondition("PRODUCT_GONE", &message).with_field("cart")
        })
    };
    lines.iter().map(find).collect()
}

/// Refuses what cannot be reserved as things are: more than there is, and seats of what has begun. Reserving decides.
pub fn check_available(lines: &[Line], products: &[Product], now_ms: i64) -> Result<(), Problem> {
    for (line, product) in lines.iter().zip(products) {
        if product.event.as_ref().is_some_and(|event| event.starts_at_unix_ms <= now_ms) {
            let problem = Problem::precondition("EVENT_OVER", &format!("{} has begun already", product.name));
            return Err(problem.with_field(&product.id));
        }
        if line.quantity > product.available {
            let message = format!("of {} only {} can be had", product.id, product.available);
            return Err(Problem::exhausted("OUT_OF_STOCK", &message).with_field(&product.id));
        }
    }
    Ok(())
}

/// What has to be sent; nothing if all are seats.
pub fn parcel(lines: &[Line], products: &[Product]) -> Result<Parcel, Problem> {
    let mut parcel = Parcel::default();
    for (line, product) in lines.iter().zip(products).filter(|(_, p)| p.kind() == Kind::Goods) {
        let weight = product.weight_g.checked_mul(line.quantity).and_then(|w| w.checked_add(parcel.weight_g));
        let too_heavy = || Problem::precondition("TOO_HEAVY", "no carrier takes so much at once").with_field("cart");
        parcel = Parcel { weight_g: weight.ok_or_else(too_heavy)?, items: parcel.items.saturating_add(line.quantity) };
    }
    Ok(parcel)
}

/// The lines of an order, at unit prices in the order's currency, and their sum.
pub fn price(
    lines: &[Line],
    products: &[Product],
    unit_prices: &[Money],
    zero: Money,
) -> Result<(Vec<OrderLine>, Money), Problem> {
    let overflow = |_: MoneyError| Problem::precondition("TOTAL_TOO_LARGE", "the sum is too large").with_field("cart");
    let mut subtotal = zero;
    let mut priced = Vec::with_capacity(lines.len());
    for ((line, product), unit) in lines.iter().zip(products).zip(unit_prices) {
        let total = unit.checked_mul(line.quantity).map_err(overflow)?;
        subtotal = subtotal.checked_add(total).map_err(overflow)?;
        priced.push(OrderLine {
            product_id: line.product_id.clone(),
            name: product.name.clone(),
            quantity: line.quantity,
            unit_price: Some((*unit).into()),
            total: Some(total.into()),
            category: product.category.clone(),
        });
    }
    Ok((priced, subtotal))
}

/// What shipping costs: nothing from a subtotal on, if there is one that makes it free. All are in the order's currency.
pub fn shipping(subtotal: Money, carriage: Money, free_from: Option<Money>) -> Money {
    match free_from {
        Some(from) if from.currency == subtotal.currency && subtotal.minor >= from.minor => {
            Money::zero(carriage.currency)
        }
        _ => carriage,
    }
}

/// What was agreed to be paid at most, and the field that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// How much.
    pub total: Money,
    /// By which field of the request.
    pub field: &'static str,
}

/// The total, if it is not dearer than was agreed.
pub fn total(subtotal: Money, shipping: Money, most: Option<Most>) -> Result<Money, Problem> {
    let overflow = |_| Problem::precondition("TOTAL_TOO_LARGE", "the sum is too large").with_field("cart");
    let total = subtotal.checked_add(shipping).map_err(overflow)?;
    match most {
        Some(most) if most.total.currency != total.currency => {
            let expected = format!("an amount in {}", total.currency.code());
            Err(Problem::invalid(most.field, &expected, "the limit is in another currency than the order"))
        }
        Some(most) if total.minor > most.total.minor => {
            let message = format!("the total is {total}, more than {}", most.total);
            Err(Problem::aborted("PRICE_CHANGED", &message).with_field(most.field))
        }
        _ if total.minor == 0 => Err(Problem::precondition("NOTHING_TO_PAY", "the total is zero in this currency")),
        _ => Ok(total),
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Most, Parcel, Product, check_available, match_products, parcel, price, shipping, total};
    use vitrine_contracts::catalog::v1::{EventDetails, Kind};
    use vitrine_kit::money::{Currency, Money};

    fn line(id: &str, quantity: u32) -> Line {
        Line { product_id: id.to_owned(), quantity }
    }

    fn product(id: &str, kind: Kind, weight_g: u32) -> Product {
        Product { id: id.to_owned(), kind: kind.into(), weight_g, ..Product::default() }
    }

    #[test]
    fn what_is_gone_is_named() {
        let found = match_products(
            &[line("prd_b", 1), line("prd_a", 1)],
            vec![product("prd_a", Kind::Goods, 1), product("prd_b", Kind::Goods, 1)],
        );
        assert_eq!(found.expect("both").iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["prd_b", "prd_a"]);
        let gone = match_products(&[line("prd_x", 1)], vec![]).expect_err("gone");
        assert_eq!(gone.reason, "PRODUCT_GONE");
        assert!(gone.message.contains("prd_x"));
        assert_eq!(match_products(&[], vec![]).expect_err("empty").reason, "CART_EMPTY");
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        let event = Some(EventDetails { starts_at_unix_ms: 1000, ..EventDetails::default() });
        let products = [
            Product { available: 2, ..product("prd_a", Kind::Goods, 1) },
            Product { available: 9, event, ..product("prd_b", Kind::Event, 0) },
        ];
        for (quantities, now_ms, refused) in [
            ((2, 9), 999, None),
            ((3, 1), 999, Some(("OUT_OF_STOCK", "prd_a"))),
            ((1, 10), 999, Some(("OUT_OF_STOCK", "prd_b"))),
            ((1, 1), 1000, Some(("EVENT_OVER", "prd_b"))),
        ] {
            let lines = [line("prd_a", quantities.0), line("prd_b", quantities.1)];
            let problem = check_available(&lines, &products, now_ms).err();
            assert_eq!(problem.as_ref().map(|p| (p.reason, p.field.as_deref().unwrap_or_default())), refused);
        }
    }

    #[test]
    fn seats_are_not_packed() {
        let lines = [line("prd_a", 3), line("prd_b", 2)];
        let products = [product("prd_a", Kind::Goods, 400), product("prd_b", Kind::Event, 0)];
        assert_eq!(parcel(&lines, &products), Ok(Parcel { weight_g: 1200, items: 3 }));
        assert_eq!(parcel(&lines[1..], &products[1..]), Ok(Parcel::default()));
        assert_eq!(
            parcel(&[line("prd_a", 999)], &[product("prd_a", Kind::Goods, u32::MAX)]).expect_err("heavy").reason,
            "TOO_HEAVY"
        );
    }

    #[test]
    fn sums_are_exact_and_limited() {
        let eur = |minor| Money::new(Currency::EUR, minor);
        let products = [product("prd_a", Kind::Goods, 1), product("prd_b", Kind::Goods, 1)];
        let (lines, subtotal) =
            price(&[line("prd_a", 3), line("prd_b", 1)], &products, &[eur(333), eur(1)], eur(0)).expect("small");
        assert_eq!((lines.len(), subtotal), (2, eur(1000)));
        let most = |total| Some(Most { total, field: "max_total" });
        assert_eq!(total(subtotal, eur(1), most(eur(1001))), Ok(eur(1001)));
        assert_eq!(total(subtotal, eur(1), most(eur(1000))).expect_err("dearer").reason, "PRICE_CHANGED");
        let usd = Money::new(Currency::parse("USD").expect("known"), 99_999);
        assert_eq!(total(subtotal, eur(1), most(usd)).expect_err("dollars").field.as_deref(), Some("max_total"));
        assert_eq!(
            price(&[line("prd_a", 2)], &products, &[eur(i64::MAX)], eur(0)).expect_err("too large").reason,
            "TOTAL_TOO_LARGE"
        );
    }

    #[test]
    fn shipping_costs_nothing_from_a_subtotal_on() {
        let euros = |minor| Money::new(Currency::EUR, minor);
        let costs =
            |subtotal, free_from: Option<i64>| shipping(euros(subtotal), euros(490), free_from.map(euros)).minor;
        for (subtotal, free_from, expected) in
            [(4_999, Some(5_000), 490), (5_000, Some(5_000), 0), (9_000, Some(5_000), 0), (9_000, None, 490)]
        {
            assert_eq!(costs(subtotal, free_from), expected, "{subtotal} with {free_from:?}");
        }
    }
}
