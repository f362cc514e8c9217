//! A body of glass, as all that is no vessel has it.

use std::fmt::Write as _;

use crate::pattern::{Area, pattern};
use crate::spec::Spec;

/// A glass body of any outline, with its pattern within `area`.
pub(crate) fn glass(out: &mut String, spec: &Spec, outline: &str, area: Area) {
    let _ = write!(
        out,
        "<clipPath id=\"c\"><path d=\"{outline}\"/></clipPath><path d=\"{outline}\" fill=\"url(#g)\"/><g clip-path=\"url(#c)\">"
    );
    pattern(out, spec, area);
    let _ = write!(
        out,
        "<rect width=\"400\" height=\"400\" fill=\"url(#f)\"/></g><path d=\"{outline}\" fill=\"none\" stroke=\"{}\" stroke-opacity=\".4\" stroke-width=\"1.5\"/>",
        spec.hsl(spec.hue, 55, 28)
    );
}

pub(crate) fn circle_path(x: f64, y: f64, r: f64) -> String {
    format!("M{:.1} {y:.1}a{r:.1} {r:.1} 0 1 0 {:.1} 0a{r:.1} {r:.1} 0 1 0 {:.1} 0Z", x - r, 2.0 * r, -2.0 * r)
}
