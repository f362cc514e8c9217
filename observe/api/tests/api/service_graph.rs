//! Grafana's service graph over series that are made of spans, and the page of our own.
//!
//! The requests are those of Grafana's Tempo data source (`datasource.ts`, `graphTransform.ts`), its variables filled in.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, Status};
use prost::Message;
use serde_json::{Value, json};
use tempfile::TempDir;
use vitrine_kit::clock::{Clock, Manual};
use vitrine_kit::percent;
use vitrine_observe_api::{Prometheus, PrometheusOptions, PrometheusParts, metric_pages, prometheus_router};
use vitrine_observe_store::{Access, ColumnEngine, Ingest, Options, Signal, SpanMetrics, Tenant};

use crate::client::get;
use crate::scenario::{SHOP, START_NS, id, of, span, text};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

struct Observatory {
    _folder: TempDir,
    engine: Arc<ColumnEngine>,
    clock: Manual,
    api: Router,
    pages: Router,
    /// Spans that were sent.
    sent: u64,
}

fn observatory() -> Observatory {
    let folder = tempfile::tempdir().expect("a folder");
    let (clock, hand) = Clock::manual((START_NS / 1_000_000) as i64);
    let span_metrics = SpanMetrics { graph_dimensions: vec!["service.namespace".to_owned()], ..SpanMetrics::default() };
    let options = Options { span_metrics: Some(span_metrics), ..Options::new(folder.path()) };
    let engine = Arc::new(ColumnEngine::open(options, clock.clone()).expect("opens"));
    let series = engine.clone();
    let parts = PrometheusParts::default();
    let prometheus = Prometheus::new(series, parts, Access::open(), PrometheusOptions::default(), clock);
    let (api, pages) = (prometheus_router(&prometheus), metric_pages(&prometheus));
    Observatory { _folder: folder, engine, clock: hand, api, pages, sent: 0 }
}

/// A span that takes so long.
fn lasting(own: u64, parent: u64, kind: i32, millis: u64, failed: bool) -> Span {
    let parent_span_id = if parent == 0 { Vec::new() } else { id(&format!("{parent:016x}")) };
    let status = failed.then(|| Status { code: 2, ..Status::default() });
    let end_time_unix_nano = START_NS + millis * 1_000_000;
    Span { parent_span_id, kind, status, end_time_unix_nano, ..span(SHOP, &format!("{own:x}"), "GET /cart <i>") }
}

impl Observatory {
    async fn send(&self, resource_spans: Vec<ResourceSpans>) {
        let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec().into();
        self.engine.write(&Tenant::default(), Signal::Traces, request).await.expect("taken");
    }

    /// A user asks the shop, which asks the bank, which asks its database.
    async fn buy(&mut self, failed: bool) {
        let [shop, client, bank, database] = [1, 2, 3, 4].map(|place| self.sent + place);
        self.sent += 4;
        let resource = |name: &str| vec![text("service.name", name), text("service.namespace", "demo")];
        let asks =
            Span { attributes: vec![text("db.system", "postgresql")], ..lasting(database, bank, CLIENT, 10, false) };
        self.send(vec![of(
            resource("shop <b>"),
            vec![lasting(shop, 0, SERVER, 300, failed), lasting(client, shop, CLIENT, 250, failed)],
        )])
        .await;
        self.send(vec![of(resource("bank"), vec![lasting(bank, client, SERVER, 200, failed), asks])]).await;
    }

    /// Series get a sample.
    fn write(&self) {
        self.clock.advance(Duration::from_secs(15));
        let engine = &self.engine;
        std::thread::scope(|scope| scope.spawn(|| engine.write_span_metrics()).join())
            .expect("joined")
            .expect("written");
    }

    async fn query(&self, expression: &str) -> Vec<Value> {
        let answer = get(&self.api, &format!("/api/v1/query?query={}", percent::encode(expression))).await;
        assert_eq!(answer.status, 200, "{expression}: {}", answer.body);
        answer.json()["data"]["result"].as_array().expect("a vector").clone()
    }

