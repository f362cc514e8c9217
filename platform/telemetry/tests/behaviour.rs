//! What leaves a process, as a receiver sees it.

use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use tracing_subscriber::layer::SubscriberExt;
use vitrine_platform_telemetry::{Config, LogLayer, Telemetry};
use vitrine_tests_capture::{Capture, Seen, hex, value};

/// Runs some work with a pipeline, and returns all that was sent.
async fn sent(config: Config, work: impl AsyncFnOnce(&Telemetry)) -> Seen {
    let telemetry = Telemetry::new(config.clone());
    let capture = Capture::of(&telemetry, config).await;
    work(&telemetry).await;
    capture.end().await
}

#[tokio::test]
async fn spans_have_parents_links_baggage_and_their_services_resource() {
    let seen = sent(Config::default(), async |telemetry| {
        let orders = telemetry.service("orders");
        let parent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
        let span = orders.server_span("serve", Some(parent), Some("session.id=s-1,synthetic_request=true,secret=x"));
        let published = span.context().traceparent().expect("a trace");
        let context = span.context();
        context.scope(async { vitrine_platform_telemetry::span("inner").attr("k", 7_i64).run(async {}).await }).await;
        drop(span);
        telemetry.service("email").consumer_span("process", &published, "session.id=s-1").run(async {}).await;
    })
    .await;
    let spans = seen.spans();
    let find = |name: &str| spans.iter().find(|(_, s)| s.name == name).expect(name);
    let (service, serve) = find("serve");
    assert_eq!((service.as_str(), hex(&serve.trace_id)), ("orders", "0123456789abcdef0123456789abcdef".to_owned()));
    assert_eq!(hex(&serve.parent_span_id), "0123456789abcdef");
    let (_, inner) = find("inner");
    assert_eq!((&inner.parent_span_id, &inner.trace_id), (&serve.span_id, &serve.trace_id));
    for (_, span) in &spans {
        assert_eq!(value(&span.attributes, "session.id").as_deref(), Some("s-1"), "{}", span.name);
        assert_eq!(value(&span.attributes, "secret"), None, "only what is meant for telemetry is on spans");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    let (service, process) = find("process");
    assert_eq!((service.as_str(), process.parent_span_id.len()), ("email", 0));
    assert_ne!(process.trace_id, serve.trace_id);
    assert_eq!((&process.links[0].trace_id, &process.links[0].span_id), (&serve.trace_id, &serve.span_id));
    let resource = seen.traces[0].resource_spans[0].resource.as_ref().expect("a resource");
    for key in ["service.name", "service.instance.id", "service.version"] {
        assert!(value(&resource.attributes, key).is_some_and(|v| !v.is_empty()), "{key}");
    }
}

#[tokio::test]
async fn metrics_carry_exemplars_that_lead_to_the_trace() {
    let mut trace_id = Vec::new();
    let seen = sent(Config::default(), async |telemetry| {
        let service = telemetry.service("orders");
        let span = service.root_span("work");
        let context = span.context();
        context.clone().sync_scope(|| service.record_rpc("Method", "OK", false, Duration::from_millis(3)));
        context.clone().sync_scope(|| service.counter("things", "{thing}", "Things").add(2, &[("kind", "glass")]));
        trace_id = u128::from_str_radix(&context.trace_id().expect("a trace"), 16).expect("hex").to_be_bytes().to_vec();
    })
    .await;
    let find = |name: &str| seen.metrics().find(|m| m.name == name).and_then(|m| m.data.clone()).expect(name);
    let Data::Histogram(histogram) = find("rpc.server.call.duration") else { panic!("a histogram") };
    let point = &histogram.data_points[0];
    assert_eq!((point.count, &point.exemplars[0].trace_id), (1, &trace_id));
    let Data::Sum(sum) = find("things") else { panic!("a sum") };
    assert!(sum.is_monotonic);
    assert_eq!(sum.data_points[0].exemplars[0].trace_id, trace_id);
}

#[tokio::test]
async fn log_records_carry_the_trace_and_the_service() {
    let mut trace_id = String::new();
    let seen = sent(Config::default(), async |telemetry| {
        let subscriber = tracing_subscriber::registry().with(LogLayer::new(telemetry, "process"));
        let _guard = tracing::subscriber::set_default(subscriber);
        tracing::warn!(answer = 42, "outside");
        let span = telemetry.service("orders").root_span("work");
        trace_id = span.context().trace_id().expect("a trace");
        span.context().sync_scope(|| tracing::info!(order_id = "ord_1", "order placed"));
    })
    .await;
    let resources: Vec<_> = seen.logs.iter().flat_map(|l| &l.resource_logs).collect();
    let find = |service: &str| {
        let resource = resources.iter().find(|r| {
            r.resource.as_ref().and_then(|r| value(&r.attributes, "service.name")).as_deref() == Some(service)
        });
        resource.map(|r| r.scope_logs[0].log_records[0].clone()).expect(service)
    };
    let placed = find("orders");
    assert_eq!((hex(&placed.trace_id), placed.severity_text.as_str()), (trace_id, "INFO"));
    assert_eq!(value(&placed.attributes, "order_id").as_deref(), Some("ord_1"));
    let outside = find("process");
    assert!(outside.trace_id.is_empty() && outside.severity_text == "WARN");
}

#[tokio::test]
async fn nothing_is_sent_when_switched_off_and_buffers_are_bounded() {
    let off = sent(Config { disabled: true, ..Config::default() }, async |telemetry| {
        telemetry.service("orders").root_span("work").run(async {}).await;
    })
    .await;
    assert!(off.traces.is_empty() && off.metrics.is_empty() && off.logs.is_empty());

    // Without anybody who takes them, spans are dropped and counted; no caller waits.
    let telemetry = Telemetry::new(Config { max_queue: 10, ..Config::default() });
    for _ in 0..25 {
        drop(telemetry.service("orders").root_span("work"));
    }
    assert_eq!(telemetry.dropped(), 15);
}

#[tokio::test]
async fn a_pipeline_that_runs_tells_of_its_process() {
    let telemetry = Telemetry::new(Config::default());
    let capture = Capture::of(&telemetry, Config::default()).await;
    let told = async {
        loop {
            let seen = capture.seen().await;
            // The last one to come: it is measured every now and then.
            if seen.metrics().any(|m| m.name == "vitrine.runtime.schedule.delay") {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    };
    let seen = tokio::time::timeout(Duration::from_secs(20), told).await.expect("told in time");
    let sums = |name: &str| {
        let metric = seen.metrics().rfind(|m| m.name == name).expect(name);
        let Some(Data::Sum(sum)) = &metric.data else { panic!("a sum: {metric:?}") };
        let points = sum.data_points.iter().map(|point| match point.value {
            Some(Value::AsDouble(n)) => n,
            other => panic!("{name}: a number: {other:?}"),
        });
        (sum.is_monotonic, points.collect::<Vec<f64>>())
    };
    let (is_monotonic, cpu_s) = sums("process.cpu.time");
    assert!(is_monotonic && cpu_s.len() == 2 && cpu_s.iter().sum::<f64>() > 0.0, "{cpu_s:?}");
    let (is_monotonic, bytes) = sums("process.memory.usage");
    assert!(!is_monotonic && bytes.len() == 1 && bytes[0] > 1e6, "{bytes:?}");
    let (_, files) = sums("process.unix.file_descriptor.count");
    assert!(files[0] >= 3.0, "standard input, output and error: {files:?}");
    let resource = seen.metrics[0].resource_metrics[0].resource.as_ref().expect("a resource");
    assert_eq!(value(&resource.attributes, "service.name").as_deref(), Some("vitrine"));
}
