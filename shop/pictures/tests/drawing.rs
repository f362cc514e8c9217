//! Every piece in every glass is a picture that a browser can show.

use vitrine_shop_pictures::{Pattern, Shape, Spec, svg};

const SHAPES: [Shape; 24] = [
    Shape::Vase,
    Shape::Bottle,
    Shape::Pebble,
    Shape::Cylinder,
    Shape::Tumbler,
    Shape::Goblet,
    Shape::Flute,
    Shape::Bowl,
    Shape::Plate,
    Shape::Carafe,
    Shape::Jug,
    Shape::Lamp,
    Shape::Globe,
    Shape::Pendant,
    Shape::Sphere,
    Shape::Drop,
    Shape::Icicle,
    Shape::Paperweight,
    Shape::Beads,
    Shape::Panel,
    Shape::Furnace,
    Shape::Torch,
    Shape::Kiln,
    Shape::Wheel,
];
const PATTERNS: [Pattern; 7] =
    [Pattern::Clear, Pattern::Stripes, Pattern::Bands, Pattern::Dots, Pattern::Swirl, Pattern::Facets, Pattern::Fade];

/// Every element is closed, nothing is loaded or run, and no number went wrong.
fn check(picture: &str) {
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>"));
    assert!(!picture.contains("<script") && !picture.contains("href"));
    assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    assert!(picture.len() < 6 * 1024, "{} bytes", picture.len());
    let (mut open, mut rest) = (Vec::new(), picture);
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("every tag ends");
        let tag = &rest[start + 1..end];
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().expect("a name")),
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty());
}

#[test]
fn every_picture_is_well_formed_and_small() {
    for shape in SHAPES {
        for pattern in PATTERNS {
            for (hue, width) in [(0, 84), (200, 100), (359, 120)] {
                let tinted = Spec::new(shape, hue, 359 - hue, pattern, width);
                let others =
                    [tinted.clone().clear(), tinted.clone().opal(), tinted.clone().smoke(), tinted.clone().deep()];
                for spec in others.iter().chain([&tinted]) {
                    check(&svg(spec, "x"));
                }
            }
        }
    }
}

#[test]
fn a_seed_decides() {
    let looks: Vec<Spec> =
        (0..200_u64).map(|n| Spec::by_chance(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), &SHAPES)).collect();
    for (n, look) in looks.iter().enumerate() {
        check(&svg(look, "x"));
        assert_eq!(*look, Spec::by_chance((n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15), &SHAPES));
        assert!(!looks[..n].contains(look), "{look:?} comes twice");
    }
}
