//! The table of oracles: one for each effect at each place that carries it.

use vitrine_platform_faults::At;

use super::figures::{
    BEYOND_SERVER_MS, BREAKERS_OPEN, CACHE_ERRORS, CACHE_HITS, CACHE_LOADS, CHILDREN_MS, CLIENT_FAILED,
    CLIENT_METRIC_FAILED, CLIENT_METRIC_MS, CLIENT_MS, CONSUMER_DELAY, CONSUMER_FAILED, CONSUMER_METRIC_FAILED,
    CONSUMER_METRIC_MS, CONSUMER_MS, CONSUMER_REPEATED, CPU, DISK_MIB, EDGE_CHANGES, EDGE_FAILED, EDGE_METRIC_CHANGES,
    EDGE_METRIC_FAILED, EDGE_METRIC_MS, EDGE_METRIC_RATE, EDGE_MS, EDGE_RATE, EDGE_UNAUTHORIZED, INNER_MS, MEMORY_MIB,
    OUTBOX_DELAY, PROCESSES_BEGUN, PRODUCT_HITS, SCHEDULE_MS, SERVER_FAILED, SERVER_METRIC_FAILED, SERVER_METRIC_MS,
    SERVER_MS, SERVERS_PER_CLIENT, STORE_COMMIT_MS, STORE_FAILED, STORE_MS, STORE_READ_MS, Statement, WARNINGS,
};
use super::{Band, Check, Oracle, Signal};

const fn traces(what: &'static str, statement: Statement, band: Band) -> Check {
    Check { signal: Signal::Traces, what, statement, band }
}

const fn metrics(what: &'static str, statement: Statement, band: Band) -> Check {
    Check { signal: Signal::Metrics, what, statement, band }
}

const fn oracle(
    at: At,
    effect: &'static str,
    required: &'static [Check],
    optional: &'static [Check],
    forbidden: &'static [Check],
) -> Oracle {
    Oracle { at, effect, required, optional, forbidden }
}

/// What can be called a failure: one call in a hundred of those that are hit.
const SOME: f64 = 0.5;
/// What is longer: by so many ms.
const LONGER_MS: f64 = 5.0;

/// Another load: those who come within a few seconds vary by a third by themselves.
const OTHER_LOAD: f64 = 1.5;

const CLIENT_LONGER: Check = traces("calls take longer", CLIENT_MS, Band::RisesByAsked(0.8));
const CLIENT_SLOWER: Check = traces("calls take longer", CLIENT_MS, Band::Rises(1.2, LONGER_MS));
const BEYOND_SERVER: Check =
    traces("calls take longer than what answers them", BEYOND_SERVER_MS, Band::RisesByAsked(0.8));
const CLIENT_FAILS: Check = traces("calls fail", CLIENT_FAILED, Band::Rises(1.0, SOME));
const CLIENT_FAILS_SOME: Check = traces("calls fail", CLIENT_FAILED, Band::Rises(1.0, 0.02));
const SERVER_FAILS: Check = traces("answers fail", SERVER_FAILED, Band::Rises(1.0, SOME));
const SERVER_FAILS_SOME: Check = traces("answers fail", SERVER_FAILED, Band::Rises(1.0, 0.02));
const SERVER_LONGER: Check = traces("answers take longer", SERVER_MS, Band::RisesByAsked(0.8));
const SERVER_SLOWER: Check = traces("answers take longer", SERVER_MS, Band::Rises(1.2, LONGER_MS));
const SERVER_TWICE: Check = traces("answers take longer", SERVER_MS, Band::Rises(2.0, 50.0));
const CHILDREN_TWICE: Check = traces("what a service calls takes longer", CHILDREN_MS, Band::Rises(2.0, 50.0));
const COUNTED_LONGER: Check = metrics("calls take longer, as callers count", CLIENT_METRIC_MS, Band::RisesByAsked(0.8));
const COUNTED_SLOWER: Check = metrics("calls take longer, as callers count", CLIENT_METRIC_MS, Band::Rises(1.2, 1.0));
const COUNTED_FAILS: Check = metrics("calls fail, as callers count", CLIENT_METRIC_FAILED, Band::Rises(1.0, 0.02));
const SERVED_LONGER: Check = metrics("answers take longer, as counted", SERVER_METRIC_MS, Band::RisesByAsked(0.8));
const SERVED_SLOWER: Check = metrics("answers take longer, as counted", SERVER_METRIC_MS, Band::Rises(1.2, LONGER_MS));
const SERVED_FAILS: Check = metrics("answers fail, as counted", SERVER_METRIC_FAILED, Band::Rises(1.0, 0.02));
const EDGE_COUNTED_LONGER: Check = metrics("requests take longer, as counted", EDGE_METRIC_MS, Band::RisesByAsked(0.8));
const EDGE_COUNTED_SLOWER: Check =
    metrics("requests take longer, as counted", EDGE_METRIC_MS, Band::Rises(1.2, LONGER_MS));
