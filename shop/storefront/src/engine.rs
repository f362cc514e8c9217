//! Draws pages of their input: with QuickJS in this process, or with Node beside it. All data is there before, and nothing is fetched.

mod node;
mod quickjs;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};
use tokio::sync::{Mutex, oneshot};
use vitrine_contracts::Problem;

/// Most pages that wait to be drawn.
const QUEUE: usize = 64;
/// How long a page may be drawn for. One takes a few milliseconds; a machine with other things to do lets it wait.
const PAGE_TIME: Duration = Duration::from_secs(1);
/// How long the script may take to be read.
const LOAD_TIME: Duration = Duration::from_secs(10);

/// What draws pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// QuickJS, in this process.
    #[default]
    QuickJs,
    /// Node, in processes of its own.
    Node,
}

/// A page as it was drawn.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) status: u16,
    pub(crate) html: String,
}

/// Why a page was not drawn.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum Error {
    #[error("{QUEUE} pages wait to be drawn already")]
    Busy,
    #[error("the page's script failed: {0}")]
    Script(String),
    #[error("the engine has stopped")]
    Stopped,
}

impl Error {
    /// As `error.type` has it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Script(_) => "script",
            Self::Stopped => "stopped",
        }
    }
}

struct Job {
    input: String,
    done: oneshot::Sender<Result<Drawn, Error>>,
}

/// What waits to be drawn, for all who draw.
type Jobs = Arc<Mutex<Receiver<Job>>>;

/// Those who draw. They start with the first page, and end with the engine.
pub(crate) struct Engine {
    kind: EngineKind,
    script: Arc<str>,
    count: u32,
    jobs: OnceLock<Sender<Job>>,
}

impl Engine {
    /// One of this kind, which draws so many pages at a time. A problem says why there can be none.
    pub(crate) fn new(kind: EngineKind, script: &str, count: u32) -> Result<Self, Problem> {
        if kind == EngineKind::Node {
            node::check()?;
        }
        Ok(Self { kind, script: script.into(), count: count.max(1), jobs: OnceLock::new() })
    }

    /// Draws a page of its input, a JSON text.
    pub(crate) async fn draw(&self, input: String) -> Result<Drawn, Error> {
        let (done, drawn) = oneshot::channel();
        self.jobs().try_send(Job { input, done }).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::Busy,
            TrySendError::Closed(_) => Error::Stopped,
        })?;
        drawn.await.unwrap_or(Err(Error::Stopped))
    }

    fn jobs(&self) -> &Sender<Job> {
        self.jobs.get_or_init(|| {
            let (sender, receiver) = channel(QUEUE);
            let jobs: Jobs = Arc::new(Mutex::new(receiver));
            for number in 0..self.count {
                let (script, jobs) = (self.script.clone(), jobs.clone());
                match self.kind {
                    EngineKind::QuickJs => quickjs::start(number, script, jobs),
                    EngineKind::Node => drop(tokio::spawn(node::work(script, jobs))),
                }
            }
            sender
        })
    }

    /// What it is called in telemetry.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            EngineKind::QuickJs => "quickjs",
            EngineKind::Node => "node",
        }
    }
}

/// Reads what a script has returned for a page.
fn page(text: &str) -> Result<Drawn, Error> {
    serde_json::from_str(text).map_err(|e| Error::Script(format!("it returned something else than a page: {e}")))
}
