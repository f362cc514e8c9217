//! Two gateways before one auth and one catalog, with a Redis that both share.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::Method;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use serde_json::json;
use tempfile::TempDir;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::auth::v1::{DeleteAccountRequest, RotateKeysRequest, SetAccountLockRequest};
use vitrine_contracts::catalog::v1::GetProductRequest;
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::services::{ALL, AUTH, CATALOG, CUSTOMERS, GATEWAY};
use vitrine_flags_client::Flags;
use vitrine_kit::clock::Clock;
use vitrine_platform_cache::{Config as CacheConfig, Engine};
use vitrine_platform_host::{Host, Running};
use vitrine_platform_http::{bind, serve};
use vitrine_platform_mesh::identity::MIN_SECRET_BYTES;
use vitrine_platform_mesh::{Identity, Limits, Mesh, Replicas};
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};
use vitrine_shop_auth::{Account, Role};
use vitrine_shop_gateway::Config;
use vitrine_shop_load::http::Call;
use vitrine_tests_engines::redis;
use vitrine_tests_testkit::{Api, Customer, eventually};

use crate::{NOWHERE, deps};

const ISSUER: &str = "http://shop.example";
const EMAIL: &str = "promoter@vitrine.example";
const PASSWORD: &str = "see-through-glass";
const PIECE: &str = "prd_tall-vase";

/// A process with a gateway.
struct Replica {
    api: Api,
    host: Host,
    grpc: Replicas,
    _data: TempDir,
    _running: Running,
}

/// A gateway, with auth and the catalog in its process unless they are elsewhere.
async fn replica(cache: &CacheConfig, config: Config, elsewhere: Option<&Replicas>) -> Result<Replica> {
    let data = TempDir::new()?;
    let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
    // Two processes of one shop.
    let identity = Identity::new(Clock::system()).with_secret(&[7; MIN_SECRET_BYTES])?;
    let mesh = Mesh::new(Limits::default()).with_identity(identity);
    let host = Host::new(data.path(), Clock::system(), 1, telemetry, mesh);
    let host = host.with_cache(Engine::new(cache)?);
    let mut components = vec![vitrine_shop_gateway::build(config, deps(&host), &Flags::of_code(), &host)?];
    for name in ALL.iter().filter(|name| **name != GATEWAY) {
        match (*name, elsewhere) {
            (AUTH | CATALOG, Some(replicas)) => host.mesh().place_remote(name, replicas)?,
            (AUTH, None) => {
                let account = Account {
                    account_id: "pro_demo".to_owned(),
                    email: EMAIL.to_owned(),
                    password: PASSWORD.into(),
                    role: Role::Promoter,
                };
                let config = vitrine_shop_auth::Config {
                    issuer: ISSUER.to_owned(),
                    accounts: vec![account],
                    ..vitrine_shop_auth::Config::default()
                };
                components.push(vitrine_shop_auth::build(config, &Flags::of_code(), &host)?);
            }
            (CATALOG, None) => {
                components.push(vitrine_shop_catalog::build(
                    vitrine_shop_catalog::Config::default(),
                    &Flags::of_code(),
                    &host,
                )?);
            }
            _ => host.mesh().place_remote(name, &Replicas::At(vec![NOWHERE.parse()?]))?,
        }
    }
    let running = host.start(components).await?;
    let (http, grpc) = (bind("127.0.0.1:0".parse()?).await?, bind("127.0.0.1:0".parse()?).await?);
    let api = Api::new(&format!("http://{}", http.local_addr()?), None)?;
    let replicas = Replicas::At(vec![grpc.local_addr()?.to_string().parse()?]);
    tokio::spawn(serve(http, running.http(), running.stop_token(), Duration::ZERO));
    tokio::spawn(serve(grpc, running.grpc(), running.stop_token(), Duration::ZERO));
    Ok(Replica { api, host, grpc: replicas, _data: data, _running: running })
}

impl Replica {
    /// Calls that a service of this process has answered.
    fn calls(&self, service: &str) -> u64 {
        self.host.pipeline().service_stats().iter().find(|(name, _)| name == service).map_or(0, |(_, f)| f.count)
    }
}

