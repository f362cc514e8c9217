//! Any number more of products: each is computed from the seed and its number alone.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// A product that no one thought of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Generated {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) category: &'static str,
    pub(crate) tags: Vec<String>,
    pub(crate) price_minor: i64,
    pub(crate) weight_g: u32,
    pub(crate) stock: u32,
}

/// What it is: noun, category, price in euros from and to, grams from and to.
type Form = (&'static str, &'static str, (i64, i64), (u32, u32));

const FORMS: &[Form] = &[
    ("vase", "vases", (24, 190), (300, 2400)),
    ("bud vase", "vases", (14, 48), (120, 420)),
    ("flask", "vases", (22, 90), (250, 900)),
    ("tumbler", "drinking-glasses", (9, 38), (160, 320)),
    ("goblet", "drinking-glasses", (24, 120), (200, 400)),
    ("flute", "drinking-glasses", (18, 60), (140, 240)),
    ("beaker", "drinking-glasses", (12, 40), (180, 320)),
    ("carafe", "carafes", (28, 110), (500, 1300)),
    ("jug", "carafes", (30, 98), (600, 1500)),
    ("bowl", "bowls", (22, 140), (400, 2200)),
    ("plate", "bowls", (18, 80), (400, 1300)),
    ("dish", "bowls", (12, 46), (200, 600)),
    ("lamp", "lamps", (90, 420), (900, 3200)),
    ("string of beads", "jewellery", (28, 180), (50, 140)),
    ("pendant", "jewellery", (16, 80), (15, 60)),
    ("ball", "ornaments", (8, 40), (60, 200)),
    ("icicle", "ornaments", (6, 24), (30, 90)),
    ("paperweight", "paperweights", (32, 160), (400, 900)),
    ("panel", "windows", (90, 480), (1500, 4500)),
];
const COLOURS: &[&str] = &[
    "amber",
    "aquamarine",
    "black",
    "blue",
    "celadon",
    "clear",
    "cobalt",
    "coral",
    "gold-ruby",
    "green",
    "grey",
    "honey",
    "indigo",
    "ivory",
    "jade",
    "lilac",
    "moss",
    "olive",
    "opal",
    "pink",
    "rose",
    "saffron",
    "smoke",
    "teal",
    "turquoise",
    "violet",
];
const WAYS: &[(&str, &str)] = &[
    ("blown", "Blown without a mould, so that its neighbour is a little taller or a little shorter."),
    ("cut", "Cut on a stone wheel and polished until the marks are gone."),
    ("engraved", "Engraved with the copper wheel, one line after another."),
    ("fused", "Fused from sheets that lay side by side for a night in the kiln."),
    ("ribbed", "Ribbed in an optic mould; the light does the rest."),
    ("twisted", "Twisted half a turn while it was still soft."),
    ("bubbled", "Full of small bubbles that were not asked to leave."),
    ("layered", "Two layers, the inner one lighter, so that it glows at the edge."),
    ("etched", "Etched to a soft matte that takes fingerprints kindly."),
    ("threaded", "Wound about with a thread of its own colour."),
];
const PLACES: &[&str] = &[
    "Bohemian",
    "Murano",
    "Lusatian",
    "Lorraine",
    "Småland",
    "Stourbridge",
    "Otaru",
    "Waldviertel",
    "La Granja",
    "Leerdam",
    "Corning",
    "Karelian",
    "Silesian",
    "Altare",
    "Galician",
    "Bavarian",
];
const MOODS: &[&str] = &[
    "for a windowsill",
    "for two",
    "for every day",
    "for the long table",
    "for rainy days",
    "for the mantelpiece",
    "for late guests",
    "for one",
    "for the desk",
    "for the garden room",
];

/// The product of a number. The same seed always gives the same.
pub(crate) fn generate(seed: u64, index: u64) -> Generated {
    // Neighbouring numbers must not look alike: the seed of each is mixed first.
    let mut rng = SmallRng::seed_from_u64((seed.rotate_left(32) ^ index).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let pick = |rng: &mut SmallRng, words: &[&'static str]| words.choose(rng).copied().unwrap_or_default();
    let (noun, category, (low, high), (light, heavy)) = *FORMS.choose(&mut rng).unwrap_or(&FORMS[0]);
    let (way, how) = *WAYS.choose(&mut rng).unwrap_or(&WAYS[0]);
    let (colour, place, mood) = (pick(&mut rng, COLOURS), pick(&mut rng, PLACES), pick(&mut rng, MOODS));
    let article = if place.starts_with(['A', 'E', 'I', 'O', 'U']) { "An" } else { "A" };
    // Prices that end as prices do.
    let price_minor = rng.random_range(low..=high) * 100 + [0, 50, 90][rng.random_range(0..3)];
    let mut first = colour.chars();
    let name: String = first.next().into_iter().flat_map(char::to_uppercase).chain(first).collect();
    Generated {
        id: format!("prd_g{index:07}"),
        name: format!("{name} {way} {noun}, No. {}", index + 1),
        description: format!("{article} {place} {noun} in {colour} glass, {mood}. {how}"),
        category,
        tags: vec![colour.to_owned(), way.to_owned(), noun.to_owned()],
        price_minor,
        weight_g: rng.random_range(light..=heavy),
        stock: rng.random_range(50..3000),
    }
}

#[cfg(test)]
mod tests {
    use super::generate;
    use crate::content::CATEGORIES;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn every_number_has_its_product(seed in any::<u64>(), index in 0u64..10_000_000) {
            let product = generate(seed, index);
            prop_assert_eq!(&product, &generate(seed, index));
            prop_assert!(vitrine_kit::id::is_valid("prd", &product.id));
            prop_assert!(CATEGORIES.iter().any(|c| c.slug == product.category));
            prop_assert!(product.price_minor > 0 && product.weight_g > 0 && product.stock > 0);
        }
    }

    #[test]
    fn articles_agree() {
        let all = (0..500).map(|i| generate(7, i).description).collect::<Vec<_>>();
        assert!(all.iter().any(|d| d.starts_with("An Otaru ")) && !all.iter().any(|d| d.starts_with("A Otaru ")));
    }

    #[test]
    fn neighbours_and_seeds_differ() {
        let of = |seed| (0..200).map(|i| generate(seed, i).description).collect::<std::collections::HashSet<_>>();
        assert!(of(1).len() > 190);
        assert_ne!(generate(1, 5), generate(2, 5));
    }
}
