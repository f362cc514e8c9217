//! Figures: statements of the observatory's SQL, each with places for what a fault means and for a window.
//!
//! Counters are cumulative: what they grew by is their last value within the window less their last one before it, or nothing.

use vitrine_platform_faults::effect::StoreOp;
use vitrine_platform_faults::{At, Effect, Fault};

use crate::rows::Window;

/// A statement with places: `{window}`, `{seconds}`, `{service}`, `{callee}`, `{from}`, `{method}`, `{route}`, `{grown}`, `{key}`, `{op}`, `{process}`,
/// `{from_ns}`, `{rpc}`, `{http}`.
pub type Statement = &'static str;

/// How long what a histogram counts in seconds takes on average, in ms, of series for which a condition holds.
macro_rules! mean_ms {
    ($which:literal) => {
        concat!(
            "SELECT 1000 * sum(s) / nullif(sum(n), 0) FROM (SELECT {grown:sum} AS s, {grown:count} AS n FROM metrics \
             WHERE {lookback} AND ",
            $which,
            " GROUP BY series)"
        )
    };
}

/// The share of what a column counts, of series for which a condition holds, that is in those of which something is so.
macro_rules! share {
    ($column:literal, $is_so:literal, $which:literal) => {
        concat!(
            "SELECT sum(CASE WHEN is_so THEN n ELSE 0 END) / nullif(sum(n), 0) FROM (SELECT bool_or(",
            $is_so,
            ") AS is_so, {grown:",
            $column,
            "} AS n FROM metrics WHERE {lookback} AND ",
            $which,
            " GROUP BY series)"
        )
    };
}

/// By how much a column grows in a second, of series for which a condition holds.
macro_rules! rate {
    ($column:literal, $which:literal) => {
        concat!(
            "SELECT sum(n) / {seconds} FROM (SELECT {grown:",
            $column,
            "} AS n FROM metrics WHERE {lookback} AND ",
            $which,
            " GROUP BY series)"
        )
    };
}

/// How long before a window a counter's last value is looked for, in nanoseconds.
const LOOKBACK_NS: i64 = 600_000_000_000;

/// How long the answers of what is meant take, in ms.
pub const SERVER_MS: Statement =
    "SELECT avg(duration_ms(duration_ns)) FROM spans WHERE {window} AND kind = 'server' AND {service}{method}";
/// The share of them that is not OK.
pub const SERVER_FAILED: Statement = "SELECT avg(CASE WHEN coalesce(attr(attributes, 'rpc.response.status_code'), 'OK') <> 'OK' \
     OR status = 'error' THEN 1.0 ELSE 0.0 END) FROM spans WHERE {window} AND kind = 'server' AND {service}{method}";
/// How many there are a second.
pub const SERVER_RATE: Statement =
    "SELECT count(*) / {seconds} FROM spans WHERE {window} AND kind = 'server' AND {service}{method}";
/// How long calls of what is meant take, in ms.
pub const CLIENT_MS: Statement =
    "SELECT avg(duration_ms(duration_ns)) FROM spans WHERE {window} AND kind = 'client' AND {callee}{from}{method}";
/// The share of them that is not OK.
pub const CLIENT_FAILED: Statement = "SELECT avg(CASE WHEN coalesce(attr(attributes, 'rpc.response.status_code'), 'OK') <> 'OK' \
     OR status = 'error' THEN 1.0 ELSE 0.0 END) FROM spans WHERE {window} AND kind = 'client' AND {callee}{from}{method}";
/// How much longer they take than what answers them, in ms.
pub const BEYOND_SERVER_MS: Statement = "SELECT avg(duration_ms(c.duration_ns)) - avg(duration_ms(s.duration_ns)) \
     FROM (SELECT trace_id, span_id, duration_ns FROM spans WHERE {window} AND kind = 'client' AND {callee}{from}{method}) c \
     JOIN (SELECT trace_id, parent_span_id, duration_ns FROM spans WHERE {window} AND kind = 'server' AND {service}{method}) s \
     ON s.trace_id = c.trace_id AND s.parent_span_id = c.span_id";
/// How many answers there are for a call.
pub const SERVERS_PER_CLIENT: Statement = "SELECT \
     (SELECT count(*) FROM spans WHERE {window} AND kind = 'server' AND {service}{method}) / \
     nullif((SELECT count(*) FROM spans WHERE {window} AND kind = 'client' AND {callee}{from}{method}), 0)::double";
/// How long the calls take that a service makes itself, in ms.
pub const CHILDREN_MS: Statement =
    "SELECT avg(duration_ms(duration_ns)) FROM spans WHERE {window} AND kind = 'client' AND {service}";