const EDGE_COUNTED_FAILS: Check = metrics("requests fail, as counted", EDGE_METRIC_FAILED, Band::Rises(1.0, 0.02));
const MORE_SERVERS: Check = traces("a call is answered more than once", SERVERS_PER_CLIENT, Band::Rises(1.05, 0.3));
const FEWER_SERVERS: Check = traces("calls are not answered", SERVERS_PER_CLIENT, Band::Falls(0.95));
const BREAKS: Check = metrics("the breaker opens", BREAKERS_OPEN, Band::Rises(1.0, 0.5));
const LOGGED: Check = Check {
    signal: Signal::Logs,
    what: "services log that something is odd",
    statement: WARNINGS,
    band: Band::Rises(1.2, 0.05),
};
const EDGE_LONGER: Check = traces("requests from outside take longer", EDGE_MS, Band::RisesByAsked(0.8));
const EDGE_SLOWER: Check = traces("requests from outside take longer", EDGE_MS, Band::Rises(1.2, LONGER_MS));
const EDGE_FAILS: Check = traces("requests from outside fail", EDGE_FAILED, Band::Rises(1.0, SOME));
const EDGE_FAILS_SOME: Check = traces("requests from outside fail", EDGE_FAILED, Band::Rises(1.0, 0.02));
const INNER_TWICE: Check = traces("answers within take longer", INNER_MS, Band::Rises(2.0, 50.0));
const EDGE_BUSIER: Check = traces("more requests come", EDGE_RATE, Band::Rises(1.3, 0.0));
const BEHIND: Check = metrics("the consumer is behind", CONSUMER_DELAY, Band::Rises(1.0, 0.05));
const EVENTS_FAIL: Check = traces("events fail", CONSUMER_FAILED, Band::Rises(1.0, 0.3));
const UNSENT: Check = metrics("the oldest event that was not published is old", OUTBOX_DELAY, Band::Rises(1.0, 0.05));
const STORE_LONGER: Check = metrics("the database takes longer", STORE_MS, Band::RisesByAsked(0.8));
const STORE_FAILS: Check = metrics("the database fails", STORE_FAILED, Band::Rises(1.0, 0.3));
const STORE_FAILS_SOME: Check = metrics("the database fails", STORE_FAILED, Band::Rises(1.0, 0.02));
const FEWER_HITS: Check = metrics("the cache has less", CACHE_HITS, Band::Falls(0.9));
const MORE_LOADS: Check = metrics("more is loaded", CACHE_LOADS, Band::Rises(1.3, 0.05));
const LATE_TASKS: Check = metrics("tasks run late", SCHEDULE_MS, Band::Rises(1.5, 0.5));

