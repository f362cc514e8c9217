//! What leaves a process, as a receiver sees it.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsService;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsService;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceService;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span as OtlpSpan;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tracing_subscriber::layer::SubscriberExt;
use vitrine_platform_telemetry::{Config, Exporter, LogLayer, Telemetry};

/// Keeps what it is sent.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().traces.push(request.into_inner());
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.0.lock().metrics.push(request.into_inner());
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.0.lock().logs.push(request.into_inner());
        Ok(Response::new(Default::default()))
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|a| a.key == key)?.value.as_ref()?.value.clone()?;
    match value {
        any_value::Value::StringValue(text) => Some(text),
        other => Some(format!("{other:?}")),
    }
}

/// Runs some work with a pipeline, and answers with all that was sent.
async fn sent(config: Config, work: impl AsyncFnOnce(&Telemetry)) -> Seen {
    let (telemetry, receiver, stop) = (Telemetry::new(config.clone()), Receiver::default(), CancellationToken::new());
    let (pipeline, exporter, token) = (telemetry.clone(), Exporter::direct(receiver.clone(), config), stop.clone());
    let running = tokio::spawn(async move { pipeline.run(exporter, token).await });
    // The exporter is in place before anything is flushed.
    tokio::task::yield_now().await;
    work(&telemetry).await;
    telemetry.flush(Duration::from_secs(5)).await;
    stop.cancel();
    running.await.expect("no panic");
    std::mem::take(&mut *receiver.0.lock())
}

fn spans(seen: &Seen) -> Vec<(String, OtlpSpan)> {
    let resources = seen.traces.iter().flat_map(|t| &t.resource_spans);
    let of = |r: &opentelemetry_proto::tonic::trace::v1::ResourceSpans| {
        let name = r.resource.as_ref().and_then(|r| text(&r.attributes, "service.name")).unwrap_or_default();
        r.scope_spans.iter().flat_map(|s| s.spans.clone()).map(|s| (name.clone(), s)).collect::<Vec<_>>()
    };
    resources.flat_map(of).collect()
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
    let spans = spans(&seen);
    let find = |name: &str| spans.iter().find(|(_, s)| s.name == name).expect(name);
    let (service, serve) = find("serve");
    assert_eq!((service.as_str(), hex(&serve.trace_id)), ("orders", "0123456789abcdef0123456789abcdef".to_owned()));
    assert_eq!(hex(&serve.parent_span_id), "0123456789abcdef");
    let (_, inner) = find("inner");
    assert_eq!((&inner.parent_span_id, &inner.trace_id), (&serve.span_id, &serve.trace_id));
    for (_, span) in &spans {
        assert_eq!(text(&span.attributes, "session.id").as_deref(), Some("s-1"), "{}", span.name);
        assert_eq!(text(&span.attributes, "secret"), None, "only what is meant for telemetry is on spans");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    let (service, process) = find("process");
    assert_eq!((service.as_str(), process.parent_span_id.len()), ("email", 0));
    assert_ne!(process.trace_id, serve.trace_id);
    assert_eq!((&process.links[0].trace_id, &process.links[0].span_id), (&serve.trace_id, &serve.span_id));
    let resource = seen.traces[0].resource_spans[0].resource.as_ref().expect("a resource");
    for key in ["service.name", "service.instance.id", "service.version"] {
        assert!(text(&resource.attributes, key).is_some_and(|v| !v.is_empty()), "{key}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
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
    let metrics: Vec<_> = seen
        .metrics
        .iter()
        .flat_map(|m| &m.resource_metrics)
        .flat_map(|r| &r.scope_metrics)
        .flat_map(|s| &s.metrics)
        .collect();
    let find = |name: &str| metrics.iter().find(|m| m.name == name).and_then(|m| m.data.clone()).expect(name);
    let Data::Histogram(histogram) = find("rpc.server.duration") else { panic!("a histogram") };
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
            r.resource.as_ref().and_then(|r| text(&r.attributes, "service.name")).as_deref() == Some(service)
        });
        resource.map(|r| r.scope_logs[0].log_records[0].clone()).expect(service)
    };
    let placed = find("orders");
    assert_eq!((hex(&placed.trace_id), placed.severity_text.as_str()), (trace_id, "INFO"));
    assert_eq!(text(&placed.attributes, "order_id").as_deref(), Some("ord_1"));
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

    // Without anybody who takes them, spans are dropped and counted; nobody waits.
    let telemetry = Telemetry::new(Config { max_queue: 10, ..Config::default() });
    for _ in 0..25 {
        drop(telemetry.service("orders").root_span("work"));
    }
    assert_eq!(telemetry.dropped(), 15);
}
