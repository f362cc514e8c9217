//! A cart is bought by one purchase at a time, and what was bought is subtracted once.

use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;

use super::Line;

/// Most ended purchases that a cart remembers, of those that came to nothing and of those that were settled. A call that comes late
/// or again comes within seconds; a customer does not end so many purchases meanwhile. Settled ones are remembered by themselves, for
/// many may come to nothing soon, and a second settlement would take out what was not bought.
pub const MAX_ENDED: usize = 32;

/// Which purchase has a cart, and which have ended lately. Purchases are named by the ids of their orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchases {
    current: Option<String>,
    /// Those that came to nothing; in carts of before `settled` was kept, all. The latest last.
    ended: Vec<String>,
    /// Those whose lines were subtracted. The latest last.
    #[serde(default)]
    settled: Vec<String>,
}

impl Purchases {
    /// The purchase that has the cart.
    pub fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// Gives the cart to a purchase of these lines. Returns false if it has the cart already.
    pub fn take(&mut self, lines: &[Line], purchase_id: &str, wanted: &[Line]) -> Result<bool, Problem> {
        if let Some(current) = &self.current {
            return if current == purchase_id { Ok(false) } else { Err(Problem::cart_in_purchase(current)) };
        }
        if self.has_ended(purchase_id) {
            return Err(Problem::aborted("PURCHASE_ENDED", "the purchase has ended already"));
        }
        let holds =
            |wanted: &Line| lines.iter().any(|l| l.product_id == wanted.product_id && l.quantity >= wanted.quantity);
        if !wanted.iter().all(holds) {
            return Err(Problem::aborted("CART_CHANGED", "the cart has changed meanwhile: look at it again"));
        }
        self.current = Some(purchase_id.to_owned());
        Ok(true)
    }

    /// Frees the cart after a purchase that came to nothing. Returns false if that was done before.
    pub fn release(&mut self, purchase_id: &str) -> bool {
        let first = !self.has_ended(purchase_id);
        if first {
            self.free(purchase_id);
            remember(&mut self.ended, purchase_id);
        }
        first
    }

    /// Subtracts what a purchase has bought, and frees the cart. Returns false if that was done before.
    pub fn settle(&mut self, lines: &mut Vec<Line>, purchase_id: &str, bought: &[Line]) -> bool {
        let first = !self.has_ended(purchase_id);
        if first {
            self.free(purchase_id);
            remember(&mut self.settled, purchase_id);
            for line in lines.iter_mut() {
                let bought = bought.iter().filter(|b| b.product_id == line.product_id);
                line.quantity = bought.fold(line.quantity, |left, b| left.saturating_sub(b.quantity));
            }
            lines.retain(|l| l.quantity > 0);
        }
        first
    }

    fn has_ended(&self, purchase_id: &str) -> bool {
        self.ended.iter().chain(&self.settled).any(|e| e == purchase_id)
    }

    fn free(&mut self, purchase_id: &str) {
        self.current.take_if(|current| current == purchase_id);
    }
}

fn remember(ended: &mut Vec<String>, purchase_id: &str) {
    if ended.len() >= MAX_ENDED {
        ended.remove(0);
    }
    ended.push(purchase_id.to_owned());
}

#[cfg(test)]
mod tests {
    use super::{Line, MAX_ENDED, Purchases};
    use proptest::prelude::{prop_assert_eq, proptest};

    fn line(id: &str, quantity: u32) -> Line {
        Line { product_id: id.to_owned(), quantity }
    }