/// One for each pair of a place and an effect that it carries.
pub(super) const ORACLES: &[Oracle] = &[
    oracle(At::Caller, "delay", &[CLIENT_LONGER, BEYOND_SERVER, COUNTED_LONGER], &[EDGE_SLOWER], &[SERVER_TWICE]),
    oracle(
        At::Caller,
        "bandwidth",
        &[traces("calls take longer than what answers them", BEYOND_SERVER_MS, Band::Rises(1.2, 1.0)), COUNTED_SLOWER],
        &[CLIENT_SLOWER],
        &[SERVER_TWICE],
    ),
    oracle(At::Caller, "reset", &[CLIENT_FAILS_SOME, COUNTED_FAILS], &[BREAKS, EDGE_FAILS_SOME, LOGGED], &[]),
    oracle(
        At::Caller,
        "refuse",
        &[CLIENT_FAILS, FEWER_SERVERS, COUNTED_FAILS],
        &[BREAKS, EDGE_FAILS_SOME, LOGGED],
        &[],
    ),
    oracle(
        At::Caller,
        "lose",
        &[CLIENT_FAILS_SOME, COUNTED_FAILS],
        &[CLIENT_SLOWER, FEWER_SERVERS, BREAKS, EDGE_FAILS_SOME],
        &[],
    ),
    oracle(
        At::Caller,
        "partition",
        &[CLIENT_FAILS, FEWER_SERVERS, COUNTED_FAILS],
        &[CLIENT_SLOWER, BREAKS, EDGE_FAILS_SOME],
        &[],
    ),
    oracle(At::Caller, "duplicate", &[MORE_SERVERS], &[CLIENT_SLOWER], &[EDGE_FAILS]),
    oracle(
        At::Caller,
        "limits",
        &[CLIENT_FAILS_SOME, COUNTED_FAILS],
        &[CLIENT_SLOWER, MORE_SERVERS, EDGE_FAILS_SOME],
        &[],
    ),
    oracle(
        At::Callee,
        "delay",
        &[SERVER_LONGER, CLIENT_LONGER, SERVED_LONGER, COUNTED_LONGER],
        &[EDGE_SLOWER],
        &[CHILDREN_TWICE],
    ),
    oracle(
        At::Callee,
        "hang",
        &[SERVER_SLOWER, CLIENT_SLOWER, SERVED_SLOWER, COUNTED_SLOWER],
        &[CLIENT_FAILS_SOME, EDGE_FAILS_SOME],
        &[],
    ),
    oracle(At::Callee, "hold", &[SERVER_LONGER, SERVED_LONGER], &[CLIENT_SLOWER, EDGE_SLOWER], &[]),
    oracle(
        At::Callee,
        "error",
        &[SERVER_FAILS, CLIENT_FAILS_SOME, SERVED_FAILS, COUNTED_FAILS],
        &[BREAKS, EDGE_FAILS_SOME, LOGGED],
        &[],
    ),
    oracle(At::Callee, "reset", &[CLIENT_FAILS_SOME, COUNTED_FAILS], &[BREAKS, EDGE_FAILS_SOME, LOGGED], &[]),
    // The call is answered, and well as far as the network can tell: it is the caller's code that cannot read the message.
    oracle(
        At::Callee,
        "truncate",
        &[EDGE_FAILS_SOME, EDGE_COUNTED_FAILS],
        &[CLIENT_FAILS_SOME, SERVER_FAILS_SOME, LOGGED],
        &[],
    ),
    oracle(
        At::Callee,
        "stale",
        &[
            traces("answers are there at once", SERVER_MS, Band::Falls(0.8)),
            metrics("answers are there at once, as counted", SERVER_METRIC_MS, Band::Falls(0.8)),
        ],
        &[],
        &[SERVER_FAILS],
    ),
    oracle(At::Callee, "value", &[EDGE_FAILS_SOME, EDGE_COUNTED_FAILS], &[CLIENT_FAILS_SOME, LOGGED], &[]),
    oracle(At::Edge, "delay", &[EDGE_LONGER, EDGE_COUNTED_LONGER], &[], &[INNER_TWICE]),
    oracle(At::Edge, "bandwidth", &[EDGE_SLOWER, EDGE_COUNTED_SLOWER], &[], &[INNER_TWICE]),
    oracle(At::Edge, "error", &[EDGE_FAILS, EDGE_COUNTED_FAILS], &[LOGGED], &[INNER_TWICE]),
    oracle(
        At::Consumer,
        "delay",
        &[
            traces("events take longer", CONSUMER_MS, Band::RisesByAsked(0.8)),
            metrics("events take longer, as counted", CONSUMER_METRIC_MS, Band::RisesByAsked(0.8)),
        ],
        &[BEHIND],
        &[INNER_TWICE],
    ),
    oracle(
        At::Consumer,
        "hold",
        &[BEHIND],
        &[traces("events take longer", CONSUMER_MS, Band::RisesByAsked(0.8))],
        &[INNER_TWICE],
    ),
    oracle(
        At::Consumer,
        "error",
        &[EVENTS_FAIL, metrics("events fail, as counted", CONSUMER_METRIC_FAILED, Band::Rises(1.0, 0.3))],
        &[BEHIND, LOGGED],
        &[],
    ),
    oracle(
        At::Consumer,
        "redeliver",
        &[traces("events are handled more than once", CONSUMER_REPEATED, Band::Rises(1.02, 0.1))],
        &[BEHIND, EVENTS_FAIL],
        &[],
    ),
    oracle(At::Relay, "delay", &[UNSENT], &[], &[EVENTS_FAIL]),
    oracle(At::Relay, "hold", &[UNSENT], &[], &[EVENTS_FAIL]),
    oracle(At::Store, "delay", &[STORE_LONGER, SERVER_SLOWER], &[EDGE_SLOWER], &[]),
    oracle(
        At::Store,
        "error",
        &[STORE_FAILS_SOME, SERVER_FAILS_SOME, LOGGED],
        &[CLIENT_FAILS_SOME, EDGE_FAILS_SOME],
        &[],
    ),
    oracle(At::Store, "in_doubt", &[STORE_FAILS_SOME, LOGGED], &[SERVER_FAILS_SOME, CLIENT_FAILS_SOME], &[]),
    oracle(
        At::Store,
        "lock",
        &[metrics("what is written waits", STORE_COMMIT_MS, Band::RisesByAsked(0.8))],
        &[SERVER_SLOWER, STORE_FAILS],
        &[metrics("what is read waits", STORE_READ_MS, Band::Rises(2.0, 50.0))],
    ),
    oracle(At::Cache, "delay", &[SERVER_SLOWER], &[EDGE_SLOWER], &[]),
    oracle(
        At::Cache,
        "error",
        &[metrics("the cache does not answer", CACHE_ERRORS, Band::Rises(1.0, 0.05))],
        &[MORE_LOADS, LOGGED],
        &[],
    ),
    oracle(At::Cache, "bypass", &[FEWER_HITS, MORE_LOADS], &[EDGE_SLOWER], &[]),
    oracle(At::Cache, "stale", &[metrics("less is loaded", CACHE_LOADS, Band::Falls(0.8))], &[], &[EDGE_FAILS]),
    oracle(At::Cache, "evict", &[FEWER_HITS, MORE_LOADS], &[EDGE_SLOWER], &[]),
    oracle(
        At::Process,
        "cpu",
        &[metrics("the process burns processor time", CPU, Band::Rises(1.2, 0.2))],
        &[LATE_TASKS, EDGE_SLOWER],
        &[EDGE_FAILS],
    ),
    oracle(
        At::Process,
        "memory",
        &[metrics("the process takes memory", MEMORY_MIB, Band::Rises(1.0, 10.0))],
        &[LATE_TASKS],
        &[EDGE_FAILS],
    ),
    oracle(At::Process, "hold", &[SERVER_LONGER, SERVED_LONGER], &[EDGE_SLOWER], &[]),
    oracle(At::Process, "block", &[LATE_TASKS], &[EDGE_SLOWER], &[]),
    oracle(
        At::Process,
        "clock",
        &[traces("tokens are refused", EDGE_UNAUTHORIZED, Band::Rises(1.0, 0.01)), EDGE_COUNTED_FAILS],
        &[BEHIND, UNSENT, EDGE_FAILS_SOME],
        &[],
    ),
    oracle(At::Process, "unready", &[CLIENT_FAILS, COUNTED_FAILS], &[BREAKS, EDGE_FAILS_SOME, LOGGED], &[]),
    oracle(
        At::Process,
        "exit",
        &[metrics("a process begins", PROCESSES_BEGUN, Band::Rises(1.0, 0.5))],
        &[CLIENT_FAILS_SOME, EDGE_FAILS_SOME],
        &[],
    ),
    oracle(
        At::Process,
        "disk",
        &[metrics("the process writes to the disk", DISK_MIB, Band::Rises(1.5, 1.0))],
        &[STORE_FAILS_SOME, EDGE_SLOWER],
        &[EDGE_FAILS],
    ),
    oracle(
        At::Load,
        "surge",
        &[
            traces("more or fewer requests come", EDGE_RATE, Band::Changes(OTHER_LOAD)),
            metrics("more or fewer requests come, as counted", EDGE_METRIC_RATE, Band::Changes(OTHER_LOAD)),
        ],
        &[EDGE_SLOWER],
        &[],
    ),
    oracle(
        At::Load,
        "flood",
        &[EDGE_BUSIER, metrics("more requests come, as counted", EDGE_METRIC_RATE, Band::Rises(1.3, 0.0))],
        &[EDGE_SLOWER],
        &[],
    ),
    oracle(
        At::Load,
        "hot",
        &[metrics("all look at what is cached", PRODUCT_HITS, Band::Rises(1.5, 0.1))],
        &[],
        &[EDGE_FAILS],
    ),
    oracle(
        At::Load,
        "mix",
        &[
            traces("people come for something else", EDGE_CHANGES, Band::Changes(1.2)),
            metrics("people come for something else, as counted", EDGE_METRIC_CHANGES, Band::Changes(1.2)),
        ],
        &[EDGE_BUSIER],
        &[EDGE_FAILS],
    ),
];
