//! Where an event comes from can be seen in the trace of its handling.

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use vitrine_platform_bus::{dead_letters, redrive};
use vitrine_platform_telemetry::{Config, Context, Telemetry};
use vitrine_tests_capture::{Capture, hex};

use crate::{NAME, eventually, world};

/// The trace and the span of a `traceparent`.
fn ids(context: &Context) -> (String, String) {
    let header = context.traceparent().expect("a trace");
    let mut parts = header.split('-').skip(1).map(str::to_owned);
    (parts.next().expect("a trace"), parts.next().expect("a span"))
}

#[tokio::test]
async fn handling_is_linked_to_publishing() {
    let mut world = world();
    let telemetry = Telemetry::new(Config::default());
    let capture = Capture::of(&telemetry, Config::default()).await;
    let handled = |span: &Span| span.kind() == SpanKind::Consumer;

    let publisher = telemetry.service("customers").server_span("erase", None, Some("session.id=s-7"));
    let (trace, span) = ids(&publisher.context());
    publisher.context().scope(world.publish(&["fine", "reject"])).await;
    world.follow(world.log(), &telemetry);

    let spans = capture.spans_that(2, handled).await;
    for span_of_handling in &spans {
        let links: Vec<_> = span_of_handling.links.iter().map(|l| (hex(&l.trace_id), hex(&l.span_id))).collect();
        assert_eq!(links, [(trace.clone(), span.clone())]);
        assert!(
            hex(&span_of_handling.trace_id) != trace && span_of_handling.parent_span_id.is_empty(),
            "its own trace"
        );
        assert!(span_of_handling.attributes.iter().any(|a| a.key == "session.id"), "baggage has come along");
    }
    let failed = |s: &Span| s.status.as_ref().is_some_and(|s| s.code() == StatusCode::Error && s.message == "as asked");
    assert_eq!(spans.iter().map(failed).collect::<Vec<_>>(), [false, true]);

    // The handler works in the trace of its span, and so does what it calls.
    let (key, context) = world.handed.recv().await.expect("handed");
    assert_eq!((key.as_str(), ids(&context).0), ("fine", hex(&spans[0].trace_id)));
    assert_eq!(context.baggage().get("session.id"), Some("s-7"));
    assert_eq!(context.service().map(|s| s.name()), Some("carts"));

    // Handed out again, it is still known where it came from.
    eventually(async || !dead_letters(&world.store, NAME).await.expect("read").is_empty()).await;
    let letter = dead_letters(&world.store, NAME).await.expect("read").remove(0);
    assert!(redrive(&world.store, NAME, &letter.event_id).await.expect("asked"));
    world.publish(&["wake", "up"]).await;
    let spans = capture.spans_that(5, handled).await;
    let again = spans.iter().filter(|s| failed(s)).nth(1).expect("handed out again");
    assert_eq!(hex(&again.links[0].trace_id), trace);
    drop(publisher);
}
