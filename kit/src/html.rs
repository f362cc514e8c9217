//! Text within HTML, SVG and XML.

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
