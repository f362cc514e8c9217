//! What is no vessel: lamps, balls, drops, beads, panels, and the workshops' tools.

use std::fmt::Write as _;

use super::{Pattern, Shape, Spec, hsl, pattern, shadow};

pub(super) fn draw(out: &mut String, spec: &Spec) {
    match spec.shape {
        Shape::Lamp => lamp(out, spec),
        Shape::Drop => drop(out, spec),
        Shape::Paperweight => paperweight(out, spec),
        Shape::Beads => beads(out, spec),
        Shape::Panel => panel(out, spec),
        Shape::Furnace => furnace(out, spec),
        Shape::Torch => torch(out, spec),
        Shape::Kiln => kiln(out, spec),
        _ => sphere(out, spec),
    }
}

/// A glass body of any outline, with its pattern within `area`.
fn glass(out: &mut String, spec: &Spec, outline: &str, area: (f64, f64, f64, f64)) {
    let _ = write!(
        out,
        "<clipPath id=\"c\"><path d=\"{outline}\"/></clipPath><path d=\"{outline}\" fill=\"url(#g)\"/><g clip-path=\"url(#c)\">"
    );
    pattern(out, spec, area);
    let _ = write!(
        out,
        "<rect width=\"400\" height=\"400\" fill=\"url(#f)\"/></g><path d=\"{outline}\" fill=\"none\" stroke=\"{}\" stroke-opacity=\".4\" stroke-width=\"1.5\"/>",
        hsl(spec.hue, 55, 28)
    );
}

fn circle_path(x: f64, y: f64, r: f64) -> String {
    format!("M{:.1} {y:.1}a{r:.1} {r:.1} 0 1 0 {:.1} 0a{r:.1} {r:.1} 0 1 0 {:.1} 0Z", x - r, 2.0 * r, -2.0 * r)
}