    #[test]
    fn one_purchase_at_a_time() {
        let (cart, mut purchases) = (vec![line("prd_a", 2)], Purchases::default());
        let mut take = |id: &str, wanted: &[Line]| purchases.take(&cart, id, wanted).map_err(|p| p.reason);
        assert_eq!(take("ord_1", &[line("prd_a", 3)]), Err("CART_CHANGED"), "more than there is");
        assert_eq!(take("ord_1", &[line("prd_b", 1)]), Err("CART_CHANGED"), "what is not there");
        assert_eq!(take("ord_1", &[line("prd_a", 2)]), Ok(true));
        assert_eq!(take("ord_1", &[line("prd_a", 2)]), Ok(false), "a repeat");
        assert_eq!(take("ord_2", &[line("prd_a", 1)]), Err("CART_IN_PURCHASE"));
        assert!(purchases.release("ord_1") && !purchases.release("ord_1"));
        let mut take = |id: &str| purchases.take(&cart, id, &[line("prd_a", 2)]).map_err(|p| p.reason);
        assert_eq!(take("ord_1"), Err("PURCHASE_ENDED"), "it comes late");
        assert_eq!(take("ord_2"), Ok(true));
    }

    #[test]
    fn a_release_frees_only_its_own() {
        let (cart, mut purchases) = (vec![line("prd_a", 1)], Purchases::default());
        purchases.take(&cart, "ord_1", &cart).expect("free");
        assert!(purchases.release("ord_2"));
        assert_eq!(purchases.current(), Some("ord_1"));
    }

    #[test]
    fn what_ended_long_ago_is_forgotten() {
        let mut purchases = Purchases::default();
        assert!((0..=MAX_ENDED).all(|n| purchases.release(&format!("ord_{n}"))));
        assert_eq!(purchases.ended.len(), MAX_ENDED);
        assert!(!purchases.release(&format!("ord_{MAX_ENDED}")));
    }

    #[test]
    fn a_settled_purchase_is_known_however_many_come_to_nothing() {
        let bought = [line("prd_a", 1)];
        let (mut cart, mut purchases) = (vec![line("prd_a", 3)], Purchases::default());
        purchases.take(&cart, "ord_1", &bought).expect("free");
        assert!(purchases.settle(&mut cart, "ord_1", &bought));
        assert!((0..=MAX_ENDED).all(|n| purchases.release(&format!("ord_refused_{n}"))));
        assert!(!purchases.settle(&mut cart, "ord_1", &bought) && !purchases.release("ord_1"));
        assert_eq!(cart, [line("prd_a", 2)]);
        let mut old = Purchases { ended: vec!["ord_1".to_owned()], ..Purchases::default() };
        assert!(!old.settle(&mut cart, "ord_1", &bought), "carts of before had one list");
    }

    #[test]
    fn exactly_what_was_bought_goes_and_once() {
        let bought = [line("prd_a", 2), line("prd_b", 1), line("prd_c", 5)];
        let mut cart: Vec<Line> = bought.to_vec();
        let mut purchases = Purchases::default();
        purchases.take(&cart, "ord_1", &bought).expect("free");
        // Meanwhile one more of a, all of b taken out, less of c, and something new.
        cart = vec![line("prd_a", 3), line("prd_c", 4), line("prd_d", 7)];
        for first in [true, false] {
            assert_eq!(purchases.settle(&mut cart, "ord_1", &bought), first);
            assert_eq!(cart, [line("prd_a", 1), line("prd_d", 7)]);
        }
        assert_eq!(purchases.current(), None);
    }

    proptest! {
        /// Whatever is put in while a purchase is under way is what is left, if nothing is taken out.
        #[test]
        fn what_was_added_stays(before in proptest::collection::vec(1u32..100, 1..6), added in proptest::collection::vec(0u32..100, 6)) {
            let named = |quantities: &[u32]| -> Vec<Line> {
                (0..).zip(quantities).filter(|(_, q)| **q > 0).map(|(n, q)| line(&format!("prd_{n}"), *q)).collect()
            };
            let bought = named(&before);
            let sums: Vec<u32> = (0..6).map(|n| before.get(n).copied().unwrap_or(0) + added[n]).collect();
            let (mut cart, mut purchases) = (named(&sums), Purchases::default());
            purchases.take(&bought, "ord_1", &bought).expect("free");
            purchases.settle(&mut cart, "ord_1", &bought);
            prop_assert_eq!(cart, named(&added));
        }
    }
}
