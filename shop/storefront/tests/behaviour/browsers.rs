//! What browsers tell of pages: of pages that were given their trace, by pages of ours, within bounds.

use serde_json::json;

use crate::world::{PageResponse, World};

const PATH: &str = "/telemetry/v1/traces";
const JSON: (&str, &str) = ("content-type", "application/json");
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// What a page's answer says in `Server-Timing`.
fn timing(page: &PageResponse, name: &str) -> Option<String> {
    let told = page.headers.get_all("server-timing").iter().map(|value| value.to_str().expect("text"));
    let found = told.filter_map(|timing| timing.strip_prefix(name)?.strip_prefix(";desc=")).next()?;
    Some(found.trim_matches('"').to_owned())
}

fn export(traceparent: &str, name: &str) -> String {
    let parts: Vec<&str> = traceparent.split('-').collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos();
    let span = json!({
        "traceId": parts[1], "spanId": "00f067aa0ba902b7", "parentSpanId": parts[2], "name": name, "kind": 1,
        "startTimeUnixNano": (now - 1_000_000).to_string(), "endTimeUnixNano": now.to_string(), "attributes": [],
    });
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string()
}

#[tokio::test]
async fn a_page_names_its_span_to_the_browser_and_takes_what_that_tells() {
    let world = World::saying(json!({})).await;
    let page = world.get("/", &[]).await;
    let own = timing(&page, "traceparent").expect("a span");
    assert_eq!(timing(&page, "cache").as_deref(), Some("miss"));
    let again = world.get("/", &[]).await;
    assert!(matches!(timing(&again, "cache").as_deref(), Some("hit" | "stale")), "it was kept");
    assert_ne!(timing(&again, "traceparent").as_ref(), Some(&own), "each answer has a span of its own");
    assert!(timing(&world.get("/cart", &[]).await, "traceparent").is_some());
    assert!(timing(&world.get("/session", &[]).await, "traceparent").is_none());

    let told = world.post(PATH, &[JSON, OWN], &export(&own, "documentLoad")).await;
    assert_eq!((told.status, told.body.as_str()), (200, r#"{"partialSuccess":{}}"#));
    let told = world.post(PATH, &[JSON, OWN], &export(&own, "anything")).await;
    assert!(told.status == 200 && told.body.contains(r#""rejectedSpans":"1""#), "{}", told.body);
}

#[tokio::test]
async fn who_is_no_page_of_ours_is_told_so() {
    let world = World::saying(json!({})).await;
    let export = export("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01", "documentLoad");
    let long = format!("{export}{}", " ".repeat(64 << 10));
    for (headers, body, status, code) in [
        (vec![JSON, ("sec-fetch-site", "cross-site")], &export, 403, "CROSS_SITE_REQUEST"),
        (
            vec![JSON, ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")],
            &export,
            403,
            "CROSS_SITE_REQUEST",
        ),
        (vec![("content-type", "text/plain"), OWN], &export, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (vec![JSON, OWN], &"{\"resourceSpans\": 1}".to_owned(), 400, "INVALID_EXPORT"),
        (vec![JSON, OWN], &long, 413, "PAYLOAD_TOO_LARGE"),
    ] {
        let answer = world.post(PATH, &headers, body).await;
        assert!(
            answer.status == status && answer.body.contains(code),
            "{headers:?}: {} {}",
            answer.status,
            answer.body
        );
    }
    // A page sends two or three; one who sends hundreds at once has to wait.
    for _ in 0..2000 {
        let answer = world.post(PATH, &[JSON, OWN], &export).await;
        if answer.status == 429 {
            assert!(answer.body.contains("at most 10 exports a second"), "{}", answer.body);
            return;
        }
    }
    panic!("no one has to wait");
}
