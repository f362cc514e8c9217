//! Targets over HTTP: what is asked, what is handed on, and what is said when something is wrong.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use vitrine_kit::clock::Clock;
use vitrine_observe_model::exposition::ExposedValue;
use vitrine_observe_scrape::{Config, Scrape, Scraper, Sink};
use vitrine_observe_series::STALE;
use vitrine_observe_store::{TargetHealth, Targets};

/// How long anything may take to come about.
const WITHIN: Duration = Duration::from_secs(20);

/// Hands scrapes to the test.
struct Channel(mpsc::UnboundedSender<Scrape>);

impl Sink for Channel {
    fn write(&self, scrape: Scrape) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> {
        let sent = self.0.send(scrape).map_err(|error| error.to_string());
        Box::pin(async move { sent })
    }
}

/// A target whose answer can be changed, and what it was asked.
struct Exporter {
    address: String,
    response: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Exporter {
    async fn start(content_type: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (response, asked) =
            (Arc::new(Mutex::new(response(content_type, body))), Arc::<Mutex<Vec<String>>>::default());
        let (given, noted) = (response.clone(), asked.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (given, noted) = (given.clone(), noted.clone());
                tokio::spawn(async move {
                    let mut buffer = vec![0; 16 << 10];
                    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                        noted.lock().push(String::from_utf8_lossy(&buffer[..length]).into_owned());
                        let answer = given.lock().clone();
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, response, asked }
    }

    fn set(&self, content_type: &str, body: &str) {
        *self.response.lock() = response(content_type, body);
    }
}

fn response(content_type: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

struct Fixture {
    scraper: Scraper,
    scrapes: mpsc::UnboundedReceiver<Scrape>,
}

impl Fixture {
    fn start(config: &str) -> Self {
        let (sender, scrapes) = mpsc::unbounded_channel();
        let scraper = Scraper::new(Arc::new(Channel(sender)), Clock::system(), 7);
        scraper.apply(&parse(config)).expect("a configuration that can be run");
        Self { scraper, scrapes }
    }

    /// The first scrape from now on for which this holds.
    async fn until(&mut self, holds: impl Fn(&[(String, f64)]) -> bool) -> Vec<(String, f64)> {
        let found = tokio::time::timeout(WITHIN, async {
            loop {
                let found = plain(&self.scrapes.recv().await.expect("a scrape"));
                if holds(&found) {
                    return found;
                }
            }
        });
        found.await.expect("in time")
    }
}

fn parse(config: &str) -> Config {
    Config::read(config, std::path::Path::new(".")).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// Series and values; the end of a series as infinity.
fn plain(scrape: &Scrape) -> Vec<(String, f64)> {
    let samples = scrape.samples.iter().map(|sample| match &sample.value {
        ExposedValue::Float(STALE) => (sample.labels.to_string(), f64::INFINITY),
        ExposedValue::Float(bits) => (sample.labels.to_string(), f64::from_bits(*bits)),
        ExposedValue::Histogram(histogram) => (sample.labels.to_string(), histogram.count),
    });
    samples.collect()
}

fn value(samples: &[(String, f64)], series: &str) -> Option<f64> {
    samples.iter().find(|(labels, _)| labels == series).map(|(_, value)| *value)
}

fn job(address: &str, more: &str) -> String {
    format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\nscrape_configs:\n- job_name: api\n  static_configs: [{{targets: ['{address}'], labels: {{env: test}}}}]\n{more}"
    )
}

#[tokio::test]
async fn a_target_is_scraped_and_what_ends_is_told() {
    let body = "# TYPE a counter\n# HELP a What.\na_total{instance=\"own\"} 3\nb 1\nc{drop=\"1\"} 5\n";
    let exporter = Exporter::start("text/plain; version=0.0.4", body).await;
    let more =
        "  params: {module: [x y]}\n  metric_relabel_configs: [{source_labels: [drop], regex: '1', action: drop}]\n";
    let mut fixture = Fixture::start(&job(&exporter.address, more));
    let first = tokio::time::timeout(WITHIN, fixture.scrapes.recv()).await.expect("in time").expect("a scrape");
    assert_eq!(
        first.metadata.iter().map(|entry| (entry.metric.as_str(), entry.help.as_str())).collect::<Vec<_>>(),
        [("a", "What.")]
    );
    let own = format!("env=\"test\", instance=\"{}\", job=\"api\"", exporter.address);
    let series = |name: &str| format!("{{__name__=\"{name}\", {own}}}");
    let exported = format!(
        "{{__name__=\"a_total\", env=\"test\", exported_instance=\"own\", instance=\"{}\", job=\"api\"}}",
        exporter.address
    );
    let first = plain(&first);
    for (series, expected) in [
        (exported.clone(), 3.0),
        (series("b"), 1.0),
        (series("up"), 1.0),
        (series("scrape_samples_scraped"), 3.0),
        (series("scrape_samples_post_metric_relabeling"), 2.0),
        (series("scrape_series_added"), 2.0),
    ] {
        assert_eq!(value(&first, &series), Some(expected), "{series}: {first:?}");
    }
    let asked = exporter.asked.lock()[0].clone();
    assert!(asked.starts_with("GET /metrics?module=x%20y HTTP/1.1\r\n"), "{asked}");
    assert!(
        asked.contains("accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"),
        "{asked}"
    );
    assert!(asked.contains("x-prometheus-scrape-timeout-seconds: 0.1\r\n"), "{asked}");

    exporter.set("text/plain", "b 2\n");
    let second = fixture.until(|samples| value(samples, &series("b")) == Some(2.0)).await;
    assert_eq!(value(&second, &exported), Some(f64::INFINITY), "{second:?}");

    exporter.set("text/plain", "b two\n");
    let failed = fixture.until(|samples| value(samples, &series("up")) == Some(0.0)).await;
    assert_eq!(value(&failed, &series("b")), Some(f64::INFINITY), "{failed:?}");
    let report = fixture.scraper.targets().active.remove(0);
    assert_eq!(
        (report.health, report.error.as_deref()),
        (TargetHealth::Down, Some("line 1: \"two\" where a number was expected"))
    );

    exporter.set("text/plain", "b 3\n");
    fixture.until(|samples| value(samples, &series("b")) == Some(3.0)).await;
    fixture.scraper.apply(&parse("scrape_configs: []")).expect("nothing to scrape");
    let gone = fixture.until(|samples| value(samples, &series("up")) == Some(f64::INFINITY)).await;
    assert_eq!(value(&gone, &series("b")), Some(f64::INFINITY), "{gone:?}");
    assert!(fixture.scraper.targets().active.is_empty());
    fixture.scraper.stop().await;
}

#[tokio::test]
async fn what_is_too_much_or_of_no_known_format_is_refused() {
    let text = "text/plain";
    for (more, content_type, body, expected) in [
        ("  sample_limit: 1\n", text, "a 1\nb 1\n", "sample limit exceeded"),
        ("  body_size_limit: 4B\n", text, "a 1\nb 1\n", "body size limit exceeded"),
        ("  label_limit: 3\n", text, "a 1\n", "label_limit exceeded"),
        ("  label_value_length_limit: 8\n", text, "a 1\n", "label_value_length_limit exceeded"),
        ("", "text/html", "<html>", "received unsupported Content-Type \"text/html\""),
        ("", "", "a 1\n", "non-compliant scrape target sending blank Content-Type"),
        ("  metrics_path: /\n", "application/openmetrics-text", "a 1\n", "data does not end with # EOF"),
    ] {
        let exporter = Exporter::start(content_type, body).await;
        let mut fixture = Fixture::start(&job(&exporter.address, more));
        fixture.until(|samples| samples.iter().any(|(labels, value)| labels.contains("\"up\"") && *value == 0.0)).await;
        let error = fixture.scraper.targets().active.remove(0).error.unwrap_or_default();
        assert!(error.contains(expected), "{more}{body}: {error}");
        fixture.scraper.stop().await;
    }
}

#[tokio::test]
async fn targets_are_found_in_files_and_over_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("targets.json");
    std::fs::write(&file, r#"[{"targets": ["127.0.0.1:1", "127.0.0.1:2"], "labels": {"zone": "a"}}]"#).expect("a file");
    let exporter = Exporter::start("application/json", r#"[{"targets": ["127.0.0.1:3"]}]"#).await;
    let config = format!(
        "scrape_configs:\n- job_name: found\n  file_sd_configs: [{{files: ['{}/*.json']}}]\n  http_sd_configs: [{{url: 'http://{}/'}}]\n  relabel_configs: [{{source_labels: [__address__], regex: '.*:2', action: drop}}]\n",
        folder.path().display(),
        exporter.address
    );
    let fixture = Fixture::start(&config);
    let found = tokio::time::timeout(WITHIN, async {
        loop {
            let targets = fixture.scraper.targets().active;
            if targets.len() == 2 {
                return targets;
            }
            tokio::task::yield_now().await;
        }
    });
    let found = found.await.expect("in time");
    let urls: Vec<&str> = found.iter().map(|report| report.url.as_str()).collect();
    assert_eq!(urls, ["http://127.0.0.1:1/metrics", "http://127.0.0.1:3/metrics"]);
    assert_eq!(found[0].discovered["__meta_filepath"], file.display().to_string());
    assert_eq!(found[0].labels["zone"], "a");
    let status = fixture.scraper.targets();
    let (dropped, counts) = (status.dropped, status.dropped_counts);
    assert_eq!((dropped[0].discovered["__address__"].as_str(), counts), ("127.0.0.1:2", vec![("found".to_owned(), 1)]));
    fixture.scraper.stop().await;
}

#[test]
fn all_mistakes_of_a_configuration_are_told() {
    let text = "global: {scrape_interval: 1s, scrape_timeout: 2s}\nscrape_configs:\n- job_name: a\n  scheme: ftp\n  scrape_protocols: [Html]\n- job_name: a\n  static_config: []\n- {}\n";
    let mistakes = Config::read(text, std::path::Path::new(".")).expect_err("mistakes");
    let told = mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for expected in [
        "global scrape timeout greater than scrape interval",
        "scheme: expected http or https, not \"ftp\"",
        "unknown scrape protocol Html",
        "found multiple scrape configs with job name \"a\"",
        "did you mean \"static_configs\"?",
        "the field \"job_name\" is missing",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}
