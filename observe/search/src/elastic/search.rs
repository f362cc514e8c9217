//! Searches, answered.

use std::ops::{Bound, ControlFlow};

use serde_json::{Map, Value, json};
use vitrine_observe_model::{FoundLog, LogCountQuery, LogCursor, LogField, LogFilter, LogQuery, LogRow, LogTest};
use vitrine_observe_store::{Logs, Tenant};

use super::aggs::{
    Aggregation, AggregationReader, Budget, By, Key, Kind, State, Step, Writing, collect, read_aggregations,
    write_aggregations,
};
use super::dates::{NANOS_PER_MILLI, NANOS_PER_SECOND, Unit};
use super::documents::{PartOfRow, WholeRow};
use super::error::SearchError;
use super::fields::{Mappings, all_of};
use super::hits::HitOptions;
use super::indices::{END_NS, IndexSet};
use super::json::Object;
use super::lowering::{Lowered, Mark};
use super::query::lower;
use super::sort::{After, Sort};
use super::tokens::{self, PointInTime, Scroll};

/// Hits when nothing says how many.
const DEFAULT_SIZE: usize = 10;
/// How far hits are counted from the first, as Elasticsearch's `index.max_result_window`. `search_after` has no end.
const MAX_WINDOW: usize = 10_000;
/// Hits that are counted exactly unless all are to be.
const COUNTED: u64 = 10_000;
/// Keys of a search that would change the answer and are not done.
const NOT_DONE: [&str; 6] = ["collapse", "rescore", "knn", "retriever", "slice", "suggest"];
/// Lengths of buckets that `auto_date_histogram` chooses of, in seconds; then months and years.
const AUTO_SECONDS: [i64; 13] = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 43_200, 86_400, 604_800];
/// A month at least, in seconds.
const MONTH_S: i64 = 28 * 86_400;

/// What searches are asked of.
pub struct Searcher<'a> {
    /// Who keeps log records.
    pub logs: &'a dyn Logs,
    /// Whose they are.
    pub tenant: &'a Tenant,
    /// How texts are searched.
    pub mappings: &'a Mappings,
    /// Now, in nanoseconds since 1970.
    pub now_ns: i64,
}

/// What a search asks for, read.
struct Plan {
    lowered: Lowered,
    /// What hits must meet besides.
    post_filter: LogFilter,
    sort: Sort,
    after: Option<After>,
    from: usize,
    size: usize,
    options: HitOptions,
    aggregations: Vec<Aggregation>,
    fields: Vec<LogField>,
    needs_rows: bool,
}

/// A record and what it is sorted by.
type Ranked = (Vec<Key>, FoundLog);

