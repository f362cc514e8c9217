//! A server that speaks MongoDB's protocol (OP_MSG) and answers by a script: for what a real one does only when it is in trouble, and in the
//! words of other servers. It keeps nothing.

use std::io;
use std::sync::Arc;

use ::mongodb::bson::{Document, doc};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use vitrine_platform_store::MongoDbConfig;

/// The opcode of all messages since MongoDB 3.6.
const OP_MSG: i32 = 2013;
/// What a message begins with: its length, its number, the number of the one that it answers, and an opcode.
const HEADER: usize = 16;
/// Longer messages are none of ours.
const MAX_MESSAGE: usize = 1 << 20;

/// How a command is answered.
#[derive(Clone)]
pub enum Reply {
    /// With this.
    With(Document),
    /// Not at all: the connection is closed.
    Cut,
    /// As otherwise, but not before this is true.
    When(watch::Receiver<bool>),
}

/// An error of a command as a whole.
pub fn refused(code: i32, words: &str, labels: &[&str]) -> Reply {
    Reply::With(doc! { "ok": 0.0, "code": code, "codeName": "Scripted", "errmsg": words, "errorLabels": labels })
}

/// An error of one write.
pub fn not_written(code: i32, words: &str) -> Reply {
    Reply::With(doc! { "ok": 1.0, "n": 0, "writeErrors": [{ "index": 0, "code": code, "errmsg": words }] })
}

struct Rule {
    command: &'static str,
    reply: Reply,
    /// How often it still holds.
    left: usize,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    /// All commands, in their order; of those that were sent in parts, the first.
    received: Vec<Document>,
}

pub struct StandIn {
    port: u16,
    state: Arc<Mutex<State>>,
    /// The one who listens, with all connections.
    running: JoinSet<()>,
}

impl StandIn {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("bound").port();
        let mut server = Self { port, state: Arc::default(), running: JoinSet::new() };
        server.listen(listener);
        server
    }

    fn listen(&mut self, listener: TcpListener) {
        let (state, port) = (self.state.clone(), self.port);
        self.running.spawn(async move {
            // They end with the one who listens.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, state.clone(), port));
            }
        });
    }

    /// Ends it with all its connections.
    pub async fn stop(&mut self) {
        self.running.shutdown().await;
    }

    /// Starts it again where it was.
    pub async fn again(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("still free");
        self.listen(listener);
    }

    pub fn config(&self) -> MongoDbConfig {
        let url = format!("mongodb://127.0.0.1:{}/?replicaSet=rs0", self.port);
        MongoDbConfig { url: url.into(), ..MongoDbConfig::default() }
    }

    /// The next commands of this name are answered so; earlier rules go first.
    pub fn answer(&self, command: &'static str, times: usize, reply: Reply) {
        self.state.lock().rules.push(Rule { command, reply, left: times });
    }

    /// Commands of this name are not answered before the gate is opened.
    pub fn hold(&self, command: &'static str) -> watch::Sender<bool> {
        let (gate, opened) = watch::channel(false);
        self.answer(command, usize::MAX, Reply::When(opened));
        gate
    }

    /// Forgets all rules.
    pub fn behave(&self) {
        self.state.lock().rules.clear();
    }

    /// How many commands of this name came.
    pub fn received(&self, command: &str) -> usize {
        self.state.lock().received.iter().filter(|received| name(received) == command).count()
    }

    /// The commands of each transaction, in the order of their beginning.
    pub fn transactions(&self) -> Vec<Vec<String>> {
        let mut all: Vec<(Document, Vec<String>)> = Vec::new();
        for command in self.state.lock().received.iter().filter(|c| c.get_bool("autocommit").is_ok_and(|auto| !auto)) {
            let of = doc! { "lsid": command.get("lsid"), "n": command.get("txnNumber") };
            match all.iter_mut().find(|(known, _)| *known == of) {
                Some((_, commands)) => commands.push(name(command).to_owned()),
                None => all.push((of, vec![name(command).to_owned()])),
            }
        }
        all.into_iter().map(|(_, commands)| commands).collect()
    }
}

fn name(command: &Document) -> &str {
    command.keys().next().map_or("", String::as_str)
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>, port: u16) {
    while let Ok((number, command)) = read(&mut stream).await {
        let scripted = {
            let mut state = state.lock();
            state.received.push(command.clone());
            let rule = state.rules.iter_mut().find(|rule| rule.left > 0 && rule.command == name(&command));
            rule.map(|rule| {
                rule.left -= 1;
                rule.reply.clone()
            })
        };
        let reply = match scripted {
            None => usual(&command, port),
            Some(Reply::With(reply)) => reply,
            Some(Reply::Cut) => return,
            Some(Reply::When(mut opened)) => {
                if opened.wait_for(|opened| *opened).await.is_err() {
                    return;
                }
                usual(&command, port)
            }
        };
        let reply = reply.to_vec().expect("BSON");
        let length = i32::try_from(HEADER + 5 + reply.len()).expect("short");
        let mut bytes = Vec::new();
        for n in [length, 1, number, OP_MSG, 0] {
            bytes.extend(n.to_le_bytes());
        }
        bytes.push(0);
        bytes.extend(reply);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// The number of a message, and the command in it: its body, which is the first of its sections.
async fn read(stream: &mut TcpStream) -> io::Result<(i32, Document)> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await?;
    let int = |at: usize| i32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let length = usize::try_from(int(0)).ok().filter(|n| (HEADER + 5..MAX_MESSAGE).contains(n));
    assert!(int(12) == OP_MSG && length.is_some(), "{header:?}");
    let mut rest = vec![0; length.unwrap_or(HEADER) - HEADER];
    stream.read_exact(&mut rest).await?;
    // Behind the flags and the kind of the first section.
    let command = rest.get(5..).and_then(|body| Document::from_reader(body).ok());
    Ok((int(4), command.ok_or(io::ErrorKind::InvalidData)?))
}

/// What every server says of itself, whatever it is.
pub fn abilities() -> Document {
    doc! {
        "ok": 1.0, "minWireVersion": 0, "maxWireVersion": 21, "logicalSessionTimeoutMinutes": 30,
        "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
        "saslSupportedMechs": ["SCRAM-SHA-256"],
    }
}

/// What a healthy primary says that keeps nothing.
fn usual(command: &Document, port: u16) -> Document {
    let found = |documents: Vec<Document>| doc! { "cursor": { "id": 0_i64, "ns": "d.c", "firstBatch": documents } };
    let state = doc! { "_id": "state", "layout": 1_i64, "position": 1_i64 };
    let mut reply = match name(command) {
        "hello" | "isMaster" | "ismaster" => {
            let me = format!("127.0.0.1:{port}");
            let mut hello =
                doc! { "isWritablePrimary": true, "setName": "rs0", "hosts": [&me], "primary": &me, "me": me };
            hello.extend(abilities());
            hello
        }
        "find" if command.get_str("find").is_ok_and(|of| of == "state") => found(vec![state]),
        "find" | "aggregate" => found(Vec::new()),
        "findAndModify" => doc! { "value": state },
        "insert" | "delete" => doc! { "n": 1 },
        "update" => doc! { "n": 1, "nModified": 1 },
        _ => Document::new(),
    };
    reply.insert("ok", 1.0);
    reply
}
