//! The page of log records.

use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use vitrine_observe_store::Tenant;

use crate::client::{engine, get, open};
use crate::logs::{fill, record};
use crate::scenario::{self, SHOP, text, write_logs};

const ALL: &str = "start=1700000000&end=1700000100";
const EVIL: &str = "<script>alert('x')</script>\"&";

#[tokio::test]
async fn records_stand_below_their_histogram() {
    let (_folder, engine) = engine();
    fill(&engine, &Tenant::default()).await;
    let router = open(&engine);
    let page = get(&router, &format!("/logs?{ALL}&query=card")).await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().expect("a policy");
    assert!(policy.contains("script-src 'self'") && policy.contains("default-src 'none'"), "{policy}");
    for part in [
        "<b>2</b> <span class=soft>records</span>",
        "<title>2023-11-14 22:13:24.000\nerror: 1</title>",
        "<mark>card</mark> declined for order 17",
        "href=\"/trace/4bf92f3577b34da6a3ce929d0e0e4736\"",
        "title=\"Only these\" aria-label=\"Only attributes.http.route:&quot;/orders&quot;\"",
        "/logs?query=card%20-attributes.duration_ms%3A250&amp;start=",
        "/api/logs/export?query=card&amp;start=",
        "<script src=\"/logs/tail.js\" defer></script>",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains("order 16 placed"));
    let script = get(&router, "/logs/tail.js").await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    assert!(script.body.contains("/api/logs/tail?query="));
}

#[tokio::test]
async fn lines_lead_to_older_ones_to_those_around_and_to_their_traces() {
    let (_folder, engine) = engine();
    let tenant = Tenant::default();
    let lines = (0..150).map(|n| record(n / 2, 9, &format!("line {n}"))).collect();
    write_logs(&*engine, &tenant, "a", lines).await;
    let router = open(&engine);
    let page = get(&router, &format!("/logs?{ALL}")).await.body;
    assert_eq!(page.matches("<details").count(), 100);
    let next = page.split("rel=next href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("older ones");
    let older = get(&router, &next.replace("&amp;", "&")).await.body;
    assert_eq!(older.matches("<details").count(), 50);
    let around =
        older.split("href=\"").filter_map(|rest| rest.split('"').next()).find(|to| to.contains("&amp;around="));
    let around = get(&router, &around.expect("a link").replace("&amp;", "&")).await.body;
    assert!(around.contains("class=\"line info here\"") && around.contains("before and after"), "{around}");
    scenario::fill(&*engine, &tenant).await;
    let trace = get(&router, &format!("/trace/{SHOP}")).await.body;
    assert!(trace.contains(&format!("<a href=\"/logs?query=trace:{SHOP}&amp;start=")), "{trace}");
}

#[tokio::test]
async fn patterns_mistakes_and_nothing_have_pages() {
    let (_folder, engine) = engine();
    let router = open(&engine);
    assert!(get(&router, "/logs").await.body.contains("No log records yet"));
    fill(&engine, &Tenant::default()).await;
    let patterns = get(&router, &format!("/logs?{ALL}&view=patterns")).await.body;
    assert!(patterns.contains(">cart &lt;*&gt; read</a>"), "{patterns}");
    assert!(get(&router, &format!("/logs?{ALL}&query=nowhere")).await.body.contains("No records meet this"));
    let wrong = get(&router, "/logs?query=%22%3Cb%3E&since=6h").await.body;
    assert!(
        wrong.contains("a quote is not closed at character 1") && wrong.contains("value=\"&quot;&lt;b&gt;\""),
        "{wrong}"
    );
    assert!(wrong.contains("<option selected>6h"));
}

#[tokio::test]
async fn traces_are_found_by_the_same_query() {
    let (_folder, engine) = engine();
    scenario::fill(&*engine, &Tenant::default()).await;
    let router = open(&engine);
    let found = get(&router, "/?query=service:carts%20status:error").await.body;
    assert!(found.contains(&format!("/trace/{SHOP}")) && !found.contains("/trace/000000000000000000000000000000ab"));
    assert!(get(&router, "/?query=service:carts%20duration:%3E1h").await.body.contains("No trace meets this."));
    let wrong = get(&router, "/?query=service:carts%20-status:error").await.body;
    assert!(wrong.contains("-status:error cannot be asked of traces: expected service:NAME"), "{wrong}");
}

#[tokio::test]
async fn every_value_is_escaped() {
    let (_folder, engine) = engine();
    let evil = LogRecord {
        severity_text: EVIL.into(),
        event_name: EVIL.into(),
        body: Some(AnyValue { value: Some(Proto::StringValue(EVIL.into())) }),
        attributes: vec![text(EVIL, EVIL)],
        ..record(1, 9, "")
    };
    write_logs(&*engine, &Tenant::default(), EVIL, vec![evil]).await;
    let router = open(&engine);
    for path in [format!("/logs?{ALL}"), format!("/logs?{ALL}&query=script"), format!("/logs?{ALL}&view=patterns")] {
        let page = get(&router, &path).await.body;
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert!(page.contains("&lt;script&gt;") || page.contains("&lt;<mark>script</mark>&gt;"), "{page}");
    }
}
