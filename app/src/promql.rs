//! `vitrine promql`: an expression to an observatory, and a table or a chart of what it says.

mod chart;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};
use serde_json::Value;
use vitrine_kit::clock::{Clock, parse_rfc3339};
use vitrine_kit::duration::prometheus;
use vitrine_kit::{Secret, percent};
use vitrine_observe_sql::Grid;
use vitrine_observe_store::SCOPE_HEADER;
use vitrine_platform_fetch::{Client, Limits, Request, Settings, secret_value};
use vitrine_platform_tls as tls;

use crate::Usage;
use crate::cli::{AskArgs, PromqlArgs};
use crate::say::say;
use crate::sql::width;
use chart::{Chart, Line};

/// How long an answer may take, and how large it may be.
const LIMITS: Limits = Limits { within: Duration::from_secs(60), max_response_bytes: 64 << 20 };
/// Columns of a chart where the terminal does not say how wide it is.
const DEFAULT_WIDTH: usize = 100;
/// Points of a range where no step is given, at most.
const MAX_POINTS: u64 = 200;
/// Most series that one chart shows.
const MAX_LINES: usize = 8;

/// The command.
pub async fn run(args: PromqlArgs) -> Result<()> {
    let answer = ask(&args).await?;
    if args.json {
        say!("{answer}");
        return Ok(());
    }
    let answer: Value = serde_json::from_str(&answer).context("the answer is not one of an observatory")?;
    for kind in ["warnings", "infos"] {
        for text in answer[kind].as_array().into_iter().flatten().filter_map(Value::as_str) {
            eprintln!("{text}");
        }
    }
    if answer["status"] != "success" {
        let (kind, text) = (&answer["errorType"], &answer["error"]);
        return Err(anyhow!("{}: {}", kind.as_str().unwrap_or("error"), text.as_str().unwrap_or_default()));
    }
    let (kind, result) = (&answer["data"]["resultType"], &answer["data"]["result"]);
    match kind.as_str() {
        Some("vector") => table(result),
        Some("matrix") if args.range.is_some() => draw(result),
        Some("matrix") => points(result),
        // A scalar or a text.
        _ => say!("{}", result[1].as_str().unwrap_or_default()),
    }
    Ok(())
}

async fn ask(args: &PromqlArgs) -> Result<String> {
    let client = client(&args.observatory)?;
    let (path, query) = question(args)?;
    get(&client, &args.observatory, &format!("{path}?{query}"), LIMITS).await
}

/// What an observatory's Prometheus API answers, as JSON.
pub(crate) async fn get(client: &Client, args: &AskArgs, path: &str, limits: Limits) -> Result<String> {
    let url = format!("{}/prometheus/api/v1/{path}", args.url().trim_end_matches('/'));
    let asked = client.send(authorized(Request::get(url), args)?, limits).await;
    let response = asked.map_err(|e| anyhow!("{}: {e}{}", args.url(), args.hint()))?;
    let body = String::from_utf8(response.body.to_vec()).context("the answer is not one of an observatory")?;
    if body.trim_start().starts_with('{') { Ok(body) } else { Err(anyhow!("{}: {}", response.status, body.trim())) }
}

/// A request with who asks, and for whom.
pub(crate) fn authorized(request: Request, args: &AskArgs) -> Result<Request> {
    let mut request = with_token(request, args.token.as_ref())?;
    if let Some(tenant) = &args.tenant {
        let value = HeaderValue::try_from(tenant).map_err(|_| unsayable("tenant"))?;
        request = request.with_header(HeaderName::from_static(SCOPE_HEADER), value);
    }
    Ok(request)
}

/// Shows the token of a command's caller, if there is one.
pub(crate) fn with_token(request: Request, token: Option<&Secret>) -> Result<Request> {
    let Some(token) = token else { return Ok(request) };
    let value = secret_value(AUTHORIZATION, &format!("Bearer {}", token.expose()));
    Ok(request.with_header(AUTHORIZATION, value.map_err(|_| unsayable("token"))?))
}

fn unsayable(name: &str) -> Usage {
    Usage(format!("--{name}: expected visible ASCII characters"))
}

/// A client for an observatory.
pub(crate) fn client(args: &AskArgs) -> Result<Client> {
    Ok(Client::new(&Settings { tls: tls_files(args), ..Settings::default() })?)
}

/// By what an observatory is trusted, and by what it trusts.
pub(crate) fn tls_files(args: &AskArgs) -> tls::Files {
    tls::Files {
        ca: args.ca.clone().unwrap_or_default(),
        certificate: args.certificate.clone().unwrap_or_default(),
        key: args.key.clone().unwrap_or_default(),
    }
}

/// A time of the command line, as RFC 3339 or seconds since 1970, in milliseconds since then.
pub(crate) fn time_ms(name: &str, text: &str) -> Result<i64> {
    let seconds =
        text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()).map(|seconds| (seconds * 1_000.0) as i64);
    let expected =
        || Usage(format!("--{name} {text}: expected a time such as 2026-11-27T12:00:00Z, or seconds since 1970"));
    Ok(seconds.or_else(|| parse_rfc3339(text)).ok_or_else(expected)?)
}

