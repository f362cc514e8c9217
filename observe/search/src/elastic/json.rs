//! Objects of requests, read with errors that name the key.

use serde_json::{Map, Value};

use super::error::{SearchError, shown};

/// An object of a request, and what it is.
pub(crate) struct Object<'a> {
    what: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// Returns what is named so as an object.
    pub(crate) fn new(what: &'a str, value: &'a Value) -> Result<Self, SearchError> {
        let map = value.as_object().ok_or_else(|| wrong(what, value, "an object"))?;
        Ok(Self { what, map })
    }

    /// Refuses keys that are not known: what is asked for and not done would be a wrong answer.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), SearchError> {
        match self.map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(SearchError::parsing(format!(
                "[{}] does not support [{}]; expected {}",
                self.what,
                shown(key),
                known.join(", ")
            ))),
            None => Ok(()),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn need(&self, key: &str) -> Result<&'a Value, SearchError> {
        self.get(key).ok_or_else(|| SearchError::parsing(format!("[{}] needs [{key}]", self.what)))
    }

    /// A text; a number or a truth is taken as one.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, SearchError> {
        let read = |value| scalar_text(value).ok_or_else(|| self.wrong(key, value, "a text"));
        self.get(key).map(read).transpose()
    }

    pub(crate) fn need_text(&self, key: &str) -> Result<String, SearchError> {
        self.need(key)?;
        Ok(self.text(key)?.unwrap_or_default())
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, SearchError> {
        let read = |value: &Value| number(value).ok_or_else(|| self.wrong(key, value, "a number"));
        self.get(key).map(read).transpose()
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&self, key: &str) -> Result<Option<usize>, SearchError> {
        let read = |value: &Value| {
            let found = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            let found = found.and_then(|number| usize::try_from(number).ok());
            found.ok_or_else(|| self.wrong(key, value, "a whole number that is not negative"))
        };
        self.get(key).map(read).transpose()
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, SearchError> {
        let read = |value: &Value| match value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text == "true" || text == "false" => Ok(text == "true"),
            _ => Err(self.wrong(key, value, "true or false")),
        };
        self.get(key).map(read).transpose()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.map.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The one key that is not among these, and its value.
    pub(crate) fn one_but(&self, others: &[&str]) -> Result<(&'a str, &'a Value), SearchError> {
        let mut rest = self.iter().filter(|(key, _)| !others.contains(key));
        match (rest.next(), rest.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(SearchError::parsing(format!("[{}] is empty; expected one name", self.what))),
            (Some((first, _)), Some((second, _))) => Err(SearchError::parsing(format!(
                "[{}] has [{}] and [{}]; expected one name",
                self.what,
                shown(first),
                shown(second)
            ))),
        }
    }

    pub(crate) fn wrong(&self, key: &str, value: &Value, expected: &str) -> SearchError {
        wrong(&format!("{}.{key}", self.what), value, expected)
    }
}

pub(crate) fn wrong(what: &str, value: &Value, expected: &str) -> SearchError {
    SearchError::parsing(format!("[{what}] is {}; expected {expected}", shown(&value.to_string())))
}

/// One value as a list of one; a list as it is.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

pub(crate) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number: &f64| number.is_finite())
}

/// A text, a number or a truth as a text.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number_text(number)),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A number as records have it: without a fraction that says nothing.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
    }
}

/// Names in a list, or in a text with commas.
pub(crate) fn names(value: &Value) -> Vec<String> {
    let texts = list(value).iter().filter_map(Value::as_str);
    texts.flat_map(|text| text.split(',')).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}