/// How long requests from outside take, in ms.
pub const EDGE_MS: Statement = "SELECT avg(duration_ms(duration_ns)) FROM spans WHERE {window} AND kind = 'server' \
     AND attr(attributes, 'http.request.method') IS NOT NULL{route}";
/// The share of them that fails.
pub const EDGE_FAILED: Statement = "SELECT avg(CASE WHEN attr(attributes, 'http.response.status_code') >= '400' THEN 1.0 ELSE 0.0 END) \
     FROM spans WHERE {window} AND kind = 'server' AND attr(attributes, 'http.request.method') IS NOT NULL{route}";
/// The share of them that is refused for want of a valid token.
pub const EDGE_UNAUTHORIZED: Statement = "SELECT avg(CASE WHEN attr(attributes, 'http.response.status_code') = '401' THEN 1.0 ELSE 0.0 END) \
     FROM spans WHERE {window} AND kind = 'server' AND attr(attributes, 'http.request.method') IS NOT NULL";
/// How many there are a second.
pub const EDGE_RATE: Statement = "SELECT count(*) / {seconds} FROM spans WHERE {window} AND kind = 'server' \
     AND attr(attributes, 'http.request.method') IS NOT NULL";
/// How large the share of requests is that change something.
pub const EDGE_CHANGES: Statement = "SELECT avg(CASE WHEN attr(attributes, 'http.request.method') = 'GET' THEN 0.0 ELSE 1.0 END) \
     FROM spans WHERE {window} AND kind = 'server' AND attr(attributes, 'http.request.method') IS NOT NULL";
/// How long answers within take, whoever gives them, in ms.
pub const INNER_MS: Statement = "SELECT avg(duration_ms(duration_ns)) FROM spans WHERE {window} AND kind = 'server' \
     AND attr(attributes, 'rpc.method') IS NOT NULL";
/// How long events are handled, in ms.
pub const CONSUMER_MS: Statement =
    "SELECT avg(duration_ms(duration_ns)) FROM spans WHERE {window} AND kind = 'consumer' AND {service}{key}";
/// The share of them that fails.
pub const CONSUMER_FAILED: Statement = "SELECT avg(CASE WHEN status = 'error' OR attr(attributes, 'error.type') IS NOT NULL \
     THEN 1.0 ELSE 0.0 END) FROM spans WHERE {window} AND kind = 'consumer' AND {service}{key}";
/// How often an event is handled.
pub const CONSUMER_REPEATED: Statement = "SELECT count(*) / nullif(count(DISTINCT attr(attributes, 'messaging.message.id')), 0)::double \
     FROM spans WHERE {window} AND kind = 'consumer' AND {service}{key}";
/// How long calls of what is meant take, in ms, as callers count them.
pub const CLIENT_METRIC_MS: Statement = mean_ms!("name = 'rpc.client.call.duration' AND {callee}{from}{rpc}");
/// The share of them that is not OK.
pub const CLIENT_METRIC_FAILED: Statement = share!(
    "count",
    "attr(attributes, 'rpc.response.status_code') <> 'OK'",
    "name = 'rpc.client.call.duration' AND {callee}{from}{rpc}"
);
/// How long the answers of what is meant take, in ms, as services count them.
pub const SERVER_METRIC_MS: Statement = mean_ms!("name = 'rpc.server.call.duration' AND {service}{rpc}");
/// The share of them that is not OK.
pub const SERVER_METRIC_FAILED: Statement = share!(
    "count",
    "attr(attributes, 'rpc.response.status_code') <> 'OK'",
    "name = 'rpc.server.call.duration' AND {service}{rpc}"
);
/// How long requests from outside take, in ms, as the edge counts them.
pub const EDGE_METRIC_MS: Statement =
    mean_ms!("name = 'http.server.request.duration' AND attr(attributes, 'http.request.method') IS NOT NULL{http}");
/// The share of them that fails.
pub const EDGE_METRIC_FAILED: Statement = share!(
    "count",
    "attr(attributes, 'http.response.status_code') >= '400'",
    "name = 'http.server.request.duration' AND attr(attributes, 'http.request.method') IS NOT NULL{http}"
);
/// How many there are a second.
pub const EDGE_METRIC_RATE: Statement = rate!("count", "name = 'http.server.request.duration'");
/// How large the share of requests is that change something.
pub const EDGE_METRIC_CHANGES: Statement = share!(
    "count",
    "attr(attributes, 'http.request.method') <> 'GET'",
    "name = 'http.server.request.duration' AND attr(attributes, 'http.request.method') IS NOT NULL"
);
/// How long events are handled, in ms, as consumers count them.
pub const CONSUMER_METRIC_MS: Statement = mean_ms!("name = 'messaging.process.duration' AND {service}{key}");
/// The share of them that fails.
pub const CONSUMER_METRIC_FAILED: Statement = share!(
    "count",
    "attr(attributes, 'error.type') IS NOT NULL",
    "name = 'messaging.process.duration' AND {service}{key}"
);
/// How far behind a consumer is, in s.
pub const CONSUMER_DELAY: Statement =
    "SELECT max(value) FROM metrics WHERE {window} AND name = 'vitrine.messaging.consumer.delay' AND {service}";
