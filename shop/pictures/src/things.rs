//! What is no vessel: plates, balls, drops and paperweights.

use std::fmt::Write as _;

use crate::glass::{circle_path, glass};
use crate::spec::{Pattern, Shape, Spec, hsl};
use crate::{beads, lamps, panel, shadow, workshops};

pub(crate) fn draw(out: &mut String, spec: &Spec) {
    match spec.shape {
        Shape::Plate => plate(out, spec),
        Shape::Lamp => lamps::dome(out, spec),
        Shape::Globe => lamps::globe(out, spec),
        Shape::Pendant => lamps::pendant(out, spec),
        Shape::Drop => drop(out, spec),
        Shape::Icicle => icicle(out, spec),
        Shape::Paperweight => paperweight(out, spec),
        Shape::Beads => beads::chain(out, spec),
        Shape::Panel => panel::panel(out, spec),
        Shape::Furnace => workshops::furnace(out, spec),
        Shape::Torch => workshops::torch(out, spec),
        Shape::Kiln => workshops::kiln(out, spec),
        Shape::Wheel => workshops::wheel(out, spec),
        _ => sphere(out, spec),
    }
}

fn thread(out: &mut String, spec: &Spec, to: f64) {
    let (line, cap) = (spec.hsl(spec.hue, 20, 45), hsl(42, 50, 55));
    let _ = write!(
        out,
        "<path d=\"M200 0V{to:.0}\" stroke=\"{line}\" stroke-width=\"1.5\"/><rect x=\"189\" y=\"{to:.0}\" width=\"22\" height=\"14\" rx=\"3\" fill=\"{cap}\"/>",
    );
}

fn sphere(out: &mut String, spec: &Spec) {
    let r = 1.02 * f64::from(spec.width);
    let y = 218.0;
    shadow(out, 362.0, r * 0.8);
    thread(out, spec, y - r - 11.0);
    glass(out, spec, &circle_path(200.0, y, r), (200.0 - r, y - r, 200.0 + r, y + r));
    let _ = write!(
        out,
        "<path d=\"M{:.0} {:.0}A{:.0} {:.0} 0 0 1 {:.0} {:.0}\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".75\" stroke-width=\"9\" stroke-linecap=\"round\"/>\
         <circle cx=\"{:.0}\" cy=\"{:.0}\" r=\"6\" fill=\"#fff\" opacity=\".7\"/>",
        200.0 - r * 0.72,
        y + r * 0.02,
        r * 0.74,
        r * 0.74,
        200.0 - r * 0.2,
        y - r * 0.7,
        200.0 + r * 0.5,
        y + r * 0.5,
    );
}

fn drop(out: &mut String, spec: &Spec) {
    let w = 0.78 * f64::from(spec.width);
    shadow(out, 362.0, w);
    thread(out, spec, 84.0);
    let outline = format!(
        "M200 96C206 150 {:.0} 196 {:.0} 252A{w:.0} {w:.0} 0 0 1 {:.0} 252C{:.0} 196 194 150 200 96Z",
        200.0 + w,
        200.0 + w,
        200.0 - w,
        200.0 - w
    );
    glass(out, spec, &outline, (200.0 - w, 100.0, 200.0 + w, 252.0 + w));
    let _ = write!(
        out,
        "<path d=\"M{:.0} 262C{:.0} 220 186 190 193 150\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".75\" stroke-width=\"7\" stroke-linecap=\"round\"/>",
        200.0 - w * 0.62,
        200.0 - w * 0.55
    );
}

/// Twisted, and as thin at the end as the thread it hangs from.
fn icicle(out: &mut String, spec: &Spec) {
    let w = 0.24 * f64::from(spec.width);
    shadow(out, 372.0, w * 1.6);
    thread(out, spec, 52.0);
    let (l, r) = (200.0 - w, 200.0 + w);
    let outline = format!(
        "M{:.0} 66H{:.0}C{r:.0} 96 {r:.0} 110 {:.0} 150C{:.0} 190 {:.0} 230 203 346Q200 354 197 346C{:.0} 230 {:.0} 190 {:.0} 150C{l:.0} 110 {l:.0} 96 {:.0} 66Z",
        200.0 - w * 0.5,
        200.0 + w * 0.5,
        200.0 + w * 0.72,
        200.0 + w * 0.8,
        200.0 + w * 0.4,
        200.0 - w * 0.4,
        200.0 - w * 0.8,
        200.0 - w * 0.72,
        200.0 - w * 0.5,
    );
    glass(out, spec, &outline, (l, 66.0, r, 350.0));
    let _ = write!(
        out,
        "<clipPath id=\"i\"><path d=\"{outline}\"/></clipPath><g clip-path=\"url(#i)\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".6\">"
    );
    for turn in 0..9 {
        let y = 84.0 + 29.0 * f64::from(turn);
        let _ =
            write!(out, "<path d=\"M{l:.0} {:.0}Q200 {:.0} {r:.0} {y:.0}\" stroke-width=\"3\"/>", y + 30.0, y + 24.0);
    }
    let _ = write!(
        out,
        "</g><path d=\"M{:.0} 92C{:.0} 130 {:.0} 190 198 300\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".8\" stroke-width=\"4\" stroke-linecap=\"round\"/>",
        200.0 - w * 0.62,
        200.0 - w * 0.3,
        200.0 - w * 0.5
    );
}

