//! Maps of headers, as settings have them.

use http::HeaderName;
use vitrine_platform_config::yaml::{Node, Reader, Value};

/// Returns the entries of a field that is a map of headers, by their names. What is no map, and what is no name of a header, is a mistake.
pub(crate) fn by_name<'a>(reader: &Reader, field: &str, node: &'a Node) -> Vec<(HeaderName, &'a Node)> {
    let Value::Map(entries) = &node.value else {
        reader.mistake(node.location, format!("{field}: expected a map of headers"));
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (key, node) in entries {
        match HeaderName::try_from(key.text.as_str()) {
            Ok(name) => headers.push((name, node)),
            Err(_) => reader.mistake(key.location, format!("{:?} is no name of a header", key.text)),
        }
    }
    headers
}
