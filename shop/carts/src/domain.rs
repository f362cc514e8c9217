//! The rules of a cart.

mod purchase;

use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;

pub use purchase::{MAX_ENDED, Purchases};

pub use vitrine_contracts::limits::{MAX_LINES, MAX_QUANTITY};

/// One product and how many of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which.
    pub product_id: String,
    /// How many, 1 to [`MAX_QUANTITY`].
    pub quantity: u32,
}

fn out_of_range(field: &str, quantity: u64) -> Problem {
    Problem::invalid(field, &format!("1 to {MAX_QUANTITY}"), &format!("a quantity of {quantity} is out of range"))
        .with_reason("INVALID_QUANTITY")
}

/// Adds to the lines.
pub fn add(lines: &mut Vec<Line>, product_id: &str, quantity: u32) -> Result<(), Problem> {
    if quantity == 0 || quantity > MAX_QUANTITY {
        return Err(out_of_range("quantity", quantity.into()));
    }
    let present = lines.iter().find(|l| l.product_id == product_id).map_or(0, |l| l.quantity);
    if present + quantity > MAX_QUANTITY {
        let message = format!("at most {MAX_QUANTITY} of a product fit into a cart, and {present} are there");
        return Err(Problem::precondition("TOO_MANY_OF_ONE", &message));
    }
    set(lines, product_id, present + quantity)
}

/// Sets a line; nothing removes it.
pub fn set(lines: &mut Vec<Line>, product_id: &str, quantity: u32) -> Result<(), Problem> {
    if quantity > MAX_QUANTITY {
        return Err(out_of_range("quantity", quantity.into()));
    }
    if quantity == 0 {
        lines.retain(|l| l.product_id != product_id);
        return Ok(());
    }
    if let Some(line) = lines.iter_mut().find(|l| l.product_id == product_id) {
        line.quantity = quantity;
    } else {
        check_room(lines, product_id, MAX_LINES)?;
        lines.push(Line { product_id: product_id.to_owned(), quantity });
    }
    Ok(())
}

/// Moves lines into others, quantities added up and cut at [`MAX_QUANTITY`]. Products for which there is no room stay where they are.
pub fn merge(into: &mut Vec<Line>, from: &mut Vec<Line>, most: usize) {
    from.retain(|line| {
        if check_room(into, &line.product_id, most).is_err() {
            return true;
        }
        let present = into.iter_mut().find(|l| l.product_id == line.product_id);
        match present {
            Some(known) => known.quantity = (known.quantity + line.quantity).min(MAX_QUANTITY),
            None => into.push(line.clone()),
        }
        false
    });
}

/// Refuses one more product where a cart has as many as it takes. One that is there already has its place.
pub fn check_room(lines: &[Line], product_id: &str, most: usize) -> Result<(), Problem> {
    if lines.len() < most || lines.iter().any(|l| l.product_id == product_id) {
        return Ok(());
    }
    let message = format!("the cart is full: it holds at most {most} different products");
    Err(Problem::precondition("CART_FULL", &message))
}

#[cfg(test)]
mod tests {
    use super::{Line, MAX_LINES, MAX_QUANTITY, add, check_room, merge, set};
    use proptest::prelude::{any, prop_assert, proptest};

    #[test]
    fn adding_adds_up_and_is_bounded() {
        let mut lines = Vec::new();
        add(&mut lines, "prd_a", 998).expect("fits");
        add(&mut lines, "prd_a", 1).expect("fits");
        let before = lines.clone();
        for quantity in [0, 1, 1000, u32::MAX] {
            assert!(add(&mut lines, "prd_a", quantity).is_err(), "{quantity}");
        }
        assert_eq!(lines, before, "a refusal changes nothing");
        set(&mut lines, "prd_a", 0).expect("removes");
        assert_eq!(lines, Vec::<Line>::new());
    }

    #[test]
    fn a_full_cart_says_so() {
        let mut lines = Vec::new();
        (0..MAX_LINES).for_each(|i| set(&mut lines, &format!("prd_{i}"), 1).expect("fits"));
        assert_eq!(set(&mut lines, "prd_more", 1).expect_err("full").reason, "CART_FULL");
        assert!(check_room(&lines, "prd_7", 5).is_ok(), "what is there already has its place");
        assert_eq!(check_room(&lines[..5], "prd_more", 5).expect_err("full").reason, "CART_FULL");
        assert!(check_room(&lines[..4], "prd_more", 5).is_ok());
    }

    #[test]
    fn what_fits_is_moved_and_the_rest_stays() {
        let line = |id: &str, quantity| Line { product_id: id.to_owned(), quantity };
        let mut into = vec![line("prd_a", 998), line("prd_b", 1)];
        let mut from = vec![line("prd_a", 5), line("prd_c", 2), line("prd_d", 1)];
        merge(&mut into, &mut from, 3);
        assert_eq!(into, [line("prd_a", MAX_QUANTITY), line("prd_b", 1), line("prd_c", 2)]);
        assert_eq!(from, [line("prd_d", 1)]);
        let before = into.clone();
        merge(&mut into, &mut Vec::new(), 3);
        assert_eq!(into, before);
    }

    proptest! {
        #[test]
        fn lines_stay_within_their_bounds(ops in proptest::collection::vec((0u8..120, any::<bool>(), 0u32..1200), 0..300)) {
            let mut lines = Vec::new();
            for (product, adding, quantity) in ops {
                let id = format!("prd_{product}");
                let _ = if adding { add(&mut lines, &id, quantity) } else { set(&mut lines, &id, quantity) };
                prop_assert!(lines.len() <= MAX_LINES);
                prop_assert!(lines.iter().all(|l| (1..=999).contains(&l.quantity)));
            }
        }
    }
}
