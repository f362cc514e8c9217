//! What the tests share: a service that does as it is told, a shop that publishes, and one who follows.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::carts::v1::carts_service_server::{CartsService, CartsServiceServer};
use vitrine_contracts::carts::v1::{
    AddItemRequest, Cart, ClearCartRequest, GetCartRequest, MergeCartRequest, ReleaseCartRequest, SetItemRequest,
    SettleCartRequest, TakeCartRequest,
};
use vitrine_contracts::orders::v1::OrderEvent;
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::{Consumer, Event, HandleError, Handler, Relay, publish, with_inbox, with_relay};
use vitrine_platform_mesh::identity::MIN_SECRET_BYTES;
use vitrine_platform_mesh::{Handlers, Identity, Limits, Mesh, Transport};
use vitrine_platform_nats::{Config, Events, Nats};
use vitrine_platform_store::{Document, Index, Keys, Schema, Store, Tx};
use vitrine_platform_telemetry as telemetry;
use vitrine_platform_telemetry::{Context, Telemetry};
use vitrine_tests_engines::Server;

/// How long anything may take to come about.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until something has come about.
pub async fn eventually(mut look: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("in time");
}

/// A server with this configuration file, in a folder that must live as long.
pub fn configured(folder: &Path, config: &str) -> Server {
    let path = file(folder, "nats.conf", config);
    vitrine_tests_engines::nats(&["--config", path.to_str().expect("UTF-8")]).expect("a server")
}

pub fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Short waits, so that what a broker waits for comes about.
pub fn config(server: &Server) -> Config {
    Config { url: server.url(), events: Events { ack_wait_ms: 1000, ..Events::default() }, ..Config::default() }
}

pub async fn connect(server: &Server) -> Nats {
    Nats::connect(&config(server)).await.expect("connected")
}

pub fn quiet() -> Telemetry {
    Telemetry::new(telemetry::Config { disabled: true, ..telemetry::Config::default() })
}

/// Does what the customer's id says.
#[derive(Clone, Default)]
pub struct ScriptedService {
    pub name: &'static str,
    pub calls: Arc<AtomicU32>,
    pub go: Arc<tokio::sync::Notify>,
}

