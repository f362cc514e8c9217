//! What a fault does, and where that can be done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Longest delay of one call, and longest pause of a stop-the-world, in milliseconds.
pub const MAX_DELAY_MS: u32 = 60_000;
/// Most times that a duplicated call is made in addition.
pub const MAX_COPIES: u32 = 3;
/// Most cores that a process burns.
pub const MAX_CORES: f64 = 256.0;
/// Most memory that a fault takes, in MiB.
pub const MAX_MEMORY_MIB: u32 = 65_536;
/// Most bytes that each call leaks, in KiB.
pub const MAX_KIB_PER_CALL: u32 = 65_536;
/// Most that is written to the disk, in MiB a second. What is written is written over, within [`crate::process::DISK_FILE_MIB`].
pub const MAX_DISK_MIB_S: u32 = 4_096;
/// Most threads of the runtime that are blocked.
pub const MAX_BLOCKED: u32 = 256;
/// Furthest that a clock is shifted, in milliseconds: a day.
pub const MAX_SHIFT_MS: i64 = 86_400_000;
/// Fastest that a clock drifts, in parts of a million.
pub const MAX_PPM: i32 = 100_000;
/// What people who shop come for.
pub const JOURNEYS: &[&str] = &["browse", "search", "cart", "buy_one", "buy_many", "come_back", "cancel"];
/// Most that the load grows by.
pub const MAX_SURGE: f64 = 100.0;
/// Most requests a second of a flood.
pub const MAX_FLOOD_RPS: u32 = 10_000;

/// Where a fault acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// The caller's leg of a call: the network between two services.
    Caller,
    /// The callee's leg: the service itself.
    Callee,
    /// The way in from outside.
    Edge,
    /// A consumer of events.
    Consumer,
    /// The way from an outbox to a broker.
    Relay,
    /// A service's database.
    Store,
    /// A service's cache.
    Cache,
    /// The process.
    Process,
    /// Those who shop.
    Load,
}

impl At {
    /// Every place.
    pub const ALL: [Self; 9] = [
        Self::Caller,
        Self::Callee,
        Self::Edge,
        Self::Consumer,
        Self::Relay,
        Self::Store,
        Self::Cache,
        Self::Process,
        Self::Load,
    ];

    /// Its name, as a fault says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::Edge => "edge",
            Self::Consumer => "consumer",
            Self::Relay => "relay",
            Self::Store => "store",
            Self::Cache => "cache",
            Self::Process => "process",
            Self::Load => "load",
        }
    }

    /// The names of the effects that can be had there.
    pub fn carries(self) -> &'static [&'static str] {
        match self {
            Self::Caller => &["delay", "bandwidth", "reset", "refuse", "lose", "partition", "duplicate", "limits"],
            Self::Callee => &["delay", "hang", "hold", "error", "reset", "truncate", "stale", "value"],
            Self::Edge => &["delay", "bandwidth", "error"],
            Self::Consumer => &["delay", "hold", "error", "redeliver"],
            Self::Relay => &["delay", "hold"],
            Self::Store => &["delay", "error", "in_doubt", "lock"],
            Self::Cache => &["delay", "error", "bypass", "stale", "evict"],
            Self::Process => &["cpu", "memory", "hold", "block", "clock", "unready", "exit", "disk"],
            Self::Load => &["surge", "flood", "hot", "mix"],
        }
    }
}