    /// The values of an expression by the first labels.
    async fn values(&self, expression: &str, labels: &[&str]) -> Vec<(String, f64)> {
        let mut found: Vec<(String, f64)> = Vec::new();
        for sample in self.query(expression).await {
            let key: Vec<&str> = labels.iter().map(|label| sample["metric"][label].as_str().unwrap_or("-")).collect();
            found.push((key.join(" "), sample["value"][1].as_str().expect("a value").parse().expect("a number")));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }
}

/// Purchases in two samples, a third of them fail.
async fn filled() -> Observatory {
    let mut observatory = observatory();
    observatory.write();
    for _ in 0..2 {
        for number in 0..3 {
            observatory.buy(number == 0).await;
        }
        observatory.write();
    }
    observatory
}

#[tokio::test]
async fn grafana_draws_its_service_graph() {
    let observatory = filled().await;
    let rate = |metric: &str| format!("sum by (client, server) (rate({metric}[3600s]))");
    let edges = ["bank postgresql", "shop <b> bank", "user shop <b>"];
    let totals = observatory.values(&rate("traces_service_graph_request_total"), &["client", "server"]).await;
    let failed = observatory.values(&rate("traces_service_graph_request_failed_total"), &["client", "server"]).await;
    let seconds =
        observatory.values(&rate("traces_service_graph_request_server_seconds_sum"), &["client", "server"]).await;
    for (place, (edge, (fails, millis))) in
        edges.into_iter().zip([(0.0, 0.01), (1.0 / 3.0, 0.2), (1.0 / 3.0, 0.3)]).enumerate()
    {
        let [total, failed, seconds] = [&totals, &failed, &seconds].map(|found| {
            assert_eq!(found.len(), edges.len(), "{found:?}");
            assert_eq!(found[place].0, edge);
            found[place].1
        });
        assert!(total > 0.0);
        // What the panel makes of it: the share that failed, and the average.
        assert!((failed / total - fails).abs() < 1e-9, "{edge}: {failed} of {total}");
        assert!((seconds / total - millis).abs() < 1e-9, "{edge}: {seconds} s of {total}");
    }
    // Of what kind the nodes are, with and without namespaces.
    let kinds = "group by (client, connection_type, server) (traces_service_graph_request_total)";
    let kinds = observatory.values(kinds, &["client", "server", "connection_type"]).await;
    let expected = ["bank postgresql database", "shop <b> bank -", "user shop <b> virtual_node"];
    assert_eq!(kinds, expected.map(|edge| (edge.to_owned(), 1.0)));
    let by = "client, server, client_service_namespace, server_service_namespace";
    let named = format!("sum by ({by}) (rate(traces_service_graph_request_total{{client=\"shop <b>\"}}[3600s]))");
    let named = observatory.values(&named, &["client_service_namespace", "server_service_namespace"]).await;
    assert_eq!(named.iter().map(|(edge, _)| edge.as_str()).collect::<Vec<_>>(), ["demo demo"]);
    // A click on an edge, with classic buckets and with native ones.
    for histogram in [
        "histogram_quantile(0.9, sum(rate(traces_service_graph_request_server_seconds_bucket{client=\"shop <b>\",server=\"bank\"}[1m])) by (le, client, server))",
        "histogram_quantile(0.9, sum(rate(traces_service_graph_request_server_seconds{client=\"shop <b>\",server=\"bank\"}[1m])) by (client, server))",
    ] {
        let found = observatory.values(histogram, &["client", "server"]).await;
        let [(edge, seconds)] = &found[..] else { panic!("{histogram}: {found:?}") };
        assert!(edge == "shop <b> bank" && (0.1..=0.22).contains(seconds), "{histogram}: {found:?}");
    }
}

#[tokio::test]
async fn grafana_fills_the_table_below() {
    let observatory = filled().await;
    let rates =
        "topk(5, sum(rate(traces_spanmetrics_calls_total{span_kind=\"SPAN_KIND_SERVER\"}[3600s])) by (span_name))";
    let rates = observatory.values(rates, &["span_name"]).await;
    let errors = "topk(5, sum(rate(traces_spanmetrics_calls_total{status_code=\"STATUS_CODE_ERROR\",span_name=~\"GET /cart <i>\"}[3600s])) by (span_name))";
    let errors = observatory.values(errors, &["span_name"]).await;
    let durations = "histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{span_name=~\"GET /cart <i>\"}[3600s])) by (le))";
    let durations = observatory.values(durations, &["span_name"]).await;
    assert_eq!((&*rates[0].0, &*errors[0].0), ("GET /cart <i>", "GET /cart <i>"));
    assert!(errors[0].1 > 0.0 && (0.2..0.6).contains(&durations[0].1), "{errors:?} {durations:?}");
    // Whether there are keys to filter by, and exemplars that lead to traces.
    let path = "/api/v1/labels?match[]=traces_service_graph_request_server_seconds_sum&match[]=traces_service_graph_request_total";
    let labels = get(&observatory.api, path).await.json();
    let expected =
        ["__name__", "client", "client_service_namespace", "connection_type", "server", "server_service_namespace"];
    assert_eq!(labels["data"], json!(expected));
    let path = "/api/v1/query_exemplars?query=traces_service_graph_request_server_seconds_bucket{server=%22bank%22}&start=1699999000&end=1700009000";
    let exemplars = get(&observatory.api, path).await.json();
    let first = &exemplars["data"][0]["exemplars"][0];
    assert_eq!(first["labels"]["trace_id"], SHOP, "{exemplars}");
    assert_eq!(first["value"], "0.2");
}

#[tokio::test]
async fn the_page_shows_edges_and_escapes_names() {
    let empty = get(&observatory().pages, "/service-graph").await;
    assert!(empty.status == 200 && empty.body.contains("No calls in this time"), "{}", empty.body);
    let observatory = filled().await;
    for path in ["/service-graph", "/service-graph?range=1h", "/service-graph?range=%3Cscript%3E"] {
        let page = get(&observatory.pages, path).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("/?service=shop%20%3Cb%3E\">shop &lt;b&gt;</a>"), "{}", page.body);
        assert!(page.body.contains("virtual node") && page.body.contains("33.3 %"), "{}", page.body);
        assert!(!page.body.contains("shop <b>") && !page.body.contains("<script>"), "{}", page.body);
        // The most asked edge is told with its durations.
        assert!(page.body.contains("3 edges"), "{}", page.body);
    }
}
