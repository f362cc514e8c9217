//! Pictures of glass, drawn as SVG: a shape, two hues and a pattern make a piece.
//!
//! Vessels are profiles turned around their axis; what is no vessel draws itself in `picture/things.rs`. Everything is
//! computed: a picture is a few kilobytes, refers to nothing outside and holds no script.

mod things;
mod vessels;

use std::fmt::Write as _;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Vase,
    Bottle,
    Cylinder,
    Tumbler,
    Goblet,
    Flute,
    Bowl,
    Plate,
    Carafe,
    Jug,
    Lamp,
    Sphere,
    Drop,
    Paperweight,
    Beads,
    Panel,
    Furnace,
    Torch,
    Kiln,
}

/// What its surface shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Clear,
    Stripes,
    Bands,
    Dots,
    Swirl,
    Facets,
}

/// How a piece looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    shape: Shape,
    /// Degrees on the colour wheel.
    hue: u16,
    hue2: u16,
    pattern: Pattern,
    /// Width in percent of the shape's usual one.
    width: u16,
}

impl Spec {
    pub(crate) const fn new(shape: Shape, hue: u16, hue2: u16, pattern: Pattern, width: u16) -> Self {
        Self { shape, hue, hue2, pattern, width }
    }
}

/// A look for a product of a category, by chance that the seed decides.
pub(crate) fn spec_for(seed: u64, category: &str) -> Spec {
    const PATTERNS: [Pattern; 6] =
        [Pattern::Clear, Pattern::Stripes, Pattern::Bands, Pattern::Dots, Pattern::Swirl, Pattern::Facets];
    let shapes: &[Shape] = match category {
        "vases" => &[Shape::Vase, Shape::Bottle, Shape::Cylinder],
        "drinking-glasses" => &[Shape::Tumbler, Shape::Goblet, Shape::Flute],
        "carafes" => &[Shape::Carafe, Shape::Jug],
        "bowls" => &[Shape::Bowl, Shape::Plate],
        "lamps" => &[Shape::Lamp],
        "jewellery" => &[Shape::Beads, Shape::Drop],
        "ornaments" => &[Shape::Sphere, Shape::Drop],
        "paperweights" => &[Shape::Paperweight],
        "windows" => &[Shape::Panel],
        _ => &[Shape::Furnace, Shape::Torch, Shape::Kiln],
    };
    let pick = |shift: u32, n: usize| usize::try_from((seed >> shift) & 0xffff).unwrap_or(0) % n.max(1);
    let hue = u16::try_from(pick(0, 360)).unwrap_or(0);
    let turn = u16::try_from(pick(16, 120)).unwrap_or(0);
    let width = 84 + u16::try_from(pick(24, 36)).unwrap_or(0);
    Spec::new(shapes[pick(32, shapes.len())], hue, (hue + 300 + turn) % 360, PATTERNS[pick(44, PATTERNS.len())], width)
}

/// A colour: hue of the piece, saturation and lightness in percent.
fn hsl(hue: u16, saturation: u16, lightness: u16) -> String {
    format!("hsl({hue},{saturation}%,{lightness}%)")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The piece as a standalone SVG document.
pub(crate) fn svg(spec: &Spec, title: &str) -> String {
    let (h, h2) = (spec.hue, spec.hue2);
    let mut out = String::with_capacity(6 * 1024);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 400\" role=\"img\"><title>{}</title><defs>\
         <radialGradient id=\"b\" cx=\".5\" cy=\".38\" r=\".8\"><stop offset=\"0\" stop-color=\"{}\"/><stop offset=\"1\" stop-color=\"{}\"/></radialGradient>\
         <linearGradient id=\"g\"><stop offset=\"0\" stop-color=\"{}\" stop-opacity=\".92\"/><stop offset=\".18\" stop-color=\"{}\" stop-opacity=\".62\"/>\
         <stop offset=\".5\" stop-color=\"{}\" stop-opacity=\".38\"/><stop offset=\".82\" stop-color=\"{}\" stop-opacity=\".66\"/><stop offset=\"1\" stop-color=\"{}\" stop-opacity=\".95\"/></linearGradient>\
         <linearGradient id=\"f\" x2=\"0\" y2=\"1\"><stop offset=\"0\" stop-color=\"#fff\" stop-opacity=\".35\"/><stop offset=\".55\" stop-color=\"#fff\" stop-opacity=\"0\"/>\
         <stop offset=\"1\" stop-color=\"{}\" stop-opacity=\".55\"/></linearGradient>\
         <radialGradient id=\"s\"><stop offset=\"0\" stop-color=\"{}\" stop-opacity=\".38\"/><stop offset=\"1\" stop-color=\"{}\" stop-opacity=\"0\"/></radialGradient></defs>\
         <rect width=\"400\" height=\"400\" fill=\"url(#b)\"/>",
        escape(title),
        hsl(h, 30, 97),
        hsl(h, 28, 86),
        hsl(h, 62, 36),
        hsl(h, 62, 56),
        hsl(h, 70, 76),
        hsl(h2, 62, 56),
        hsl(h2, 60, 34),
        hsl(h2, 65, 30),
        hsl(h, 60, 20),
        hsl(h, 60, 20),
    );
    match vessels::profile(spec.shape) {
        Some(profile) => vessels::draw(&mut out, spec, profile),
        None => things::draw(&mut out, spec),
    }
    out.push_str("</svg>");
    out
}

