//! Templates of notifications: those that come along, and those of the configuration's files.

use std::path::{Path, PathBuf};

use vitrine_observe_routing::{Config, zone_offset};
use vitrine_observe_rules::template::{NotificationFunctions, TemplateError, Templates, Value};

use crate::data::Data;
use crate::engine::Error;

const DEFAULT: &str = include_str!("default.tmpl");
/// Largest file of templates, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Most files of templates.
const MAX_FILES: usize = 200;

/// Reads the templates of a configuration.
pub(crate) fn read(config: &Config) -> Result<Templates, Error> {
    let mut templates = Templates::default();
    let functions = functions(0, &|_| Ok(String::new()));
    templates.add("default.tmpl", DEFAULT, &functions).map_err(|error| Error::Template(error.message))?;
    let mut paths = Vec::new();
    for pattern in &config.templates {
        let unusable = |source| Error::TemplateFile { path: pattern.clone(), source };
        paths.extend(matching(pattern).map_err(unusable)?);
    }
    if paths.len() > MAX_FILES {
        return Err(Error::Template(format!("{} files of templates: expected at most {MAX_FILES}", paths.len())));
    }
    for path in paths {
        let text = text_of(&path).map_err(|source| Error::TemplateFile { path: path.clone(), source })?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        templates.add(&name, &text, &functions).map_err(|error| Error::Template(error.message))?;
    }
    Ok(templates)
}

fn text_of(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("{bytes} bytes: expected at most {MAX_FILE_BYTES}")));
    }
    std::fs::read_to_string(path)
}

/// Files that a path with `*` and `?` in its last part stands for, in order; itself where it has none.
fn matching(pattern: &Path) -> std::io::Result<Vec<PathBuf>> {
    let name = pattern.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains(['*', '?']) {
        return Ok(vec![pattern.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(pattern.parent().unwrap_or(Path::new(".")))? {
        let entry = entry?;
        if is_like(name.as_bytes(), entry.file_name().to_string_lossy().as_bytes()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a name is like a pattern of `*` and `?`. Goes back to the last star only, so its time is bounded by the product of both lengths.
fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((at, from)) = star else { return false };
                (p, n, star) = (at + 1, from + 1, Some((at, from + 1)));
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

fn functions<'a>(now_ms: i64, route_label: &'a dyn Fn(&str) -> Result<String, String>) -> NotificationFunctions<'a> {
    NotificationFunctions { now_ms, zone: &zone_offset, route_label }
}

/// Renders texts for one notification.
pub(crate) struct Renderer<'a> {
    templates: &'a Templates,
    data: &'a Data,
    value: Value,
    now_ms: i64,
}

impl<'a> Renderer<'a> {
    pub(crate) fn new(templates: &'a Templates, data: &'a Data, now_ms: i64) -> Self {
        Self { templates, data, value: data.value(), now_ms }
    }

    /// A text with templates in it.
    pub(crate) fn text(&self, text: &str) -> Result<String, TemplateError> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        self.templates.expand("", text, &self.value, &functions(self.now_ms, &|name| self.route_label(name)))
    }

    /// A text with templates in it, whose values are escaped for HTML.
    pub(crate) fn html(&self, text: &str) -> Result<String, TemplateError> {
        self.templates.expand_html("", text, &self.value, &functions(self.now_ms, &|name| self.route_label(name)))
    }

    fn route_label(&self, name: &str) -> Result<String, String> {
        Ok(self.data.route_labels.get(name).cloned().unwrap_or_default())
    }
}

/// Renders the labels of a route: their values may be templates. Those that cannot be rendered are left out.
pub(crate) fn render_route_labels(templates: &Templates, data: &mut Data, now_ms: i64) {
    let rendered = {
        let renderer = Renderer::new(templates, data, now_ms);
        let labels = data.route_labels.iter();
        labels.filter_map(|(name, text)| Some((name.clone(), renderer.text(text).ok()?))).collect()
    };
    data.route_labels = rendered;
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn names_are_like_patterns_or_not() {
        for (pattern, name, expected) in [
            ("*.tmpl", "a.tmpl", true),
            ("*.tmpl", "a.tmpl2", false),
            ("a?c*", "abc", true),
            ("*a*b", "xaybzb", true),
            ("*a*b", "xayb0", false),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(is_like(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