fn config() -> Config {
    Config { issuer: ISSUER.to_owned(), ..Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_share() -> Result<()> {
    let server = redis(&[])?;
    let cache = CacheConfig { url: server.url().into(), timeout_ms: 5000, ..CacheConfig::default() };
    let one = replica(&cache, config(), None).await?;
    let two = replica(&cache, config(), Some(&one.grpc)).await?;
    what_shoppers_see(&one, &two).await?;
    a_change_shows_at_every_gateway(&one, &two).await?;
    keys_are_asked_for_once(&one, &two).await?;
    Ok(())
}

/// The same with nothing to share: what is changed through one gateway shows at the other in a moment, and to sellers at once.
#[tokio::test(flavor = "multi_thread")]
async fn gateways_that_share_nothing() -> Result<()> {
    let own = CacheConfig { url: "".into(), ..CacheConfig::default() };
    let one = replica(&own, config(), None).await?;
    let two = replica(&own, config(), Some(&one.grpc)).await?;
    what_shoppers_see(&one, &one).await?;
    a_change_shows_at_every_gateway(&one, &one).await?;
    let path = format!("/api/v1/products/{PIECE}");
    let before = two.api.get(&path).await?;
    let promoter = Customer::sign_in(&one.api, EMAIL, PASSWORD).await?;
    let made = make(&promoter.api).await?;
    let path_of_made = format!("/api/v1/products/{made}");
    two.api.get(&path_of_made).await?;
    patch(&promoter.api, &path_of_made, "Seen by its seller").await?;
    ensure!(promoter.api.get(&path_of_made).await?["name"] == "Seen by its seller");
    let at_two = two.api.with_token(&token(&promoter).await?);
    ensure!(at_two.get(&path_of_made).await?["name"] == "Seen by its seller", "a seller saw what was");
    eventually("the new name", async || {
        Ok((two.api.get(&path_of_made).await?["name"] == "Seen by its seller").then_some(()))
    })
    .await?;
    ensure!(two.api.get(&path).await?["name"] == before["name"]);
    who_is_locked_or_erased_is_refused_at_every_gateway(&one, &two).await
}

/// No gateway remembers who was let in a moment ago.
async fn who_is_locked_or_erased_is_refused_at_every_gateway(one: &Replica, two: &Replica) -> Result<()> {
    let auth = AuthServiceClient::new(one.host.transport(GATEWAY, AUTH));
    let account_id = "pro_demo".to_owned();
    let told = async |token: &str| -> Result<Vec<u16>> {
        let mut told = Vec::new();
        for gateway in [&two.api, &one.api] {
            // Only who has proven who they are is told that this is not theirs to see.
            let answer = gateway.with_token(token).send(Call::new(Method::GET, "/api/v1/admin/orders")).await?;
            told.push(answer.status);
        }
        Ok(told)
    };
    for _ in 0..3 {
        let token = token(&Customer::sign_in(&two.api, EMAIL, PASSWORD).await?).await?;
        ensure!(told(&token).await? == [403, 403]);
        let lock = |locked| SetAccountLockRequest { account_id: account_id.clone(), locked };
        auth.clone().set_account_lock(lock(true)).await?;
        ensure!(told(&token).await? == [401, 401]);
        auth.clone().set_account_lock(lock(false)).await?;
        ensure!(told(&token).await? == [401, 401]);
    }
    let token = token(&Customer::sign_in(&two.api, EMAIL, PASSWORD).await?).await?;
    ensure!(told(&token).await? == [403, 403]);
    let mut accounts = AuthServiceClient::new(one.host.transport(CUSTOMERS, AUTH));
    accounts.delete_account(DeleteAccountRequest { account_id }).await?;
    ensure!(told(&token).await? == [401, 401]);
    Ok(())
}

/// A token of someone's.
async fn token(customer: &Customer) -> Result<String> {
    let base = customer.api.clone();
    let tokens = vitrine_shop_load::sign_in(base.client(), &customer.email, &customer.password).await;
    let tokens = tokens.map_err(|e| anyhow::anyhow!("{e}"))?;
    Ok(tokens["access_token"].as_str().context("a token")?.to_owned())
}

async fn make(promoter: &Api) -> Result<String> {
    let body = json!({
        "kind": "event", "name": "Glass harp evening", "description": "Thirty goblets, water and patience.", "category": "workshops",
        "tags": ["music"], "price": {"amount": "35.50", "currency": "EUR"}, "stock": 5,
        "event": {"starts_at": "2099-06-01T18:00:00Z", "duration_min": 90, "venue": "The cold shop"},
    });
    let made = promoter.expect(201, Method::POST, "/api/v1/products", Some(&body)).await?;
    Ok(made["id"].as_str().context("id")?.to_owned())
}

/// Changes the name of what the promoter sees there.
async fn patch(promoter: &Api, path: &str, name: &str) -> Result<()> {
    let seen = promoter.send(Call::new(Method::GET, path)).await?;
    let etag = seen.header("etag").context("an ETag")?;
    let call = Call::new(Method::PATCH, path).header(IF_MATCH, etag).json(&json!({ "name": name }));
    let changed = promoter.send(call).await?;
    ensure!(changed.status == 200, "{}", String::from_utf8_lossy(&changed.body));
    Ok(())
}

/// What one shopper has seen is not asked for again a moment later, wherever the next one comes in.
async fn what_shoppers_see(one: &Replica, two: &Replica) -> Result<()> {
    for path in [
        format!("/api/v1/products/{PIECE}"),
        format!("/api/v1/products/{PIECE}/picture.svg"),
        "/api/v1/products?limit=3".to_owned(),
        "/api/v1/products/search?q=vase".to_owned(),
        "/api/v1/categories".to_owned(),
        "/".to_owned(),
    ] {
        eventually("two in one moment", async || {
            let first = one.api.send(Call::new(Method::GET, &path)).await?;
            let (began, calls) = (Instant::now(), one.calls(CATALOG));
            let second = two.api.send(Call::new(Method::GET, &path)).await?;
            ensure!(first.status == 200 && second.status == 200 && first.body == second.body, "{path}");
            Ok((one.calls(CATALOG) == calls && began.elapsed() < Duration::from_secs(1)).then_some(()))
        })
        .await
        .with_context(|| path.clone())?;
    }
    // Errors are no one's to keep, and a tag is still known.
    let path = format!("/api/v1/products/{PIECE}");
    let etag = one.api.send(Call::new(Method::GET, &path)).await?.header("etag").context("an ETag")?.to_owned();
    ensure!(two.api.send(Call::new(Method::GET, &path).header(IF_NONE_MATCH, &etag)).await?.status == 304);
    one.api.expect(404, Method::GET, "/api/v1/products/prd_nothing", None).await?;
    one.api.expect(400, Method::GET, "/api/v1/products?category=nothing", None).await?;
    Ok(())
}

async fn a_change_shows_at_every_gateway(one: &Replica, two: &Replica) -> Result<()> {
    let promoter = Customer::sign_in(&one.api, EMAIL, PASSWORD).await?.api;
    let listed = async |api: &Api, id: &str| -> Result<bool> {
        let page = api.get("/api/v1/products?category=workshops&limit=100").await?;
        Ok(page["items"].as_array().context("items")?.iter().any(|p| p["id"] == id))
    };
    listed(&two.api, "").await?;
    let id = make(&promoter).await?;
    ensure!(listed(&two.api, &id).await?, "what was made is not listed");
    let path = format!("/api/v1/products/{id}");
    for n in 0..10 {
        let name = format!("Glass harp evening {n}");
        // Both know the name from before.
        one.api.get(&path).await?;
        two.api.get(&path).await?;
        patch(&promoter, &path, &name).await?;
        for api in [&two.api, &one.api, &promoter] {
            ensure!(api.get(&path).await?["name"] == name.as_str(), "an old name after a change");
        }
        let found = two.api.get("/api/v1/products?category=workshops&limit=100").await?;
        ensure!(found.to_string().contains(&name), "an old name in a list");
    }
    promoter.expect(204, Method::DELETE, &path, None).await?;
    two.api.expect(404, Method::GET, &path, None).await?;
    ensure!(!listed(&two.api, &id).await?, "what was deleted is listed");
    // What decides is never old: the catalog itself answers.
    let catalog = CatalogServiceClient::new(two.host.transport(GATEWAY, CATALOG));
    let gone = catalog.clone().get_product(GetProductRequest { product_id: id }).await;
    ensure!(gone.is_err());
    Ok(())
}

/// Of two gateways that see a token of a new key, one asks auth; the other finds what it was told.
async fn keys_are_asked_for_once(one: &Replica, two: &Replica) -> Result<()> {
    let auth = AuthServiceClient::new(one.host.transport(GATEWAY, AUTH));
    for _ in 0..3 {
        auth.clone().rotate_keys(RotateKeysRequest::default()).await?;
        let token = token(&Customer::sign_in(&one.api, EMAIL, PASSWORD).await?).await?;
        let calls = one.calls(AUTH);
        for api in [&two.api, &one.api, &two.api] {
            // Only who has proven who they are is told that this is not theirs to see.
            api.with_token(&token).expect(403, Method::GET, "/api/v1/admin/orders", None).await?;
        }
        // Beside these, each request asks whether its token is active.
        ensure!(one.calls(AUTH) == calls + 1 + 3, "{} calls", one.calls(AUTH) - calls);
    }
    // Keys in other hands are published no more; a gateway that knows none learns only the new ones.
    let published =
        async || -> Result<usize> { Ok(one.api.get("/oauth2/jwks").await?["keys"].as_array().context("keys")?.len()) };
    ensure!(published().await? == 8, "each rotation leaves the keys of tokens that are about");
    let before = token(&Customer::sign_in(&one.api, EMAIL, PASSWORD).await?).await?;
    auth.clone().rotate_keys(RotateKeysRequest { compromised: true }).await?;
    ensure!(published().await? == 2, "keys are published that somebody else has");
    let after = token(&Customer::sign_in(&one.api, EMAIL, PASSWORD).await?).await?;
    two.api.with_token(&after).expect(403, Method::GET, "/api/v1/admin/orders", None).await?;
    two.api.with_token(&before).expect(401, Method::GET, "/api/v1/admin/orders", None).await?;
    // A key that no one published is looked for, and refused.
    let forged = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im5vYm9keSJ9.e30.AAAA";
    two.api.with_token(forged).expect(401, Method::GET, "/api/v1/admin/orders", None).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_share_a_limit_and_go_on_without_redis() -> Result<()> {
    const BURST: u32 = 30;
    let mut server = redis(&[])?;
    let cache = CacheConfig { url: server.url().into(), timeout_ms: 1000, ..CacheConfig::default() };
    let config = Config { rate_per_s: 1, rate_burst: BURST, ..config() };
    let one = replica(&cache, config.clone(), None).await?;
    let two = replica(&cache, config, Some(&one.grpc)).await?;
    let count = async || -> Result<u64> {
        let mut allowed = 0;
        for n in 0..2 * BURST + 20 {
            let api = if n % 2 == 0 { &one.api } else { &two.api };
            let answer = api.send(Call::new(Method::GET, "/api/v1/openapi.json")).await?;
            match answer.status {
                200 => allowed += 1,
                429 => ensure!(answer.code() == "RATE_LIMITED" && answer.header("retry-after") == Some("1")),
                other => anyhow::bail!("{other}"),
            }
        }
        Ok(allowed)
    };
    let began = Instant::now();
    let allowed = count().await?;
    let most = u64::from(BURST) + began.elapsed().as_secs();
    ensure!((u64::from(BURST)..=most).contains(&allowed), "{allowed} of {most} were allowed");

    // Gone: each counts for itself, and no one is told of an error.
    server.kill()?;
    let began = Instant::now();
    let allowed = count().await?;
    let most = 2 * (u64::from(BURST) + began.elapsed().as_secs());
    ensure!((2 * u64::from(BURST)..=most).contains(&allowed), "{allowed} of {most} were allowed");
    Ok(())
}
