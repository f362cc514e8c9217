//! Targets over HTTP: what is asked, what is handed on, and what is said when something is wrong.

use std::io::Write as _;
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
use vitrine_platform_fetch::{Client, Limits, Request, Settings};

/// How long anything may take to come about.
const WITHIN: Duration = Duration::from_secs(20);
/// Questions to a name server that are more than those of one lookup.
const QUESTIONS: usize = 12;

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

/// A target that sends this to each who asks, over and over if it has no end, and then nothing more.
async fn unending(head: String, part: Vec<u8>, is_endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (head, part) = (head.clone(), part.clone());
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(&part).await.is_ok() && is_endless {}
                // It stays connected until it is hung up on.
                let _ = stream.read(&mut [0]).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_target_that_never_ends_or_sends_a_gigabyte_is_given_up() {
    let (late, large) = ("context deadline exceeded", "body size limit exceeded");
    let text = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
    let gigabyte = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1073741824\r\n\r\n";
    let packed = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-encoding: gzip\r\ncontent-length: ";
    let bomb = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        (0..256).try_for_each(|_| gzip.write_all(&b"a 1\n".repeat(16 << 10))).expect("packed");
        gzip.finish().expect("packed")
    };
    let packed = &format!("{packed}{}\r\n\r\n", bomb.len());
    let line = b"a 1\n".to_vec();
    let limit = "  body_size_limit: 1MB\n  scrape_interval: 1s\n  scrape_timeout: 1s\n";
    for (what, head, part, is_endless, more, expected) in [
        ("it says nothing", "", Vec::new(), false, "", late),
        ("it stops within a line of the head", "HTTP/1.1 200", Vec::new(), false, "", late),
        ("it stops in the middle", text, line.clone(), false, "", late),
        ("it never ends", text, line.repeat(4096), true, limit, large),
        ("a gigabyte", gigabyte, line.repeat(4096), true, limit, large),
        ("16 MiB as gzip", packed, bomb, false, limit, large),
    ] {
        let address = unending(head.to_owned(), part, is_endless).await;
        let mut fixture = Fixture::start(&job(&address, more));
        fixture.until(|samples| samples.iter().any(|(labels, value)| labels.contains("\"up\"") && *value == 0.0)).await;
        let error = fixture.scraper.targets().active.remove(0).error.unwrap_or_default();
        assert!(error.contains(expected), "{what}: {error}");
        fixture.scraper.stop().await;
    }
}

#[tokio::test]
async fn classic_histograms_become_native_ones_as_the_target_says() {
    let body =
        "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"2\"} 3\nh_bucket{le=\"+Inf\"} 5\nh_sum 7\nh_count 5\n";
    let nhcb = "{target_label: __convert_classic_histograms_to_nhcb__, replacement: 'true'}";
    let classic = "{target_label: __always_scrape_classic_histograms__, replacement: 'true'}";
    for (more, expected) in [
        (String::new(), &["h_bucket", "h_bucket", "h_bucket", "h_count", "h_sum"][..]),
        ("  convert_classic_histograms_to_nhcb: true\n".to_owned(), &["h"]),
        (format!("  relabel_configs: [{nhcb}]\n"), &["h"]),
        (
            format!("  relabel_configs: [{nhcb}, {classic}]\n"),
            &["h", "h_bucket", "h_bucket", "h_bucket", "h_count", "h_sum"],
        ),
    ] {
        let exporter = Exporter::start("text/plain", body).await;
        let mut fixture = Fixture::start(&job(&exporter.address, &more));
        let found = fixture.until(|samples| samples.iter().any(|(labels, _)| labels.contains("\"up\""))).await;
        let name = |labels: &str| labels.split('"').nth(1).expect("a name").to_owned();
        let mut names: Vec<String> =
            found.iter().map(|(labels, _)| name(labels)).filter(|name| name.starts_with('h')).collect();
        names.sort();
        assert_eq!(names, expected, "{more}");
        let discovered = fixture.scraper.targets().active.remove(0).discovered;
        assert_eq!(discovered["__scrape_native_histograms__"], "false");
        fixture.scraper.stop().await;
    }
    let exporter = Exporter::start("text/plain", body).await;
    let more = "  convert_classic_histograms_to_nhcb: true\n  native_histogram_bucket_limit: 2\n";
    let mut fixture = Fixture::start(&job(&exporter.address, more));
    fixture.until(|samples| samples.iter().any(|(labels, value)| labels.contains("\"up\"") && *value == 0.0)).await;
    let error = fixture.scraper.targets().active.remove(0).error;
    assert_eq!(error.as_deref(), Some("histogram bucket limit exceeded"));
    fixture.scraper.stop().await;
    // The other one is found with it.
    let both = format!("{}', '127.0.0.1:1", exporter.address);
    let more = "  relabel_configs: [{source_labels: [__address__], regex: '127.0.0.1:1', target_label: __scrape_native_histograms__, replacement: 'yes'}]\n";
    let mut fixture = Fixture::start(&job(&both, more));
    fixture.until(|samples| samples.iter().any(|(labels, _)| labels.contains("\"up\""))).await;
    let urls: Vec<String> = fixture.scraper.targets().active.into_iter().map(|target| target.url).collect();
    let own = format!("http://{}/metrics", exporter.address);
    assert_eq!(urls, [own], "a target whose labels say nothing that can be meant");
    fixture.scraper.stop().await;
}

