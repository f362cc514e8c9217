//! The `OTEL_*` variables that are honoured, with the specification's names; defaults differ where one machine runs both ends.
//!
//! Source: OpenTelemetry specification, "Environment Variable Specification" and "OTLP Exporter Configuration".

use std::time::Duration;

use thiserror::Error;
use vitrine_kit::Secret;

/// How the pipeline behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// OTEL_SDK_DISABLED.
    pub disabled: bool,
    /// OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG.
    pub sampler: Sampler,
    /// OTEL_RESOURCE_ATTRIBUTES; `service.name` is each service's own.
    pub resource_attributes: Vec<(String, String)>,
    /// OTEL_EXPORTER_OTLP_ENDPOINT; none means the built-in observatory.
    pub endpoint: Option<String>,
    /// OTEL_EXPORTER_OTLP_PROTOCOL.
    pub protocol: OtlpProtocol,
    /// OTEL_EXPORTER_OTLP_HEADERS.
    pub headers: Vec<(String, Secret)>,
    /// OTEL_EXPORTER_OTLP_COMPRESSION is "gzip".
    pub gzip: bool,
    /// OTEL_EXPORTER_OTLP_TIMEOUT, milliseconds.
    pub timeout: Duration,
    /// OTEL_BSP_SCHEDULE_DELAY; 500 ms here, for what happened should be seen at once.
    pub schedule_delay: Duration,
    /// OTEL_BSP_MAX_QUEUE_SIZE, in spans and in log records.
    pub max_queue: usize,
    /// OTEL_BSP_MAX_EXPORT_BATCH_SIZE: so many waiting start an export at once.
    pub max_batch: usize,
    /// OTEL_METRIC_EXPORT_INTERVAL; 10 s here.
    pub metric_interval: Duration,
    /// OTEL_TRACES_EXPORTER is not "none".
    pub traces: bool,
    /// OTEL_METRICS_EXPORTER is not "none".
    pub metrics: bool,
    /// OTEL_LOGS_EXPORTER is not "none".
    pub logs: bool,
}

/// Which traces are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampler {
    /// All.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// This share of them, by trace id.
    Ratio(f64),
    /// What the caller decided; without one, this share.
    ParentRatio(f64),
}

/// How OTLP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// `grpc`
    Grpc,
    /// `http/protobuf`
    Http,
}

/// A variable that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{variable}={value:?}: expected {expected}")]
pub struct ConfigError {
    /// Which.
    pub variable: &'static str,
    /// What it holds.
    pub value: String,
    /// What it should.
    pub expected: &'static str,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            disabled: false,
            sampler: Sampler::ParentRatio(1.0),
            resource_attributes: Vec::new(),
            endpoint: None,
            protocol: OtlpProtocol::Grpc,
            headers: Vec::new(),
            gzip: false,
            timeout: Duration::from_secs(10),
            schedule_delay: Duration::from_millis(500),
            max_queue: 16_384,
            max_batch: 1024,
            metric_interval: Duration::from_secs(10),
            traces: true,
            metrics: true,
            logs: true,
        }
    }
}

impl Config {
    /// Reads the variables through `get`; every mistake is reported.
    pub fn from_vars(get: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<ConfigError>> {
        let mut vars = Vars { get: &get, mistakes: Vec::new() };
        let base = Self::default();
        let config = Self {
            disabled: vars.flag("OTEL_SDK_DISABLED"),
            sampler: vars.sampler(),
            resource_attributes: vars.pairs("OTEL_RESOURCE_ATTRIBUTES"),
            endpoint: vars.text("OTEL_EXPORTER_OTLP_ENDPOINT"),
            protocol: vars.choice(
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                &[("grpc", OtlpProtocol::Grpc), ("http/protobuf", OtlpProtocol::Http)],
                base.protocol,
                "grpc or http/protobuf",
            ),
            headers: {
                let pairs = vars.pairs("OTEL_EXPORTER_OTLP_HEADERS");
                pairs.into_iter().map(|(name, value)| (name, Secret::from(value))).collect()
            },
            gzip: vars.choice(
                "OTEL_EXPORTER_OTLP_COMPRESSION",
                &[("gzip", true), ("none", false)],
                base.gzip,
                "gzip or none",
            ),
            timeout: vars.millis("OTEL_EXPORTER_OTLP_TIMEOUT", base.timeout),
            schedule_delay: vars.millis("OTEL_BSP_SCHEDULE_DELAY", base.schedule_delay),
            max_queue: vars.count("OTEL_BSP_MAX_QUEUE_SIZE", base.max_queue),
            max_batch: vars.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", base.max_batch),
            metric_interval: vars.millis("OTEL_METRIC_EXPORT_INTERVAL", base.metric_interval),
            traces: vars.exports("OTEL_TRACES_EXPORTER"),
            metrics: vars.exports("OTEL_METRICS_EXPORTER"),
            logs: vars.exports("OTEL_LOGS_EXPORTER"),
        };
        if vars.mistakes.is_empty() { Ok(config) } else { Err(vars.mistakes) }
    }
}

struct Vars<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    mistakes: Vec<ConfigError>,
}

