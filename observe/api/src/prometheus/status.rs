//! What is told of the process: versions, settings, counts, features.

mod self_metrics;

use std::fmt::Write as _;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Map, Value, json};
use vitrine_kit::clock;
use vitrine_kit::duration::prometheus;
use vitrine_observe_promql::ast::{AggregateOp, BinaryOp};
use vitrine_observe_promql::functions::table::FUNCTIONS;
use vitrine_observe_store::SeriesFileStatus;
use vitrine_observe_store::series::GoRegex;

use super::answer::{ApiData, Failed};
use super::question::Question;

type Answered = Result<ApiData, Failed>;

/// The version of Prometheus whose API and language this is: clients decide by it what they ask.
const VERSION: &str = "3.14.0";

/// Entries of each list of counts unless another number is asked for, and at most.
const COUNTS: usize = 10;
const MOST_COUNTS: usize = 10_000;

/// Operators that may be written.
const OPERATORS: [BinaryOp; 18] = [
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Mod,
    BinaryOp::Pow,
    BinaryOp::Atan2,
    BinaryOp::Equal,
    BinaryOp::NotEqual,
    BinaryOp::Greater,
    BinaryOp::Less,
    BinaryOp::GreaterOrEqual,
    BinaryOp::LessOrEqual,
    BinaryOp::TrimUpper,
    BinaryOp::TrimLower,
    BinaryOp::And,
    BinaryOp::Or,
    BinaryOp::Unless,
];

/// What the API can do, whatever is set.
const API: [&str; 11] = [
    "exclude_alerts",
    "label_values_match",
    "otlp_write_receiver",
    "query_stats",
    "query_warnings",
    "remote_write_receiver",
    "search",
    "search_fuzz_alg_jarowinkler",
    "search_fuzz_alg_subsequence",
    "time_range_labels",
    "time_range_series",
];

/// Words and forms of the language.
const LANGUAGE: [&str; 15] = [
    "anchored",
    "bool",
    "by",
    "duration_expr",
    "fill",
    "fill_left",
    "fill_right",
    "group_left",
    "group_right",
    "ignoring",
    "offset",
    "on",
    "per_query_lookback_delta",
    "smoothed",
    "without",
];

fn shown(value: &Value) -> Answered {
    Ok(ApiData::new(value.to_string()))
}

