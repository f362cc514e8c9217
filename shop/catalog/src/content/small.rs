//! Jewellery, ornaments and paperweights.

use crate::content::{Piece, goods};
use crate::picture::Pattern::{Bands, Clear, Dots, Facets, Stripes, Swirl};
use crate::picture::Shape::{Beads, Drop, Paperweight, Sphere};
use crate::picture::Spec;

pub(super) const PIECES: &[Piece] = &[
    goods("jewellery", "lagoon-beads", "Lagoon beads", (6900, 85, 1300), &["beads", "turquoise", "lampworking"], Spec::new(Beads, 180, 205, Clear, 100),
        "Twenty-four beads wound over copper wire at the torch, from shallow to deep. Knotted on silk, so that a break loses one and not all."),
    goods("jewellery", "pebble-beads", "Pebble beads", (5200, 95, 1500), &["beads", "matte", "lampworking"], Spec::new(Beads, 30, 45, Dots, 100),
        "Etched until they look found rather than made. They warm up on the skin within a minute."),
    goods("jewellery", "millefiori-string", "Millefiori string", (11_400, 110, 600), &["beads", "millefiori", "bright"], Spec::new(Beads, 330, 55, Facets, 100),
        "Slices of patterned cane, a flower in each, pressed onto a core while it glows. A thousand flowers is a figure of speech; here it is nineteen beads."),
    goods("jewellery", "drop-pendant", "Drop pendant", (3400, 30, 2600), &["pendant", "clear", "gift"], Spec::new(Drop, 200, 220, Clear, 78),
        "One gather, one pull, one snip. Hangs on a steel chain and turns the room upside down if you look closely."),
    goods("ornaments", "window-ball", "Window ball", (2100, 160, 4400), &["hanging", "clear", "gift"], Spec::new(Sphere, 190, 260, Clear, 96),
        "Sailors hung them against the evil eye, everybody else hangs them because of the sun. Threads of glass inside hold it together."),
    goods("ornaments", "ember-ball", "Ember ball", (2300, 165, 3800), &["hanging", "red", "swirl"], Spec::new(Sphere, 12, 40, Swirl, 96),
        "Orange over red, blown thin. In December it is an ornament, in August a small argument with the sun."),
    goods("ornaments", "icicle-set", "Icicle", (1200, 45, 5000), &["hanging", "clear", "winter"], Spec::new(Drop, 200, 195, Stripes, 108),
        "Pulled from a rod and twisted once. Sold singly; nobody has ever bought one."),
    goods("ornaments", "comet", "Comet", (2700, 120, 2200), &["hanging", "blue", "bands"], Spec::new(Sphere, 225, 50, Bands, 90),
        "Midnight blue with a tail of silver foil trapped between two skins of glass. Comes with its own thread and hook."),
    goods("ornaments", "snowdrop", "Snowdrop", (1800, 70, 2800), &["hanging", "white", "opal"], Spec::new(Drop, 140, 110, Dots, 92),
        "Opal with a green shoulder, like the flower, and like the flower it hangs its head."),
    goods("paperweights", "meadow-weight", "Meadow paperweight", (7900, 640, 1100), &["flowers", "desk", "lampworking"], Spec::new(Paperweight, 110, 55, Dots, 100),
        "Eleven flowers, made petal by petal at the torch and set in clear crystal. The bee took longer than the flowers."),
    goods("paperweights", "galaxy-weight", "Galaxy paperweight", (8600, 660, 1000), &["blue", "swirl", "desk"], Spec::new(Paperweight, 260, 200, Swirl, 100),
        "Silver glass, reduced in the flame until it blooms, spun into an arm and a core. Unpaid bills look small beneath it."),
    goods("paperweights", "tide-pool", "Tide-pool paperweight", (8200, 650, 900), &["turquoise", "desk", "bubbles"], Spec::new(Paperweight, 175, 150, Bands, 96),
        "An anemone, three shells and the bubbles they would make. The sea floor is real sand, melted a little."),
    goods("paperweights", "cut-crystal-weight", "Cut-crystal paperweight", (6400, 720, 800), &["clear", "cut", "facets"], Spec::new(Paperweight, 205, 320, Facets, 100),
        "Thirty-three facets on a half-pound of lead-free crystal. Put it on a sunny desk and mind the manuscripts."),
];