/// How old the oldest event is that was not published, in s.
pub const OUTBOX_DELAY: Statement =
    "SELECT max(value) FROM metrics WHERE {window} AND name = 'vitrine.messaging.outbox.delay' AND {service}";
/// How long a service waits for its database, in ms.
pub const STORE_MS: Statement = mean_ms!("name = 'db.client.operation.duration' AND {service}{key}{op}");
/// How long it waits for what it reads, in ms.
pub const STORE_READ_MS: Statement = mean_ms!(
    "name = 'db.client.operation.duration' AND {service} AND attr(attributes, 'db.operation.name') IN ('get', 'find', 'search', 'count')"
);
/// How long it waits for what it writes, in ms.
pub const STORE_COMMIT_MS: Statement = mean_ms!(
    "name = 'db.client.operation.duration' AND {service} AND attr(attributes, 'db.operation.name') = 'commit'"
);
/// The share of operations that fails.
pub const STORE_FAILED: Statement = share!(
    "count",
    "attr(attributes, 'error.type') IS NOT NULL",
    "name = 'db.client.operation.duration' AND {service}"
);
/// The share of what is asked of a cache that it has.
pub const CACHE_HITS: Statement =
    share!("value", "attr(attributes, 'result') = 'hit'", "name = 'cache.reads' AND {service}");
/// The share of products that caches have, whoever looks at them: telemetry does not say which ones.
pub const PRODUCT_HITS: Statement = share!(
    "value",
    "attr(attributes, 'result') = 'hit'",
    "name = 'cache.reads' AND attr(attributes, 'kind') = 'product'"
);
/// How often a second something is loaded that it does not have.
pub const CACHE_LOADS: Statement = rate!("count", "name = 'cache.load.duration' AND {service}");
/// How often a second it does not answer.
pub const CACHE_ERRORS: Statement = rate!("value", "name = 'cache.errors' AND {service}");
/// Processor time of the processes in which a service is, in cores.
pub const CPU: Statement = rate!("value", "name = 'process.cpu.time' AND {process}");
/// Their memory together, in MiB: the largest of them would hide what another one takes.
pub const MEMORY_MIB: Statement = "SELECT sum(most) / 1048576 FROM (SELECT max(value) AS most FROM metrics \
     WHERE {window} AND name = 'process.memory.usage' AND {process} GROUP BY series)";
/// What they write to disks, in MiB a second.
pub const DISK_MIB: Statement = "SELECT sum(n) / {seconds} / 1048576 FROM (SELECT {grown:value} AS n FROM metrics WHERE {lookback} \
     AND name = 'process.disk.io' AND attr(attributes, 'disk.io.direction') = 'write' AND {process} GROUP BY series)";
/// How much later than due a task runs, in ms.
pub const SCHEDULE_MS: Statement = mean_ms!("name = 'vitrine.runtime.schedule.delay' AND {process}");
/// How many of them began: how long one has run tells that only as long as it has not run for as long as the one before.
pub const PROCESSES_BEGUN: Statement = "SELECT count(DISTINCT attr(resource, 'service.instance.id')) FROM metrics \
     WHERE {window} AND name = 'process.uptime' AND {process} AND CAST(time AS BIGINT) - value * 1000000000 >= {from_ns}";
/// How often a second a call fails that is a service's breaker's to count.
pub const BREAKERS_OPEN: Statement = "SELECT max(value) FROM metrics WHERE {window} AND name = 'vitrine.circuit_breaker.status' \
     AND attr(attributes, 'vitrine.circuit_breaker.state') = 'open' AND {callee}";
/// What services log that is odd or worse, a second.
pub const WARNINGS: Statement = "SELECT count(*) / {seconds} FROM logs WHERE {window} AND severity >= 13";

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
    quoted.join(", ")
}

