//! Patterns, over the area of a piece.

use std::fmt::Write as _;

use crate::spec::{Finish, Pattern, Spec, hsl};

/// An area: left, top, right, bottom.
pub(crate) type Area = (f64, f64, f64, f64);

/// The pattern over an area, to be clipped by the piece's outline.
pub(crate) fn pattern(out: &mut String, spec: &Spec, area: Area) {
    // A pattern keeps its colour on white glass; on colourless glass it is cut, not coloured.
    let a = if spec.finish == Finish::Clear { spec.hsl(spec.hue2, 70, 48) } else { hsl(spec.hue2, 70, 48) };
    let colours = [a, hsl(spec.hue, 75, 88)];
    match spec.pattern {
        Pattern::Clear => {}
        Pattern::Stripes => stripes(out, &colours, area),
        Pattern::Bands => bands(out, &colours, area),
        Pattern::Dots => dots(out, &colours, area),
        Pattern::Swirl => swirl(out, &colours, area),
        Pattern::Facets => facets(out, &colours[0], area),
        Pattern::Fade => fade(out, spec, area),
    }
}

fn stripes(out: &mut String, colours: &[String; 2], (left, top, right, bottom): Area) {
    let (width, height) = (right - left, bottom - top);
    for i in 0..14_u8 {
        // Narrow towards the edges, as on something round.
        let angle = std::f64::consts::PI * (f64::from(i) + 0.5) / 14.0;
        let (x, w) = (left + width * (1.0 - angle.cos()) / 2.0, width * angle.sin() / 22.0);
        let colour = &colours[usize::from(i % 2)];
        let _ = write!(
            out,
            "<rect x=\"{:.1}\" y=\"{top:.0}\" width=\"{w:.1}\" height=\"{height:.0}\" fill=\"{colour}\" opacity=\".6\"/>",
            x - w / 2.0
        );
    }
}

fn bands(out: &mut String, colours: &[String; 2], (left, top, right, bottom): Area) {
    let (width, height) = (right - left, bottom - top);
    for i in 0..6_u8 {
        let y = top + height * (f64::from(i) + 0.6) / 6.0;
        let colour = &colours[usize::from(i % 2)];
        let _ = write!(
            out,
            "<path d=\"M{left:.0} {y:.0}Q{:.0} {:.0} {right:.0} {y:.0}\" stroke=\"{colour}\" stroke-width=\"{:.0}\" fill=\"none\" opacity=\".55\"/>",
            (left + right) / 2.0,
            y + width * 0.14,
            height / 22.0 + f64::from(i)
        );
    }
}

fn dots(out: &mut String, colours: &[String; 2], (left, top, right, bottom): Area) {
    let (width, height) = (right - left, bottom - top);
    // A sunflower's spiral fills an area evenly without a grid.
    for (colour, every_third) in [(&colours[0], false), (&colours[1], true)] {
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

fn swirl(out: &mut String, colours: &[String; 2], (left, top, right, bottom): Area) {
    let (width, height) = (right - left, bottom - top);
    for i in 0..7_u8 {
        let y = top - height * 0.25 + height * f64::from(i) / 5.0;
        let colour = &colours[usize::from(i % 2)];
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

fn fade(out: &mut String, spec: &Spec, (_, top, _, bottom): Area) {
    let colour = if spec.finish == Finish::Opal { hsl(spec.hue2, 46, 70) } else { hsl(spec.hue2, 82, 60) };
    let _ = write!(
        out,
        "<linearGradient id=\"v\" gradientUnits=\"userSpaceOnUse\" x1=\"0\" x2=\"0\" y1=\"{top:.0}\" y2=\"{bottom:.0}\"><stop offset=\".1\" stop-color=\"{colour}\" stop-opacity=\"0\"/><stop offset=\".85\" stop-color=\"{colour}\" stop-opacity=\".9\"/></linearGradient>\
         <rect width=\"400\" height=\"400\" fill=\"url(#v)\"/>"
    );
}

/// Diamonds that share their sides, in three kinds of light; one path for each.
fn facets(out: &mut String, colour: &str, (left, top, right, bottom): Area) {
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
