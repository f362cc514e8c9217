//! The configuration of scraping, as Prometheus's file has it.
//!
//! Fields that mean nothing here (`rule_files`, `alerting`, `storage`, …) are taken and told of as [`Config::ignored`]; fields that
//! nobody knows are mistakes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vitrine_kit::duration::prometheus;
use vitrine_observe_model::exposition::Format;
use vitrine_platform_config::yaml::{self, Fields, Mistake, Node, Reader};
use vitrine_platform_fetch::Settings;

use crate::discovery::Discovery;
use crate::files;
use crate::histograms::HistogramOptions;
use crate::relabel::Rule;

/// Between two scrapes if nothing else is given, as Prometheus has it.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(60);
/// How long a scrape may take if nothing else is given.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest body of a scrape where no `body_size_limit` is given, in bytes: an exporter that never ends is refused.
const MAX_BODY_BYTES: u64 = 256 << 20;

/// Largest further file, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// A whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// What holds for all jobs.
    pub global: Global,
    /// The jobs, each name once.
    pub jobs: Vec<Job>,
    /// Fields that are there and mean nothing here.
    pub ignored: Vec<&'static str>,
}

/// What holds for all jobs unless they say otherwise.
#[derive(Debug, Clone)]
pub struct Global {
    /// Between two scrapes of a target.
    pub scrape_interval: Duration,
    /// How long a scrape may take.
    pub scrape_timeout: Duration,
    limits: Limits,
    protocols: Option<Vec<Protocol>>,
    histograms: HistogramOptions,
    tells_more: bool,
    failure_log: Option<PathBuf>,
}

/// What a scrape may bring at most. 0 is no limit, but for the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body, uncompressed.
    pub body_bytes: u64,
    /// Samples after relabelling.
    pub samples: u64,
    /// Labels of a series.
    pub labels: u64,
    /// Bytes of a label's name.
    pub label_name_bytes: u64,
    /// Bytes of a label's value.
    pub label_value_bytes: u64,
    /// Targets of a job.
    pub targets: u64,
    /// Dropped targets that are told of.
    pub dropped_targets: u64,
}

/// A format that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `PrometheusProto`.
    Protobuf,
    /// `OpenMetricsText0.0.1` and `1.0.0`.
    OpenMetrics(&'static str),
    /// `PrometheusText0.0.4` and `1.0.0`.
    Text(&'static str),
}

/// Those that are asked for if nothing else is given.
const PROTOCOLS: [Protocol; 4] =
    [Protocol::OpenMetrics("1.0.0"), Protocol::OpenMetrics("0.0.1"), Protocol::Text("1.0.0"), Protocol::Text("0.0.4")];

impl Job {
    /// The formats that a target is asked for, in order of preference. Only protobuf has native histograms.
    pub(crate) fn formats(&self, takes_native: bool) -> Vec<Protocol> {
        match &self.protocols {
            Some(protocols) => protocols.clone(),
            None => takes_native.then_some(Protocol::Protobuf).into_iter().chain(PROTOCOLS).collect(),
        }
    }
}

impl Protocol {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "PrometheusProto" => Self::Protobuf,
            "OpenMetricsText0.0.1" => Self::OpenMetrics("0.0.1"),
            "OpenMetricsText1.0.0" => Self::OpenMetrics("1.0.0"),
            "PrometheusText0.0.4" => Self::Text("0.0.4"),
            "PrometheusText1.0.0" => Self::Text("1.0.0"),
            _ => return None,
        })
    }

    /// How an `Accept` names it, without its weight.
    pub fn media_type(self) -> String {
        match self {
            Self::Protobuf => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited".to_owned()
            }
            Self::OpenMetrics(version) => {
                format!("application/openmetrics-text;version={version}{}", escaping(version))
            }
            Self::Text(version) => format!("text/plain;version={version}{}", escaping(version)),
        }
    }

    /// The format that it brings.
    pub fn format(self) -> Format {
        match self {
            Self::Protobuf => Format::Protobuf,
            Self::OpenMetrics(_) => Format::OpenMetrics,
            Self::Text(_) => Format::Text,
        }
    }
}

/// Versions from 1.0.0 on can have names of any UTF-8.
fn escaping(version: &str) -> &'static str {
    if version == "1.0.0" { ";escaping=allow-utf-8" } else { "" }
}

/// A job: targets that are scraped in one way.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Between two scrapes of a target.
    pub interval: Duration,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// Formats in order of preference; none where none are given.
    pub protocols: Option<Vec<Protocol>>,
    /// The format of a target that does not say which it sends.
    pub fallback: Option<Protocol>,
    /// Whether labels that a target sends win over those that the scrape adds.
    pub honors_labels: bool,
    /// Whether times that a target sends are believed.
    pub honors_timestamps: bool,
    /// Whether series whose times a target sends are told to have ended.
    pub tracks_timestamps_staleness: bool,
    /// Parameters of the URL.
    pub params: Vec<(String, String)>,
    /// `http` or `https`.
    pub scheme: String,
    /// The path of the URL.
    pub path: String,
    /// How requests are made.
    pub http: Settings,
    /// Rules for targets.
    pub relabel: Vec<Rule>,
    /// Rules for series.
    pub metric_relabel: Vec<Rule>,
    /// What a scrape may bring at most.
    pub limits: Limits,
    /// What is taken of histograms.
    pub histograms: HistogramOptions,
    /// Whether timeout, limit and size of each scrape are told, too.
    pub tells_more: bool,
    /// Where failed scrapes are written down.
    pub failure_log: Option<PathBuf>,
    /// Where its targets are.
    pub discoveries: Vec<Discovery>,
}