impl Searcher<'_> {
    /// Returns what a search finds: all of the answer but how long it took.
    pub fn search(&self, indices: &IndexSet, body: &Value) -> Result<Value, SearchError> {
        let pit = body.get("pit").map(|pit| Object::new("pit", pit)?.need_text("id")).transpose()?;
        let Some(id) = pit else { return self.answer(indices, body, END_NS) };
        let token: PointInTime = tokens::read(&id, "point in time id")?;
        let mut answer = self.answer(&token.indices, body, token.end_ns)?;
        answer["pit_id"] = id.into();
        Ok(answer)
    }

    fn answer(&self, indices: &IndexSet, body: &Value, end_ns: u64) -> Result<Value, SearchError> {
        let plan = self.plan(indices, body, end_ns)?;
        let total = self.total(&plan, body)?;
        let hits = if plan.size == 0 { Vec::new() } else { self.hits(&plan)? };
        let found = !hits.is_empty() || total.as_ref().is_some_and(|total| total["value"] != 0);
        indices.check(self.logs, self.tenant, found)?;
        let shown = hits.iter().map(|found| {
            let mut hit = plan.options.write(found, &plan.lowered.marks);
            hit["sort"] = plan.sort.values(found);
            hit
        });
        let mut written = json!({ "max_score": null, "hits": shown.collect::<Vec<_>>() });
        if let Some(total) = total {
            written["total"] = total;
        }
        let mut answer = json!({
            "timed_out": false,
            "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 },
            "hits": written,
        });
        if !plan.aggregations.is_empty() {
            answer["aggregations"] = self.aggregations(plan)?.into();
        }
        Ok(answer)
    }

    fn plan(&self, indices: &IndexSet, body: &Value, end_ns: u64) -> Result<Plan, SearchError> {
        let object = Object::new("search", body)?;
        if let Some(key) = NOT_DONE.iter().find(|key| object.get(key).is_some()) {
            return Err(SearchError::illegal(format!("[{key}] is not supported")));
        }
        let mut lowered = lower(object.get("query"), self.mappings, self.now_ns)?;
        lowered.filter = all_of(vec![indices.filter(), lowered.filter]);
        lowered.end_ns = lowered.end_ns.min(end_ns);
        let post = object.get("post_filter").map(|query| lower(Some(query), self.mappings, self.now_ns)).transpose()?;
        let post_filter = post.map_or_else(LogFilter::everything, |post| as_filter(&post));
        let sort = Sort::read(object.get("sort"), self.mappings)?;
        let after = object.get("search_after").map(|after| sort.after(after)).transpose()?;
        let (from, size) = (object.count("from")?.unwrap_or(0), object.count("size")?.unwrap_or(DEFAULT_SIZE));
        if from.saturating_add(size) > MAX_WINDOW {
            return Err(SearchError::illegal(format!(
                "Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was [{}]: go on with search_after",
                from.saturating_add(size)
            )));
        }
        let query = |query: &Value| -> Result<LogFilter, SearchError> {
            Ok(as_filter(&lower(Some(query), self.mappings, self.now_ns)?))
        };
        let mut reader = AggregationReader::new(self.mappings, self.now_ns, &query);
        let aggregations = match object.get("aggs").or(object.get("aggregations")) {
            Some(aggregations) => read_aggregations(&mut reader, aggregations)?,
            None => Vec::new(),
        };
        let (fields, needs_rows) = (reader.fields, reader.needs_rows);
        let options = HitOptions::read(body)?;
        Ok(Plan { lowered, post_filter, sort, after, from, size, options, aggregations, fields, needs_rows })
    }

    /// How many there are; none if nobody asks.
    fn total(&self, plan: &Plan, body: &Value) -> Result<Option<Value>, SearchError> {
        let most = match body.get("track_total_hits") {
            Some(Value::Bool(false)) => return Ok(None),
            Some(Value::Bool(true)) => u64::MAX,
            Some(value) => value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(COUNTED),
            None => COUNTED,
        };
        let total = self.count_of(&plan.lowered, &plan.post_filter)?;
        let relation = if total > most { "gte" } else { "eq" };
        Ok(Some(json!({ "value": total.min(most), "relation": relation })))
    }

    fn count_of(&self, lowered: &Lowered, more: &LogFilter) -> Result<u64, SearchError> {
        let query = LogCountQuery {
            filter: all_of(vec![lowered.filter.clone(), more.clone()]),
            start_ns: lowered.start_ns,
            end_ns: lowered.end_ns,
            step_ns: 0,
            origin_ns: lowered.start_ns,
            by: Vec::new(),
            bytes: false,
            most: 1,
        };
        Ok(self.logs.log_counts(self.tenant, &query)?.iter().map(|count| count.records).sum())
    }

    /// Returns a count.
    pub fn count(&self, indices: &IndexSet, body: &Value) -> Result<Value, SearchError> {
        let object = Object::new("count", body)?;
        object.only(&["query"])?;
        let mut lowered = lower(object.get("query"), self.mappings, self.now_ns)?;
        lowered.filter = all_of(vec![indices.filter(), lowered.filter]);
        let count = self.count_of(&lowered, &LogFilter::everything())?;
        indices.check(self.logs, self.tenant, count > 0)?;
        Ok(json!({ "count": count, "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 } }))
    }

    fn hits(&self, plan: &Plan) -> Result<Vec<FoundLog>, SearchError> {
        let mut query = LogQuery {
            filter: all_of(vec![plan.lowered.filter.clone(), plan.post_filter.clone()]),
            start_ns: plan.lowered.start_ns,
            end_ns: plan.lowered.end_ns,
            newest_first: true,
            after: None,
            limit: plan.from + plan.size,
        };
        let Some(newest_first) = plan.sort.newest_first() else { return self.sorted(plan, &query) };
        query.newest_first = newest_first;
        match &plan.after {
            Some(After { cursor: Some(cursor), .. }) => query.after = Some(*cursor),
            Some(After { time_ms: Some(ms), .. }) => {
                let ns = |ms: i64| u64::try_from(ms.saturating_mul(NANOS_PER_MILLI)).unwrap_or(0);
                if newest_first {
                    query.end_ns = query.end_ns.min(ns(*ms));
                } else {
                    query.start_ns = query.start_ns.max(ns(ms.saturating_add(1)));
                }
            }
            _ => {}
        }
        let mut found = self.logs.logs(self.tenant, &query)?;
        found.drain(..plan.from.min(found.len()));
        Ok(found)
    }

    /// Hits in another order than that of time: all that meet the query are looked at, and the first of them held.
    fn sorted(&self, plan: &Plan, query: &LogQuery) -> Result<Vec<FoundLog>, SearchError> {
        let mut first: Vec<Ranked> = Vec::new();
        self.logs.visit_logs(self.tenant, query, &[], &mut |chunk| {
            for row in (0..chunk.rows()).map(|row| chunk.row(row)) {
                let keys = plan.sort.keys(&row);
                let cursor = LogCursor::new(row.time_ns, row.content_hash(), 0);
                if plan.after.as_ref().is_some_and(|after| !plan.sort.is_behind(&keys, cursor, after)) {
                    continue;
                }
                let place = first.partition_point(|(known, found)| {
                    plan.sort.compare((known.as_slice(), found.cursor), (keys.as_slice(), cursor)).is_le()
                });
                if place < query.limit {
                    first.insert(place, (keys, FoundLog { row, cursor }));
                    first.truncate(query.limit);
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(first.into_iter().skip(plan.from).map(|(_, found)| found).collect())
    }

    fn aggregations(&self, mut plan: Plan) -> Result<Map<String, Value>, SearchError> {
        let query = LogQuery {
            filter: plan.lowered.filter.clone(),
            start_ns: plan.lowered.start_ns,
            end_ns: plan.lowered.end_ns,
            newest_first: true,
            after: None,
            limit: 1,
        };
        if has_auto(&plan.aggregations) {
            let newest = self.logs.logs(self.tenant, &query)?;
            let oldest = self.logs.logs(self.tenant, &LogQuery { newest_first: false, ..query.clone() })?;
            let time = |found: &[FoundLog]| found.first().map_or(0, |found| found.row.time_ns);
            choose_steps(&mut plan.aggregations, time(&newest).saturating_sub(time(&oldest)));
        }
        let mut states: Vec<State> = plan.aggregations.iter().map(State::new).collect();
        let mut budget = Budget::default();
        let mut outcome = Ok(());
        if plan.fields.is_empty() {
            plan.fields.push(LogField::Time);
        }
        let read: &[LogField] = if plan.needs_rows { &[] } else { &plan.fields };
        self.logs.visit_logs(self.tenant, &query, read, &mut |chunk| {
            for row in 0..chunk.rows() {
                let collected = if plan.needs_rows {
                    let document = WholeRow { row: chunk.row(row), fields: &plan.fields };
                    collect(&plan.aggregations, &mut states, &document, &mut budget)
                } else {
                    collect(&plan.aggregations, &mut states, &PartOfRow { chunk, row }, &mut budget)
                };
                if let Err(error) = collected {
                    outcome = Err(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        outcome?;
        let marks: &[Mark] = &plan.lowered.marks;
        let hit = |row: &LogRow, body: &Value| {
            let cursor = LogCursor::new(row.time_ns, row.content_hash(), 0);
            let options = HitOptions::read(body);
            options.map_or(Value::Null, |options| options.write(&FoundLog { row: row.clone(), cursor }, marks))
        };
        write_aggregations(&plan.aggregations, states, &mut Writing { hit: &hit, budget })
    }

    /// The end of what indices hold now.
    fn end_of(&self, indices: &IndexSet) -> Result<u64, SearchError> {
        let query = LogQuery {
            filter: indices.filter(),
            start_ns: 0,
            end_ns: END_NS,
            newest_first: true,
            after: None,
            limit: 1,
        };
        let newest = self.logs.logs(self.tenant, &query)?;
        indices.check(self.logs, self.tenant, !newest.is_empty())?;
        Ok(newest.first().map_or(0, |found| found.row.time_ns.saturating_add(1)))
    }

    /// The id of what indices hold now.
    pub fn open_point_in_time(&self, indices: &IndexSet) -> Result<Value, SearchError> {
        let token = PointInTime { indices: indices.clone(), end_ns: self.end_of(indices)? };
        Ok(
            json!({ "id": tokens::write(&token)?, "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 } }),
        )
    }

    /// Returns the first page of a scroll.
    pub fn start_scroll(&self, indices: &IndexSet, body: &Value) -> Result<Value, SearchError> {
        let end_ns = self.end_of(indices)?;
        let mut answer = self.answer(indices, body, end_ns)?;
        let mut kept = body.clone();
        if let Some(kept) = kept.as_object_mut() {
            kept.retain(|key, _| !["aggs", "aggregations", "from", "track_total_hits"].contains(&key.as_str()));
        }
        let scroll = Scroll {
            indices: indices.clone(),
            body: kept,
            end_ns,
            after: last_sort(&answer),
            total: answer["hits"]["total"].clone(),
        };
        answer["_scroll_id"] = tokens::write(&scroll)?.into();
        Ok(answer)
    }

    /// Goes on with a scroll.
    pub fn scroll(&self, id: &str) -> Result<Value, SearchError> {
        let mut scroll: Scroll = tokens::read(id, "scroll id")?;
        let mut body = scroll.body.clone();
        body["track_total_hits"] = false.into();
        match &scroll.after {
            Some(after) => body["search_after"] = after.clone(),
            // The first answer had no hits: there are none.
            None => body["size"] = 0.into(),
        }
        let mut answer = self.answer(&scroll.indices, &body, scroll.end_ns)?;
        if !scroll.total.is_null() {
            answer["hits"]["total"] = scroll.total.clone();
        }
        scroll.after = last_sort(&answer).or(scroll.after);
        answer["_scroll_id"] = tokens::write(&scroll)?.into();
        Ok(answer)
    }
}

fn last_sort(answer: &Value) -> Option<Value> {
    answer["hits"]["hits"].as_array()?.last().map(|hit| hit["sort"].clone())
}

/// A query with its range of time, as one filter.
fn as_filter(lowered: &Lowered) -> LogFilter {
    if (lowered.start_ns, lowered.end_ns) == (0, END_NS) {
        return lowered.filter.clone();
    }
    let (low, high) = (lowered.start_ns as f64, lowered.end_ns as f64);
    let bounds = LogTest::Number(Bound::Included(low), Bound::Excluded(high));
    all_of(vec![LogFilter::Field(LogField::Time, bounds), lowered.filter.clone()])
}

fn has_auto(all: &[Aggregation]) -> bool {
    all.iter().any(|aggregation| {
        matches!(&aggregation.kind, Kind::Buckets(By::Dates(dates)) if matches!(dates.step, Step::Auto(_)))
            || has_auto(&aggregation.subs)
    })
}

/// Gives each `auto_date_histogram` the shortest buckets of which no more are needed than it may have.
fn choose_steps(all: &mut [Aggregation], length_ns: u64) {
    for aggregation in all {
        if let Kind::Buckets(By::Dates(dates)) = &mut aggregation.kind
            && let Step::Auto(most) = dates.step
        {
            let length_s = i64::try_from(length_ns).unwrap_or(i64::MAX) / NANOS_PER_SECOND;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            // One more than fit, for the first and the last are cut.
            let fits = |seconds: i64| length_s / seconds + 1 < most.max(2);
            dates.step = match AUTO_SECONDS.into_iter().find(|seconds| fits(*seconds)) {
                Some(seconds) => Step::Fixed(seconds * NANOS_PER_SECOND),
                None if fits(MONTH_S) => Step::Calendar(Unit::Month),
                None => Step::Calendar(Unit::Year),
            };
        }
        choose_steps(&mut aggregation.subs, length_ns);
    }
}