#[tokio::test]
async fn more_is_told_of_scrapes_and_failures_are_written_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("failures.json");
    let exporter = Exporter::start("text/plain", "a 1\n").await;
    let more =
        format!("  extra_scrape_metrics: true\n  sample_limit: 1\n  scrape_failure_log_file: '{}'\n", log.display());
    let mut fixture = Fixture::start(&job(&exporter.address, &more));
    let own = format!("env=\"test\", instance=\"{}\", job=\"api\"", exporter.address);
    let series = |name: &str| format!("{{__name__=\"{name}\", {own}}}");
    let found = fixture.until(|samples| value(samples, &series("a")) == Some(1.0)).await;
    for (name, expected) in
        [("scrape_timeout_seconds", 0.1), ("scrape_sample_limit", 1.0), ("scrape_body_size_bytes", 4.0)]
    {
        assert_eq!(value(&found, &series(name)), Some(expected), "{name}");
    }
    assert!(!log.exists(), "nothing has failed");
    exporter.set("text/plain", "a 1\nb 1\n");
    fixture.until(|samples| value(samples, &series("up")) == Some(0.0)).await;
    fixture.until(|samples| value(samples, &series("up")) == Some(0.0)).await;
    let text = std::fs::read_to_string(&log).expect("written down");
    let line: serde_json::Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    assert_eq!((line["msg"].as_str(), line["job_name"].as_str()), (Some("sample limit exceeded"), Some("api")));
    assert_eq!(line["target"], format!("http://{}/metrics", exporter.address));
    fixture.scraper.stop().await;
}

#[test]
fn jobs_stand_in_further_files_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let jobs = folder.path().join("jobs");
    std::fs::create_dir(&jobs).expect("a folder");
    std::fs::write(jobs.join("b.yml"), "scrape_configs: [{job_name: b, bearer_token_file: token}]").expect("written");
    let text = "global: {scrape_interval: 7s}\nscrape_configs: [{job_name: a}]\nscrape_config_files: ['jobs/*.yml']";
    let config = Config::read(text, folder.path()).expect("a configuration");
    let found: Vec<_> = config.jobs.iter().map(|job| (job.name.as_str(), job.interval.as_secs())).collect();
    assert_eq!(found, [("a", 7), ("b", 7)]);
    assert!(format!("{:?}", config.jobs[1].http).contains("jobs/token"), "relative to its own file");
    std::fs::write(jobs.join("c.yml"), "scrape_configs:\n- job_name: a\n- {job_name: c, schema: http}")
        .expect("written");
    let mistakes = Config::read(text, folder.path()).expect_err("mistakes");
    let told = mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for expected in [
        "jobs/c.yml:2:3: found multiple scrape configs with job name \"a\"",
        "jobs/c.yml:3:",
        "unknown field \"schema\"",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
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
    let found = found(&fixture, 2).await;
    let urls: Vec<&str> = found.iter().map(|report| report.url.as_str()).collect();
    assert_eq!(urls, ["http://127.0.0.1:1/metrics", "http://127.0.0.1:3/metrics"]);
    assert_eq!(found[0].discovered["__meta_filepath"], file.display().to_string());
    assert_eq!(found[0].labels["zone"], "a");
    let status = fixture.scraper.targets();
    let (dropped, counts) = (status.dropped, status.dropped_counts);
    assert_eq!((dropped[0].discovered["__address__"].as_str(), counts), ("127.0.0.1:2", vec![("found".to_owned(), 1)]));
    fixture.scraper.stop().await;
}