/// The shadow on the table.
fn shadow(out: &mut String, y: f64, rx: f64) {
    let _ = write!(
        out,
        "<ellipse cx=\"206\" cy=\"{y:.0}\" rx=\"{rx:.0}\" ry=\"{:.0}\" fill=\"url(#s)\"/>",
        (rx * 0.16).max(9.0)
    );
}

/// The pattern over an area, to be clipped by the piece's outline.
fn pattern(out: &mut String, spec: &Spec, (left, top, right, bottom): (f64, f64, f64, f64)) {
    let (width, height) = (right - left, bottom - top);
    let (a, b) = (hsl(spec.hue2, 70, 48), hsl(spec.hue, 75, 88));
    match spec.pattern {
        Pattern::Clear => {}
        Pattern::Stripes => {
            for i in 0..14 {
                // Narrow towards the edges, as on something round.
                let angle = std::f64::consts::PI * (f64::from(i) + 0.5) / 14.0;
                let (x, w) = (left + width * (1.0 - angle.cos()) / 2.0, width * angle.sin() / 22.0);
                let colour = if i % 2 == 0 { &a } else { &b };
                let _ = write!(
                    out,
                    "<rect x=\"{:.1}\" y=\"{top:.0}\" width=\"{w:.1}\" height=\"{height:.0}\" fill=\"{colour}\" opacity=\".6\"/>",
                    x - w / 2.0
                );
            }
        }
        Pattern::Bands => {
            for i in 0..6 {
                let y = top + height * (f64::from(i) + 0.6) / 6.0;
                let colour = if i % 2 == 0 { &a } else { &b };
                let _ = write!(
                    out,
                    "<path d=\"M{left:.0} {y:.0}Q{:.0} {:.0} {right:.0} {y:.0}\" stroke=\"{colour}\" stroke-width=\"{:.0}\" fill=\"none\" opacity=\".55\"/>",
                    (left + right) / 2.0,
                    y + width * 0.14,
                    height / 22.0 + f64::from(i)
                );
            }
        }
        Pattern::Dots => {
            // A sunflower's spiral fills an area evenly without a grid.
            for i in 0..46 {
                let (angle, reach) = (f64::from(i) * 2.399_963, (f64::from(i) / 46.0).sqrt());
                let (x, y) = (
                    left + width / 2.0 + angle.cos() * reach * width / 2.0,
                    top + height / 2.0 + angle.sin() * reach * height / 2.0,
                );
                let (r, colour) = (2.5 + f64::from(i * 7 % 5) * 1.3, if i % 3 == 0 { &b } else { &a });
                let _ =
                    write!(out, "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"{r:.1}\" fill=\"{colour}\" opacity=\".7\"/>");
            }
        }
        Pattern::Swirl => {
            for i in 0..7 {
                let y = top - height * 0.25 + height * f64::from(i) / 5.0;
                let colour = if i % 2 == 0 { &a } else { &b };
                let _ = write!(
                    out,
                    "<path d=\"M{left:.0} {:.0}C{:.0} {:.0} {:.0} {:.0} {right:.0} {y:.0}\" stroke=\"{colour}\" stroke-width=\"{:.0}\" fill=\"none\" opacity=\".55\" stroke-linecap=\"round\"/>",
                    y + height * 0.34,
                    left + width * 0.35,
                    y + height * 0.5,
                    left + width * 0.65,
                    y - height * 0.16,
                    6.0 + f64::from(i % 3) * 5.0
                );
            }
        }
        Pattern::Facets => {
            let (columns, rows) = (6_i32, 7_i32);
            let (w, h) = (width / f64::from(columns), height / f64::from(rows));
            for row in 0..=rows {
                for column in 0..=columns {
                    let (x, y) = (
                        left + w * (f64::from(column) + if row % 2 == 0 { 0.0 } else { 0.5 }),
                        top + h * f64::from(row),
                    );
                    let (colour, opacity) = if (row + column) % 3 == 0 {
                        ("#fff", 0.34)
                    } else if (row * 5 + column) % 2 == 0 {
                        (a.as_str(), 0.28)
                    } else {
                        ("#fff", 0.12)
                    };
                    let _ = write!(
                        out,
                        "<path d=\"M{x:.0} {:.0}L{:.0} {y:.0}L{x:.0} {:.0}L{:.0} {y:.0}Z\" fill=\"{colour}\" fill-opacity=\"{opacity}\" stroke=\"#fff\" stroke-opacity=\".3\"/>",
                        y - h,
                        x + w / 2.0,
                        y + h,
                        x - w / 2.0
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{spec_for, svg};
    use crate::content::{CATEGORIES, pieces};

    fn check(picture: &str) {
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>"));
        assert!(!picture.contains("<script") && !picture.contains("NaN") && !picture.contains("href"));
        assert!(picture.len() < 16 * 1024, "{} bytes", picture.len());
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
        for piece in pieces() {
            check(&svg(&piece.picture, piece.name));
        }
        for category in CATEGORIES {
            for seed in 0..20 {
                check(&svg(&spec_for(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15), category.slug), "x"));
            }
        }
        assert!(svg(&spec_for(1, "vases"), "<&\">").contains("<title>&lt;&amp;&quot;&gt;</title>"));
    }
}
