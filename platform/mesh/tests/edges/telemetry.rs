//! What the Fence tells about a call: a span on each side and the figures of both.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use vitrine_platform_mesh::Limits;
use vitrine_platform_telemetry::{Config, Context};
use vitrine_tests_capture::{Capture, shown};

use crate::{World, near_and_far, world};

near_and_far!(
    spans_stand_below_each_other,
    faults_are_marked_where_they_are,
    calls_are_counted_with_their_outcome,
    a_trace_that_is_not_recorded_stays_so,
);

const METHOD: &str = "vitrine.carts.v1.CartsService/AddItem";

async fn traced(far: bool) -> (World, Capture, Capture) {
    let world = world(far, Limits::default()).await;
    let caller = Capture::of(&world.caller, Config::default()).await;
    let callee = Capture::of(&world.callee, Config::default()).await;
    (world, caller, callee)
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|s| s.code() == StatusCode::Error)
}

fn has(span: &Span, attribute: &str) -> bool {
    span.attributes.iter().any(|a| shown(a) == attribute)
}

/// How often an instrument has noted something with all of these attributes.
async fn count(capture: &Capture, instrument: &str, attributes: &[&str]) -> u64 {
    let seen = capture.seen().await;
    let last = seen.metrics().rfind(|m| m.name == instrument).and_then(|m| m.data.clone());
    let Some(Data::Histogram(histogram)) = last else { return 0 };
    let fits = |known: &[KeyValue]| attributes.iter().all(|a| known.iter().any(|k| shown(k) == *a));
    histogram.data_points.iter().filter(|p| fits(&p.attributes)).map(|p| p.count).sum()
}

async fn spans_stand_below_each_other(far: bool) {
    let (world, caller, callee) = traced(far).await;
    let origin = world.caller.service("gateway").server_span("origin", None, Some("session.id=s-7"));
    origin.context().scope(world.get("fail twice")).await.expect("the third time");
    drop(origin);

    let outer = caller.spans(2).await;
    let origin = outer.iter().find(|s| s.name == "origin").expect("told");
    let call = outer.iter().find(|s| s.kind() == SpanKind::Client).expect("told");
    assert_eq!(outer.len(), 2, "one span for a call, however often it is tried: {outer:?}");
    assert_eq!((&call.trace_id, &call.parent_span_id), (&origin.trace_id, &origin.span_id));
    assert_eq!(call.name, "vitrine.carts.v1.CartsService/GetCart");
    for attribute in ["rpc.system.name=grpc", "server.address=carts", "rpc.response.status_code=OK", "session.id=s-7"] {
        assert!(has(call, attribute), "{attribute}: {:?}", call.attributes);
    }

    let inner = callee.spans(3).await;
    assert_eq!(inner.len(), 3, "one for each try");
    for span in &inner {
        assert_eq!((&span.trace_id, &span.parent_span_id), (&call.trace_id, &call.span_id));
        assert_eq!((span.kind(), span.name.as_str()), (SpanKind::Server, call.name.as_str()));
        assert!(has(span, "session.id=s-7"));
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    assert_eq!(inner.iter().map(is_error).collect::<Vec<_>>(), [true, true, false]);
}

async fn faults_are_marked_where_they_are(far: bool) {
    let (world, caller, callee) = traced(far).await;
    for (what, code, is_fault) in [("refuse", "INVALID_ARGUMENT", false), ("panic", "INTERNAL", true)] {
        let _ = world.add(what).await.expect_err(what);
        let code = format!("rpc.response.status_code={code}");
        let of_caller = caller.spans(1).await.into_iter().find(|s| has(s, &code)).expect(what);
        let of_callee = callee.spans(1).await.into_iter().find(|s| has(s, &code)).expect(what);
        assert!(is_error(&of_caller), "to its caller every failure is one: {of_caller:?}");
        assert_eq!(is_error(&of_callee), is_fault, "{of_callee:?}");
        assert_eq!(of_callee.parent_span_id, of_caller.span_id);
        assert!(of_caller.parent_span_id.is_empty(), "a call out of nothing starts a trace");
    }
}

async fn calls_are_counted_with_their_outcome(far: bool) {
    let (world, caller, callee) = traced(far).await;
    for what in ["fine", "fine", "fine", "refuse", "panic"] {
        let _ = world.add(what).await;
    }
    caller.spans(5).await;
    callee.spans(5).await;
    let method = format!("rpc.method={METHOD}");
    for (code, n) in [("OK", 3), ("INVALID_ARGUMENT", 1), ("INTERNAL", 1)] {
        let (status, error) = (format!("rpc.response.status_code={code}"), format!("error.type={code}"));
        let (attributes, failed) = (["rpc.system.name=grpc", &method, &status], [&*method, &error]);
        // A refusal is an error to its caller, and no fault of the service.
        let (of_callee, of_caller) = (if code == "INTERNAL" { n } else { 0 }, if code == "OK" { 0 } else { n });
        for (side, instrument, errors) in
            [(&callee, "rpc.server.call.duration", of_callee), (&caller, "rpc.client.call.duration", of_caller)]
        {
            assert_eq!(count(side, instrument, &attributes).await, n, "{instrument} {code}");
            assert_eq!(count(side, instrument, &failed).await, errors, "{instrument} {code}");
        }
    }
    assert_eq!(count(&callee, "rpc.server.call.duration", &[]).await, 5);
    assert_eq!(count(&caller, "rpc.client.call.duration", &["server.address=carts"]).await, 5);
}

async fn a_trace_that_is_not_recorded_stays_so(far: bool) {
    let (world, caller, callee) = traced(far).await;
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let unrecorded = world.caller.service("gateway").server_span("unrecorded", Some(header), None);
    unrecorded.context().scope(world.add("fine")).await.expect("answered");
    drop(unrecorded);
    Context::default().scope(world.add("fine")).await.expect("answered");
    let (outer, inner) = (caller.spans(1).await, callee.spans(1).await);
    assert_eq!((outer.len(), inner.len()), (1, 1), "only the second");
    assert_eq!(inner[0].parent_span_id, outer[0].span_id);
    assert_eq!(count(&callee, "rpc.server.call.duration", &[]).await, 2, "figures count all");
}
