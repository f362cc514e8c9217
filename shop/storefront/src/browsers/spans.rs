//! Spans as browsers send them, and what of them is taken.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value as Json;
use vitrine_platform_telemetry::semconv::{
    CODE_COLUMN_NUMBER, CODE_FILE_PATH, CODE_LINE_NUMBER, ERROR_TYPE, EXCEPTION_TYPE, HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, URL_PATH,
};
use vitrine_platform_telemetry::{Kind, ReportedSpan, Value};

use crate::routes::Routes;

/// Most spans of one export.
const MAX_SPANS: usize = 100;
/// Most attributes of a span that are looked at.
const MAX_ATTRIBUTES: usize = 32;
/// The longest that a page is looked at, or a request takes, in milliseconds.
const MAX_DURATION_MS: u64 = 24 * 3600 * 1000;
/// How long after the end of a span it may be told, in milliseconds, and how far in the future it may end.
const MAX_AGE_MS: u64 = 24 * 3600 * 1000;
const MAX_AHEAD_MS: u64 = 60_000;
/// The longest name of a class of errors, in bytes.
const MAX_CLASS_NAME: usize = 64;
const NANOS_OF_MS: u64 = 1_000_000;

/// The names that spans have, and what they are: a page that was loaded, one that was looked at until it was left, a request of a page's
/// script, and an error in a script.
const NAMES: [(&str, Kind); 4] = [
    ("documentLoad", Kind::Internal),
    ("pageView", Kind::Internal),
    ("fetch", Kind::Client),
    ("exception", Kind::Internal),
];

/// What a value may be.
enum Allowed {
    /// One of these texts.
    Among(&'static [&'static str]),
    /// A whole number up to this.
    Whole(u64),
    /// A number up to this: milliseconds, or a score.
    Number(f64),
    /// The name of a class of errors: nothing that someone could have typed looks like one.
    ClassName,
    /// A file of ours, by its path.
    Asset,
}

/// The attributes that are taken; of others nothing is. Addresses, which become names of routes, come on top.
static ATTRIBUTES: [(&str, Allowed); 14] = [
    (HTTP_REQUEST_METHOD, Allowed::Among(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])),
    (HTTP_RESPONSE_STATUS_CODE, Allowed::Whole(599)),
    (ERROR_TYPE, Allowed::ClassName),
    (EXCEPTION_TYPE, Allowed::ClassName),
    (CODE_FILE_PATH, Allowed::Asset),
    (CODE_LINE_NUMBER, Allowed::Whole(1_000_000)),
    (CODE_COLUMN_NUMBER, Allowed::Whole(10_000_000)),
    ("vitrine.page.cache", Allowed::Among(&["hit", "stale", "miss"])),
    ("vitrine.page.navigation", Allowed::Among(&["navigate", "reload", "back_forward", "prerender"])),
    ("vitrine.web_vital.ttfb", Allowed::Number(600_000.0)),
    ("vitrine.web_vital.fcp", Allowed::Number(600_000.0)),
    ("vitrine.web_vital.lcp", Allowed::Number(600_000.0)),
    ("vitrine.web_vital.inp", Allowed::Number(600_000.0)),
    ("vitrine.web_vital.cls", Allowed::Number(1_000.0)),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Export {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize)]
struct ScopeSpans {
    spans: Vec<SentSpan>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentSpan {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    parent_span_id: String,
    name: String,
    /// A whole number, which OTLP writes as text.
    start_time_unix_nano: Json,
    end_time_unix_nano: Json,
    #[serde(default)]
    attributes: Vec<SentAttribute>,
}

#[derive(Deserialize)]
struct SentAttribute {
    key: String,
    value: SentValue,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SentValue {
    string_value: Option<String>,
    int_value: Option<Json>,
    double_value: Option<f64>,
}

/// What of an export is taken, and how many spans of it are not.
pub(crate) struct Spans {
    pub(crate) taken: Vec<ReportedSpan>,
    pub(crate) rejected: usize,
}

impl Export {
    /// Returns what is taken of it at a moment, from a browser whose clock is so far behind.
    pub(crate) fn spans(self, paths: &Paths, now_ms: i64, behind_ms: i64) -> Spans {
        let sent = self.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let (mut taken, mut all) = (Vec::new(), 0);
        for span in sent.flat_map(|scope| scope.spans) {
            all += 1;
            if taken.len() < MAX_SPANS {
                taken.extend(span.checked(paths, now_ms, behind_ms));
            }
        }
        Spans { rejected: all - taken.len(), taken }
    }
}

impl SentSpan {
    fn checked(self, paths: &Paths, now_ms: i64, behind_ms: i64) -> Option<ReportedSpan> {
        let (name, kind) = NAMES.into_iter().find(|(name, _)| *name == self.name)?;
        let (start, end) = self.times(now_ms, behind_ms)?;
        let path = self.attributes.iter().find(|attribute| attribute.key == URL_PATH);
        let route = path.and_then(|path| paths.route(path.value.string_value.as_deref()?));
        let shown = route.map_or_else(|| name.to_owned(), |route| format!("{name} {route}"));
        let traceparent = format!("00-{}-{}-01", self.trace_id, self.parent_span_id);
        let span_id = (self.span_id.len() == 16).then(|| u64::from_str_radix(&self.span_id, 16).ok()).flatten()?;
        let mut span = ReportedSpan::below(&traceparent, span_id, shown, kind)?.at(start, end);
        if let Some(route) = route {
            span.set(HTTP_ROUTE, route.to_owned());
            span.set(URL_PATH, route.to_owned());
        }
        let mut exception = Vec::new();
        for sent in self.attributes.into_iter().take(MAX_ATTRIBUTES) {
            let Some((key, allowed)) = ATTRIBUTES.iter().find(|(key, _)| *key == sent.key) else { continue };
            let Some(value) = allowed.value(sent.value, paths) else { continue };
            match *key {
                EXCEPTION_TYPE | CODE_FILE_PATH | CODE_LINE_NUMBER | CODE_COLUMN_NUMBER => {
                    exception.push((*key, value))
                }
                ERROR_TYPE => {
                    span.error("it failed in the browser");
                    span.set(ERROR_TYPE, value);
                }
                key => span.set(key, value),
            }
        }
        if !exception.is_empty() {
            span.event(end, "exception", exception);
        }
        Some(span)
    }

