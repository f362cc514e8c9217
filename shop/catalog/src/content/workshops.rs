//! Workshops: seats at a time and place.

use vitrine_shop_pictures::Pattern::{Clear, Dots, Facets, Stripes, Swirl};
use vitrine_shop_pictures::Shape::{Furnace, Kiln, Panel, Torch, Wheel};
use vitrine_shop_pictures::Spec;

use crate::content::{Piece, Workshop};

const HOT_SHOP: &str = "The hot shop, Glashüttenweg 4, Dresden";
const FLAME_ROOM: &str = "The flame room, first floor, Glashüttenweg 4, Dresden";
const COLD_SHOP: &str = "The cold shop, courtyard, Glashüttenweg 4, Dresden";
const MURANO: &str = "The old furnace, Calle dei Soffiatori, Murano";

const fn workshop(
    slug: &'static str,
    name: &'static str,
    (price_minor, seats): (i64, u32),
    (days_ahead, start_minute, duration_min, venue, promoter): (u32, u32, u32, &'static str, bool),
    tags: &'static [&'static str],
    picture: Spec,
    description: &'static str,
) -> Piece {
    let workshop = Some(Workshop { days_ahead, start_minute, duration_min, venue, promoter });
    Piece {
        slug,
        name,
        description,
        category: "workshops",
        tags,
        price_minor,
        weight_g: 0,
        stock: seats,
        workshop,
        picture,
    }
}

pub(super) const PIECES: &[Piece] = &[
    workshop(
        "first-tumbler",
        "Blow your first tumbler",
        (8900, 24),
        (14, 10 * 60, 120, HOT_SHOP, false),
        &["beginners", "hot glass", "tumbler"],
        Spec::new(Furnace, 25, 45, Clear, 100),
        "Two hours, one furnace at 1,140 degrees, and somebody beside you who has done it ten thousand times. You take home what you made, on Thursday, when it has cooled.",
    ),
    workshop(
        "evening-paperweight",
        "Paperweight evening",
        (7400, 16),
        (17, 17 * 60, 150, HOT_SHOP, false),
        &["beginners", "hot glass", "evening"],
        Spec::new(Furnace, 260, 200, Swirl, 100),
        "The gentlest way to meet molten glass: no blowing, only gathering, colour and patience. With soup.",
    ),
    workshop(
        "three-beads",
        "Three beads at the torch",
        (5900, 12),
        (9, 18 * 60, 120, FLAME_ROOM, true),
        &["beginners", "lampworking", "beads"],
        Spec::new(Torch, 205, 20, Clear, 100),
        "A small flame, a thin rod and a steel mandrel. The first bead will be a potato, the third will not.",
    ),
    workshop(
        "flower-implosions",
        "Flowers in the flame",
        (9800, 10),
        (23, 9 * 60, 300, FLAME_ROOM, true),
        &["advanced", "lampworking", "flowers"],
        Spec::new(Torch, 330, 60, Dots, 100),
        "The compression trick by which a dot becomes a petal. For those who have made beads before and want to know how it is done.",
    ),
    workshop(
        "stained-glass-weekend",
        "Stained-glass weekend",
        (24_900, 12),
        (30, 9 * 60, 2 * 480, COLD_SHOP, false),
        &["beginners", "leaded", "weekend"],
        Spec::new(Panel, 320, 170, Facets, 92),
        "Cut, foil, lead, solder: a panel of your own design in two days of eight hours. Bring a drawing with straight lines; we teach the curves.",
    ),
    workshop(
        "fused-plates",
        "Fused plates for two",
        (12_800, 14),
        (12, 14 * 60, 180, COLD_SHOP, false),
        &["beginners", "fused", "couples"],
        Spec::new(Kiln, 30, 190, Stripes, 100),
        "One sheet of glass, two people, no raised voices. The kiln decides in the night which of you was right.",
    ),
    workshop(
        "engraving-basics",
        "Engraving with the copper wheel",
        (8600, 8),
        (19, 10 * 60, 240, COLD_SHOP, true),
        &["beginners", "engraving", "cut"],
        Spec::new(Wheel, 200, 35, Clear, 100),
        "A spinning copper disc, oil, emery, and a line that cannot be taken back. You begin with a feather and end with a name.",
    ),
    workshop(
        "family-ornaments",
        "Family ornaments",
        (3900, 20),
        (8, 11 * 60, 90, HOT_SHOP, false),
        &["children", "ornaments", "beginners"],
        Spec::new(Furnace, 350, 120, Dots, 100),
        "Children from six blow, grown-ups hold the pipe. Everybody leaves with a ball and with opinions about colour.",
    ),
    workshop(
        "cane-pulling",
        "Pulling cane",
        (16_500, 8),
        (33, 8 * 60, 420, HOT_SHOP, true),
        &["advanced", "hot glass", "cane"],
        Spec::new(Furnace, 205, 350, Stripes, 100),
        "Ten metres of striped glass from a lump the size of an orange, walked across the yard by two people. Rain moves it to the following day.",
    ),
    workshop(
        "murano-week",
        "A week in Murano",
        (148_000, 8),
        (60, 8 * 60, 5 * 240, MURANO, true),
        &["advanced", "hot glass", "travel"],
        Spec::new(Furnace, 45, 330, Swirl, 100),
        "Five mornings of four hours on the bench of a master who speaks mostly with his hands. Lodging is not included, humility is.",
    ),
    workshop(
        "open-bench",
        "Open bench",
        (4500, 18),
        (7, 16 * 60, 180, FLAME_ROOM, false),
        &["practice", "lampworking", "evening"],
        Spec::new(Torch, 150, 250, Swirl, 100),
        "A torch, a rack of rods and nobody who tells you what to do. For everyone who has taken a course with us or somewhere like us.",
    ),
    workshop(
        "repair-cafe",
        "Mend a window",
        (2900, 15),
        (15, 13 * 60, 180, COLD_SHOP, false),
        &["repair", "leaded", "beginners"],
        Spec::new(Panel, 60, 210, Dots, 92),
        "Bring the cracked panel from the attic. We bring lead, putty and the drawer of old glass, and most of the time it fits.",
    ),
];