/// A condition that a column is one of these; a name may end in `*`, and no name means any.
fn one_of(column: &str, names: &[String]) -> String {
    if names.is_empty() || names.iter().any(|name| name == "*") {
        return "true".to_owned();
    }
    let exact = names.iter().map(String::as_str).filter(|name| !name.ends_with('*'));
    let mut any: Vec<String> = Vec::new();
    let listed = list(exact);
    if !listed.is_empty() {
        any.push(format!("{column} IN ({listed})"));
    }
    let begins = names.iter().filter_map(|name| name.strip_suffix('*'));
    any.extend(begins.map(|begin| format!("starts_with({column}, {})", list([begin].into_iter()))));
    format!("({})", any.join(" OR "))
}

/// Methods stand behind their contract in the name of a span. At the edge the target names routes.
fn methods(fault: &Fault) -> String {
    let target = &fault.target;
    if target.method.is_empty() || target.at == At::Edge {
        return String::new();
    }
    format!(" AND {}", one_of("split_part(name, '/', 2)", &target.method))
}

fn routes(fault: &Fault) -> String {
    let target = &fault.target;
    if target.method.is_empty() || target.at != At::Edge {
        return String::new();
    }
    format!(" AND {}", one_of("name", &target.method))
}

/// The same among metrics, which have attributes and no name.
fn of_metrics(fault: &Fault, is_edge: bool) -> String {
    let target = &fault.target;
    if target.method.is_empty() || is_edge != (target.at == At::Edge) {
        return String::new();
    }
    let method = if is_edge {
        "concat(attr(attributes, 'http.request.method'), ' ', attr(attributes, 'http.route'))"
    } else {
        "split_part(attr(attributes, 'rpc.method'), '/', 2)"
    };
    format!(" AND {}", one_of(method, &target.method))
}

fn key(fault: &Fault) -> String {
    let target = &fault.target;
    let text = |name: &str| name.replace('\'', "''");
    match (target.at, &target.topic, &target.collection) {
        (At::Consumer, Some(topic), _) => {
            format!(" AND attr(attributes, 'messaging.destination.name') = '{}'", text(topic))
        }
        (At::Store, _, Some(collection)) => {
            format!(" AND attr(attributes, 'db.collection.name') = '{}'", text(collection))
        }
        _ => String::new(),
    }
}

fn op(fault: &Fault) -> &'static str {
    match &fault.what {
        Effect::Delay(delay) => match delay.op {
            Some(StoreOp::Commit) => " AND attr(attributes, 'db.operation.name') = 'commit'",
            Some(StoreOp::Read) => " AND attr(attributes, 'db.operation.name') IN ('get', 'find', 'search', 'count')",
            None => "",
        },
        _ => "",
    }
}

/// What a counter grew by within the window.
fn grown(column: &str, window: Window) -> String {
    let from = format!("to_timestamp_nanos({})", window.from_ns);
    let last = |side: &str| format!("max(CASE WHEN time {side} {from} THEN {column} END)");
    // A series that is new within the window grew from nothing.
    format!("coalesce({within} - coalesce({before}, 0), 0)", within = last(">="), before = last("<"))
}

fn between(from_ns: i64, to_ns: i64) -> String {
    format!("time >= to_timestamp_nanos({from_ns}) AND time < to_timestamp_nanos({to_ns})")
}

/// Fills a statement for a fault and a window.
pub fn filled(statement: Statement, fault: &Fault, window: Window) -> String {
    let target = &fault.target;
    let within = between(window.from_ns, window.to_ns);
    let service = one_of("service", &target.service);
    // The process itself is a service of its own, with the instance of those in it.
    let process = format!(
        "attr(resource, 'service.instance.id') IN (SELECT DISTINCT attr(resource, 'service.instance.id') FROM metrics WHERE {within} AND {service})"
    );
    let from = if target.from.is_empty() { String::new() } else { format!(" AND {}", one_of("service", &target.from)) };
    let places = [
        ("{window}", within),
        ("{from_ns}", window.from_ns.to_string()),
        ("{lookback}", between(window.from_ns.saturating_sub(LOOKBACK_NS), window.to_ns)),
        ("{seconds}", format!("{:.3}", window.seconds().max(0.001))),
        ("{service}", service),
        ("{callee}", one_of("attr(attributes, 'server.address')", &target.service)),
        ("{from}", from),
        ("{method}", methods(fault)),
        ("{route}", routes(fault)),
        ("{rpc}", of_metrics(fault, false)),
        ("{http}", of_metrics(fault, true)),
        ("{key}", key(fault)),
        ("{op}", op(fault).to_owned()),
        ("{process}", process),
        ("{grown:value}", grown("value", window)),
        ("{grown:sum}", grown("sum", window)),
        ("{grown:count}", grown("count", window)),
    ];
    places.iter().fold(statement.to_owned(), |text, (place, with)| text.replace(place, with))
}
