//! Text within HTML, SVG and XML, and the frame of plain pages.

/// Returns a text as it may stand in an element or in a quoted attribute.
///
/// ```
/// assert_eq!(vitrine_kit::html::escape("<b title='&\"'>"), "&lt;b title=&#39;&amp;&quot;&#39;&gt;");
/// ```
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// What a plain page may load: nothing from elsewhere, no script.
pub const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const STYLE: &str = include_str!("html/style.css");

/// The frame that all plain pages of a product share.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The product's name.
    pub product: &'static str,
    /// Where its head leads to: addresses and their names.
    pub links: &'static [(&'static str, &'static str)],
}

impl Frame {
    /// Returns a whole page. `body` is HTML: its values are escaped already.
    pub fn page(&self, title: &str, body: &str) -> String {
        let (title, product) = (escape(title), self.product);
        let links: String = self.links.iter().map(|(to, name)| format!("<a href=\"{to}\">{name}</a>")).collect();
        format!(
            "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">\
             <title>{title} · Vitrine {product}</title><style>{STYLE}</style></head><body>\
             <header><a class=brand href=\"/\">Vitrine <b>{product}</b></a><nav>{links}</nav></header>\
             <main>{body}</main></body></html>"
        )
    }
}
