//! Bowls, plates, lamps and windows.

use crate::content::{Piece, goods};
use crate::picture::Pattern::{Bands, Clear, Dots, Facets, Stripes, Swirl};
use crate::picture::Shape::{Bowl, Lamp, Panel, Plate};
use crate::picture::Spec;

pub(super) const PIECES: &[Piece] = &[
    goods("bowls", "apple-bowl", "Apple bowl", (6800, 1650, 1500), &["green", "kitchen", "large"], Spec::new(Bowl, 95, 80, Clear, 105),
        "Wide enough for a kilo of apples and low enough to see who is reaching for the last. Spun open with a wet cherry-wood paddle."),
    goods("bowls", "tide-bowl", "Tide bowl", (8800, 1400, 950), &["blue", "swirl", "hand blown"], Spec::new(Bowl, 200, 175, Swirl, 100),
        "Turquoise runs down the wall and stops where the tide would. The white line is powdered enamel, thrown at the last possible moment."),
    goods("bowls", "key-dish", "Key dish", (1900, 380, 3600), &["fused", "small", "gift"], Spec::new(Plate, 15, 35, Stripes, 82),
        "A fused square of eleven strips, slumped over a form in the kiln. Lives by the door and is never empty."),
    goods("bowls", "moon-plate", "Moon plate", (5400, 1200, 1200), &["white", "plate", "opal"], Spec::new(Plate, 225, 210, Dots, 105),
        "Craters of opal in a field of grey. A cake on it looks like a landing."),
    goods("bowls", "berry-bowl", "Berry bowl", (3100, 520, 2400), &["red", "small", "breakfast"], Spec::new(Bowl, 345, 325, Clear, 76),
        "For two hands of raspberries. The foot is cut from the same piece, so there is no seam to collect the sugar."),
    goods("bowls", "rings-plate", "Tree-ring plate", (4700, 980, 1300), &["amber", "plate", "fused"], Spec::new(Plate, 32, 25, Bands, 100),
        "Ring upon ring of amber and honey, dripped through a hole in the kiln shelf. Count them: it is as old as it looks."),
    goods("lamps", "opal-globe", "Opal globe lamp", (18_900, 1900, 700), &["white", "opal", "light"], Spec::new(Lamp, 45, 50, Clear, 100),
        "Three layers of glass, the middle one white, so that the bulb disappears and only the light stays. Oak foot, cloth cable, warm until the last hour."),
    goods("lamps", "harbour-lamp", "Harbour lamp", (21_500, 2300, 480), &["blue", "light", "facets"], Spec::new(Lamp, 205, 190, Facets, 108),
        "Pressed prisms after a ship's lantern: they throw the light sideways, along the wall, where you want it."),
    goods("lamps", "mushroom-lamp", "Mushroom lamp", (14_200, 1500, 900), &["orange", "light", "bedside"], Spec::new(Lamp, 22, 38, Dots, 94),
        "A cap and a stem, both blown, both lit. It has been sat beside, read under and, once, proposed to."),
    goods("lamps", "stripe-pendant", "Striped pendant lamp", (16_800, 1250, 650), &["stripes", "light", "kitchen"], Spec::new(Lamp, 170, 60, Stripes, 90),
        "Hangs over a table and draws a circle on it. The stripes are sage and straw; the ceiling rose is brass."),
    goods("windows", "willow-panel", "Willow panel", (24_000, 3100, 420), &["leaded", "green", "hanging"], Spec::new(Panel, 120, 60, Stripes, 100),
        "Long leaves in six greens, leaded by hand and puttied with linseed. Hang it where the morning comes in."),
    goods("windows", "harlequin-panel", "Harlequin panel", (21_000, 2900, 500), &["leaded", "bright", "hanging"], Spec::new(Panel, 10, 200, Facets, 100),
        "Diamonds of mouth-blown antique glass, no two from the same sheet. On the floor opposite it makes a second, better panel."),
    goods("windows", "river-panel", "River panel", (26_500, 3300, 410), &["leaded", "blue", "hanging"], Spec::new(Panel, 205, 180, Swirl, 100),
        "One lead line wanders from corner to corner and the blues keep to their banks. Streaky glass does the current."),
    goods("windows", "winter-sun", "Winter sun roundel", (13_800, 1700, 600), &["roundel", "amber", "hanging"], Spec::new(Panel, 42, 20, Bands, 96),
        "A spun crown bullion in the middle, the navel of an old window, with rays of amber around it. For north-facing rooms."),
    goods("windows", "crown-shard-panel", "Patchwork panel", (15_900, 2100, 520), &["leaded", "recycled", "bright"], Spec::new(Panel, 280, 150, Dots, 100),
        "Offcuts of forty other windows, kept for years in a drawer marked Later. It is later."),
];
