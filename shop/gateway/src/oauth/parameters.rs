//! Parameters of OAuth, from a query or a form. Each may be there once (RFC 6749, sections 3.1 and 3.2); without a value it is as if it
//! were not there; one that no one knows is ignored.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use vitrine_kit::percent;
use vitrine_platform_http::Reply;

/// What the body of a form is called.
const FORM: &str = "application/x-www-form-urlencoded";

/// A parameter that was sent and has no value to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// Goes on after "the parameter NAME".
    pub(crate) message: &'static str,
}

impl Fault {
    pub(crate) fn sentence(self) -> String {
        format!("the parameter {} {}", self.name, self.message)
    }
}

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    given: HashMap<String, Result<String, &'static str>>,
    faults: Vec<Fault>,
}

fn decoded(part: &[u8]) -> Option<String> {
    percent::decode(&std::str::from_utf8(part).ok()?.replace('+', " "))
}

impl Parameters {
    /// Of a query or a form.
    pub(crate) fn read(text: &[u8]) -> Self {
        let mut given = HashMap::new();
        for pair in text.split(|b| *b == b'&') {
            let split = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(split);
            let Some(name) = decoded(name) else { continue };
            let value = decoded(value.strip_prefix(b"=").unwrap_or(value)).ok_or("is not form-encoded UTF-8");
            match given.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(value);
                }
                Entry::Occupied(mut taken) => *taken.get_mut() = Err("is given more than once"),
            }
        }
        Self { given, faults: Vec::new() }
    }

    /// Whether it was sent, with a value or without.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// The value of a parameter; nothing if it was not sent, and if it has none to go on with, which is noted.
    pub(crate) fn take(&mut self, name: &'static str) -> String {
        match self.given.remove(name) {
            None => String::new(),
            Some(Ok(value)) => value,
            Some(Err(message)) => {
                self.faults.push(Fault { name, message });
                String::new()
            }
        }
    }

    /// What is wrong with those that were taken.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

/// A form in a body.
pub(crate) struct Form(pub(crate) Parameters);

/// A body that is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unreadable {
    pub(crate) status: StatusCode,
    pub(crate) message: &'static str,
}

impl IntoResponse for Unreadable {
    fn into_response(self) -> Response {
        Reply::new(self.status, "INVALID_REQUEST", self.message).at("body", FORM).into_response()
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Unreadable;

    async fn from_request(request: Request, state: &S) -> Result<Self, Unreadable> {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap_or_default().to_owned());
        let body = Bytes::from_request(request, state).await.map_err(|e| match e.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => Unreadable { status, message: "the body is too large" },
            status => Unreadable { status, message: "the body could not be read" },
        })?;
        let is_form = match &content_type {
            Some(value) => value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM),
            None => body.is_empty(),
        };
        if !is_form {
            let message = "the body must be application/x-www-form-urlencoded, and Content-Type must say so";
            return Err(Unreadable { status: StatusCode::BAD_REQUEST, message });
        }
        Ok(Self(Parameters::read(&body)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Parameters};

    #[test]
    fn each_parameter_has_one_value_or_a_fault() {
        let text = b"a=1&b=%C3%BC+%2b&c&d=&e=x=y&&f=1&f=1&g=&g=&%66oo=bar&h=%ff&i=%&j=\xff&\xff=1&=k";
        let mut parameters = Parameters::read(text);
        assert!(parameters.has("c") && !parameters.has("z"));
        for (name, value) in [("a", "1"), ("b", "ü +"), ("c", ""), ("d", ""), ("e", "x=y"), ("foo", "bar"), ("z", "")]
        {
            assert_eq!(parameters.take(name), value, "{name}");
        }
        assert_eq!(parameters.faults(), []);
        for (name, message) in [
            ("f", "is given more than once"),
            ("g", "is given more than once"),
            ("h", "is not form-encoded UTF-8"),
            ("i", "is not form-encoded UTF-8"),
            ("j", "is not form-encoded UTF-8"),
        ] {
            assert_eq!(parameters.take(name), "", "{name}");
            assert_eq!(parameters.faults().last(), Some(&Fault { name, message }));
        }
        assert_eq!(parameters.faults()[0].sentence(), "the parameter f is given more than once");
    }
}