impl Config {
    /// Reads a configuration. Relative paths in it are below `folder`; further files that it names are read, too.
    pub fn read(text: &str, folder: &Path) -> Result<Self, Vec<Mistake>> {
        yaml::read(text, |root, reader| Self::take(root, reader, folder))
    }

    fn take(root: &Node, reader: &Reader, folder: &Path) -> Option<Self> {
        let mut fields = reader.fields(root)?;
        let global = match fields.node("global") {
            Some(node) => Global::take(reader, &mut reader.fields(node)?, folder),
            None => Global::default(),
        };
        let mut jobs: Vec<Job> = Vec::new();
        take_jobs(reader, fields.list("scrape_configs"), &global, folder, &mut jobs);
        for pattern in fields.list_of_texts("scrape_config_files") {
            let location = fields.location_of("scrape_config_files");
            let files = vitrine_platform_config::glob(&pattern, folder);
            let files = files.map_err(|error| reader.mistake(location, format!("{pattern}: {error}")));
            for file in files.unwrap_or_default() {
                if let Err(mistakes) = take_file(&file, &global, &mut jobs) {
                    mistakes.into_iter().for_each(|mistake| reader.mistake(location, mistake));
                }
            }
        }
        let mut ignored = Vec::new();
        for name in ["alerting", "rule_files", "storage", "tracing", "runtime", "remote_read", "remote_write", "otlp"] {
            if fields.node(name).is_some() {
                ignored.push(name);
            }
        }
        Some(Self { global, jobs, ignored })
    }
}

impl Default for Global {
    fn default() -> Self {
        Self {
            scrape_interval: SCRAPE_INTERVAL,
            scrape_timeout: SCRAPE_TIMEOUT,
            limits: Limits {
                body_bytes: MAX_BODY_BYTES,
                samples: 0,
                labels: 0,
                label_name_bytes: 0,
                label_value_bytes: 0,
                targets: 0,
                dropped_targets: 0,
            },
            protocols: None,
            histograms: HistogramOptions::default(),
            tells_more: false,
            failure_log: None,
        }
    }
}

impl Global {
    fn take(reader: &Reader, fields: &mut Fields<'_>, folder: &Path) -> Self {
        let default = Self::default();
        let scrape_interval = positive(reader, fields, "scrape_interval").unwrap_or(default.scrape_interval);
        let given = positive(reader, fields, "scrape_timeout");
        if given.is_some_and(|timeout| timeout > scrape_interval) {
            let message = "global scrape timeout greater than scrape interval";
            reader.mistake(fields.location_of("scrape_timeout"), message);
        }
        let global = Self {
            scrape_interval,
            scrape_timeout: given.unwrap_or(default.scrape_timeout.min(scrape_interval)),
            limits: limits(fields, default.limits),
            protocols: protocols(reader, fields),
            histograms: HistogramOptions::take(fields, default.histograms),
            tells_more: fields.flag("extra_scrape_metrics").unwrap_or_default(),
            failure_log: failure_log(fields, folder),
        };
        // Taken so that files of Prometheus need not be changed; they say nothing about scraping.
        for name in [
            "evaluation_interval",
            "external_labels",
            "rule_query_offset",
            "query_log_file",
            "metric_name_validation_scheme",
        ] {
            let _ = fields.node(name);
        }
        global
    }
}

