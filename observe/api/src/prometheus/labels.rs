//! Which series, labels and metrics there are.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::header;
use vitrine_observe_promql::parse::parse_selector;
use vitrine_observe_promql::{go_quote, is_label_name};
use vitrine_observe_store::series::{Labels, MetadataEntry, MetricType, Select};

use super::answer::{ApiData, Failed};
use super::json::{push_labels, push_list, push_text, push_texts};
use super::question::Question;
use super::stream::each_series;

/// How long a series is active after its last sample, in milliseconds: as in Mimir.
const ACTIVE_MS: i64 = 20 * 60 * 1000;

type Answered = Result<ApiData, Failed>;

/// What a label's name begins with in an address if it is escaped.
const ESCAPED: &str = "U__";

/// `series`
pub(super) fn series(question: &Question) -> Answered {
    if question.all("match[]").next().is_none() {
        return Err(Failed::BadData("no match[] parameter provided".to_owned()));
    }
    let limit = question.limit()?;
    let filter = question.filter().map_err(|failed| match failed {
        Failed::BadData(why) if !why.starts_with("invalid parameter") => Failed::parameter("match[]", why),
        failed => failed,
    })?;
    let mut found: Vec<Labels> = Vec::new();
    let is_merged = filter.matchers.len() > 1;
    for matchers in filter.matchers {
        let select = Select { matchers, after_ms: filter.start_ms.saturating_sub(1), until_ms: filter.end_ms };
        let selection = question.series.select(&select, &question.budget)?;
        found.extend(selection.series().iter().map(|series| series.labels.clone()));
    }
    if is_merged {
        found.sort();
        found.dedup();
    }
    Ok(question.limited(found, limit, |out, found| push_list(out, &found, push_labels)))
}

/// `cardinality/active_series`, as Mimir has it: series that have had a sample lately.
pub(super) fn active(question: &Question) -> Result<Response, Failed> {
    let selector = match question.get("selector") {
        "" => return Err(Failed::BadData("missing \"selector\" parameter".to_owned())),
        selector => parse_selector(selector).map_err(|error| Failed::BadData(format!("invalid selector: {error}")))?,
    };
    let after_ms = question.now_ms.saturating_sub(ACTIVE_MS);
    let select = Select { matchers: selector, after_ms, until_ms: i64::MAX };
    let mut found = Vec::new();
    // What was selected may have samples at other times only.
    each_series(question, &select, |series, _| {
        found.push(series.labels.clone());
        Ok(())
    })?;
    let mut body = String::from("{\"data\":");
    push_list(&mut body, &found, push_labels);
    body.push('}');
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// `labels`
pub(super) fn names(question: &Question) -> Answered {
    let limit = question.limit()?;
    let names = question.series.label_names(&question.filter()?, &question.budget)?;
    Ok(question.limited(names, limit, push_texts))
}

/// `label/{name}/values`
pub(super) fn values(question: &Question, name: &str) -> Answered {
    let name = unescaped(name);
    if !is_label_name(&name) {
        return Err(Failed::BadData(format!("invalid label name: {}", go_quote(&name))));
    }
    let limit = question.limit()?;
    let values = question.series.label_values(&name, &question.filter()?, &question.budget)?;
    Ok(question.limited(values, limit, push_texts))
}

/// A name as it is, of one as addresses have it: `U__http_2e_code` is `http.code`. One that is escaped wrongly is itself.
fn unescaped(name: &str) -> String {
    let Some(escaped) = name.strip_prefix(ESCAPED) else { return name.to_owned() };
    let mut plain = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(place) = rest.find('_') {
        plain.push_str(&rest[..place]);
        rest = &rest[place + 1..];
        if let Some(after) = rest.strip_prefix('_') {
            plain.push('_');
            rest = after;
            continue;
        }
        let Some((code, after)) = rest.split_once('_') else { return name.to_owned() };
        let Some(c) = u32::from_str_radix(code, 16).ok().and_then(char::from_u32) else { return name.to_owned() };
        plain.push(c);
        rest = after;
    }
    plain + rest
}

/// `metadata`
pub(super) fn metadata(question: &Question) -> Answered {
    let number = |name: &str| match question.get(name) {
        "" => Ok(None),
        text => text.parse::<i64>().map(Some).map_err(|_| Failed::BadData(format!("{name} must be a number"))),
    };
    // As upstream a limit of 0 tells of no metric, and one below of all.
    let limit = number("limit")?.and_then(|limit| usize::try_from(limit).ok());
    let per_metric =
        number("limit_per_metric")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let metric = Some(question.get("metric")).filter(|metric| !metric.is_empty());
    let mut metrics: BTreeMap<String, Vec<MetadataEntry>> = BTreeMap::new();
    for entry in question.series.metadata(metric)? {
        metrics.entry(entry.metric.clone()).or_default().push(entry);
    }
    let mut data = String::from("{");
    for (place, (name, mut entries)) in metrics.into_iter().take(limit.unwrap_or(usize::MAX)).enumerate() {
        entries.truncate(per_metric.unwrap_or(usize::MAX));
        if place > 0 {
            data.push(',');
        }
        push_text(&mut data, &name);
        data.push(':');
        push_list(&mut data, entries, push_metadata);
    }
    data.push('}');
    Ok(ApiData::new(data))
}

fn push_metadata(out: &mut String, entry: MetadataEntry) {
    for (begin, text) in
        [("{\"type\":", type_name(entry.kind)), (",\"unit\":", &entry.unit), (",\"help\":", &entry.help)]
    {
        out.push_str(begin);
        push_text(out, text);
    }
    out.push('}');
}

/// As Prometheus calls it.
pub(super) fn type_name(kind: MetricType) -> &'static str {
    match kind {
        MetricType::Unknown => "unknown",
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram => "histogram",
        MetricType::GaugeHistogram => "gaugehistogram",
        MetricType::Summary => "summary",
        MetricType::Info => "info",
        MetricType::StateSet => "stateset",
    }
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn names_in_addresses_are_unescaped() {
        for (escaped, plain) in [
            ("job", "job"),
            ("U__http_2e_code", "http.code"),
            ("U__a__b_1f600_", "a_b😀"),
            ("U__a_zz_", "U__a_zz_"),
            ("U__a_2e", "U__a_2e"),
        ] {
            assert_eq!(unescaped(escaped), plain);
        }
    }
}
