//! The one pipeline of a process: bounded buffers that services fill, and a task that empties them into the exporter.

mod waiting;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::ScopeSpans;
use parking_lot::Mutex;
use prost::Message;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Sampler};
use crate::context::Context;
use crate::export::{Exporter, Signal};
use crate::exposition::{Exposition, expose};
use crate::metrics::{Counter, Histogram, Label, Registry, ServiceStats};
use crate::observations::Observation;
use crate::process::{self, PROCESS};
use crate::semconv::{
    ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, HTTP_SERVER_REQUEST_DURATION,
    MESSAGING_CONSUMER_GROUP_NAME, MESSAGING_DESTINATION_NAME, MESSAGING_OPERATION_NAME, MESSAGING_PROCESS_DURATION,
    MESSAGING_SYSTEM, RPC_CLIENT_CALL_DURATION, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, RPC_SERVER_CALL_DURATION,
    RPC_SYSTEM_NAME, SERVER_ADDRESS, URL_SCHEME,
};
use crate::span::{Kind, Record, Span};
use crate::value::{Text, attribute};
use crate::wire;
use waiting::{Buffer, EncodedSpans, Spans};

/// Who wrote the spans, in OTLP's instrumentation scope.
const SCOPE: &str = "vitrine";
/// The gRPC status of what went well.
const OK: &str = "OK";

/// The pipeline of this process. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry(Arc<TelemetryInner>);

struct TelemetryInner {
    config: Config,
    instance_id: String,
    services: Mutex<HashMap<String, Service>>,
    spans: Spans,
    /// Each with the module that it comes from.
    logs: Buffer<(&'static str, LogRecord)>,
    /// Only one export at a time, so that a flush does not overtake the task.
    exporting: tokio::sync::Mutex<Option<Exporter>>,
}

impl Telemetry {
    /// A pipeline that exports nothing until [`Telemetry::run`] is given an exporter.
    pub fn new(config: Config) -> Self {
        let spans = Spans::new(config.max_queue, config.max_batch);
        let logs = Buffer::new(config.max_queue, config.max_batch);
        let instance_id = format!("{:032x}", rand::random::<u128>());
        let services = Mutex::default();
        let exporting = tokio::sync::Mutex::default();
        Self(Arc::new(TelemetryInner { config, instance_id, services, spans, logs, exporting }))
    }

    /// What this process is called among the others of its services: `service.instance.id`.
    pub fn instance_id(&self) -> &str {
        &self.0.instance_id
    }

    /// The handle of a service; the same name gives the same service.
    pub fn service(&self, name: &str) -> Service {
        let mut services = self.0.services.lock();
        if let Some(known) = services.get(name) {
            return known.clone();
        }
        let registry = Registry::default();
        let rpc = registry.histogram(RPC_SERVER_CALL_DURATION, "s", "Calls answered over gRPC");
        let http = registry.histogram(HTTP_SERVER_REQUEST_DURATION, "s", "Requests answered over HTTP");
        let client = registry.histogram(RPC_CLIENT_CALL_DURATION, "s", "Calls made over gRPC");
        let events = registry.histogram(MESSAGING_PROCESS_DURATION, "s", "Events handled");
        let resource = self.resource(name);
        let (telemetry, spans, name) = (self.clone(), Mutex::default(), name.to_owned());
        let inner = ServiceInner { name, resource, registry, rpc, http, client, events, spans, telemetry };
        let service = Service(Arc::new(inner));
        services.insert(service.name().to_owned(), service.clone());
        service
    }

    fn resource(&self, name: &str) -> Resource {
        let mut attributes = vec![
            attribute("service.name", name.to_owned().into()),
            attribute("service.namespace", "vitrine".into()),
            attribute("service.instance.id", self.0.instance_id.clone().into()),
            attribute("service.version", env!("CARGO_PKG_VERSION").into()),
            attribute("telemetry.sdk.name", "vitrine".into()),
            attribute("telemetry.sdk.language", "rust".into()),
            attribute("telemetry.sdk.version", env!("CARGO_PKG_VERSION").into()),
        ];
        for (key, value) in &self.0.config.resource_attributes {
            attributes.retain(|a| a.key != *key || a.key == "service.name");
            if key != "service.name" {
                attributes.push(attribute(key, value.clone().into()));
            }
        }
        Resource { attributes, ..Resource::default() }
    }