impl Job {
    fn take(reader: &Reader, node: &Node, global: &Global, folder: &Path) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        let name = fields.text("job_name").filter(|name| !name.is_empty());
        let name = fields.required("job_name", name);
        let interval = positive(reader, &mut fields, "scrape_interval").unwrap_or(global.scrape_interval);
        let timeout = positive(reader, &mut fields, "scrape_timeout");
        if timeout.is_some_and(|timeout| timeout > interval) {
            let job = name.as_deref().unwrap_or_default();
            let message =
                format!("scrape timeout greater than scrape interval for scrape config with job name {job:?}");
            reader.mistake(fields.location_of("scrape_timeout"), message);
        }
        let scheme =
            fields.parsed("scheme", "http or https", |text| matches!(text, "http" | "https").then(|| text.to_owned()));
        let histograms = HistogramOptions::take(&mut fields, global.histograms).with_limits(reader, &mut fields);
        let fallback = fields.parsed("fallback_scrape_protocol", "the name of a scrape protocol", Protocol::named);
        let job = Self {
            interval,
            timeout: timeout.unwrap_or(global.scrape_timeout.min(interval)),
            protocols: protocols(reader, &mut fields).or_else(|| global.protocols.clone()),
            fallback,
            honors_labels: fields.flag("honor_labels").unwrap_or(false),
            honors_timestamps: fields.flag("honor_timestamps").unwrap_or(true),
            tracks_timestamps_staleness: fields.flag("track_timestamps_staleness").unwrap_or(false),
            params: params(reader, &mut fields),
            scheme: scheme.unwrap_or_else(|| "http".to_owned()),
            path: fields.text("metrics_path").unwrap_or_else(|| "/metrics".to_owned()),
            http: Settings::read(reader, &mut fields, folder),
            relabel: Rule::read_list(reader, fields.list("relabel_configs")),
            metric_relabel: Rule::read_list(reader, fields.list("metric_relabel_configs")),
            limits: limits(&mut fields, global.limits),
            histograms,
            tells_more: fields.flag("extra_scrape_metrics").unwrap_or(global.tells_more),
            failure_log: failure_log(&mut fields, folder).or_else(|| global.failure_log.clone()),
            discoveries: Discovery::take_all(reader, &mut fields, folder),
            name: name?,
        };
        for name in ["enable_compression", "metric_name_validation_scheme", "metric_name_escaping_scheme"] {
            let _ = fields.node(name);
        }
        Some(job)
    }
}

/// Reads jobs behind those that are known.
fn take_jobs(reader: &Reader, nodes: &[Node], global: &Global, folder: &Path, jobs: &mut Vec<Job>) {
    for node in nodes {
        let Some(job) = Job::take(reader, node, global, folder) else { continue };
        if jobs.iter().any(|known| known.name == job.name) {
            reader.mistake(node.location, format!("found multiple scrape configs with job name {:?}", job.name));
        }
        jobs.push(job);
    }
}

/// Reads a file with jobs. Relative paths in it are below its own folder.
fn take_file(path: &Path, global: &Global, jobs: &mut Vec<Job>) -> Result<(), Vec<String>> {
    let text = files::text(path, MAX_FILE_BYTES).map_err(|error| vec![error])?;
    let name = path.display();
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let read = yaml::read(&text, |root, reader| {
        let mut fields = reader.fields(root)?;
        take_jobs(reader, fields.list("scrape_configs"), global, folder, jobs);
        Some(())
    });
    read.map_err(|mistakes| mistakes.iter().map(|mistake| format!("{name}:{mistake}")).collect())
}

fn failure_log(fields: &mut Fields<'_>, folder: &Path) -> Option<PathBuf> {
    fields.text("scrape_failure_log_file").filter(|path| !path.is_empty()).map(|path| folder.join(path))
}

fn positive(reader: &Reader, fields: &mut Fields<'_>, name: &'static str) -> Option<Duration> {
    let given = fields.duration(name)?;
    if given.is_zero() {
        reader.mistake(fields.location_of(name), format!("{name}: expected more than {}", prometheus::format(given)));
    }
    Some(given)
}

fn protocols(reader: &Reader, fields: &mut Fields<'_>) -> Option<Vec<Protocol>> {
    fields.node("scrape_protocols")?;
    let location = fields.location_of("scrape_protocols");
    let names = fields.list_of_texts("scrape_protocols");
    let mut found = Vec::new();
    for name in names {
        match Protocol::named(&name) {
            Some(protocol) if found.contains(&protocol) => {
                reader.mistake(location, format!("duplicated protocol in scrape_protocols: {name}"));
            }
            Some(protocol) => found.push(protocol),
            None => reader.mistake(location, format!("unknown scrape protocol {name}")),
        }
    }
    if found.is_empty() {
        reader.mistake(location, "scrape_protocols cannot be empty");
    }
    Some(found)
}

fn params(reader: &Reader, fields: &mut Fields<'_>) -> Vec<(String, String)> {
    let Some(node) = fields.node("params") else { return Vec::new() };
    let yaml::Value::Map(entries) = &node.value else {
        reader.mistake(node.location, "params: expected a map of lists");
        return Vec::new();
    };
    let mut params = Vec::new();
    for (key, node) in entries {
        for value in reader.list("params", node) {
            params.extend(reader.text("params", value).map(|value| (key.text.clone(), value.to_owned())));
        }
    }
    params
}

fn limits(fields: &mut Fields<'_>, default: Limits) -> Limits {
    let body = fields.parsed("body_size_limit", "a size such as \"10MB\"", size);
    let mut number = |name, default| fields.number(name).unwrap_or(default);
    Limits {
        body_bytes: body.filter(|bytes| *bytes > 0).unwrap_or(default.body_bytes),
        samples: number("sample_limit", default.samples),
        labels: number("label_limit", default.labels),
        label_name_bytes: number("label_name_length_limit", default.label_name_bytes),
        label_value_bytes: number("label_value_length_limit", default.label_value_bytes),
        targets: number("target_limit", default.targets),
        dropped_targets: number("keep_dropped_targets", default.dropped_targets),
    }
}

/// A size as Prometheus writes it: `10MB` is 10 times 2^20.
fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some((number * f64::from(1_u32 << 10).powi(shift / 10)) as u64)
}
