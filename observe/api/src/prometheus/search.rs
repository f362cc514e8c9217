//! `search/{metric_names,label_names,label_values}`: names for who types, the best first, as lines of JSON.
//!
//! The source is prometheus/prometheus `web/api/v1/search.go`. All that is found is known before the first line is sent, so that an error
//! is an answer of its own, and no line among results.

mod score;

use std::collections::HashMap;
use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use http::header;
use vitrine_observe_promql::go_quote;
use vitrine_observe_store::series::{Filter, MetadataEntry, NAME};

use super::answer::Failed;
use super::json::{push_list, push_text};
use super::labels::type_name;
use super::question::Question;
use score::{Algorithm, Terms};

/// Names that are told of, and names of one line, where a request does not say.
const DEFAULT_LIMIT: usize = 100;
const DEFAULT_BATCH: usize = 100;
/// Most names that a request may ask for: Prometheus's `--web.search.max-limit`.
const MAX_LIMIT: usize = 10_000;
/// Most texts that names are compared with, as upstream.
const MAX_TERMS: usize = 32;
/// Most bytes of each of them.
const MAX_TERM_BYTES: usize = 1024;
/// How far back series are looked for where a request does not say.
const DEFAULT_TIME_MS: i64 = 3_600_000;
/// Names between which it is looked whether the time is over.
const CHECKED_NAMES: usize = 16;

/// One name and how well it fits; 1 at best.
struct SearchResult {
    name: String,
    score: f64,
}

/// In which order names are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Rising,
    Falling,
    Score,
}

/// What all three questions share.
struct Search {
    filter: Filter,
    terms: Option<Terms>,
    order: Order,
    limit: usize,
    batch: usize,
    with_score: bool,
}

/// `search/metric_names`
pub(super) fn metric_names(question: &Question) -> Result<Response, Failed> {
    let search = Search::read(question, "metric_names")?;
    let with_metadata = flag(question, "include_metadata", false)?;
    let names = question.series.label_values(NAME, &search.filter, &question.budget)?;
    let (found, has_more) = search.choose(question, names)?;
    let mut metadata: HashMap<String, MetadataEntry> = HashMap::new();
    if with_metadata && !found.is_empty() {
        for entry in question.series.metadata(None)? {
            metadata.entry(entry.metric.clone()).or_insert(entry);
        }
    }
    Ok(search.lines(found, has_more, |out, found| {
        push_field(out, "{\"name\":", &found.name);
        search.push_score(out, found);
        if let Some(entry) = metadata.get(&found.name) {
            push_field(out, ",\"type\":", type_name(entry.kind));
            for (name, text) in [(",\"help\":", &entry.help), (",\"unit\":", &entry.unit)] {
                if !text.is_empty() {
                    push_field(out, name, text);
                }
            }
        }
        out.push('}');
    }))
}

/// `search/label_names`
pub(super) fn label_names(question: &Question) -> Result<Response, Failed> {
    let search = Search::read(question, "label_names")?;
    let names = question.series.label_names(&search.filter, &question.budget)?;
    let (found, has_more) = search.choose(question, names)?;
    Ok(search.lines(found, has_more, |out, found| search.push_found(out, "{\"name\":", found)))
}

/// `search/label_values`
pub(super) fn label_values(question: &Question) -> Result<Response, Failed> {
    let search = Search::read(question, "label_values")?;
    let label = question.get("label");
    if label.is_empty() {
        return Err(Failed::BadData("missing required parameter \"label\"".to_owned()));
    }
    let values = question.series.label_values(label, &search.filter, &question.budget)?;
    let (found, has_more) = search.choose(question, values)?;
    Ok(search.lines(found, has_more, |out, found| search.push_found(out, "{\"value\":", found)))
}

impl Search {
    fn read(question: &Question, endpoint: &str) -> Result<Self, Failed> {
        let wrong = |why: String| Failed::BadData(why);
        let start_ms = question.plain_time_or("start", question.now_ms - DEFAULT_TIME_MS)?;
        let end_ms = question.plain_time_or("end", question.now_ms)?;
        if end_ms < start_ms {
            return Err(wrong("end timestamp must not be before start timestamp".to_owned()));
        }
        let matchers = question.matchers().map_err(Failed::BadData)?;
        let texts: Vec<&str> = question.all("search[]").collect();
        if texts.len() > MAX_TERMS {
            return Err(wrong(format!("too many search[] terms: got {}, maximum is {MAX_TERMS}", texts.len())));
        }
        if let Some(text) = texts.iter().find(|text| text.len() > MAX_TERM_BYTES) {
            return Err(wrong(format!("a search[] term has {} bytes, maximum is {MAX_TERM_BYTES}", text.len())));
        }
        let threshold = match question.get("fuzz_threshold") {
            "" => 0,
            text => text
                .parse::<u8>()
                .ok()
                .filter(|percent| *percent <= 100)
                .ok_or_else(|| wrong(format!("invalid fuzz_threshold {}: must be 0-100", go_quote(text))))?,
        };
        let algorithm = match question.get("fuzz_alg") {
            "" | "subsequence" => Algorithm::Subsequence,
            "jarowinkler" => Algorithm::JaroWinkler,
            other => {
                let all = "must be one of [subsequence jarowinkler]";
                return Err(wrong(format!("unsupported fuzz_alg {}: {all}", go_quote(other))));
            }
        };
        let is_exact = flag(question, "case_sensitive", true)?;
        let with_score = flag(question, "include_score", false)?;
        let order = order(question, endpoint, texts.is_empty())?;
        let limit = positive(question, "limit", DEFAULT_LIMIT)?;
        if limit > MAX_LIMIT {
            let why = format!("limit {limit} exceeds the configured maximum ({MAX_LIMIT}, see --web.search.max-limit)");
            return Err(wrong(why));
        }
        let batch = positive(question, "batch_size", DEFAULT_BATCH)?;
        let terms = Terms::new(&texts, algorithm, f64::from(threshold) / 100.0, is_exact);
        Ok(Self { filter: Filter { matchers, start_ms, end_ms }, terms, order, limit, batch, with_score })
    }

