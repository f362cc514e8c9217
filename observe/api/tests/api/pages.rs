//! What a browser gets.

use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span as otlp};
use vitrine_observe_store::Tenant;

use crate::client::{engine, get, open};
use crate::scenario::{self, SHOP, span, text};

const EVIL: &str = "<script>alert('x')</script>\"&";

#[tokio::test]
async fn an_empty_observatory_says_how_to_fill_it() {
    let (_folder, engine) = engine();
    let page = get(&open(&engine), "/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Nothing has arrived yet"));
    assert!(page.headers["content-security-policy"].to_str().is_ok_and(|policy| policy.contains("default-src 'none'")));
}

#[tokio::test]
async fn the_pages_show_what_is_here_and_escape_every_value() {
    let (_folder, engine) = engine();
    let tenant = Tenant::default();
    scenario::fill(&*engine, &tenant).await;
    let evil = Span {
        attributes: vec![text(EVIL, EVIL)],
        events: vec![otlp::Event { name: EVIL.into(), attributes: vec![text(EVIL, EVIL)], ..otlp::Event::default() }],
        status: Some(Status { code: 2, message: EVIL.into() }),
        trace_state: EVIL.into(),
        ..span("ee", "1", EVIL)
    };
    scenario::write(&*engine, &tenant, vec![scenario::of(vec![text("service.name", EVIL)], vec![evil])]).await;
    let record = LogRecord {
        trace_id: scenario::id(&format!("{:0>32}", "ee")),
        severity_text: EVIL.into(),
        body: Some(AnyValue { value: Some(Proto::StringValue(EVIL.into())) }),
        ..LogRecord::default()
    };
    scenario::write_log(&*engine, &tenant, EVIL, record).await;

    let router = open(&engine);
    let home = get(&router, "/").await.body;
    assert!(home.contains("gateway") && home.contains(&format!("/trace/{SHOP}")));
    assert!(home.contains("2023-11-14 22:13:19.999"));
    let page = get(&router, "/trace/ee").await;
    assert_eq!(page.status, 200);
    for page in [&home, &page.body] {
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"));
        assert!(!page.contains("<script"));
    }
    let of_carts = get(&router, "/?service=carts").await.body;
    assert!(of_carts.contains(SHOP) && !of_carts.contains("/trace/000000000000000000000000000000ee"));
    let of_nobody = get(&router, "/?service=%3Cb%3E").await.body;
    assert!(of_nobody.contains("No traces are held") && of_nobody.contains("of &lt;b&gt;"));
    let waterfall = get(&router, &format!("/trace/{SHOP}")).await.body;
    assert!(waterfall.contains("Reserve") && waterfall.contains("no stock") && waterfall.contains("10.00 ms"));
}

#[tokio::test]
async fn a_missing_or_malformed_trace_has_a_page_too() {
    let (_folder, engine) = engine();
    for (path, code, message) in [("/trace/1", 404, "trace not found"), ("/trace/%3Cb%3E", 400, "&lt;b&gt;")] {
        let page = get(&open(&engine), path).await;
        assert_eq!(page.status.as_u16(), code);
        assert!(page.body.contains(message) && page.body.contains("Back to recent traces"), "{}", page.body);
    }
}

#[tokio::test]
async fn odd_traces_are_drawn() {
    let (_folder, engine) = engine();
    let child = |own: &str, parent: &str, name: &str| Span {
        parent_span_id: scenario::id(&format!("{parent:0>16}")),
        ..span("1", own, name)
    };
    // A circle, a span that is its own parent, an orphan, and one that ends before it starts.
    let spans = vec![
        child("1", "2", "one"),
        child("2", "1", "two"),
        child("3", "3", "self"),
        child("4", "9", "orphan"),
        Span { end_time_unix_nano: 1, ..child("5", "1", "backwards") },
    ];
    let resource = scenario::of(vec![text("service.name", "a")], spans);
    scenario::write(&*engine, &Tenant::default(), vec![resource]).await;
    let router = open(&engine);
    let page = get(&router, "/trace/1").await;
    assert_eq!(page.status, 200);
    for name in ["one", "two", "self", "orphan", "backwards"] {
        assert_eq!(page.body.matches(&format!("<b>a</b> {name}</span>")).count(), 1, "{name}");
    }
    let body = get(&router, "/jaeger/api/traces/1").await.json();
    let spans = body["data"][0]["spans"].as_array().expect("spans");
    assert_eq!(spans.len(), 5);
    let warned = spans.iter().filter(|span| !span["warnings"].is_null()).count();
    assert_eq!(warned, 2, "the orphan, and the one that ends before it starts");
}
