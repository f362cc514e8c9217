//! Unleash's server from npm, on PostgreSQL: what its frontend API does in a second of its processor time.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use vitrine_shop_load::http::{Call, Client};
use vitrine_tests_engines as engines;
use vitrine_tests_testkit::{node, within};

use super::{BULK, request, wire};
use crate::script::cache;
use crate::throughput::median;

/// Tokens that it is started with.
const ADMIN: &str = "*:*.bench-admin";
const FRONTEND: &str = "*:development.bench-frontend";
/// More requests in a minute than are made.
const UNLIMITED: &str = "1000000000";
/// How long it may take to come up: it makes its tables first.
const START: Duration = Duration::from_secs(120);
/// Changes that are waited for.
pub(super) const CHANGES: usize = 5;

pub(super) struct Measured {
    /// Requests in a second of its processor time, with one flag and with [`BULK`].
    pub(super) one: f64,
    pub(super) all: f64,
    /// From a change to the first response that knows it, in milliseconds.
    pub(super) told_ms: f64,
}

struct Unleash {
    child: Child,
    client: Client,
    address: String,
    _database: engines::Server,
}

impl Unleash {
    async fn start() -> Result<Self> {
        let folder = node(&cache()?, "unleash-server-8.2.0", &["unleash-server@8.2.0"]).await?;
        let database = engines::postgres(&[])?;
        let port = engines::free_port()?;
        let address = format!("127.0.0.1:{port}");
        let database_url = format!("postgres://{}@127.0.0.1:{}/postgres", engines::POSTGRES_USER, database.port());
        let child = Command::new("node")
            .arg(folder.join("node_modules/unleash-server/dist/server.js"))
            .envs([
                ("DATABASE_URL", database_url.as_str()),
                ("DATABASE_SSL", "false"),
                ("HTTP_HOST", "127.0.0.1"),
                ("HTTP_PORT", &port.to_string()),
                ("INIT_ADMIN_API_TOKENS", ADMIN),
                ("INIT_FRONTEND_API_TOKENS", FRONTEND),
                ("SDK_API_RATE_LIMIT_PER_MINUTE", UNLIMITED),
                ("TOKEN_AUTHENTICATION_RATE_LIMIT_PER_MINUTE", UNLIMITED),
                ("CHECK_VERSION", "false"),
                ("SEND_TELEMETRY", "false"),
                ("LOG_LEVEL", "error"),
                ("NODE_ENV", "production"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("node")?;
        let client = Client::new(&format!("http://{address}"))?;
        within(START, "Unleash", async || {
            let answer = client.send(Call::new(Method::GET, "/health")).await;
            Ok(answer.ok().filter(|answer| answer.status == 200).map(drop))
        })
        .await?;
        Ok(Self { child, client, address, _database: database })
    }

    async fn change(&self, path: &str, body: &Value) -> Result<()> {
        let call = Call::new(Method::POST, path).json(body).header(AUTHORIZATION, ADMIN);
        let answer = self.client.send(call).await?;
        ensure!(
            (200..300).contains(&answer.status),
            "{path}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        Ok(())
    }

    async fn add(&self, n: usize) -> Result<()> {
        let features = "/api/admin/projects/default/features";
        self.change(features, &json!({"name": format!("simple-{n}"), "type": "release"})).await?;
        let environment = format!("{features}/simple-{n}/environments/development");
        let green = json!({"name": "b", "weight": 1000, "weightType": "variable", "stickiness": "default",
            "payload": {"type": "string", "value": "green"}});
        let strategy = json!({"name": "flexibleRollout", "variants": [green],
            "constraints": [{"contextName": "country", "operator": "IN", "values": ["CH"]}],
            "parameters": {"rollout": "100", "stickiness": "default", "groupId": format!("simple-{n}")}});
        self.change(&format!("{environment}/strategies"), &strategy).await?;
        self.change(&format!("{environment}/on"), &json!({})).await
    }

    fn request() -> String {
        let path = "/api/frontend?userId=cus_4711&properties%5Bcountry%5D=CH";
        request("GET", path, &format!("authorization: {FRONTEND}\r\n"), "")
    }

    /// Waits until it responds with so many flags; returns how long that took.
    async fn responds_with(&self, count: usize) -> Result<Duration> {
        let began = Instant::now();
        within(START, "Unleash's flags", async || {
            let path = "/api/frontend?userId=cus_4711&properties%5Bcountry%5D=CH";
            let answer = self.client.send(Call::new(Method::GET, path).header(AUTHORIZATION, FRONTEND)).await?;
            let found = answer.json()["toggles"].as_array().map(Vec::len);
            Ok((found == Some(count)).then_some(()))
        })
        .await?;
        Ok(began.elapsed())
    }

    async fn per_cpu(&self, turn: Duration) -> Result<f64> {
        let pid = self.child.id().context("it has ended")?;
        // It knows no requests under way on one connection.
        wire::requests(pid, &self.address, &Self::request(), 1, turn / 4).await?;
        Ok(wire::requests(pid, &self.address, &Self::request(), 1, turn).await?.per_cpu)
    }
}

/// Installs it, starts it and measures it.
pub(super) async fn measure(turn: Duration) -> Result<Measured> {
    let unleash = Unleash::start().await?;
    unleash.add(0).await?;
    unleash.responds_with(1).await?;
    let one = unleash.per_cpu(turn).await?;
    for n in 1..BULK {
        unleash.add(n).await?;
    }
    unleash.responds_with(BULK).await?;
    let all = unleash.per_cpu(turn).await?;
    let mut told_ms = Vec::new();
    let environment = "/api/admin/projects/default/features/simple-0/environments/development";
    for n in 0..CHANGES {
        let (state, count) = if n % 2 == 0 { ("off", BULK - 1) } else { ("on", BULK) };
        unleash.change(&format!("{environment}/{state}"), &json!({})).await?;
        told_ms.push(unleash.responds_with(count).await?.as_secs_f64() * 1000.0);
    }
    Ok(Measured { one, all, told_ms: median(told_ms) })
}