/// The targets that there are as soon as there are so many.
async fn found(fixture: &Fixture, count: usize) -> Vec<vitrine_observe_store::TargetStatus> {
    let found = tokio::time::timeout(WITHIN, async {
        loop {
            let targets = fixture.scraper.targets().active;
            if targets.len() == count {
                return targets;
            }
            tokio::task::yield_now().await;
        }
    });
    found.await.expect("in time")
}

#[tokio::test]
async fn services_are_found_in_consul() {
    let consul = vitrine_tests_engines::consul().expect("Consul");
    let address = consul.url().trim_start_matches("http://").to_owned();
    let body = r#"{"ID": "api-1", "Name": "api", "Tags": ["blue", "web"], "Address": "127.0.0.1", "Port": 81, "Meta": {"a-b": "c"}}"#;
    let client = Client::new(&Settings::default()).expect("a client");
    let request = Request {
        method: http::Method::PUT,
        ..Request::post(format!("{}/v1/agent/service/register", consul.url()), "application/json", body)
    };
    let limits = Limits { within: WITHIN, max_response_bytes: 1 << 20 };
    let response = client.send(request, limits).await.expect("an answer");
    assert_eq!(response.status, 200, "{:?}", response.body);
    let config = format!(
        "scrape_configs: [{{job_name: c, consul_sd_configs: [{{server: '{address}', tags: [blue], refresh_interval: 1s}}]}}]"
    );
    let fixture = Fixture::start(&config);
    let target = found(&fixture, 1).await.remove(0);
    assert_eq!(target.url, "http://127.0.0.1:81/metrics");
    for (label, expected) in [
        ("service", "api"),
        ("service_id", "api-1"),
        ("tags", ",blue,web,"),
        ("service_metadata_a_b", "c"),
        ("health", "passing"),
        ("dc", "dc1"),
    ] {
        assert_eq!(target.discovered[&format!("__meta_consul_{label}")], expected, "{label}");
    }
    fixture.scraper.stop().await;
}

/// A real name server, dnsmasq; an NS record is given as its bytes, which dnsmasq has no other flag for.
#[tokio::test]
async fn targets_are_found_in_dns() {
    let server = vitrine_tests_engines::name_server(&[
        "--host-record=a.example,192.0.2.1,2001:db8::1",
        "--host-record=a.example,192.0.2.2",
        "--srv-host=_metrics._tcp.example,a.example,9100,1,1",
        "--mx-host=example,mail.example,10",
        "--dns-rr=example,2,02:6e:73:07:65:78:61:6d:70:6c:65:00",
        "--cname=alias.example,a.example",
        "--local=/example/",
    ])
    .expect("dnsmasq");
    for (given, expected, labels) in [
        ("names: [a.example], type: A, port: 80", &["192.0.2.1:80", "192.0.2.2:80"][..], &[("name", "a.example")][..]),
        ("names: [alias.example], type: A, port: 80", &["192.0.2.1:80", "192.0.2.2:80"], &[("name", "alias.example")]),
        ("names: [a.example], type: AAAA, port: 80", &["[2001:db8::1]:80"], &[]),
        (
            "names: [_metrics._tcp.example]",
            &["a.example:9100"],
            &[("srv_record_target", "a.example."), ("srv_record_port", "9100")],
        ),
        ("names: [example], type: MX, port: 25", &["mail.example:25"], &[("mx_record_target", "mail.example.")]),
        ("names: [example], type: NS, port: 53", &["ns.example:53"], &[("ns_record_target", "ns.example.")]),
        // A name without records has none, and one that no server answers for does not hold up the others.
        ("names: [none.example, elsewhere.test, a.example], type: A, port: 1", &["192.0.2.1:1", "192.0.2.2:1"], &[]),
    ] {
        let config = format!("scrape_configs: [{{job_name: d, dns_sd_configs: [{{{given}, refresh_interval: 1s}}]}}]");
        let (sender, scrapes) = mpsc::unbounded_channel();
        let scraper = Scraper::new(Arc::new(Channel(sender)), Clock::system(), 7)
            .with_name_server(&format!("127.0.0.1:{}", server.port()));
        scraper.apply(&parse(&config)).expect("a configuration that can be run");
        let fixture = Fixture { scraper, scrapes };
        let found = found(&fixture, expected.len()).await;
        let mut addresses: Vec<&str> = found.iter().map(|target| target.discovered["__address__"].as_str()).collect();
        addresses.sort_unstable();
        assert_eq!(addresses, expected, "{given}");
        for (label, expected) in labels {
            assert_eq!(found[0].discovered[&format!("__meta_dns_{label}")], *expected, "{given}: {label}");
        }
        fixture.scraper.stop().await;
    }
    for (given, told) in [
        ("type: A, port: 1", "DNS-SD config must contain at least one SRV record name"),
        ("names: [a], type: A", "a port is required in DNS-SD configs for all record types except SRV"),
        ("names: [a], type: TXT", "type: expected SRV, A, AAAA, MX or NS, not \"TXT\""),
    ] {
        let config = format!("scrape_configs: [{{job_name: d, dns_sd_configs: [{{{given}}}]}}]");
        let mistakes = Config::read(&config, std::path::Path::new(".")).expect_err(told);
        assert!(mistakes.iter().any(|mistake| mistake.to_string().contains(told)), "{told}: {mistakes:?}");
    }
}

