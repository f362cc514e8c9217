//! Counting what was bought together, and choosing from it.

use std::collections::{BTreeMap, HashSet};

/// Most partners that are remembered of one product; of more, the rarest are forgotten.
pub const MAX_PARTNERS: usize = 200;
/// Most products of one order that are learnt from: a whole shop in one basket says nothing.
pub const MAX_BASKET: usize = 20;

/// How often others were bought together with a product.
pub type Partners = BTreeMap<String, u64>;

/// Counts one basket for one of its products.
pub fn learn(partners: &mut Partners, product: &str, basket: &[String]) {
    for other in basket.iter().filter(|other| *other != product) {
        *partners.entry(other.clone()).or_default() += 1;
    }
    while partners.len() > MAX_PARTNERS {
        let rarest = partners.iter().min_by_key(|(_, count)| **count).map(|(id, _)| id.clone());
        rarest.map(|id| partners.remove(&id));
    }
}

/// The products bought most often together with any of these, best first; never one of these.
pub fn choose(asked: &[String], of_each: &[Partners]) -> Vec<(String, u64)> {
    let asked: HashSet<&String> = asked.iter().collect();
    let mut best: BTreeMap<&String, u64> = BTreeMap::new();
    for (id, count) in of_each.iter().flatten().filter(|(id, _)| !asked.contains(id)) {
        let known = best.entry(id).or_default();
        *known = (*known).max(*count);
    }
    let mut chosen: Vec<(String, u64)> = best.into_iter().map(|(id, count)| (id.clone(), count)).collect();
    chosen.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    chosen
}

#[cfg(test)]
mod tests {
    use super::{MAX_PARTNERS, Partners, choose, learn};

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn what_is_bought_together_is_recommended() {
        let mut vase = Partners::new();
        learn(&mut vase, "vase", &ids(&["vase", "bowl"]));
        learn(&mut vase, "vase", &ids(&["vase", "bowl", "lamp"]));
        let mut bowl = Partners::new();
        learn(&mut bowl, "bowl", &ids(&["vase", "bowl", "lamp"]));
        assert_eq!(
            choose(&ids(&["vase"]), std::slice::from_ref(&vase)),
            [("bowl".to_owned(), 2), ("lamp".to_owned(), 1)]
        );
        assert_eq!(choose(&ids(&["vase", "bowl"]), &[vase, bowl]), [("lamp".to_owned(), 1)]);
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_frequent() {
        let mut partners = Partners::new();
        learn(&mut partners, "x", &ids(&["often"]));
        for i in 0..2 * MAX_PARTNERS {
            learn(&mut partners, "x", &ids(&["often", &format!("rare{i}")]));
        }
        assert_eq!(partners.len(), MAX_PARTNERS);
        assert_eq!(partners.get("often").copied(), Some(2 * MAX_PARTNERS as u64 + 1));
    }
}
