//! Beads on a chain.

use std::fmt::Write as _;

use crate::shadow;
use crate::spec::{Pattern, Spec, hsl};

pub(crate) fn chain(out: &mut String, spec: &Spec) {
    shadow(out, 356.0, 110.0);
    let _ = write!(
        out,
        "<path d=\"M96 60C60 250 130 330 200 332S340 250 304 60\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
        spec.hsl(spec.hue, 25, 40)
    );
    let (mut dots, mut glints) = (String::new(), String::new());
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
            "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"{r:.0}\" fill=\"{}\" stroke=\"{}\"/><circle cx=\"{:.0}\" cy=\"{:.0}\" r=\"{:.0}\" fill=\"{}\"/>",
            hsl(hue, 62, 46),
            hsl(hue, 60, 30),
            x + r * 0.12,
            y + r * 0.2,
            r * 0.66,
            hsl(hue, 70, 62),
        );
        let _ = write!(glints, "M{:.0} {:.0}h1", x - r * 0.38, y - r * 0.42);
        let spots = match spec.pattern {
            Pattern::Dots => 1,
            Pattern::Facets => 5,
            _ => 0,
        };
        for spot in 0..spots {
            let turn = 0.8 + f64::from(spot) * 1.256_637;
            let _ = write!(dots, "M{:.0} {:.0}h0", x + turn.cos() * r * 0.46, y + turn.sin() * r * 0.46);
        }
    }
    let _ = write!(
        out,
        "<g fill=\"none\" stroke-linecap=\"round\"><path d=\"{dots}\" stroke=\"{}\" stroke-width=\"7\"/><path d=\"{glints}\" stroke=\"#fff\" stroke-opacity=\".85\" stroke-width=\"6\"/></g>",
        hsl(spec.hue2, 60, 90)
    );
}