#[tonic::async_trait]
impl CartsService for ScriptedService {
    async fn get_cart(&self, request: Request<GetCartRequest>) -> Result<Response<Cart>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let context = Context::current();
        let asked = request.into_inner().customer_id;
        let customer_id = match asked.as_str() {
            "hang" => std::future::pending().await,
            "wait" => {
                self.go.notified().await;
                "waited".to_owned()
            }
            "panic" => panic!("as asked"),
            "refuse" => {
                return Err(Problem::invalid("quantity", "1 to 999", "schief gegangen: ä").with_reason("ODD").into());
            }
            "time left" => {
                let left = context.deadline().map_or(Duration::MAX, |d| d.saturating_duration_since(Instant::now()));
                left.as_millis().to_string()
            }
            "context" => format!(
                "{} {}",
                context.trace_id().unwrap_or_default(),
                context.baggage().get("session.id").unwrap_or_default()
            ),
            "name" => self.name.to_owned(),
            "empty" => String::new(),
            "large" => "x".repeat(2 * 1024 * 1024),
            other => other.to_owned(),
        };
        Ok(Response::new(Cart { customer_id, ..Cart::default() }))
    }
    async fn add_item(&self, _: Request<AddItemRequest>) -> Result<Response<Cart>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(Cart::default()))
    }
    async fn set_item(&self, _: Request<SetItemRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn clear_cart(&self, _: Request<ClearCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn merge_cart(&self, _: Request<MergeCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn take_cart(&self, _: Request<TakeCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn release_cart(&self, _: Request<ReleaseCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn settle_cart(&self, _: Request<SettleCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

/// A replica of the carts that answers on NATS.
pub struct Replica {
    pub odd: ScriptedService,
    pub stop: CancellationToken,
    pub work: JoinHandle<()>,
}

impl Replica {
    pub async fn start(nats: &Nats, name: &'static str, telemetry: &Telemetry) -> Self {
        let odd = ScriptedService { name, ..ScriptedService::default() };
        let stop = CancellationToken::new();
        let handlers = Handlers::new(CartsServiceServer::new(odd.clone()));
        let server = mesh(Limits::default()).server(telemetry.service("carts"), handlers);
        let work = tokio::spawn(nats.serve("carts", server, stop.clone()).await.expect("subscribed"));
        Self { odd, stop, work }
    }

    pub async fn leave(self) {
        self.stop.cancel();
        self.work.await.expect("no panic");
    }
}

/// A mesh of the deployment to which all processes of these tests belong.
pub fn mesh(limits: Limits) -> Mesh {
    let identity = Identity::new(Clock::system()).with_secret(&[7; MIN_SECRET_BYTES]);
    Mesh::new(limits).with_identity(identity.expect("long enough"))
}

/// A client of the carts over NATS.
pub fn client(nats: &Nats, telemetry: &Telemetry) -> CartsServiceClient<Transport> {
    let mesh = mesh(Limits { max_attempts: 1, ..Limits::default() });
    mesh.place_outside("carts", nats.transport("carts").expect("unary")).expect("placed");
    CartsServiceClient::new(mesh.transport(telemetry.service("gateway"), "carts"))
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX)
}

pub async fn get(client: &CartsServiceClient<Transport>, what: &str) -> Result<String, Status> {
    let request = GetCartRequest { customer_id: what.to_owned() };
    Ok(client.clone().get_cart(request).await?.into_inner().customer_id)
}

/// What was done with a key's events: their numbers, in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Effect {
    pub key: String,
    pub numbers: Vec<i64>,
}

impl Document for Effect {
    const COLLECTION: &'static str = "effects";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.key)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// Notes events, and fails as their keys say.
#[derive(Clone)]
pub struct Note {
    pub store: Store,
    pub handed: Arc<Mutex<Vec<(String, Context)>>>,
    /// Handlers of "slow" keys wait for it.
    pub hold: Arc<AtomicBool>,
    /// How many handlers are at work at one time, and how many there ever were.
    pub busy: Arc<(AtomicU32, AtomicU32)>,
}

impl Note {
    pub fn new() -> Self {
        let schema = with_inbox(Schema::new().with::<Effect>());
        let store = Store::temporary("email", schema).expect("a database");
        Self { store, handed: Arc::default(), hold: Arc::default(), busy: Arc::default() }
    }

    pub async fn numbers(&self, key: &str) -> Vec<i64> {
        self.store.get::<Effect>(key).await.expect("read").map_or_else(Vec::new, |e| e.doc.numbers)
    }

    pub fn handed(&self, key: &str) -> usize {
        self.handed.lock().iter().filter(|(k, _)| k == key).count()
    }

    /// Waits until a key has as many effects.
    pub async fn done(&self, key: &str, times: usize) {
        eventually(async || self.numbers(key).await.len() >= times).await;
    }
}

struct Busy(Arc<(AtomicU32, AtomicU32)>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tonic::async_trait]
impl Handler for Note {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let now = self.busy.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.busy.1.fetch_max(now, Ordering::SeqCst);
        let _busy = Busy(self.busy.clone());
        self.handed.lock().push((event.key.clone(), Context::current()));
        if event.key == "reject" {
            return Err(HandleError::Reject("as asked".to_owned()));
        }
        while event.key == "slow" && self.hold.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let known = tx.get::<Effect>(&event.key).await?;
        let mut effect = known.map_or_else(|| Effect { key: event.key.clone(), ..Effect::default() }, |k| k.doc);
        tokio::task::yield_now().await;
        effect.numbers.push(event.occurred_at_unix_ms);
        tx.put(&effect);
        Ok(())
    }
}

/// What runs, until it is stopped or killed.
pub struct Run {
    pub stop: CancellationToken,
    pub work: JoinHandle<()>,
}

impl Run {
    pub async fn stop(self) {
        self.stop.cancel();
        self.work.await.expect("no panic");
    }

    /// Ends it in the middle of what it does.
    pub async fn kill(self) {
        self.work.abort();
        assert!(self.work.await.expect_err("killed").is_cancelled());
    }
}

/// One who follows the orders.
pub fn follow(nats: &Nats, note: &Note, topics: &[&str]) -> Run {
    let consumer = Consumer::new("email-orders", "orders", topics, note.store.clone(), note.clone());
    let stop = CancellationToken::new();
    let source = nats.source(&consumer);
    let work = tokio::spawn(consumer.run(source, quiet().service("email"), stop.clone()));
    Run { stop, work }
}

/// The orders' outbox.
pub fn outbox() -> Store {
    Store::temporary("orders", with_relay(Schema::new())).expect("a database")
}

/// Its relay.
pub fn relay(nats: &Nats, store: &Store) -> Run {
    let relay = Relay::new("orders", store.clone(), Arc::new(nats.clone())).expect("orders have topics");
    let stop = CancellationToken::new();
    Run { stop: stop.clone(), work: tokio::spawn(relay.run(stop)) }
}

/// Publishes an event with a number, which stands where the time does.
pub async fn place(store: &Store, topic: &'static str, key: &str, number: i64) {
    let mut tx = store.begin();
    publish(&mut tx, topic, key, number, &OrderEvent::default());
    tx.commit().await.expect("published");
}
