//! Pictures of glass, drawn as SVG: a shape, two hues and a pattern make a piece.
//!
//! Vessels are profiles turned around their axis; what is no vessel draws itself, in the other files of
//! `picture/`. Everything is computed: a picture is a few kilobytes, refers to nothing outside and holds no script.

mod lamps;
mod things;
mod vessels;
mod workshops;

use std::fmt::Write as _;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Vase,
    Bottle,
    Pebble,
    Cylinder,
    Tumbler,
    Goblet,
    Flute,
    Bowl,
    Plate,
    Carafe,
    Jug,
    Lamp,
    Globe,
    Pendant,
    Sphere,
    Drop,
    Icicle,
    Paperweight,
    Beads,
    Panel,
    Furnace,
    Torch,
    Kiln,
    Wheel,
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
    /// The second hue grows towards the foot.
    Fade,
}

/// How much colour is in the glass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    Tinted,
    Clear,
    Opal,
    Smoke,
    Deep,
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
    finish: Finish,
}

impl Spec {
    pub(crate) const fn new(shape: Shape, hue: u16, hue2: u16, pattern: Pattern, width: u16) -> Self {
        Self { shape, hue, hue2, pattern, width, finish: Finish::Tinted }
    }

    /// Of colourless glass: the hues are a breath of reflection.
    pub(crate) const fn clear(self) -> Self {
        Self { finish: Finish::Clear, ..self }
    }

    /// Of white glass.
    pub(crate) const fn opal(self) -> Self {
        Self { finish: Finish::Opal, ..self }
    }

    /// Of grey glass.
    pub(crate) const fn smoke(self) -> Self {
        Self { finish: Finish::Smoke, ..self }
    }

    /// Of glass so full of colour that little light comes through.
    pub(crate) const fn deep(self) -> Self {
        Self { finish: Finish::Deep, ..self }
    }

    /// A colour of this glass: what tinted glass would show, in percent, as the finish changes it.
    fn hsl(&self, hue: u16, saturation: u16, lightness: u16) -> String {
        let lighter = |percent: u16| lightness + (100 - lightness.min(100)) * percent / 100;
        match self.finish {
            Finish::Tinted => hsl(hue, saturation, lightness),
            Finish::Clear => hsl(hue, saturation * 42 / 100, lighter(24)),
            Finish::Opal => hsl(hue, saturation * 30 / 100, lighter(58)),
            Finish::Smoke => hsl(hue, saturation * 16 / 100, lightness * 84 / 100),
            Finish::Deep => hsl(hue, (saturation * 118 / 100).min(100), lightness * 70 / 100),
        }
    }

    /// How much the wall hides, in percent, where tinted glass hides this much.
    fn opacity(&self, percent: u16) -> u16 {
        match self.finish {
            Finish::Tinted | Finish::Smoke => percent,
            Finish::Clear => percent * 70 / 100,
            Finish::Opal => percent + (100 - percent) * 70 / 100,
            Finish::Deep => percent + (100 - percent) * 55 / 100,
        }
    }
}

/// A look for a product of a category, by chance that the seed decides.
pub(crate) fn spec_for(seed: u64, category: &str) -> Spec {
    const PATTERNS: [Pattern; 7] = [
        Pattern::Clear,
        Pattern::Stripes,
        Pattern::Bands,
        Pattern::Dots,
        Pattern::Swirl,
        Pattern::Facets,
        Pattern::Fade,
    ];
    let shapes: &[Shape] = match category {
        "vases" => &[Shape::Vase, Shape::Bottle, Shape::Pebble, Shape::Cylinder],
        "drinking-glasses" => &[Shape::Tumbler, Shape::Goblet, Shape::Flute],
        "carafes" => &[Shape::Carafe, Shape::Jug],
        "bowls" => &[Shape::Bowl, Shape::Plate],
        "lamps" => &[Shape::Lamp, Shape::Globe, Shape::Pendant],
        "jewellery" => &[Shape::Beads, Shape::Drop],
        "ornaments" => &[Shape::Sphere, Shape::Drop, Shape::Icicle],
        "paperweights" => &[Shape::Paperweight],
        "windows" => &[Shape::Panel],
        _ => &[Shape::Furnace, Shape::Torch, Shape::Kiln, Shape::Wheel],
    };
    let pick = |shift: u32, n: usize| usize::try_from((seed >> shift) & 0xffff).unwrap_or(0) % n.max(1);
    let hue = u16::try_from(pick(0, 360)).unwrap_or(0);
    let turn = u16::try_from(pick(16, 120)).unwrap_or(0);
    let width = 84 + u16::try_from(pick(24, 36)).unwrap_or(0);
    Spec::new(shapes[pick(32, shapes.len())], hue, (hue + 300 + turn) % 360, PATTERNS[pick(44, PATTERNS.len())], width)
}

/// A colour: hue in degrees, saturation and lightness in percent.
fn hsl(hue: u16, saturation: u16, lightness: u16) -> String {
    format!("hsl({hue},{saturation}%,{lightness}%)")
}