/// What a fault does. On the wire an effect is its name and what belongs to it: `{"delay": {"ms": 100}}`, `"refuse"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// Everything takes longer.
    Delay(Delay),
    /// Messages take as long as a line of this width needs for them.
    Bandwidth {
        /// KiB a second.
        kib_s: u32,
    },
    /// Nothing happens for so long, or until the fault ends.
    Hang {
        /// Milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ms: Option<u32>,
    },
    /// The world stops for `ms` in each `every_ms`.
    Hold {
        /// Milliseconds of each stop.
        ms: u32,
        /// Milliseconds from one stop to the next.
        every_ms: u32,
    },
    /// An error instead of an answer.
    Error {
        /// A gRPC code: `UNAVAILABLE`.
        code: String,
        /// The reason that goes with it, as a real one has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Before the work is done, or after it.
        #[serde(default, skip_serializing_if = "is_default")]
        when: When,
    },
    /// The connection breaks.
    Reset {
        /// Before the work is done, or after it.
        #[serde(default, skip_serializing_if = "is_default")]
        when: When,
    },
    /// Nobody listens.
    Refuse,
    /// A message does not arrive.
    Lose {
        /// Which one.
        leg: Leg,
    },
    /// Nothing gets from one to the other.
    Partition {
        /// Nor back: calls in the other direction are lost, too.
        #[serde(default)]
        both: bool,
    },
    /// A call arrives more than once.
    Duplicate {
        /// How often in addition.
        copies: u32,
    },
    /// An answer is cut.
    Truncate {
        /// Bytes that are left of its message.
        bytes: u32,
    },
    /// An answer may be as old as this: what was answered before is answered again, and nobody looks.
    Stale {
        /// Seconds.
        age_s: u32,
    },
    /// An answer holds something else.
    Value(Change),
    /// The bounds of calls are others.
    Limits(LimitsEffect),
    /// An event's effects are thrown away before they are committed, as by a crash, and it comes again.
    Redeliver,
    /// A commit is made, and its caller is told that this is not known.
    InDoubt,
    /// Writes wait for `hold_ms` in each `every_ms`.
    Lock {
        /// Milliseconds of each wait.
        hold_ms: u32,
        /// Milliseconds from one wait to the next.
        every_ms: u32,
    },
    /// The cache is not asked.
    Bypass,
    /// What was cached is thrown away when it is asked for.
    Evict,
    /// Processor time is burnt.
    Cpu {
        /// Cores' worth of it.
        cores: f64,
    },
    /// Memory is taken and not given back.
    Memory(Memory),
    /// Threads of the runtime do not run tasks for `ms` in each `every_ms`.
    Block {
        /// How many.
        workers: u32,
        /// Milliseconds of each block.
        ms: u32,
        /// Milliseconds from one block to the next.
        every_ms: u32,
    },
    /// The wall clock is wrong.
    Clock {
        /// By so many milliseconds at once.
        #[serde(default)]
        offset_ms: i64,
        /// And by so many millionths more as time goes on.
        #[serde(default)]
        ppm: i32,
        /// Also the one by which telemetry tells the time.
        #[serde(default, skip_serializing_if = "is_default")]
        telemetry: bool,
    },
    /// Alive, and not ready.
    Unready,
    /// The process ends.
    Exit {
        /// With this code.
        code: u8,
    },
    /// The disk is busy.
    Disk {
        /// MiB written a second.
        mib_s: u32,
    },
    /// More people come, or fewer.
    Surge {
        /// So many times as many.
        factor: f64,
    },
    /// One page is asked for by machines.
    Flood {
        /// Which.
        path: String,
        /// Requests a second.
        rps: u32,
    },
    /// Everybody wants one thing.
    Hot {
        /// Its id.
        product: String,
        /// Which share of those who choose take it.
        share: f64,
    },
    /// People come for something else.
    Mix(BTreeMap<String, u32>),
}

/// On a line, for people: `delay ms=100`.
impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())?;
        let written = serde_json::to_value(self).unwrap_or_default();
        let members = written.get(self.name()).and_then(serde_json::Value::as_object);
        for (name, value) in members.into_iter().flatten() {
            match value.as_str() {
                Some(text) => write!(f, " {name}={text}")?,
                None => write!(f, " {name}={value}")?,
            }
        }
        Ok(())
    }
}

