//! Lamps, lit: on a foot or hanging from the ceiling.

use std::fmt::Write as _;

use crate::glass::{circle_path, glass};
use crate::shadow;
use crate::spec::{Spec, hsl};

/// What the lamp does to the room.
fn light(out: &mut String, y: f64) {
    let _ = write!(
        out,
        "<radialGradient id=\"l\"><stop offset=\"0\" stop-color=\"#fff6d8\"/><stop offset=\".5\" stop-color=\"#ffe9a8\" stop-opacity=\".55\"/><stop offset=\"1\" stop-color=\"#ffe9a8\" stop-opacity=\"0\"/></radialGradient>\
         <circle cx=\"200\" cy=\"{y:.0}\" r=\"190\" fill=\"url(#l)\" opacity=\".8\"/>"
    );
}

fn foot(out: &mut String) {
    shadow(out, 346.0, 84.0);
    let _ = write!(
        out,
        "<path d=\"M194 214H206L209 330H191Z\" fill=\"{}\"/><path d=\"M138 342Q140 326 200 324Q260 326 262 342Z\" fill=\"{}\"/>",
        hsl(38, 45, 50),
        hsl(28, 40, 36)
    );
}

pub(crate) fn dome(out: &mut String, spec: &Spec) {
    let w = 1.12 * f64::from(spec.width);
    light(out, 176.0);
    foot(out);
    let outline = format!(
        "M{:.0} 222C{:.0} 96 {:.0} 74 200 74S{:.0} 96 {:.0} 222Q200 250 {:.0} 222Z",
        200.0 - w,
        200.0 - w,
        200.0 - w * 0.55,
        200.0 + w,
        200.0 + w,
        200.0 - w
    );
    glass(out, spec, &outline, (200.0 - w, 74.0, 200.0 + w, 240.0));
    let _ = write!(
        out,
        "<ellipse cx=\"200\" cy=\"186\" rx=\"{:.0}\" ry=\"46\" fill=\"url(#l)\"/>\
         <path d=\"M{:.0} 196C{:.0} 140 {:.0} 108 {:.0} 96\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".75\" stroke-width=\"7\" stroke-linecap=\"round\"/>",
        w * 0.72,
        200.0 - w * 0.8,
        200.0 - w * 0.78,
        200.0 - w * 0.6,
        200.0 - w * 0.36
    );
}

/// A ball on a low wooden foot.
pub(crate) fn globe(out: &mut String, spec: &Spec) {
    let r = 1.08 * f64::from(spec.width);
    let y = 308.0 - r;
    light(out, y);
    shadow(out, 350.0, r * 0.9);
    let _ = write!(
        out,
        "<path d=\"M152 346Q154 306 176 296H224Q246 306 248 346Z\" fill=\"{}\"/><path d=\"M166 300H234\" stroke=\"{}\" stroke-width=\"8\" stroke-linecap=\"round\"/>",
        hsl(30, 42, 44),
        hsl(38, 45, 56)
    );
    glass(out, spec, &circle_path(200.0, y, r), (200.0 - r, y - r, 200.0 + r, y + r));
    let _ = write!(
        out,
        "<circle cx=\"200\" cy=\"{:.0}\" r=\"{:.0}\" fill=\"url(#l)\" opacity=\".9\"/>\
         <path d=\"M{:.0} {y:.0}A{:.0} {:.0} 0 0 1 {:.0} {:.0}\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".8\" stroke-width=\"8\" stroke-linecap=\"round\"/>",
        y + r * 0.08,
        r * 0.86,
        200.0 - r * 0.76,
        r * 0.78,
        r * 0.78,
        200.0 - r * 0.28,
        y - r * 0.7,
    );
}

/// Hangs over a table, on which its light is a circle.
pub(crate) fn pendant(out: &mut String, spec: &Spec) {
    let w = 1.22 * f64::from(spec.width);
    light(out, 226.0);
    let _ = write!(
        out,
        "<path d=\"M178 0H222L216 12H184Z\" fill=\"{0}\"/><path d=\"M200 10V100\" stroke=\"#4a4540\" stroke-width=\"3\"/><path d=\"M184 124L188 98H212L216 124Z\" fill=\"{0}\"/>\
         <ellipse cx=\"200\" cy=\"364\" rx=\"150\" ry=\"24\" fill=\"#fff3c9\" opacity=\".85\"/><ellipse cx=\"200\" cy=\"254\" rx=\"{1:.0}\" ry=\"20\" fill=\"#fff6d8\"/><circle cx=\"200\" cy=\"252\" r=\"17\" fill=\"#fffdf2\"/>",
        hsl(38, 45, 50),
        w * 0.96
    );
    let outline = format!(
        "M178 120H222C{:.0} 138 {:.0} 190 {:.0} 252Q200 284 {:.0} 252C{:.0} 190 {:.0} 138 178 120Z",
        200.0 + w * 0.62,
        200.0 + w * 0.92,
        200.0 + w,
        200.0 - w,
        200.0 - w * 0.92,
        200.0 - w * 0.62,
    );
    glass(out, spec, &outline, (200.0 - w, 118.0, 200.0 + w, 270.0));
    let _ = write!(
        out,
        "<ellipse cx=\"200\" cy=\"226\" rx=\"{:.0}\" ry=\"44\" fill=\"url(#l)\"/>\
         <path d=\"M{:.0} 236C{:.0} 196 {:.0} 164 {:.0} 146\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".75\" stroke-width=\"7\" stroke-linecap=\"round\"/>",
        w * 0.6,
        200.0 - w * 0.84,
        200.0 - w * 0.78,
        200.0 - w * 0.64,
        200.0 - w * 0.42,
    );
}