    /// Calls answered since the start, per service, by name.
    pub fn service_stats(&self) -> Vec<(String, ServiceStats)> {
        let services: Vec<Service> = self.0.services.lock().values().cloned().collect();
        let mut all: Vec<(String, ServiceStats)> =
            services.iter().map(|s| (s.name().to_owned(), s.service_stats())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Spans and log records that did not fit into the buffers.
    pub fn dropped(&self) -> u64 {
        self.0.spans.dropped.load(Ordering::Relaxed) + self.0.logs.dropped.load(Ordering::Relaxed)
    }

    /// Whether anything is told at all.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.0.config.disabled
    }

    /// Exports until stopped, then once more what is left.
    pub async fn run(&self, exporter: Exporter, stop: CancellationToken) {
        *self.0.exporting.lock().await = Some(exporter);
        if self.is_enabled() {
            tokio::spawn(process::observe(self.service(PROCESS), stop.clone()));
        }
        let mut metrics_due = tokio::time::Instant::now() + self.0.config.metric_interval;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.0.config.schedule_delay) => {}
                () = self.0.spans.full.notified() => {}
                () = self.0.logs.full.notified() => {}
            }
            self.export_traces_and_logs().await;
            if tokio::time::Instant::now() >= metrics_due {
                self.export_metrics().await;
                metrics_due = tokio::time::Instant::now() + self.0.config.metric_interval;
            }
        }
    }

    /// Exports what waits, and the metrics, within a bound.
    pub async fn flush(&self, within: Duration) {
        let all = async {
            self.export_traces_and_logs().await;
            self.export_metrics().await;
        };
        if tokio::time::timeout(within, all).await.is_err() {
            tracing::warn!("telemetry was not flushed in time");
        }
    }

    async fn export_traces_and_logs(&self) {
        let mut exporter = self.0.exporting.lock().await;
        let Some(exporter) = exporter.as_mut() else { return };
        let spans = self.take_spans();
        if !spans.is_empty() {
            exporter.export(Signal::Traces, spans.into()).await;
        }
        let logs = self.0.logs.take();
        if !logs.is_empty() {
            let resource_logs = logs.into_iter().map(|(s, records)| ResourceLogs {
                resource: Some(s.0.resource.clone()),
                scope_logs: by_module(records),
                ..ResourceLogs::default()
            });
            let request = ExportLogsServiceRequest { resource_logs: resource_logs.collect() };
            exporter.export(Signal::Logs, request.encode_to_vec().into()).await;
        }
    }

    async fn export_metrics(&self) {
        if !self.is_enabled() {
            return;
        }
        let mut exporter = self.0.exporting.lock().await;
        let Some(exporter) = exporter.as_mut() else { return };
        let metrics = self.collect_metrics().into_iter().map(|(service, metrics)| ResourceMetrics {
            resource: Some(service.0.resource.clone()),
            scope_metrics: vec![ScopeMetrics { scope: scope(), metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        });
        let resource_metrics = metrics.collect();
        let request = ExportMetricsServiceRequest { resource_metrics };
        exporter.export(Signal::Metrics, request.encode_to_vec().into()).await;
    }

    /// All spans that wait, as OTLP's `ExportTraceServiceRequest`.
    fn take_spans(&self) -> Vec<u8> {
        let services: Vec<Service> = self.0.services.lock().values().cloned().collect();
        // The scope that all have, as the first field of `ScopeSpans`.
        let scope = ScopeSpans { scope: scope(), ..ScopeSpans::default() }.encode_to_vec();
        let mut request = Vec::new();
        for service in services {
            let EncodedSpans { bytes, count } = std::mem::take(&mut *service.0.spans.lock());
            self.0.spans.waiting.fetch_sub(count, Ordering::Relaxed);
            if count > 0 {
                // `ResourceSpans`: its resource, then one `ScopeSpans`.
                let (mut resource, mut scope_spans) = (Vec::new(), Vec::with_capacity(scope.len() + bytes.len()));
                wire::bytes(&mut resource, 1, &[&service.0.resource.encode_to_vec()]);
                wire::bytes(&mut scope_spans, 2, &[&scope, &bytes]);
                wire::bytes(&mut request, 1, &[&resource, &scope_spans]);
            }
        }
        request
    }

    /// The metrics of all services that have any, by the services' names.
    fn collect_metrics(&self) -> Vec<(Service, Vec<Metric>)> {
        let mut services: Vec<Service> = self.0.services.lock().values().cloned().collect();
        services.sort_by(|a, b| a.name().cmp(b.name()));
        let all = services.into_iter().map(|service| {
            let metrics = service.0.registry.collect();
            (service, metrics)
        });
        all.filter(|(_, metrics)| !metrics.is_empty()).collect()
    }

    /// The metrics of all services as text, for a scraper. Nothing but what the format needs where telemetry is disabled.
    pub fn expose(&self, format: Exposition) -> String {
        let services = if self.is_enabled() { self.collect_metrics() } else { Vec::new() };
        let services = services
            .into_iter()
            .map(|(service, metrics)| (service.name().to_owned(), service.0.resource.attributes.clone(), metrics));
        expose(&services.collect::<Vec<_>>(), format)
    }
}

fn scope() -> Option<InstrumentationScope> {
    scope_of(SCOPE)
}

fn scope_of(name: &str) -> Option<InstrumentationScope> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Some(InstrumentationScope { name: name.to_owned(), version, ..InstrumentationScope::default() })
}

