//! `tail`: lines over WebSocket as they are committed, the newest ones that are there already before them.
//!
//! Who follows is subscribed before the past is read, and what was read is not told again: no line is missed, and none told twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval_at, sleep_until, timeout};
use vitrine_observe_logql::{FoundLine, Source, TailFilter, TimeRange};
use vitrine_observe_store::series::Budget;
use vitrine_observe_store::{LogTail, Logs, TailError, Tailed};

use super::answer::{failed, streams};
use super::question::{Question, asking, pairs};
use super::{QUERY_BYTES, QUERY_RECORDS};
use crate::error::Error;
use crate::queries::{Queries, Reader};

/// How long one may take to read a message before the connection is given up.
const UNREAD: Duration = Duration::from_secs(10);
/// How often one is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// How long one may follow: clients come again.
const LIFE: Duration = Duration::from_secs(3_600);
/// Most bytes of what a client says: it has nothing to say.
const MAX_MESSAGE: usize = 1_024;

/// Records that were told already, by time and content, and how often.
type PastRecords = HashMap<(u64, u64), usize>;

/// One who follows.
struct Follower {
    filter: Arc<TailFilter>,
    tail: LogTail,
    past: Vec<FoundLine>,
    told: PastRecords,
    categorizes: bool,
}

/// Opens a socket.
pub(super) async fn open(State(queries): State<Queries>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let question = match pairs(parts.uri.query().unwrap_or_default(), &[]) {
        Ok(pairs) => Question::new(pairs, String::new(), &parts.headers),
        Err(error) => return failed(&error),
    };
    let headers = parts.headers.clone();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            return failed(&Error::Around {
                status: StatusCode::BAD_REQUEST,
                message: rejection.to_string(),
                expected: "a request to upgrade to a WebSocket",
            });
        }
    };
    let time_limit = queries.options().time_limit;
    let begun = queries.ask(&headers, move |reader| begin(reader, &question, time_limit)).await;
    let ending = queries.ending();
    match begun {
        Ok(follower) => upgrade
            .max_message_size(MAX_MESSAGE)
            .max_frame_size(MAX_MESSAGE)
            .on_upgrade(move |socket| follower.run(socket, ending))
            .into_response(),
        Err(error) => failed(&error),
    }
}

fn begin(reader: &Reader, question: &Question, time_limit: Duration) -> Result<Follower, Error> {
    let filter = TailFilter::new(question.log()?).map_err(asking)?;
    let limit = question.limit()?;
    let logs: &dyn Logs = &*reader.engine;
    let full = |error: TailError| Error::Around {
        status: StatusCode::TOO_MANY_REQUESTS,
        message: error.to_string(),
        expected: "to come again when others have ended",
    };
    let tail = logs.tail(&reader.tenant, filter.filter.clone()).map_err(full)?;
    let budget = Budget::new(QUERY_BYTES, QUERY_RECORDS, time_limit);
    let source = Source { logs, tenant: &reader.tenant, budget: &budget };
    // The past begins where it is asked to, and has no end: what came meanwhile is in the tail, too.
    let range = TimeRange { end_ns: u64::MAX >> 1, ..question.range()? };
    let (mut past, mut told) = (Vec::new(), PastRecords::new());
    source
        .each_line(filter.log(), range, true, limit, |line, row| {
            *told.entry((row.time_ns, row.content_hash())).or_default() += 1;
            past.push(line);
        })
        .map_err(asking)?;
    past.reverse();
    Ok(Follower { filter: Arc::new(filter), tail, past, told, categorizes: question.categorizes })
}

impl Follower {
    async fn run(mut self, mut socket: WebSocket, mut ending: Receiver<bool>) {
        let until = Instant::now() + LIFE;
        let mut pings = interval_at(Instant::now() + PING, PING);
        let past = std::mem::take(&mut self.past);
        let mut goes_on = past.is_empty() || self.say(&mut socket, &past, 0).await;
        while goes_on {
            goes_on = tokio::select! {
                tailed = self.tail.next() => match tailed {
                    Some(tailed) => self.tell(&mut socket, tailed).await,
                    None => false,
                },
                message = socket.recv() => matches!(message, Some(Ok(message)) if !matches!(message, Message::Close(_))),
                _ = pings.tick() => send(&mut socket, Message::Ping(Vec::new().into())).await,
                () = sleep_until(until) => false,
                () = ended(&mut ending) => false,
            };
        }
        // One that does not hear it sees that the connection is gone.
        let _ = timeout(UNREAD, socket.send(Message::Close(None))).await;
    }

    /// Tells what came, off the async threads as far as it is work.
    async fn tell(&mut self, socket: &mut WebSocket, tailed: Tailed) -> bool {
        let (filter, mut told) = (self.filter.clone(), std::mem::take(&mut self.told));
        let Tailed { rows, dropped } = tailed;
        let lines = spawn_blocking(move || {
            let is_new = |found: &vitrine_observe_store::model::FoundLog, told: &mut PastRecords| {
                if told.is_empty() {
                    return true;
                }
                match told.get_mut(&(found.row.time_ns, found.row.content_hash())) {
                    Some(left) if *left > 0 => {
                        *left -= 1;
                        false
                    }
                    _ => true,
                }
            };
            let new = rows.iter().filter(|found| is_new(found, &mut told)).collect::<Vec<_>>();
            let lines: Vec<FoundLine> = new.into_iter().filter_map(|found| filter.line(&found.row)).collect();
            (lines, told)
        });
        let Ok((lines, told)) = lines.await else { return false };
        self.told = told;
        lines.is_empty() && dropped == 0 || self.say(socket, &lines, dropped).await
    }

    async fn say(&self, socket: &mut WebSocket, lines: &[FoundLine], dropped: u64) -> bool {
        let mut message = json!({ "streams": streams(lines, self.categorizes) });
        if self.categorizes {
            message["encodingFlags"] = json!(["categorize-labels"]);
        }
        if dropped > 0 {
            // Which they were is not kept: how many, and before when.
            let before = lines.first().map_or_else(|| "0".to_owned(), |line| line.time_ns.to_string());
            message["dropped_entries"] = json!([{ "labels": { "dropped": dropped.to_string() }, "timestamp": before }]);
        }
        send(socket, Message::Text(Value::to_string(&message).into())).await
    }
}

/// Waits until those who follow are to go.
async fn ended(ending: &mut Receiver<bool>) {
    // An error says that nobody is left who could tell it.
    let _ = ending.wait_for(|is_ending| *is_ending).await;
}

/// Whether a message was taken.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(UNREAD, socket.send(message)).await, Ok(Ok(())))
}