/// Seen from above, leaning back a little, because a plate's pattern is on its face.
fn plate(out: &mut String, spec: &Spec) {
    let rx = 1.5 * f64::from(spec.width);
    let ry = rx * 0.62;
    let y = 216.0;
    let ellipse = |y: f64, k: f64| {
        let (a, b) = (rx * k, ry * k);
        format!("M{:.1} {y:.1}a{a:.1} {b:.1} 0 1 0 {:.1} 0a{a:.1} {b:.1} 0 1 0 {:.1} 0Z", 200.0 - a, 2.0 * a, -2.0 * a)
    };
    shadow(out, y + ry + 6.0, rx * 0.92);
    // The edge's thickness shows in front.
    let _ = write!(out, "<path d=\"{}\" fill=\"{}\"/>", ellipse(y + 8.0, 1.0), spec.hsl(spec.hue, 50, 40));
    let _ = write!(out, "<path d=\"{}\" fill=\"{}\"/>", ellipse(y, 1.0), spec.hsl(spec.hue, 45, 92));
    if spec.pattern == Pattern::Bands {
        // On a turned face, bands are rings.
        glass(out, &Spec { pattern: Pattern::Clear, ..spec.clone() }, &ellipse(y, 1.0), (0.0, 0.0, 0.0, 0.0));
        for ring in 1..8 {
            let (k, colour) = (f64::from(ring) / 8.0, if ring % 2 == 0 { spec.hue } else { spec.hue2 });
            let _ = write!(
                out,
                "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-opacity=\".55\" stroke-width=\"{}\"/>",
                ellipse(y + f64::from(ring % 3), k),
                spec.hsl(colour, 68, 50),
                3 + ring * 5 % 7
            );
        }
    } else {
        glass(out, spec, &ellipse(y, 1.0), (200.0 - rx, y - ry, 200.0 + rx, y + ry));
    }
    // The well, darker behind and lighter in front, then the window on the rim.
    let _ = write!(
        out,
        "<path d=\"{}\" fill=\"{}\" fill-opacity=\".1\" stroke=\"#fff\" stroke-opacity=\".45\" stroke-width=\"2\"/>\
         <path d=\"M{:.0} {:.0}A{:.0} {:.0} 0 0 1 {:.0} {:.0}\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".8\" stroke-width=\"7\" stroke-linecap=\"round\"/>",
        ellipse(y + 4.0, 0.64),
        spec.hsl(spec.hue, 60, 24),
        200.0 - rx * 0.86,
        y - ry * 0.06,
        rx * 0.86,
        ry * 0.86,
        200.0 - rx * 0.36,
        y - ry * 0.79,
    );
}

fn paperweight(out: &mut String, spec: &Spec) {
    let r = 1.22 * f64::from(spec.width);
    shadow(out, 318.0, r * 1.2);
    let outline = format!(
        "M{:.0} 262A{r:.0} {:.0} 0 0 1 {:.0} 262Q{:.0} 312 200 314Q{:.0} 312 {:.0} 262Z",
        200.0 - r,
        r * 1.06,
        200.0 + r,
        200.0 + r * 0.96,
        200.0 - r * 0.96,
        200.0 - r
    );
    let _ = write!(out, "<path d=\"{outline}\" fill=\"{}\"/>", spec.hsl(spec.hue, 30, 94));
    glass(out, spec, &outline, (200.0 - r * 0.8, 180.0, 200.0 + r * 0.8, 306.0));
    if spec.pattern == Pattern::Dots {
        for (x, y, size) in [(160.0, 250.0, 15.0), (205.0, 228.0, 19.0), (246.0, 256.0, 14.0), (196.0, 276.0, 12.0)] {
            for petal in 0..6 {
                let angle = f64::from(petal) * std::f64::consts::FRAC_PI_3;
                let _ = write!(
                    out,
                    "<circle cx=\"{:.0}\" cy=\"{:.0}\" r=\"{:.1}\" fill=\"{}\"/>",
                    x + angle.cos() * size,
                    y + angle.sin() * size * 0.7,
                    size * 0.5,
                    spec.hsl(spec.hue2, 85, 66)
                );
            }
            let _ = write!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{:.1}\" fill=\"#fff3c4\"/>", size * 0.42);
        }
    }
    let _ = write!(
        out,
        "<path d=\"M{:.0} 236A{:.0} {:.0} 0 0 1 {:.0} {:.0}\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".8\" stroke-width=\"9\" stroke-linecap=\"round\"/>",
        200.0 - r * 0.78,
        r * 0.8,
        r * 0.8,
        200.0 - r * 0.12,
        262.0 - r * 0.86
    );
}