/// The scope of a log record is its logger, which is the module here.
fn by_module(mut records: Vec<(&'static str, LogRecord)>) -> Vec<ScopeLogs> {
    records.sort_by_key(|(module, _)| *module);
    records
        .chunk_by_mut(|a, b| a.0 == b.0)
        .map(|same| ScopeLogs {
            scope: scope_of(same[0].0),
            log_records: same.iter_mut().map(|(_, record)| std::mem::take(record)).collect(),
            ..ScopeLogs::default()
        })
        .collect()
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

/// One service of this process: a resource of its own. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<ServiceInner>);

struct ServiceInner {
    name: String,
    resource: Resource,
    registry: Registry,
    rpc: Histogram,
    http: Histogram,
    client: Histogram,
    events: Histogram,
    spans: Mutex<EncodedSpans>,
    telemetry: Telemetry,
}

impl Service {
    /// `service.name`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A span that serves a call from outside.
    pub fn server_span(&self, name: impl Into<Text>, traceparent: Option<&str>, baggage: Option<&str>) -> Span {
        Span::remote(self.clone(), name, Kind::Server, traceparent, baggage)
    }

    /// A span that serves a call of this process, below its caller's.
    pub fn server_span_below(&self, name: impl Into<Text>, caller: &Context) -> Span {
        let context = self.root_context(caller.clone().with_deadline(None));
        Span::child(context, name, Kind::Server)
    }

    /// A span that handles an event, in a trace of its own that links to the producer's span.
    pub fn consumer_span(&self, name: impl Into<Text>, traceparent: &str, baggage: &str) -> Span {
        Span::linked(self.clone(), name, Kind::Consumer, traceparent, baggage)
    }

    /// A span that starts a trace of this service's own (a task, a start-up).
    pub fn root_span(&self, name: impl Into<Text>) -> Span {
        Span::remote(self.clone(), name, Kind::Internal, None, None)
    }

    /// The context of work that this service does on its own account, for code that has none.
    pub fn root_context(&self, context: Context) -> Context {
        Context { service: Some(self.clone()), ..context }
    }

    /// A counter; the same name gives the same counter.
    pub fn counter(&self, name: &'static str, unit: &'static str, description: &'static str) -> Counter {
        self.0.registry.counter(name, unit, description)
    }

    /// A histogram of seconds; the same name gives the same histogram.
    pub fn histogram(&self, name: &'static str, unit: &'static str, description: &'static str) -> Histogram {
        self.0.registry.histogram(name, unit, description)
    }

    /// Whether anything is told at all: what costs something need not be measured otherwise.
    pub fn is_enabled(&self) -> bool {
        self.0.telemetry.is_enabled()
    }

    /// Values that someone keeps anyway: they are read whenever metrics are exported, for as long as the pipeline
    /// lives.
    pub fn read_from(&self, read: impl Fn() -> Vec<Observation> + Send + Sync + 'static) {
        self.0.registry.read_from(Box::new(read));
    }

    /// The same for figures of an owner, as long as it lives: telemetry lives longer, and does not keep it.
    pub fn read_while<T: ?Sized + Send + Sync + 'static>(
        &self,
        owner: &Arc<T>,
        read: impl Fn(&T) -> Vec<Observation> + Send + Sync + 'static,
    ) {
        let owner = Arc::downgrade(owner);
        self.read_from(move || owner.upgrade().map_or_else(Vec::new, |owner| read(&owner)));
    }

    /// Notes an HTTP request that was answered, and the route that it took, if there is one. A status from 500 on is an error.
    pub fn record_http(&self, method: &str, scheme: &str, route: Option<&str>, status: u16, elapsed: Duration) {
        let labels = [
            (HTTP_REQUEST_METHOD, Label::Text(method)),
            (URL_SCHEME, Label::Text(scheme)),
            (HTTP_RESPONSE_STATUS_CODE, Label::Int(status.into())),
        ];
        let route = route.map(|route| (HTTP_ROUTE, Label::Text(route)));
        let text = (status >= 500).then(|| status.to_string());
        let error = text.as_deref().map(|text| (ERROR_TYPE, Label::Text(text)));
        self.0.http.record_labels(elapsed.as_secs_f64(), labels.into_iter().chain(route).chain(error));
    }

    /// Notes a gRPC call that was answered. `is_error` is true where the service, not its caller, is at fault.
    pub fn record_rpc(&self, method: &str, status: &str, is_error: bool, elapsed: Duration) {
        record_rpc(&self.0.rpc, method, status, is_error.then_some(status), None, elapsed);
    }

    /// Notes a gRPC call that was made. To its caller every status but OK is an error, as the semantic conventions have it.
    pub fn record_rpc_client(&self, method: &str, callee: &str, status: &str, elapsed: Duration) {
        // Unlike what is answered, no figure of the process itself is made of this.
        if self.0.telemetry.is_enabled() {
            let error = (status != OK).then_some(status);
            record_rpc(&self.0.client, method, status, error, Some(callee), elapsed);
        }
    }

    /// Notes an event that was handled, and what went wrong if something did.
    pub fn record_event(&self, topic: &str, consumer: &str, error: Option<&str>, elapsed: Duration) {
        let labels = [
            (MESSAGING_SYSTEM, Label::Text(SCOPE)),
            (MESSAGING_OPERATION_NAME, Label::Text("process")),
            (MESSAGING_DESTINATION_NAME, Label::Text(topic)),
            (MESSAGING_CONSUMER_GROUP_NAME, Label::Text(consumer)),
        ];
        let error = error.map(|error| (ERROR_TYPE, Label::Text(error)));
        self.0.events.record_labels(elapsed.as_secs_f64(), labels.into_iter().chain(error));
    }

    /// Calls answered and events handled.
    fn service_stats(&self) -> ServiceStats {
        let mut total = self.0.rpc.service_stats(ERROR_TYPE);
        for other in [&self.0.http, &self.0.events].map(|h| h.service_stats(ERROR_TYPE)) {
            total.count += other.count;
            total.errors += other.errors;
            total.buckets.iter_mut().zip(&other.buckets).for_each(|(sum, n)| *sum += n);
        }
        total
    }

    pub(crate) fn samples(&self, trace_id: u128, parent: Option<bool>) -> bool {
        let telemetry = &self.0.telemetry;
        telemetry.is_enabled() && telemetry.0.config.sampler.samples(trace_id, parent)
    }

    /// Notes a span that has ended, if there is room.
    pub(crate) fn take_span(&self, span: &Record) {
        thread_local! {
            /// What a span is written to before it is known how long it is.
            static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        if !self.0.telemetry.0.spans.admit() {
            return;
        }
        WRITTEN.with_borrow_mut(|written| {
            written.clear();
            span.write(written);
            let mut spans = self.0.spans.lock();
            wire::bytes(&mut spans.bytes, 2, &[written]);
            spans.count += 1;
        });
    }

    pub(crate) fn take_log(&self, module: &'static str, record: LogRecord) {
        let telemetry = &self.0.telemetry;
        if telemetry.is_enabled() {
            telemetry.0.logs.push(self.clone(), (module, record));
        }
    }
}

fn record_rpc(
    histogram: &Histogram,
    method: &str,
    status: &str,
    error: Option<&str>,
    callee: Option<&str>,
    elapsed: Duration,
) {
    let labels = [
        (RPC_SYSTEM_NAME, Label::Text("grpc")),
        (RPC_METHOD, Label::Text(method)),
        (RPC_RESPONSE_STATUS_CODE, Label::Text(status)),
    ];
    let callee = callee.map(|name| (SERVER_ADDRESS, Label::Text(name)));
    let error = error.map(|error| (ERROR_TYPE, Label::Text(error)));
    histogram.record_labels(elapsed.as_secs_f64(), labels.into_iter().chain(callee).chain(error));
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Service").field(&self.0.name).finish()
    }
}

impl Sampler {
    fn samples(self, trace_id: u128, parent: Option<bool>) -> bool {
        let by_ratio = |ratio: f64| {
            // The lower 56 bits are the random part of a W3C trace id.
            let random = (trace_id & ((1 << 56) - 1)) as f64;
            random < ratio * (1u64 << 56) as f64
        };
        match self {
            Self::AlwaysOn => true,
            Self::AlwaysOff => false,
            Self::Ratio(ratio) => by_ratio(ratio),
            Self::ParentRatio(ratio) => parent.unwrap_or_else(|| by_ratio(ratio)),
        }
    }
}
