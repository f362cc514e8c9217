//! Leaded glass for a window.

use std::fmt::Write as _;

use crate::shadow;
use crate::spec::{Pattern, Spec, hsl};

const TOP: f64 = 46.0;
const BOTTOM: f64 = 362.0;

pub(crate) fn panel(out: &mut String, spec: &Spec) {
    shadow(out, 376.0, 130.0);
    let half = 1.12 * f64::from(spec.width);
    let (left, width, height) = (200.0 - half, 2.0 * half, BOTTOM - TOP);
    let _ = write!(
        out,
        "<rect x=\"{left:.0}\" y=\"{TOP}\" width=\"{width:.0}\" height=\"{height:.0}\" fill=\"{}\"/><clipPath id=\"c\"><rect x=\"{left:.0}\" y=\"{TOP}\" width=\"{width:.0}\" height=\"{height:.0}\"/></clipPath>\
        <g clip-path=\"url(#c)\" stroke=\"#2b3338\" stroke-width=\"5\" stroke-linejoin=\"round\">",
        spec.hsl(spec.hue, 40, 82),
    );
    match spec.pattern {
        Pattern::Bands | Pattern::Clear | Pattern::Fade => rays(out, spec),
        Pattern::Facets => diamonds(out, spec, half),
        Pattern::Dots => quarries(out, spec, half),
        Pattern::Stripes => ribbons(out, spec, half, 46.0),
        Pattern::Swirl => ribbons(out, spec, half, 120.0),
    }
    let _ = write!(
        out,
        "</g><rect x=\"{left:.0}\" y=\"{TOP}\" width=\"{width:.0}\" height=\"{height:.0}\" fill=\"none\" stroke=\"#2b3338\" stroke-width=\"10\"/>\
         <path d=\"M{:.0} {BOTTOM}L{:.0} {TOP}H{:.0}L{:.0} {BOTTOM}Z\" fill=\"#fff\" opacity=\".16\"/>",
        left + half * 0.3,
        left + half * 0.9,
        left + half * 1.2,
        left + half * 0.6
    );
}

/// The colour of the i-th piece of glass.
fn colour(spec: &Spec, i: i32) -> String {
    let hue = i32::from(if i % 2 == 0 { spec.hue } else { spec.hue2 }) + i * 17 % 50;
    let degrees = u16::try_from(hue.rem_euclid(360)).unwrap_or(0);
    hsl(degrees, 66, u16::try_from(48 + i * 13 % 32).unwrap_or(60))
}

/// From the middle to all sides.
fn rays(out: &mut String, spec: &Spec) {
    for i in 0..16 {
        let (a, b) = (f64::from(i) * std::f64::consts::TAU / 16.0, f64::from(i + 1) * std::f64::consts::TAU / 16.0);
        let _ = write!(
            out,
            "<path d=\"M200 204L{:.0} {:.0}L{:.0} {:.0}Z\" fill=\"{}\"/>",
            200.0 + a.cos() * 300.0,
            204.0 + a.sin() * 300.0,
            200.0 + b.cos() * 300.0,
            204.0 + b.sin() * 300.0,
            colour(spec, i)
        );
    }
    let _ = write!(
        out,
        "<circle cx=\"200\" cy=\"204\" r=\"62\" fill=\"{}\"/><circle cx=\"200\" cy=\"204\" r=\"26\" fill=\"{}\"/>",
        spec.hsl(spec.hue, 85, 66),
        spec.hsl(spec.hue, 80, 80)
    );
}

/// Diamonds that share their sides.
fn diamonds(out: &mut String, spec: &Spec, half: f64) {
    let left = 200.0 - half;
    let (w, h) = (half / 2.0, (BOTTOM - TOP) / 5.0);
    for row in -1..6 {
        for column in -1..5 {
            let (x, y) =
                (left + w * f64::from(column) + if row % 2 == 0 { 0.0 } else { w / 2.0 }, TOP + h * f64::from(row));
            let _ = write!(
                out,
                "<path d=\"M{x:.0} {:.0}L{:.0} {:.0}L{x:.0} {:.0}L{:.0} {:.0}Z\" fill=\"{}\"/>",
                y,
                x + w / 2.0,
                y + h,
                y + 2.0 * h,
                x - w / 2.0,
                y + h,
                colour(spec, row * 3 + column + 20)
            );
        }
    }
}

/// Panes that lean, none like the other.
fn quarries(out: &mut String, spec: &Spec, half: f64) {
    let left = 200.0 - half;
    let (w, h) = (2.0 * half / 4.0, (BOTTOM - TOP) / 6.0);
    for i in 0..24 {
        let (column, row) = (f64::from(i % 4), f64::from(i / 4));
        let lean = f64::from(i * 29 % 17) - 8.0;
        let _ = write!(
            out,
            "<path d=\"M{:.0} {:.0}l{w:.0} {lean:.0}l{:.0} {h:.0}l{:.0} {:.0}Z\" fill=\"{}\"/>",
            left + column * w,
            TOP + row * h,
            -lean,
            -w,
            -lean,
            colour(spec, i * 5 % 23)
        );
    }
}

/// Ribbons from top to bottom, bent so far to either side.
fn ribbons(out: &mut String, spec: &Spec, half: f64, bend: f64) {
    let left = 200.0 - half;
    for i in (0..9).rev() {
        let x = left + 2.0 * half * f64::from(i) / 8.0;
        let _ = write!(
            out,
            "<path d=\"M{left:.0} {TOP}H{x:.0}C{:.0} 130 {:.0} 260 {:.0} {BOTTOM}H{left:.0}Z\" fill=\"{}\"/>",
            x + bend,
            x - bend,
            x + bend * 0.4,
            colour(spec, i)
        );
    }
}