    /// Those of these names that are to be told, and whether there were more. The names are in order.
    fn choose(&self, question: &Question, names: Vec<String>) -> Result<(Vec<SearchResult>, bool), Failed> {
        let mut found = Vec::new();
        for (place, name) in names.into_iter().enumerate() {
            if place.is_multiple_of(CHECKED_NAMES) {
                question.budget.check()?;
            }
            let score = self.terms.as_ref().map_or(Some(1.0), |terms| terms.score(&name));
            found.extend(score.map(|score| SearchResult { name, score }));
            if self.order == Order::Rising && found.len() > self.limit {
                break;
            }
        }
        match self.order {
            Order::Rising => {}
            Order::Falling => found.reverse(),
            // What fits as well keeps its order.
            Order::Score => found.sort_by(|a, b| b.score.total_cmp(&a.score)),
        }
        let has_more = found.len() > self.limit;
        found.truncate(self.limit);
        Ok((found, has_more))
    }

    fn push_score(&self, out: &mut String, found: &SearchResult) {
        if self.with_score {
            let _ = write!(out, ",\"score\":{}", found.score);
        }
    }

    fn push_found(&self, out: &mut String, begin: &str, found: &SearchResult) {
        push_field(out, begin, &found.name);
        self.push_score(out, found);
        out.push('}');
    }

    /// Lines of so many names each, at least one, and the line that ends them.
    fn lines(
        &self,
        found: Vec<SearchResult>,
        has_more: bool,
        mut push: impl FnMut(&mut String, &SearchResult),
    ) -> Response {
        let mut body = String::new();
        let mut line = |found: &[SearchResult]| {
            body.push_str("{\"results\":");
            push_list(&mut body, found, &mut push);
            body.push_str("}\n");
        };
        if found.is_empty() {
            line(&[]);
        }
        found.chunks(self.batch).for_each(line);
        let _ = writeln!(body, "{{\"status\":\"success\",\"has_more\":{has_more}}}");
        ([(header::CONTENT_TYPE, "application/x-ndjson; charset=utf-8")], body).into_response()
    }
}

fn push_field(out: &mut String, begin: &str, text: &str) {
    out.push_str(begin);
    push_text(out, text);
}

fn order(question: &Question, endpoint: &str, is_plain: bool) -> Result<Order, Failed> {
    let wrong = |why: &str| Err(Failed::BadData(why.to_owned()));
    let (by, direction) = (question.get("sort_by"), question.get("sort_dir"));
    match (by, direction) {
        ("", other) if !other.is_empty() => return wrong("sort_dir is only valid when sort_by is set"),
        ("score", other) if !other.is_empty() => return wrong("sort_dir is not supported for sort_by=score"),
        (_, "" | "asc" | "dsc") => {}
        (_, other) => return wrong(&format!("invalid sort_dir {}: must be \"asc\" or \"dsc\"", go_quote(other))),
    }
    match by {
        "score" if is_plain => wrong("sort_by=score requires search[] to be set"),
        "score" => Ok(Order::Score),
        "alpha" if direction == "dsc" => Ok(Order::Falling),
        "" | "alpha" => Ok(Order::Rising),
        other => wrong(&format!("invalid sort_by {} for {endpoint}: must be \"alpha\" or \"score\"", go_quote(other))),
    }
}

fn positive(question: &Question, name: &str, default: usize) -> Result<usize, Failed> {
    match question.get(name) {
        "" => Ok(default),
        text => {
            text.parse::<usize>().ok().filter(|number| *number > 0).ok_or_else(|| {
                Failed::BadData(format!("invalid {name} {}: must be a positive integer", go_quote(text)))
            })
        }
    }
}

fn flag(question: &Question, name: &str, default: bool) -> Result<bool, Failed> {
    question
        .flag(name, default)
        .ok_or_else(|| Failed::BadData(format!("invalid {name} {}: must be boolean", go_quote(question.get(name)))))
}
