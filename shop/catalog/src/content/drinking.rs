//! Drinking glasses.

use vitrine_shop_pictures::Pattern::{Bands, Clear, Dots, Facets, Stripes, Swirl};
use vitrine_shop_pictures::Shape::{Flute, Goblet, Tumbler};
use vitrine_shop_pictures::Spec;

use crate::content::{Piece, goods};

pub(super) const PIECES: &[Piece] = &[
    goods(
        "drinking-glasses",
        "everyday-tumbler",
        "Everyday tumbler",
        (1400, 210, 5000),
        &["clear", "water", "kitchen"],
        Spec::new(Tumbler, 190, 200, Clear, 100).clear(),
        "The first thing every apprentice makes a hundred of. Thin lip, thick foot, and it survives the dishwasher.",
    ),
    goods(
        "drinking-glasses",
        "bubble-tumbler",
        "Bubble tumbler",
        (1900, 230, 4200),
        &["recycled", "green", "water"],
        Spec::new(Tumbler, 165, 150, Dots, 102),
        "Baking soda in the gather makes the bubbles, old windows make the green. Each holds a third of a litre of anything.",
    ),
    goods(
        "drinking-glasses",
        "whisky-cut",
        "Cut whisky glass",
        (4600, 410, 1600),
        &["cut", "facets", "gift"],
        Spec::new(Tumbler, 35, 45, Facets, 92).clear(),
        "Nine flat cuts and a star in the base, polished by hand with pumice and cork. Sits in the palm like a stone.",
    ),
    goods(
        "drinking-glasses",
        "forest-goblet",
        "Forest goblet",
        (3900, 290, 1800),
        &["green", "wine", "hand blown"],
        Spec::new(Goblet, 140, 120, Clear, 100),
        "A wine glass in the green of old forest glasshouses, where wood ash did the colouring. The stem is drawn from the bowl, not stuck on.",
    ),
    goods(
        "drinking-glasses",
        "ruby-goblet",
        "Gold-ruby goblet",
        (12400, 330, 420),
        &["red", "wine", "gold ruby"],
        Spec::new(Goblet, 350, 340, Clear, 106).deep(),
        "The red is real gold, a few milligrams of it, struck in the second heat. Held to a candle it is the colour of the inside of an eyelid.",
    ),
    goods(
        "drinking-glasses",
        "festival-flute",
        "Festival flute",
        (3200, 190, 2400),
        &["clear", "sparkling", "gift"],
        Spec::new(Flute, 205, 215, Clear, 100).clear(),
        "Tall and narrow, with one bubble left in the foot so that the others have something to aspire to.",
    ),
    goods(
        "drinking-glasses",
        "ribbon-flute",
        "Ribbon flute",
        (4100, 200, 1300),
        &["swirl", "pink", "sparkling"],
        Spec::new(Flute, 330, 300, Swirl, 100),
        "A single ribbon of rose cane climbs the stem and opens in the bowl. Sold one at a time, because somebody always breaks one.",
    ),
    goods(
        "drinking-glasses",
        "milk-glass",
        "Milk glass beaker",
        (2200, 260, 2000),
        &["white", "opal", "breakfast"],
        Spec::new(Tumbler, 210, 200, Bands, 96).opal(),
        "Opal glass, white as the thing it is for, with bands of sky. Children are allowed to use it; we made it thick.",
    ),
    goods(
        "drinking-glasses",
        "stripe-beaker",
        "Striped beaker",
        (2600, 240, 1900),
        &["stripes", "cane", "blue"],
        Spec::new(Tumbler, 220, 185, Stripes, 100),
        "Canes in two blues, laid like planks and blown thin. A set of six costs us a morning and a good deal of patience.",
    ),
];