impl Effect {
    /// Its name, as a fault says it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::Bandwidth { .. } => "bandwidth",
            Self::Hang { .. } => "hang",
            Self::Hold { .. } => "hold",
            Self::Error { .. } => "error",
            Self::Reset { .. } => "reset",
            Self::Refuse => "refuse",
            Self::Lose { .. } => "lose",
            Self::Partition { .. } => "partition",
            Self::Duplicate { .. } => "duplicate",
            Self::Truncate { .. } => "truncate",
            Self::Stale { .. } => "stale",
            Self::Value(_) => "value",
            Self::Limits(_) => "limits",
            Self::Redeliver => "redeliver",
            Self::InDoubt => "in_doubt",
            Self::Lock { .. } => "lock",
            Self::Bypass => "bypass",
            Self::Evict => "evict",
            Self::Cpu { .. } => "cpu",
            Self::Memory(_) => "memory",
            Self::Block { .. } => "block",
            Self::Clock { .. } => "clock",
            Self::Unready => "unready",
            Self::Exit { .. } => "exit",
            Self::Disk { .. } => "disk",
            Self::Surge { .. } => "surge",
            Self::Flood { .. } => "flood",
            Self::Hot { .. } => "hot",
            Self::Mix(_) => "mix",
        }
    }

    /// Whether, at a process, all services in it suffer, whichever is meant.
    pub fn is_of_whole_process(&self) -> bool {
        match self {
            Self::Cpu { .. } | Self::Block { .. } | Self::Clock { .. } | Self::Exit { .. } | Self::Disk { .. } => true,
            Self::Memory(memory) => memory.mib_s.is_some(),
            _ => false,
        }
    }
}

/// When an effect comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The work is not done.
    #[default]
    Before,
    /// The work is done, and its caller does not hear so.
    After,
}

/// Which message of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// What is asked.
    Request,
    /// What is said to it.
    Answer,
}

/// What a store is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreOp {
    /// Something that is there.
    Read,
    /// A batch.
    Commit,
}

/// How delays are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Each is `ms`.
    #[default]
    Fixed,
    /// From `ms - jitter_ms` to `ms + jitter_ms`.
    Uniform,
    /// About `ms`, with the standard deviation `jitter_ms`.
    Normal,
    /// `ms` and an exponential part with the mean `jitter_ms`.
    Exponential,
    /// `ms` and a heavy tail with the mean `jitter_ms` (Lomax, exponent 2).
    Pareto,
}

/// How long something takes longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// Milliseconds.
    pub ms: u32,
    /// How far it varies, by the distribution.
    #[serde(default, skip_serializing_if = "is_default")]
    pub jitter_ms: u32,
    /// How it varies.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dist: Distribution,
    /// Never longer than this.
    #[serde(default = "max_delay", skip_serializing_if = "is_max_delay")]
    pub max_ms: u32,
    /// At a store: only this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<StoreOp>,
}

fn max_delay() -> u32 {
    MAX_DELAY_MS
}

fn is_max_delay(ms: &u32) -> bool {
    *ms == MAX_DELAY_MS
}

/// What is left out when it is written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Delay {
    /// The same for each.
    pub fn fixed(ms: u32) -> Self {
        Self { ms, jitter_ms: 0, dist: Distribution::Fixed, max_ms: MAX_DELAY_MS, op: None }
    }
}

/// What becomes of one field of an answer: just one of `set`, `scale`, `clear`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Its name in the contract; one of a message within by `outer.inner`.
    pub field: String,
    /// It is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// It is so many times as much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// It is not there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clear: bool,
}

/// Other bounds of calls; those that are left out stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsEffect {
    /// How long a call may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u32>,
    /// Calls at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
    /// How often a call is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Retries have no budget.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub budget_off: bool,
}

/// How memory is taken: over time, or by each call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// MiB a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mib_s: Option<u32>,
    /// KiB at each call, and each event, of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kib_per_call: Option<u32>,
    /// Not more than this, in MiB.
    pub cap_mib: u32,
}