fn escape(text: &str) -> String {
    // What XML cannot hold, even escaped, would make the whole picture unreadable.
    let mut clean = text.replace(|c: char| matches!(c, '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}'), " ");
    for (raw, entity) in [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;")] {
        clean = clean.replace(raw, entity);
    }
    clean
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
         <linearGradient id=\"g\"><stop offset=\"0\" stop-color=\"{}\" stop-opacity=\".92\"/><stop offset=\".18\" stop-color=\"{}\" stop-opacity=\"{}%\"/>\
         <stop offset=\".5\" stop-color=\"{}\" stop-opacity=\"{}%\"/><stop offset=\".82\" stop-color=\"{}\" stop-opacity=\"{}%\"/><stop offset=\"1\" stop-color=\"{}\" stop-opacity=\".95\"/></linearGradient>\
         <linearGradient id=\"f\" x2=\"0\" y2=\"1\"><stop offset=\"0\" stop-color=\"#fff\" stop-opacity=\".35\"/><stop offset=\".55\" stop-color=\"#fff\" stop-opacity=\"0\"/>\
         <stop offset=\"1\" stop-color=\"{}\" stop-opacity=\".55\"/></linearGradient>\
         <radialGradient id=\"s\"><stop offset=\"0\" stop-color=\"{}\" stop-opacity=\".38\"/><stop offset=\"1\" stop-color=\"{}\" stop-opacity=\"0\"/></radialGradient></defs>\
         <rect width=\"400\" height=\"400\" fill=\"url(#b)\"/>",
        escape(title),
        hsl(h, 30, 97),
        hsl(h, 28, 86),
        spec.hsl(h, 62, 36),
        spec.hsl(h, 62, 56),
        spec.opacity(62),
        spec.hsl(h, 70, 76),
        spec.opacity(38),
        spec.hsl(h2, 62, 56),
        spec.opacity(66),
        spec.hsl(h2, 60, 34),
        spec.hsl(h2, 65, 30),
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
    // A pattern keeps its colour on white glass; on colourless glass it is cut, not coloured.
    let a = if spec.finish == Finish::Clear { spec.hsl(spec.hue2, 70, 48) } else { hsl(spec.hue2, 70, 48) };
    let b = hsl(spec.hue, 75, 88);
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
            for (colour, every_third) in [(&a, false), (&b, true)] {
                let _ = write!(out, "<g fill=\"{colour}\" opacity=\".7\">");
                for i in (0..46).filter(|i| (i % 3 == 0) == every_third) {
                    let (angle, reach) = (f64::from(i) * 2.399_963, (f64::from(i) / 46.0).sqrt());
                    let (x, y) = (
                        left + width / 2.0 + angle.cos() * reach * width / 2.0,
                        top + height / 2.0 + angle.sin() * reach * height / 2.0,
                    );
                    let r = 2.5 + f64::from(i * 7 % 5) * 1.3;
                    let _ = write!(out, "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"{r:.1}\"/>");
                }
                out.push_str("</g>");
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
        Pattern::Facets => facets(out, &a, (left, top, right, bottom)),
        Pattern::Fade => {
            let colour = if spec.finish == Finish::Opal { hsl(spec.hue2, 46, 70) } else { hsl(spec.hue2, 82, 60) };
            let _ = write!(
                out,
                "<linearGradient id=\"v\" gradientUnits=\"userSpaceOnUse\" x1=\"0\" x2=\"0\" y1=\"{top:.0}\" y2=\"{bottom:.0}\"><stop offset=\".1\" stop-color=\"{colour}\" stop-opacity=\"0\"/><stop offset=\".85\" stop-color=\"{colour}\" stop-opacity=\".9\"/></linearGradient>\
                 <rect width=\"400\" height=\"400\" fill=\"url(#v)\"/>"
            );
        }
    }
}

/// Diamonds that share their sides, in three kinds of light; one path for each.
fn facets(out: &mut String, colour: &str, (left, top, right, bottom): (f64, f64, f64, f64)) {
    let (columns, rows) = (6_i32, 7_i32);
    let (w, h) = ((right - left) / f64::from(columns), (bottom - top) / f64::from(rows));
    let mut paths = [("#fff", ".34", String::new()), (colour, ".28", String::new()), ("#fff", ".12", String::new())];
    for row in 0..=rows {
        for column in 0..=columns {
            let shift = if row % 2 == 0 { 0.0 } else { 0.5 };
            let (x, y) = (left + w * (f64::from(column) + shift), top + h * f64::from(row));
            let kind = if (row + column) % 3 == 0 { 0 } else { 1 + usize::from((row * 5 + column) % 2 != 0) };
            // Whole numbers, rounded up: a picture is sent often, and an overlap hides under the line between two.
            let (w, h) = ((w / 2.0).ceil(), h.ceil());
            let _ = write!(paths[kind].2, "M{x:.0} {:.0}l{w} {h} {} {h} {} {}Z", y - h, -w, -w, -h);
        }
    }
    for (fill, opacity, d) in paths {
        let _ = write!(
            out,
            "<path d=\"{d}\" fill=\"{fill}\" fill-opacity=\"{opacity}\" stroke=\"#fff\" stroke-opacity=\".3\"/>"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{spec_for, svg};
    use crate::content::{CATEGORIES, pieces};

    fn check(picture: &str) {
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>"));
        assert!(!picture.contains("<script") && !picture.contains("NaN") && !picture.contains("href"));
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
        for piece in pieces() {
            check(&svg(&piece.picture, piece.name));
        }
        for category in CATEGORIES {
            for seed in 0..20 {
                check(&svg(&spec_for(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15), category.slug), "x"));
            }
        }
        assert!(svg(&spec_for(1, "vases"), "<&\">").contains("<title>&lt;&amp;&quot;&gt;</title>"));
        assert!(svg(&spec_for(1, "vases"), "a\u{1}\u{ffff}b").contains("<title>a  b</title>"));
    }
}
