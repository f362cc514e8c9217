//! Vases, carafes and jugs.

use crate::content::{Piece, goods};
use crate::picture::Pattern::{Bands, Clear, Dots, Facets, Stripes, Swirl};
use crate::picture::Shape::{Bottle, Carafe, Cylinder, Jug, Vase};
use crate::picture::Spec;

pub(super) const PIECES: &[Piece] = &[
    goods("vases", "tall-vase", "Tall vase, river green", (8900, 1450, 1200), &["green", "hand blown", "tall"], Spec::new(Vase, 155, 175, Clear, 100),
        "Blown in one gather and swung until it found its height. The green is iron, the same that tints a bottle, only thicker where the wall slows the light."),
    goods("vases", "one-stem", "One-stem bottle vase", (2400, 320, 4200), &["clear", "small", "gift"], Spec::new(Bottle, 195, 210, Clear, 92),
        "A neck just wide enough for one ranunculus. The base is left heavy on purpose: it stands even when the stem leans."),
    goods("vases", "storm-vase", "Storm vase", (14500, 2100, 600), &["blue", "swirl", "hand blown"], Spec::new(Vase, 215, 250, Swirl, 112),
        "Cobalt cane is laid over the hot gather and twisted half a turn before blowing. No two storms run the same way round."),
    goods("vases", "pebble-vase", "Pebble vase", (5600, 890, 1500), &["smoke", "round", "desk"], Spec::new(Bottle, 30, 45, Clear, 120),
        "Smoke-grey and round as something a river has finished with. Sandblasted outside, polished within, so that it glows rather than shines."),
    goods("vases", "candy-vase", "Candy-stripe vase", (7200, 980, 1100), &["stripes", "red", "cane"], Spec::new(Cylinder, 350, 15, Stripes, 100),
        "Thirty-two pulled canes stand side by side in the wall of this cylinder. Fill it with plain branches; it needs no help."),
    goods("vases", "lichen-vase", "Lichen vase", (9900, 1300, 800), &["green", "dots", "hand blown"], Spec::new(Vase, 80, 130, Dots, 105),
        "Crushed glass in three greens is picked up from the marver like sugar. Up close it is a map, from across the room a meadow."),
    goods("vases", "amber-flask", "Amber flask", (4800, 610, 1900), &["amber", "small", "recycled"], Spec::new(Bottle, 38, 28, Bands, 100),
        "Made of the beer bottles of one street festival. Seeds and small bubbles stay in: they are how you know."),
    goods("vases", "ice-column", "Ice column", (11800, 2600, 500), &["clear", "facets", "cut"], Spec::new(Cylinder, 200, 190, Facets, 108),
        "Cut with a stone wheel into planes that catch whatever the weather offers. Heavy enough to stay where you put it."),
    goods("vases", "dawn-vase", "Dawn vase", (8300, 1150, 900), &["pink", "gradient", "hand blown"], Spec::new(Vase, 340, 45, Bands, 95),
        "From rose at the lip to apricot at the foot, in a gradient that takes six reheats. We throw away every third; this is one of the others."),
    goods("vases", "museum-amphora", "Museum amphora", (185_000, 5200, 6), &["rare", "blue", "signed"], Spec::new(Vase, 225, 45, Facets, 125),
        "After a Roman piece in Cologne, one metre of drawn neck included. Signed, numbered, and packed by two people who hold their breath."),
    goods("carafes", "water-carafe", "Water carafe", (4200, 780, 3200), &["clear", "water", "kitchen"], Spec::new(Carafe, 200, 205, Clear, 100),
        "Holds a litre and pours without a drip, which is harder than it sounds. The flared lip is tooled while the glass still moves."),
    goods("carafes", "wine-decanter", "Wide decanter", (9600, 1250, 900), &["clear", "wine", "gift"], Spec::new(Carafe, 320, 330, Clear, 125),
        "The widest belly we can blow without a mould, so that a young red meets as much air as it needs. Rinse with warm water and rice."),
    goods("carafes", "lemonade-jug", "Lemonade jug", (6400, 1320, 1400), &["yellow", "kitchen", "summer"], Spec::new(Jug, 55, 70, Bands, 105),
        "A pulled handle that fits a wet hand and a spout that forgives. Two litres, with room for the ice."),
    goods("carafes", "night-carafe", "Night carafe", (3800, 560, 2000), &["blue", "bedside", "water"], Spec::new(Carafe, 230, 245, Clear, 84),
        "For the bedside: half a litre, and a tumbler that sits upside down on the neck as its lid. The blue is dark enough to sleep beside."),
    goods("carafes", "oil-jug", "Oil jug", (2900, 340, 2600), &["green", "kitchen", "small"], Spec::new(Jug, 110, 95, Clear, 72),
        "A narrow spout for olive oil, thin as a reed and fire-polished. It was a laboratory form before it came to the table."),
    goods("carafes", "twisted-jug", "Twisted jug", (7700, 1180, 700), &["swirl", "turquoise", "hand blown"], Spec::new(Jug, 180, 200, Swirl, 100),
        "An optic mould ribs it, a turn of the pipe twists it, and water poured from it seems to turn the other way."),
];