    /// When it began and ended by our clock, in nanoseconds.
    fn times(&self, now_ms: i64, behind_ms: i64) -> Option<(u64, u64)> {
        let by_our_clock = |sent: &Json| {
            let nanos = whole(sent)?;
            let shift = behind_ms.unsigned_abs().checked_mul(NANOS_OF_MS)?;
            if behind_ms < 0 { nanos.checked_sub(shift) } else { nanos.checked_add(shift) }
        };
        let (start, end) = (by_our_clock(&self.start_time_unix_nano)?, by_our_clock(&self.end_time_unix_nano)?);
        let now = u64::try_from(now_ms).ok()?;
        let (start_ms, end_ms) = (start / NANOS_OF_MS, end / NANOS_OF_MS);
        let is_possible = start <= end
            && end_ms - start_ms <= MAX_DURATION_MS
            && end_ms <= now.saturating_add(MAX_AHEAD_MS)
            && end_ms.saturating_add(MAX_AGE_MS) >= now;
        is_possible.then_some((start, end))
    }
}

/// A whole number as OTLP's JSON has it: as text, or as it is.
fn whole(sent: &Json) -> Option<u64> {
    sent.as_u64().or_else(|| sent.as_str()?.parse().ok())
}

impl Allowed {
    fn value(&self, sent: SentValue, paths: &Paths) -> Option<Value> {
        match self {
            Self::Among(all) => {
                let text = sent.string_value?;
                all.iter().find(|known| **known == text).map(|known| Value::from(*known))
            }
            Self::Whole(most) => {
                let number = whole(&sent.int_value?).filter(|number| number <= most)?;
                i64::try_from(number).ok().map(Value::from)
            }
            Self::Number(most) => {
                let number = sent.double_value.or_else(|| sent.int_value.as_ref().and_then(Json::as_f64))?;
                (0.0..=*most).contains(&number).then_some(Value::Float(number))
            }
            Self::ClassName => sent.string_value.filter(|name| is_class_of_errors(name)).map(Value::from),
            Self::Asset => sent.string_value.filter(|path| paths.files.contains(path)).map(Value::from),
        }
    }
}

fn is_class_of_errors(name: &str) -> bool {
    let is_word = name.len() <= MAX_CLASS_NAME && name.bytes().all(|b| b.is_ascii_alphabetic());
    is_word && (name.ends_with("Error") || name.ends_with("Exception"))
}

/// What addresses are told as: the routes of the shop, as patterns, and files that are served.
pub(crate) struct Paths {
    routes: Vec<String>,
    files: HashSet<String>,
}

/// Where there is no page, and pages send something.
const WITHOUT_PAGE: [&str; 4] = ["/session", "/graphql", "/sign-out", "/challenge/{id}"];

impl Paths {
    pub(crate) fn new<'a>(routes: &Routes, files: impl Iterator<Item = &'a str>) -> Self {
        let pages = routes.0.iter().map(|route| route.path.clone());
        let mut routes: Vec<String> = pages.chain(WITHOUT_PAGE.map(str::to_owned)).collect();
        // What is said word by word comes before what has a variable.
        routes.sort_by_key(|path| path.contains('{'));
        Self { routes, files: files.map(str::to_owned).collect() }
    }

