//! The hand-written pieces of the shop, and its categories.

mod drinking;
mod home;
mod small;
mod vessels;
mod workshops;

use vitrine_shop_pictures::{Shape, Spec};

/// A kind of thing that is sold.
pub(crate) struct Category {
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// What pieces look like that no one has drawn.
    shapes: &'static [Shape],
}

const fn category(
    slug: &'static str,
    name: &'static str,
    description: &'static str,
    shapes: &'static [Shape],
) -> Category {
    Category { slug, name, description, shapes }
}

/// Returns a look for a product of a category, by chance that the seed decides.
pub(crate) fn look(category: &str, seed: u64) -> Spec {
    let known = CATEGORIES.iter().find(|c| c.slug == category);
    Spec::by_chance(seed, known.map_or(WORKSHOPS, |c| c.shapes))
}

/// Of workshops, and of products whose category is gone.
const WORKSHOPS: &[Shape] = &[Shape::Furnace, Shape::Torch, Shape::Kiln, Shape::Wheel];

/// All of them.
pub(crate) const CATEGORIES: &[Category] = &[
    category(
        "vases",
        "Vases",
        "For one stem or for a whole hedge.",
        &[Shape::Vase, Shape::Bottle, Shape::Pebble, Shape::Cylinder],
    ),
    category(
        "drinking-glasses",
        "Drinking glasses",
        "Tumblers, goblets and flutes, blown one by one.",
        &[Shape::Tumbler, Shape::Goblet, Shape::Flute],
    ),
    category(
        "carafes",
        "Carafes and jugs",
        "For water, wine and what is left of the lemonade.",
        &[Shape::Carafe, Shape::Jug],
    ),
    category("bowls", "Bowls and plates", "Shallow, deep, footed and flat.", &[Shape::Bowl, Shape::Plate]),
    category(
        "lamps",
        "Lamps",
        "Glass that is at its best in the evening.",
        &[Shape::Lamp, Shape::Globe, Shape::Pendant],
    ),
    category("jewellery", "Jewellery", "Beads and pendants from the torch.", &[Shape::Beads, Shape::Drop]),
    category(
        "ornaments",
        "Ornaments",
        "Made to hang in a window and to do nothing else.",
        &[Shape::Sphere, Shape::Drop, Shape::Icicle],
    ),
    category(
        "paperweights",
        "Paperweights",
        "A garden, a storm or a galaxy to hold down a letter.",
        &[Shape::Paperweight],
    ),
    category("windows", "Windows", "Leaded panels for frames that deserve better than air.", &[Shape::Panel]),
    category("workshops", "Workshops", "An afternoon at the furnace, the torch or the bench.", WORKSHOPS),
];

/// A hand-written piece.
pub(crate) struct Piece {
    /// The product's id is `prd_` and this.
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) category: &'static str,
    pub(crate) tags: &'static [&'static str],
    /// In cents.
    pub(crate) price_minor: i64,
    /// Grams; 0 for workshops.
    pub(crate) weight_g: u32,
    /// Units or seats.
    pub(crate) stock: u32,
    pub(crate) workshop: Option<Workshop>,
    pub(crate) picture: Spec,
}

/// When and where a workshop takes place.
pub(crate) struct Workshop {
    /// Days after the shop was first started.
    pub(crate) days_ahead: u32,
    /// Minute of the day, UTC.
    pub(crate) start_minute: u32,
    /// Of teaching: what lasts several days counts its lessons, not its nights.
    pub(crate) duration_min: u32,
    pub(crate) venue: &'static str,
    /// Whether the demo promoter sells it, not the shop.
    pub(crate) promoter: bool,
}

/// What is the same for all pieces of a file.
const fn goods(
    category: &'static str,
    slug: &'static str,
    name: &'static str,
    (price_minor, weight_g, stock): (i64, u32, u32),
    tags: &'static [&'static str],
    picture: Spec,
    description: &'static str,
) -> Piece {
    Piece { slug, name, description, category, tags, price_minor, weight_g, stock, workshop: None, picture }
}

/// Every piece.
pub(crate) fn pieces() -> impl Iterator<Item = &'static Piece> {
    [vessels::PIECES, drinking::PIECES, home::PIECES, small::PIECES, workshops::PIECES].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::{CATEGORIES, pieces};
    use std::collections::HashSet;

    #[test]
    fn every_piece_can_be_sold() {
        let mut seen = HashSet::new();
        for piece in pieces() {
            assert!(seen.insert(piece.slug), "{} is there twice", piece.slug);
            assert!(vitrine_kit::id::is_valid("prd", &format!("prd_{}", piece.slug)), "{}", piece.slug);
            assert!(CATEGORIES.iter().any(|c| c.slug == piece.category), "{}", piece.slug);
            assert!(piece.price_minor > 0 && piece.stock > 0 && !piece.tags.is_empty(), "{}", piece.slug);
            assert_eq!(piece.weight_g == 0, piece.workshop.is_some(), "{}", piece.slug);
            // What the catalog asks of everyone else's events.
            let fits = |w: &super::Workshop| (15..=1440).contains(&w.duration_min) && (8..=24).contains(&piece.stock);
            assert!(piece.workshop.as_ref().is_none_or(fits), "{}", piece.slug);
            assert!(piece.description.len() > 60 && piece.name.len() < 60, "{}", piece.slug);
        }
        assert!((58..=66).contains(&seen.len()), "{}", seen.len());
    }

    #[test]
    fn every_category_has_pieces() {
        assert!(CATEGORIES.iter().map(|c| c.slug).eq(vitrine_contracts::limits::CATEGORIES.iter().copied()));
        for category in CATEGORIES {
            assert!(pieces().filter(|p| p.category == category.slug).count() >= 4, "{}", category.slug);
        }
    }
}