/// The time of a sample of an answer, in milliseconds since 1970.
pub(crate) fn sample_ms(sample: &Value) -> Option<i64> {
    sample[0].as_f64().map(|seconds| (seconds * 1_000.0).round() as i64)
}

/// The path and the query of the URL.
fn question(args: &PromqlArgs) -> Result<(&'static str, String)> {
    let expression = percent::encode(&args.expression);
    let Some(range) = &args.range else {
        let time = args.at.as_ref().map(|at| format!("&time={}", percent::encode(at))).unwrap_or_default();
        return Ok(("query", format!("query={expression}{time}")));
    };
    let duration = |name: &str, text: &str| {
        let given = prometheus::parse(text).filter(|given| !given.is_zero());
        given.ok_or_else(|| Usage(format!("--{name} {text}: expected a duration such as 30s, 15m or 6h")))
    };
    let range = duration("range", range)?;
    let step = match &args.step {
        Some(step) => duration("step", step)?,
        None => Duration::from_secs((range.as_secs() / MAX_POINTS).max(1)),
    };
    let now = || (Clock::system().now_ms() / 1_000).to_string();
    let end = args.at.clone().unwrap_or_else(now);
    let seconds: f64 = match end.parse() {
        Ok(seconds) => seconds,
        Err(_) => parse_rfc3339(&end).map(|ms| ms as f64 / 1_000.0).ok_or_else(|| {
            Usage(format!("--at {end}: expected a time such as 2026-11-27T12:00:00Z, or seconds since 1970"))
        })?,
    };
    let start = seconds - range.as_secs_f64();
    Ok(("query_range", format!("query={expression}&start={start}&end={seconds}&step={}", step.as_secs_f64())))
}

/// Labels as PromQL writes them.
fn series(metric: &Value) -> String {
    let name = metric["__name__"].as_str().unwrap_or_default();
    let labels = metric.as_object().into_iter().flatten().filter(|(key, _)| *key != "__name__");
    let pairs: Vec<String> =
        labels.map(|(key, value)| format!("{key}={:?}", value.as_str().unwrap_or_default())).collect();
    if pairs.is_empty() && !name.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", pairs.join(", ")) }
}

/// A value as text; a histogram as its count and sum.
fn value(sample: &Value, histogram: &Value) -> String {
    match sample[1].as_str() {
        Some(text) => text.to_owned(),
        None => {
            let text = |key: &str| histogram[1][key].as_str().unwrap_or_default().to_owned();
            format!("{{count:{}, sum:{}}}", text("count"), text("sum"))
        }
    }
}

fn table(result: &Value) {
    let entries = result.as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        say!("no series; the names that there are: vitrine promql 'count by (__name__) ({{__name__!=\"\"}})'");
        return;
    }
    let mut names: Vec<&str> = Vec::new();
    for key in entries.iter().filter_map(|entry| entry["metric"].as_object()).flat_map(|metric| metric.keys()) {
        if !names.contains(&key.as_str()) {
            names.push(key);
        }
    }
    names.sort_unstable_by_key(|name| (*name != "__name__", *name));
    let header = names.iter().map(|name| if *name == "__name__" { "metric" } else { name });
    let mut grid = Grid::new(header.map(|name| (name, false)).chain([("value", true)]));
    for entry in entries {
        let mut cells: Vec<Value> = names.iter().map(|name| entry["metric"][name].clone()).collect();
        cells.push(Value::from(value(&entry["value"], &entry["histogram"])));
        grid.push(cells);
    }
    let width = std::io::stdout().is_terminal().then(width).flatten();
    say!("{}", grid.take(width).trim_end());
}

/// A range of samples as they are: each series, and below it its values.
fn points(result: &Value) {
    for entry in result.as_array().into_iter().flatten() {
        say!("{}", series(&entry["metric"]));
        for sample in entry["values"].as_array().into_iter().flatten() {
            say!("  {} {}", sample[0], sample[1].as_str().unwrap_or_default());
        }
    }
}

fn draw(result: &Value) {
    let entries = result.as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |entry: &Value| {
        let samples = entry["values"].as_array()?.iter();
        let points = samples.filter_map(|sample| Some((sample[0].as_f64()?, sample[1].as_str()?.parse().ok()?)));
        Some(Line { name: series(&entry["metric"]), points: points.collect() })
    };
    let lines: Vec<Line> = entries.iter().filter_map(line).take(MAX_LINES).collect();
    if lines.is_empty() {
        say!("no series with numbers");
        return;
    }
    let is_terminal = std::io::stdout().is_terminal();
    let colours = is_terminal && std::env::var_os("NO_COLOR").is_none();
    let width = if is_terminal { width().unwrap_or(DEFAULT_WIDTH) } else { DEFAULT_WIDTH };
    say!("{}", Chart { lines: &lines, width, colours }.to_string().trim_end());
    if entries.len() > lines.len() {
        say!("and {} more series", entries.len() - lines.len());
    }
}
