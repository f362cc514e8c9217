//! Vessels: a profile turned around its axis.

use std::fmt::Write as _;

use crate::pattern::pattern;
use crate::shadow;
use crate::spec::{Shape, Spec};

/// Half widths from the top to the bottom, as (y, half width).
type Profile = &'static [(f64, f64)];

/// The middle.
const X: f64 = 200.0;

/// The profile of a vessel; none for what is no vessel.
pub(crate) fn profile(shape: Shape) -> Option<Profile> {
    Some(match shape {
        Shape::Vase => {
            &[(62.0, 44.0), (80.0, 31.0), (112.0, 33.0), (180.0, 76.0), (250.0, 90.0), (318.0, 56.0), (336.0, 60.0)]
        }
        Shape::Bottle => {
            &[(58.0, 24.0), (72.0, 17.0), (150.0, 18.0), (196.0, 62.0), (258.0, 84.0), (322.0, 66.0), (336.0, 56.0)]
        }
        Shape::Pebble => &[(128.0, 27.0), (142.0, 22.0), (178.0, 66.0), (238.0, 96.0), (300.0, 84.0), (336.0, 52.0)],
        Shape::Cylinder => &[(74.0, 66.0), (150.0, 61.0), (260.0, 60.0), (326.0, 62.0), (336.0, 56.0)],
        Shape::Tumbler => &[(138.0, 74.0), (220.0, 68.0), (318.0, 58.0), (336.0, 50.0)],
        Shape::Goblet => &[
            (84.0, 60.0),
            (130.0, 68.0),
            (180.0, 52.0),
            (208.0, 15.0),
            (226.0, 8.0),
            (300.0, 7.0),
            (322.0, 18.0),
            (336.0, 62.0),
        ],
        Shape::Flute => {
            &[(56.0, 34.0), (130.0, 37.0), (200.0, 25.0), (226.0, 7.0), (304.0, 6.0), (324.0, 15.0), (336.0, 52.0)]
        }
        Shape::Bowl => &[(186.0, 132.0), (236.0, 116.0), (292.0, 70.0), (322.0, 40.0), (338.0, 48.0)],
        Shape::Carafe | Shape::Jug => {
            &[(74.0, 46.0), (94.0, 32.0), (140.0, 32.0), (196.0, 70.0), (262.0, 88.0), (322.0, 74.0), (336.0, 62.0)]
        }
        _ => return None,
    })
}

/// A smooth line through the points (Catmull-Rom, as cubic Béziers).
fn curve(points: &[(f64, f64)]) -> String {
    let mut d = String::new();
    for i in 0..points.len().saturating_sub(1) {
        let at = |k: usize| points[k.min(points.len() - 1)];
        let (before, from, to, after) = (at(i.saturating_sub(1)), at(i), at(i + 1), at(i + 2));
        let _ = write!(
            d,
            "C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
            from.0 + (to.0 - before.0) / 6.0,
            from.1 + (to.1 - before.1) / 6.0,
            to.0 - (after.0 - from.0) / 6.0,
            to.1 - (after.1 - from.1) / 6.0,
            to.0,
            to.1
        );
    }
    d
}

pub(crate) fn draw(out: &mut String, spec: &Spec, profile: Profile) {
    let scale = f64::from(spec.width) / 100.0;
    let right: Vec<(f64, f64)> = profile.iter().map(|(y, w)| (X + w * scale, *y)).collect();
    let left: Vec<(f64, f64)> = profile.iter().rev().map(|(y, w)| (X - w * scale, *y)).collect();
    let (top, bottom) = (profile[0], profile[profile.len() - 1]);
    let (rim, foot) = (top.1 * scale, bottom.1 * scale);
    let widest = profile.iter().map(|(_, w)| *w).fold(0.0, f64::max) * scale;
    let (rim_height, foot_height) = (rim * 0.17, foot * 0.16);
    // The foot and the rim are circles seen from a little above.
    let body = format!(
        "M{:.1} {:.1}{}A{foot:.1} {foot_height:.1} 0 0 1 {:.1} {:.1}{}A{rim:.1} {rim_height:.1} 0 0 0 {:.1} {:.1}Z",
        right[0].0,
        right[0].1,
        curve(&right),
        left[0].0,
        left[0].1,
        curve(&left),
        right[0].0,
        right[0].1
    );
    let line = spec.hsl(spec.hue, 55, 28);
    shadow(out, bottom.0 + 6.0, widest.max(foot) * 1.12);
    if spec.shape == Shape::Jug {
        handle(out, spec, scale);
    }
    let _ = write!(
        out,
        "<clipPath id=\"c\"><path d=\"{body}\"/></clipPath>\
         <ellipse cx=\"200\" cy=\"{:.1}\" rx=\"{rim:.1}\" ry=\"{rim_height:.1}\" fill=\"{}\" fill-opacity=\".35\" stroke=\"{line}\" stroke-opacity=\".35\"/>\
         <path d=\"{body}\" fill=\"url(#g)\"/><g clip-path=\"url(#c)\">",
        top.0,
        spec.hsl(spec.hue, 60, 60),
    );
    pattern(out, spec, (X - widest, top.0, X + widest, bottom.0 + 8.0));
    let _ = write!(
        out,
        "<rect x=\"0\" y=\"{:.0}\" width=\"400\" height=\"{:.0}\" fill=\"url(#f)\"/>\
         <ellipse cx=\"200\" cy=\"{:.0}\" rx=\"{:.0}\" ry=\"{:.0}\" fill=\"#fff\" opacity=\".2\"/></g>",
        top.0,
        bottom.0 - top.0 + 20.0,
        bottom.0 - 2.0,
        foot * 0.8,
        (foot * 0.2).max(4.0),
    );
    // The window's reflection follows the wall.
    let glint: Vec<(f64, f64)> =
        profile.iter().take(profile.len() - 1).map(|(y, w)| (X - w * scale * 0.68, *y + 10.0)).collect();
    let _ = write!(
        out,
        "<path d=\"M{:.1} {:.1}{}\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".62\" stroke-width=\"{:.1}\" stroke-linecap=\"round\"/>\
         <path d=\"{body}\" fill=\"none\" stroke=\"{line}\" stroke-opacity=\".4\" stroke-width=\"1.5\"/>\
         <path d=\"M{:.1} {:.1}A{rim:.1} {rim_height:.1} 0 0 0 {:.1} {:.1}\" fill=\"none\" stroke=\"#fff\" stroke-width=\"2.5\" stroke-opacity=\".85\"/>",
        glint[0].0,
        glint[0].1,
        curve(&glint),
        (widest * 0.07).clamp(2.5, 8.0),
        left[left.len() - 1].0,
        left[left.len() - 1].1,
        right[0].0,
        right[0].1,
    );
}

fn handle(out: &mut String, spec: &Spec, scale: f64) {
    let x = X + 36.0 * scale;
    let d = format!("M{x:.0} 112C{:.0} 84 {:.0} 230 {:.0} 236", x + 120.0 * scale, x + 92.0 * scale, X + 78.0 * scale);
    for (colour, width, opacity) in [
        (spec.hsl(spec.hue2, 55, 40), 15.0, 0.75),
        (spec.hsl(spec.hue, 70, 80), 7.0, 0.8),
        ("#fff".to_owned(), 2.0, 0.9),
    ] {
        let _ = write!(
            out,
            "<path d=\"{d}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{:.1}\" stroke-opacity=\"{opacity}\" stroke-linecap=\"round\"/>",
            width * scale
        );
    }
}