fn thread(out: &mut String, spec: &Spec, to: f64) {
    let (line, cap) = (hsl(spec.hue, 20, 45), hsl(42, 50, 55));
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

fn lamp(out: &mut String, spec: &Spec) {
    let w = 1.12 * f64::from(spec.width);
    let _ = write!(
        out,
        "<radialGradient id=\"l\"><stop offset=\"0\" stop-color=\"#fff6d8\"/><stop offset=\".5\" stop-color=\"#ffe9a8\" stop-opacity=\".55\"/><stop offset=\"1\" stop-color=\"#ffe9a8\" stop-opacity=\"0\"/></radialGradient>\
         <circle cx=\"200\" cy=\"176\" r=\"190\" fill=\"url(#l)\" opacity=\".8\"/>"
    );
    shadow(out, 346.0, 84.0);
    let brass = hsl(38, 45, 50);
    let _ = write!(
        out,
        "<path d=\"M194 214H206L209 330H191Z\" fill=\"{brass}\"/><path d=\"M138 342Q140 326 200 324Q260 326 262 342Z\" fill=\"{}\"/>",
        hsl(28, 40, 36)
    );
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
    let _ = write!(out, "<path d=\"{outline}\" fill=\"{}\"/>", hsl(spec.hue, 30, 94));
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
                    hsl(spec.hue2, 85, 66)
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

fn beads(out: &mut String, spec: &Spec) {
    shadow(out, 356.0, 110.0);
    let _ = write!(
        out,
        "<path d=\"M96 60C60 250 130 330 200 332S340 250 304 60\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
        hsl(spec.hue, 25, 40)
    );
    for i in 0..19 {
        let t = (f64::from(i) + 0.5) / 19.0;
        // The same line, half by half: a hanging chain.
        let angle = std::f64::consts::PI * (1.0 - t);
        let (x, y) = (200.0 + angle.cos() * 112.0, 118.0 + angle.sin().powf(0.8) * 212.0);
        let r = 10.0 + 11.0 * angle.sin();
        let step = u16::try_from(i).unwrap_or(0);
        let span = (spec.hue2 + 360 - spec.hue) % 360;
        let span = if span > 180 { i32::from(span) - 360 } else { i32::from(span) };
        let hue = u16::try_from((i32::from(spec.hue) + span * i32::from(step) / 18).rem_euclid(360)).unwrap_or(0);
        let _ = write!(
            out,
            "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"{r:.1}\" fill=\"{}\" stroke=\"{}\" stroke-opacity=\".5\"/><circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.1}\" fill=\"{}\"/>\
             <ellipse cx=\"{:.1}\" cy=\"{:.1}\" rx=\"{:.1}\" ry=\"{:.1}\" fill=\"#fff\" opacity=\".8\"/>",
            hsl(hue, 62, 46),
            hsl(hue, 60, 24),
            x + r * 0.12,
            y + r * 0.2,
            r * 0.66,
            hsl(hue, 70, 62),
            x - r * 0.34,
            y - r * 0.4,
            r * 0.28,
            r * 0.2,
        );
        match spec.pattern {
            Pattern::Dots => {
                let _ = write!(
                    out,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.1}\" fill=\"{}\"/>",
                    x + r * 0.3,
                    y + r * 0.34,
                    r * 0.2,
                    hsl(spec.hue2, 40, 90)
                );
            }
            Pattern::Facets => {
                for petal in 0..5 {
                    let turn = f64::from(petal) * 1.256_637;
                    let _ = write!(
                        out,
                        "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.1}\" fill=\"{}\"/>",
                        x + turn.cos() * r * 0.4,
                        y + turn.sin() * r * 0.4,
                        r * 0.2,
                        hsl((hue + 180) % 360, 80, 82)
                    );
                }
            }
            _ => {}
        }
    }
}

fn panel(out: &mut String, spec: &Spec) {
    shadow(out, 376.0, 130.0);
    let half = 1.12 * f64::from(spec.width);
    let (left, top, bottom) = (200.0 - half, 46.0, 362.0);
    let colour = |i: i32| {
        hsl(
            u16::try_from((i32::from(if i % 2 == 0 { spec.hue } else { spec.hue2 }) + i * 17 % 50).rem_euclid(360))
                .unwrap_or(0),
            66,
            u16::try_from(48 + i * 13 % 32).unwrap_or(60),
        )
    };
    let _ = write!(
        out,
        "<rect x=\"{left:.0}\" y=\"{top}\" width=\"{:.0}\" height=\"{:.0}\" fill=\"{}\"/><clipPath id=\"c\"><rect x=\"{left:.0}\" y=\"{top}\" width=\"{:.0}\" height=\"{:.0}\"/></clipPath>\
        <g clip-path=\"url(#c)\" stroke=\"#2b3338\" stroke-width=\"5\" stroke-linejoin=\"round\">",
        2.0 * half,
        bottom - top,
        hsl(spec.hue, 40, 82),
        2.0 * half,
        bottom - top
    );
    match spec.pattern {
        Pattern::Bands | Pattern::Clear => {
            for i in 0..16 {
                let (a, b) =
                    (f64::from(i) * std::f64::consts::TAU / 16.0, f64::from(i + 1) * std::f64::consts::TAU / 16.0);
                let _ = write!(
                    out,
                    "<path d=\"M200 204L{:.0} {:.0}L{:.0} {:.0}Z\" fill=\"{}\"/>",
                    200.0 + a.cos() * 300.0,
                    204.0 + a.sin() * 300.0,
                    200.0 + b.cos() * 300.0,
                    204.0 + b.sin() * 300.0,
                    colour(i)
                );
            }
            let _ = write!(
                out,
                "<circle cx=\"200\" cy=\"204\" r=\"62\" fill=\"{}\"/><circle cx=\"200\" cy=\"204\" r=\"26\" fill=\"{}\"/>",
                hsl(spec.hue, 85, 66),
                hsl(spec.hue, 80, 80)
            );
        }
        Pattern::Facets => {
            let (w, h) = (half / 2.0, (bottom - top) / 5.0);
            for row in -1..6 {
                for column in -1..5 {
                    let (x, y) = (
                        left + w * f64::from(column) + if row % 2 == 0 { 0.0 } else { w / 2.0 },
                        top + h * f64::from(row),
                    );
                    let _ = write!(
                        out,
                        "<path d=\"M{x:.0} {:.0}L{:.0} {:.0}L{x:.0} {:.0}L{:.0} {:.0}Z\" fill=\"{}\"/>",
                        y,
                        x + w / 2.0,
                        y + h,
                        y + 2.0 * h,
                        x - w / 2.0,
                        y + h,
                        colour(row * 3 + column + 20)
                    );
                }
            }
        }
        Pattern::Dots => {
            let (w, h) = (2.0 * half / 4.0, (bottom - top) / 6.0);
            for i in 0..24 {
                let (column, row) = (f64::from(i % 4), f64::from(i / 4));
                let lean = f64::from(i * 29 % 17) - 8.0;
                let _ = write!(
                    out,
                    "<path d=\"M{:.0} {:.0}l{w:.0} {lean:.0}l{:.0} {h:.0}l{:.0} {:.0}Z\" fill=\"{}\"/>",
                    left + column * w,
                    top + row * h,
                    -lean,
                    -w,
                    -lean,
                    colour(i * 5 % 23)
                );
            }
        }
        Pattern::Stripes | Pattern::Swirl => {
            for i in (0..9).rev() {
                let x = left + 2.0 * half * f64::from(i) / 8.0;
                let bend = if spec.pattern == Pattern::Swirl { 120.0 } else { 46.0 };
                let _ = write!(
                    out,
                    "<path d=\"M{left:.0} {top}H{x:.0}C{:.0} 130 {:.0} 260 {:.0} {bottom}H{left:.0}Z\" fill=\"{}\"/>",
                    x + bend,
                    x - bend,
                    x + bend * 0.4,
                    colour(i)
                );
            }
        }
    }
    let _ = write!(
        out,
        "</g><rect x=\"{left:.0}\" y=\"{top}\" width=\"{:.0}\" height=\"{:.0}\" fill=\"none\" stroke=\"#2b3338\" stroke-width=\"10\"/>\
         <path d=\"M{:.0} {bottom}L{:.0} {top}H{:.0}L{:.0} {bottom}Z\" fill=\"#fff\" opacity=\".16\"/>",
        2.0 * half,
        bottom - top,
        left + half * 0.3,
        left + half * 0.9,
        left + half * 1.2,
        left + half * 0.6
    );
}

fn furnace(out: &mut String, spec: &Spec) {
    shadow(out, 356.0, 150.0);
    let _ = write!(
        out,
        "<radialGradient id=\"h\"><stop offset=\"0\" stop-color=\"#fffbe2\"/><stop offset=\".45\" stop-color=\"#ffc24a\"/><stop offset=\"1\" stop-color=\"#d6491c\"/></radialGradient>\
         <path d=\"M60 350V170Q60 60 170 60T280 170V350Z\" fill=\"{}\"/><path d=\"M60 350V170Q60 60 170 60T280 170V350Z\" fill=\"none\" stroke=\"{}\" stroke-width=\"3\"/>",
        hsl(18, 26, 46),
        hsl(18, 30, 30)
    );
    for row in 0..6 {
        let y = 132 + row * 38;
        let _ = write!(
            out,
            "<path d=\"M62 {y}H278\" stroke=\"{}\" stroke-opacity=\".4\" stroke-width=\"2\"/>",
            hsl(18, 30, 28)
        );
    }
    let _ = write!(
        out,
        "<circle cx=\"170\" cy=\"196\" r=\"62\" fill=\"{}\"/><circle cx=\"170\" cy=\"196\" r=\"52\" fill=\"url(#h)\"/><path d=\"M190 204L386 300\" stroke=\"#4b5b63\" stroke-width=\"8\" stroke-linecap=\"round\"/>",
        hsl(18, 25, 26)
    );
    let outline = "M296 206C330 190 366 214 362 252S312 300 288 272S268 220 296 206Z";
    let _ = write!(out, "<g transform=\"rotate(-8 316 244)\">");
    glass(out, spec, outline, (270.0, 196.0, 366.0, 292.0));
    out.push_str("<path d=\"M292 258C286 240 294 224 310 216\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".85\" stroke-width=\"7\" stroke-linecap=\"round\"/></g>");
}

fn torch(out: &mut String, spec: &Spec) {
    shadow(out, 356.0, 140.0);
    let steel = hsl(205, 14, 42);
    let _ = write!(
        out,
        "<linearGradient id=\"t\" x1=\"0\" x2=\"1\"><stop offset=\"0\" stop-color=\"#7fd0ff\"/><stop offset=\".45\" stop-color=\"#b9c8ff\" stop-opacity=\".75\"/><stop offset=\"1\" stop-color=\"#ff9a3c\" stop-opacity=\"0\"/></linearGradient>\
         <path d=\"M44 340H150L138 318H104V260H84V318H56Z\" fill=\"{steel}\"/><rect x=\"46\" y=\"214\" width=\"112\" height=\"46\" rx=\"10\" fill=\"{steel}\"/><rect x=\"150\" y=\"222\" width=\"26\" height=\"30\" rx=\"4\" fill=\"{}\"/>\
         <path d=\"M176 226C250 206 320 196 384 214C330 240 260 258 176 248Z\" fill=\"url(#t)\"/><path d=\"M176 231C216 226 246 226 262 234C244 244 214 246 176 243Z\" fill=\"#e9fbff\" opacity=\".9\"/>\
         <path d=\"M262 60L300 330\" stroke=\"#6d7b82\" stroke-width=\"5\" stroke-linecap=\"round\"/>",
        hsl(40, 45, 50)
    );
    glass(out, spec, &circle_path(284.0, 218.0, 44.0), (240.0, 174.0, 328.0, 262.0));
    out.push_str("<path d=\"M252 214A32 32 0 0 1 276 188\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".9\" stroke-width=\"7\" stroke-linecap=\"round\"/>");
}

fn kiln(out: &mut String, spec: &Spec) {
    shadow(out, 352.0, 150.0);
    let _ = write!(
        out,
        "<rect x=\"56\" y=\"92\" width=\"288\" height=\"252\" rx=\"18\" fill=\"{}\"/><rect x=\"84\" y=\"120\" width=\"232\" height=\"176\" rx=\"10\" fill=\"#3a2420\"/>\
         <radialGradient id=\"k\"><stop offset=\"0\" stop-color=\"#ff9d4d\" stop-opacity=\".95\"/><stop offset=\"1\" stop-color=\"#8e2c16\" stop-opacity=\".3\"/></radialGradient><rect x=\"84\" y=\"120\" width=\"232\" height=\"176\" rx=\"10\" fill=\"url(#k)\"/>",
        hsl(205, 12, 52)
    );
    for x in 0..9 {
        let _ = write!(
            out,
            "<path d=\"M{} 128v18\" stroke=\"#ffd27a\" stroke-width=\"4\" stroke-linecap=\"round\"/>",
            104 + x * 24
        );
    }
    let _ = write!(out, "<path d=\"M92 262H308\" stroke=\"#e6d8c4\" stroke-width=\"9\"/>");
    let outline = "M122 232Q200 214 278 232L262 252Q200 262 138 252Z";
    glass(out, spec, outline, (122.0, 218.0, 278.0, 260.0));
    let _ = write!(
        out,
        "<circle cx=\"92\" cy=\"322\" r=\"9\" fill=\"#2f3a40\"/><circle cx=\"122\" cy=\"322\" r=\"9\" fill=\"#2f3a40\"/><rect x=\"236\" y=\"310\" width=\"84\" height=\"24\" rx=\"5\" fill=\"#12262b\"/><text x=\"278\" y=\"327\" font-family=\"monospace\" font-size=\"15\" fill=\"#ff8a5c\" text-anchor=\"middle\">795 C</text>"
    );
}