impl Vars<'_> {
    /// An empty variable is as good as none, says the specification.
    fn text(&self, variable: &str) -> Option<String> {
        (self.get)(variable).filter(|v| !v.is_empty())
    }

    fn mistake(&mut self, variable: &'static str, value: String, expected: &'static str) {
        self.mistakes.push(ConfigError { variable, value, expected });
    }

    fn choice<T: Copy>(
        &mut self,
        variable: &'static str,
        known: &[(&str, T)],
        default: T,
        expected: &'static str,
    ) -> T {
        let Some(text) = self.text(variable) else { return default };
        match known.iter().find(|(name, _)| *name == text) {
            Some((_, value)) => *value,
            None => {
                self.mistake(variable, text, expected);
                default
            }
        }
    }

    /// Only a case-insensitive "true" is true, says the specification.
    fn flag(&mut self, variable: &'static str) -> bool {
        self.text(variable).is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    fn exports(&mut self, variable: &'static str) -> bool {
        self.choice(variable, &[("otlp", true), ("none", false)], true, "otlp or none")
    }

    fn number(&mut self, variable: &'static str, expected: &'static str) -> Option<u64> {
        let text = self.text(variable)?;
        match text.parse() {
            Ok(n) if n > 0 => Some(n),
            _ => {
                self.mistake(variable, text, expected);
                None
            }
        }
    }

    fn millis(&mut self, variable: &'static str, default: Duration) -> Duration {
        self.number(variable, "a whole number of milliseconds above 0").map_or(default, Duration::from_millis)
    }

    fn count(&mut self, variable: &'static str, default: usize) -> usize {
        self.number(variable, "a whole number above 0").and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
    }

    fn pairs(&mut self, variable: &'static str) -> Vec<(String, String)> {
        let Some(text) = self.text(variable) else { return Vec::new() };
        let mut pairs = Vec::new();
        for pair in text.split(',').filter(|p| !p.trim().is_empty()) {
            match pair.split_once('=') {
                Some((key, value)) => pairs.push((key.trim().to_owned(), value.trim().to_owned())),
                // The value may be a secret: it is not repeated.
                None => self.mistake(variable, "…".to_owned(), "key=value pairs, separated by commas"),
            }
        }
        pairs
    }

    fn sampler(&mut self) -> Sampler {
        let ratio = match self.text("OTEL_TRACES_SAMPLER_ARG") {
            None => 1.0,
            Some(text) => match text.parse::<f64>() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
                _ => {
                    self.mistake("OTEL_TRACES_SAMPLER_ARG", text, "a number from 0 to 1");
                    1.0
                }
            },
        };
        let known = [
            ("always_on", Sampler::AlwaysOn),
            ("always_off", Sampler::AlwaysOff),
            ("traceidratio", Sampler::Ratio(ratio)),
            ("parentbased_always_on", Sampler::ParentRatio(1.0)),
            ("parentbased_always_off", Sampler::ParentRatio(0.0)),
            ("parentbased_traceidratio", Sampler::ParentRatio(ratio)),
        ];
        let expected = "always_on, always_off, traceidratio or one of these with parentbased_ before it";
        self.choice("OTEL_TRACES_SAMPLER", &known, Sampler::ParentRatio(1.0), expected)
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, OtlpProtocol, Sampler};

    fn read(vars: &[(&str, &str)]) -> Result<Config, Vec<&'static str>> {
        let get = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Config::from_vars(get).map_err(|all| all.into_iter().map(|m| m.variable).collect())
    }

    #[test]
    fn variables_are_honoured() {
        let config = read(&[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=demo, team=glass"),
            ("OTEL_LOGS_EXPORTER", "none"),
        ])
        .expect("good");
        assert_eq!(config.protocol, OtlpProtocol::Http);
        assert_eq!(config.sampler, Sampler::ParentRatio(0.25));
        assert_eq!(config.resource_attributes[1], ("team".to_owned(), "glass".to_owned()));
        assert!(config.traces && !config.logs);
    }

    #[test]
    fn every_mistake_is_named() {
        let mistakes = read(&[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ])
        .expect_err("three mistakes");
        assert_eq!(mistakes, ["OTEL_TRACES_SAMPLER_ARG", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_BSP_SCHEDULE_DELAY"]);
    }
}