/// `status/buildinfo`. Without `features`: with them Grafana takes it for Mimir.
pub(super) fn build(question: &Question) -> Answered {
    let mut told = json!({
        "version": VERSION,
        "revision": format!("vitrine-{}", env!("CARGO_PKG_VERSION")),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    // By this Grafana knows that rules can be set; it takes whoever says so for Mimir.
    if question.settings.options.ruler_api {
        told["application"] = "Grafana Mimir".into();
        told["features"] = json!({ "ruler_config_api": "true", "alertmanager_config_api": "false" });
    }
    shown(&told)
}

/// `status/runtimeinfo`. What only Go has is empty.
pub(super) fn runtime(question: &Question) -> Answered {
    let settings = &question.settings;
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let threads = read("/proc/self/status")
        .lines()
        .find_map(|line| line.strip_prefix("Threads:")?.trim().parse::<u64>().ok())
        .unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let folder = std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
    let started = clock::rfc3339(settings.started_ms);
    let configuration = settings.parts.configuration.as_ref().map(|configuration| configuration.status());
    shown(&json!({
        "startTime": started,
        "CWD": folder,
        "hostname": read("/proc/sys/kernel/hostname").trim(),
        "serverTime": clock::rfc3339(question.now_ms),
        "reloadConfigSuccess": configuration.is_none_or(|status| status.is_good),
        "lastConfigTime": configuration.map_or(started.clone(), |status| clock::rfc3339(status.read_at_ms)),
        "corruptionCount": 0,
        "goroutineCount": threads,
        "GOMAXPROCS": cpus,
        "GOMEMLIMIT": i64::MAX,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": settings.options.retention,
    }))
}

fn shown_ms(ms: i64) -> String {
    prometheus::format(Duration::from_millis(ms.unsigned_abs()))
}

/// `status/flags`: what of Prometheus's flags has a meaning here.
pub(super) fn flags(question: &Question) -> Answered {
    let options = &question.settings.options;
    shown(&json!({
        "query.lookback-delta": shown_ms(options.evaluation.lookback_ms),
        "query.max-concurrency": options.max_queries.to_string(),
        "query.max-samples": options.max_samples.to_string(),
        "query.timeout": prometheus::format(options.time_limit),
        "storage.tsdb.retention.time": options.retention,
        "web.enable-admin-api": options.admin_api.to_string(),
        "web.enable-lifecycle": options.lifecycle_api.to_string(),
        "web.enable-remote-write-receiver": "true",
    }))
}

/// `status/config`: the settings that a configuration file of Prometheus would have.
pub(super) fn config(question: &Question) -> Answered {
    let interval = shown_ms(question.settings.options.evaluation.subquery_step_ms);
    shown(&json!({ "yaml": format!("global:\n  evaluation_interval: {interval}\n") }))
}

/// `status/walreplay`: it is over before anything is listened to.
pub(super) fn replay(_: &Question) -> Answered {
    shown(&json!({ "min": 0, "max": 0, "current": 0 }))
}

/// `status/tsdb`
pub(super) fn counts(question: &Question) -> Answered {
    let most = match question.get("limit") {
        "" => COUNTS,
        text => match text.parse::<usize>() {
            Ok(most) if most > MOST_COUNTS => {
                return Err(Failed::BadData(format!("limit must not exceed {MOST_COUNTS}")));
            }
            Ok(most) if most > 0 => most,
            _ => return Err(Failed::BadData("limit must be a positive number".to_owned())),
        },
    };
    let stats = question.series.stats(most)?;
    let list = |counts: &[(String, u64)]| -> Value {
        counts.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
    };
    let mut data = String::new();
    // In the order in which Prometheus has them.
    let _ = write!(
        data,
        "{{\"headStats\":{{\"numSeries\":{},\"numLabelPairs\":{},\"chunkCount\":{},\"minTime\":{},\"maxTime\":{}}}",
        stats.series, stats.label_pairs, stats.chunks, stats.min_ms, stats.max_ms
    );
    for (name, counts) in [
        ("seriesCountByMetricName", &stats.series_by_metric),
        ("labelValueCountByLabelName", &stats.values_by_label),
        ("memoryInBytesByLabelName", &stats.bytes_by_label),
        ("seriesCountByLabelValuePair", &stats.series_by_pair),
    ] {
        let _ = write!(data, ",\"{name}\":{}", list(counts));
    }
    data.push('}');
    Ok(ApiData::new(data))
}

/// `status/tsdb/blocks`: files of series.
pub(super) fn blocks(question: &Question) -> Answered {
    let admin = question.settings.parts.admin.as_ref();
    let files = admin.map(|admin| admin.series_files(&question.tenant)).unwrap_or_default();
    let block = |file: &SeriesFileStatus| {
        let id = ulid(file);
        json!({
            "ulid": id,
            "minTime": file.min_ms,
            // As upstream the end is not part of it.
            "maxTime": file.max_ms.saturating_add(1),
            "stats": { "numSamples": file.samples, "numSeries": file.series },
            "compaction": { "level": if file.is_merged { 2 } else { 1 }, "sources": [id] },
            "version": 1,
        })
    };
    shown(&json!({ "blocks": files.iter().map(block).collect::<Vec<_>>() }))
}

/// An identifier as upstream has them: 48 bits of time and 80 that make it the only one, in Crockford's base 32.
fn ulid(file: &SeriesFileStatus) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = u128::from(file.first_ms.unsigned_abs() & ((1 << 48) - 1)) << 80 | u128::from(file.number);
    (0..26).rev().map(|place| char::from(DIGITS[(bits >> (place * 5) & 31) as usize])).collect()
}

fn own_text(question: &Question) -> String {
    question.settings.parts.own_metrics.as_ref().map(|read| read()).unwrap_or_default()
}

/// `/metrics`
pub(super) fn own_metrics(question: &Question) -> Result<Response, Failed> {
    let kind = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
    Ok(([(header::CONTENT_TYPE, kind)], own_text(question)).into_response())
}

/// `status/self_metrics`: the same as JSON.
pub(super) fn self_metrics(question: &Question) -> Answered {
    let pattern = question.get("metric_name_pattern");
    let wanted = match pattern {
        "" => None,
        pattern => Some(
            GoRegex::new(pattern).map_err(|error| Failed::BadData(format!("invalid metric_name_pattern: {error}")))?,
        ),
    };
    let families = self_metrics::families(&own_text(question)).map_err(Failed::Internal)?;
    let families = families.into_iter().filter(|family| {
        let name = family["name"].as_str().unwrap_or_default();
        wanted.as_ref().is_none_or(|wanted| wanted.is_match(name))
    });
    shown(&families.collect())
}

/// `features`
pub(super) fn features(question: &Question) -> Answered {
    let evaluation = &question.settings.options.evaluation;
    let all = |names: &mut dyn Iterator<Item = &str>| -> Value {
        names.map(|name| (name.to_owned(), Value::Bool(true))).collect::<Map<String, Value>>().into()
    };
    let options = &question.settings.options;
    let mut api = all(&mut API.into_iter());
    api["admin"] = options.admin_api.into();
    api["lifecycle"] = options.lifecycle_api.into();
    let mut language = all(&mut LANGUAGE.into_iter());
    language["delayed_name_removal"] = evaluation.delayed_names.into();
    language["type_and_unit_labels"] = evaluation.type_and_unit.into();
    language["use_start_timestamps"] = evaluation.start_timestamps.into();
    let operators =
        OPERATORS.iter().map(|op| op.name()).chain(AggregateOp::ALL.iter().map(|op| op.name())).chain(["@"]);
    shown(&json!({
        "api": api,
        "promql": language,
        "promql_functions": all(&mut FUNCTIONS.iter().map(|function| function.name)),
        "promql_operators": all(&mut { operators }),
    }))
}
