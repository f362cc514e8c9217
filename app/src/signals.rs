//! Figures of the telemetry for the guards of faults and of roll-outs, asked of an observatory over HTTP.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use vitrine_flags_service::faults::Signals;
use vitrine_kit::percent;
use vitrine_platform_faults::fault::Signal;
use vitrine_platform_fetch::{Authorization, Client, Limits, Request, SecretSource, Settings};

/// How long an answer may take, and how large it may be.
const LIMITS: Limits = Limits { within: Duration::from_secs(4), max_response_bytes: 1 << 20 };
/// Over how long rates are read: series of spans have a sample each 15 s.
const WINDOW: &str = "[45s]";

/// An observatory that is asked.
#[derive(Debug)]
pub(crate) struct ObservatorySignals {
    url: String,
    client: Client,
}

impl ObservatorySignals {
    /// That at a URL, with the token in a file, unless the file has no name.
    pub(crate) fn new(url: &str, token_file: &Path) -> Result<Self> {
        let credentials = || SecretSource::File(token_file.to_owned());
        let authorization = (!token_file.as_os_str().is_empty())
            .then(|| Authorization::Credentials { scheme: "Bearer".to_owned(), credentials: credentials() });
        let client = Client::new(&Settings { authorization, ..Settings::default() })?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), client })
    }

    async fn ask(&self, request: Request) -> Result<Value> {
        let answer = self.client.send(request, LIMITS).await?;
        let body: Value = serde_json::from_slice(first_line(&answer.body)).context("no answer of an observatory")?;
        if answer.status.is_success() {
            return Ok(if body.is_array() { rows(&answer.body) } else { body });
        }
        anyhow::bail!("{}", body["error"].as_str().unwrap_or("the observatory refuses it"))
    }

    async fn promql(&self, query: &str) -> Result<Option<f64>> {
        let url = format!("{}/prometheus/api/v1/query?{}", self.url, percent::form([("query", query)]));
        let body = self.ask(Request::get(url)).await?;
        let result = &body["data"]["result"];
        let value = if result[0].is_object() { &result[0]["value"][1] } else { &result[1] };
        Ok(value.as_str().and_then(|text| text.parse().ok()).filter(|value: &f64| !value.is_nan()))
    }

    async fn sql(&self, statement: &str) -> Result<Option<f64>> {
        let url = format!("{}/api/sql?format=rows", self.url);
        let body = self.ask(Request::post(url, "application/sql", statement.to_owned())).await?;
        Ok(body[1][0].as_f64())
    }

    async fn figure(&self, signal: &Signal) -> Result<Option<f64>> {
        match signal {
            Signal::Sql(statement) => self.sql(statement).await,
            Signal::Promql(query) => self.promql(query).await,
            Signal::RateS(of) => self.promql(&format!("sum(rate({}{WINDOW}))", calls(of, ""))).await,
            Signal::ErrorRatio(of) => {
                let failed = calls(of, ",status_code=\"STATUS_CODE_ERROR\"");
                let all = calls(of, "");
                let query = format!("(sum(rate({failed}{WINDOW})) or vector(0)) / sum(rate({all}{WINDOW}))");
                self.promql(&query).await
            }
            Signal::P99Ms(of) => {
                let series = format!("traces_spanmetrics_latency{{{}}}", served(of));
                self.promql(&format!("1000 * histogram_quantile(0.99, sum(rate({series}{WINDOW})))")).await
            }
        }
    }
}

impl Signals for ObservatorySignals {
    fn read<'a>(&'a self, signal: &'a Signal) -> BoxFuture<'a, Result<Option<f64>, String>> {
        self.figure(signal).map(|read| read.map_err(|error| format!("{error:#}"))).boxed()
    }
}

/// The counter of what a service, or `service/method`, answered.
fn calls(of: &str, more: &str) -> String {
    format!("traces_spanmetrics_calls_total{{{}{more}}}", served(of))
}

/// Labels of the spans of what a service, or `service/method`, answered.
fn served(of: &str) -> String {
    let (service, method) = of.split_once('/').map_or((of, None), |(service, method)| (service, Some(method)));
    // What a label would need escaped is refused with the guard.
    let method = method.map(|method| format!(",span_name=~\"(.*/)?{method}\"")).unwrap_or_default();
    format!("service=\"{service}\",span_kind=\"SPAN_KIND_SERVER\"{method}")
}

fn first_line(body: &[u8]) -> &[u8] {
    body.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// Lines of JSON, as a list.
fn rows(body: &[u8]) -> Value {
    body.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok()).collect()
}