    /// The route that an address is of. What the address has in place of a variable is not told.
    fn route(&self, path: &str) -> Option<&str> {
        let fits = |pattern: &str| {
            let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(variable), Some(part)) if variable.starts_with('{') && !part.is_empty() => {}
                    (Some(word), Some(part)) if word == part => {}
                    _ => return false,
                }
            }
        };
        self.routes.iter().map(String::as_str).find(|pattern| fits(pattern))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Export, Paths};
    use crate::routes::Routes;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn paths() -> Paths {
        let page = |path: &str| json!({"path": path, "page": "home", "access": "everyone", "needs": []});
        let routes = json!([page("/"), page("/orders/{id}"), page("/checkout/pay")]);
        Paths::new(&Routes::parse(&routes.to_string()).expect("routes"), ["/assets/entry.js"].into_iter())
    }

    fn span() -> Value {
        let nanos = |ms: i64| format!("{}000000", NOW_MS + ms);
        json!({
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "parentSpanId": "00f067aa0ba902b8",
            "name": "documentLoad", "startTimeUnixNano": nanos(-900), "endTimeUnixNano": nanos(-100),
            "attributes": [
                {"key": "url.path", "value": {"stringValue": "/orders/ord_secret"}},
                {"key": "vitrine.web_vital.lcp", "value": {"doubleValue": 312.5}},
                {"key": "exception.message", "value": {"stringValue": "ada@example.com is no number"}},
                {"key": "exception.type", "value": {"stringValue": "ada@example.com"}},
                {"key": "error.type", "value": {"stringValue": "4716298371640951"}},
                {"key": "code.file.path", "value": {"stringValue": "/assets/plover-quartz.js"}},
            ],
        })
    }

    fn taken(span: &Value, behind_ms: i64) -> Vec<String> {
        let export = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
        let export: Export = serde_json::from_value(export).expect("an export");
        let spans = export.spans(&paths(), NOW_MS, behind_ms);
        assert_eq!(spans.taken.len() + spans.rejected, 1);
        spans.taken.iter().map(|span| format!("{span:?}")).collect()
    }

    #[test]
    fn nothing_is_taken_that_is_not_listed() {
        let told = taken(&span(), 0).pop().expect("taken");
        assert!(told.contains("documentLoad /orders/{id}"), "{told}");
        // Attributes are as they are sent: bytes of texts.
        let bytes = |text: &str| format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned();
        assert!(told.contains(&bytes("vitrine.web_vital.lcp")) && told.contains(&bytes("http.route")), "{told}");
        for secret in ["ord_secret", "ada@example.com", "4716298371640951", "plover-quartz"] {
            assert!(!told.contains(secret) && !told.contains(&bytes(secret)), "{secret}: {told}");
        }
    }

    #[test]
    fn an_error_is_told_with_its_class_and_place() {
        let mut failed = span();
        failed["attributes"] = json!([
            {"key": "error.type", "value": {"stringValue": "TypeError"}},
            {"key": "exception.type", "value": {"stringValue": "TypeError"}},
            {"key": "code.file.path", "value": {"stringValue": "/assets/entry.js"}},
            {"key": "code.line.number", "value": {"intValue": "35"}},
        ]);
        let told = taken(&failed, 0).pop().expect("taken");
        let bytes = |text: &str| format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned();
        for expected in ["exception", "code.file.path", "/assets/entry.js", "code.line.number"] {
            assert!(told.contains(&bytes(expected)), "{expected}: {told}");
        }
        assert!(told.contains("it failed in the browser"), "{told}");
    }

    #[test]
    fn what_cannot_be_is_rejected() {
        for (field, wrong) in [
            ("name", json!("SELECT 1")),
            ("traceId", json!("00000000000000000000000000000000")),
            ("spanId", json!("xyz")),
            ("parentSpanId", json!("")),
            ("startTimeUnixNano", json!("1")),
            ("endTimeUnixNano", json!("18446744073709551615")),
            ("endTimeUnixNano", json!(null)),
        ] {
            let mut bent = span();
            bent[field] = wrong;
            assert!(taken(&bent, 0).is_empty(), "{bent}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_put_right() {
        let hours = 30 * 3600 * 1000;
        let mut early = span();
        for (field, ms) in [("startTimeUnixNano", -900), ("endTimeUnixNano", -100)] {
            early[field] = json!(format!("{}000000", NOW_MS + ms - hours));
        }
        assert!(taken(&early, 0).is_empty());
        let start = format!("start_unix_nano: {}000000", NOW_MS - 900);
        let told = taken(&early, hours).pop().expect("taken");
        assert!(told.contains(&start), "{told}");
    }

    #[test]
    fn addresses_are_names_of_routes() {
        let paths = paths();
        for (path, route) in [
            ("/", Some("/")),
            ("/orders/ord_1", Some("/orders/{id}")),
            ("/checkout/pay", Some("/checkout/pay")),
            ("/orders/", None),
            ("/orders/ord_1/more", None),
            ("/reset/secret", None),
        ] {
            assert_eq!(paths.route(path), route, "{path}");
        }
    }
}
