//! Pictures of glass, drawn as SVG: a shape, two hues and a pattern make a piece.
//!
//! Vessels are profiles turned around their axis; what is no vessel draws itself, in files of its own. Everything is computed: a picture is a
//! few kilobytes, refers to nothing outside and holds no script. What is for sale, and which piece looks how, is not known here.
//!
//! ```
//! use vitrine_shop_pictures::{Pattern, Shape, Spec, svg};
//!
//! let vase = Spec::new(Shape::Vase, 200, 260, Pattern::Swirl, 100).clear();
//! let picture = svg(&vase, "A vase <by hand>");
//! assert!(picture.starts_with("<svg ") && picture.contains("<title>A vase &lt;by hand&gt;</title>"));
//! assert!(picture.len() < 6 * 1024);
//! ```

mod beads;
mod glass;
mod lamps;
mod panel;
mod pattern;
mod spec;
mod things;
mod vessels;
mod workshops;

use std::fmt::Write as _;

use vitrine_kit::html;

pub use spec::{Pattern, Shape, Spec};

/// Returns the piece as a standalone SVG document of 400 by 400, at most 6 KiB plus the title, which may be any text.
pub fn svg(spec: &Spec, title: &str) -> String {
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
        title_of(title),
        spec::hsl(h, 30, 97),
        spec::hsl(h, 28, 86),
        spec.hsl(h, 62, 36),
        spec.hsl(h, 62, 56),
        spec.opacity(62),
        spec.hsl(h, 70, 76),
        spec.opacity(38),
        spec.hsl(h2, 62, 56),
        spec.opacity(66),
        spec.hsl(h2, 60, 34),
        spec.hsl(h2, 65, 30),
        spec::hsl(h, 60, 20),
        spec::hsl(h, 60, 20),
    );
    match vessels::profile(spec.shape) {
        Some(profile) => vessels::draw(&mut out, spec, profile),
        None => things::draw(&mut out, spec),
    }
    out.push_str("</svg>");
    out
}

/// A text within the picture. What XML cannot hold, even escaped, would make the whole picture unreadable.
fn title_of(text: &str) -> String {
    html::escape(&text.replace(|c: char| matches!(c, '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}'), " "))
}

/// The shadow on the table.
fn shadow(out: &mut String, y: f64, rx: f64) {
    let _ = write!(
        out,
        "<ellipse cx=\"206\" cy=\"{y:.0}\" rx=\"{rx:.0}\" ry=\"{:.0}\" fill=\"url(#s)\"/>",
        (rx * 0.16).max(9.0)
    );
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Shape, Spec, svg};

    #[test]
    fn titles_are_text() {
        let titled = |title| svg(&Spec::new(Shape::Vase, 0, 60, Pattern::Clear, 100), title);
        assert!(titled("<&\">'").contains("<title>&lt;&amp;&quot;&gt;&#39;</title>"));
        assert!(titled("a\u{1}\u{ffff}b").contains("<title>a  b</title>"));
    }
}