#[tokio::test]
async fn a_name_server_that_goes_leaves_the_last_targets() {
    let mut server = vitrine_tests_engines::name_server(&["--host-record=a.example,192.0.2.1"]).expect("dnsmasq");
    let config = "scrape_configs: [{job_name: d, dns_sd_configs: [{names: [a.example], type: A, port: 1, refresh_interval: 10ms}]}]";
    let (sender, scrapes) = mpsc::unbounded_channel();
    let scraper = Scraper::new(Arc::new(Channel(sender)), Clock::system(), 7)
        .with_name_server(&format!("127.0.0.1:{}", server.port()));
    scraper.apply(&parse(config)).expect("a configuration that can be run");
    let fixture = Fixture { scraper, scrapes };
    found(&fixture, 1).await;
    server.kill().expect("killed");
    // Its port is ours now: who asks is told that it failed, more often than a lookup asks, so that one has failed and the next has begun.
    let failing = tokio::net::UdpSocket::bind(("127.0.0.1", server.port())).await.expect("its port");
    for _ in 0..QUESTIONS {
        let mut message = [0; 512];
        let asked = tokio::time::timeout(WITHIN, failing.recv_from(&mut message)).await.expect("in time");
        let (length, from) = asked.expect("a question");
        // It is an answer, and its code is SERVFAIL.
        message[2] |= 0x80;
        message[3] = message[3] & 0xf0 | 2;
        failing.send_to(&message[..length], from).await.expect("told");
    }
    assert_eq!(fixture.scraper.targets().active.len(), 1);
    fixture.scraper.stop().await;
}

#[tokio::test]
async fn containers_are_found_by_dockers_api() {
    // Both questions get the same answer here: what is no container is a network with this id, and the other way round.
    let both = r#"[{"Id": "abc", "Name": "net", "Names": ["/web"], "Scope": "local", "Internal": false, "Labels": {"com.x": "y"},
        "Ports": [{"PrivatePort": 8080, "PublicPort": 80, "IP": "0.0.0.0", "Type": "tcp"}, {"PrivatePort": 53, "Type": "udp"}],
        "HostConfig": {"NetworkMode": "net"}, "NetworkSettings": {"Networks": {"net": {"NetworkID": "abc", "IPAddress": "172.18.0.2"}}}}]"#;
    let docker = Exporter::start("application/json", both).await;
    let config = format!(
        "scrape_configs: [{{job_name: d, docker_sd_configs: [{{host: 'tcp://{}', filters: [{{name: label, values: [a=b]}}]}}]}}]",
        docker.address
    );
    let fixture = Fixture::start(&config);
    let target = found(&fixture, 1).await.remove(0);
    assert_eq!(target.url, "http://172.18.0.2:8080/metrics");
    for (label, expected) in [
        ("container_name", "/web"),
        ("container_label_com_x", "y"),
        ("network_name", "net"),
        ("port_public", "80"),
        ("network_ip", "172.18.0.2"),
    ] {
        assert_eq!(target.discovered[&format!("__meta_docker_{label}")], expected, "{label}");
    }
    let asked = docker.asked.lock().join("");
    assert!(asked.contains("GET /containers/json?filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D "), "{asked}");
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
