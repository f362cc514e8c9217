//! Who may do what: accounts, credentials and tokens, by OAuth 2.1 and OpenID Connect. HTTP is the gateway's business.
//!
//! Where to start reading: [`domain`] holds the rules (authorization requests, PKCE, redirects, lock-out, assertions); `flows` follows
//! them: accounts, authorizing, signing in, grants, families of refresh tokens, clients, promoters' keys, and whether a token is still active; `keys`
//! signs and publishes; `password` hashes; `store` keeps accounts, codes, refresh tokens, browsers' sessions, keys and lock-outs. Codes,
//! refresh tokens and sessions are stored as digests only, passwords as Argon2id hashes. Access tokens are short-lived, verified by anybody
//! with the published keys, and active only as long as this service says so: see `docs/adr/0018-a-token-is-asked-about.md`.
//!
//! ```
//! use vitrine_shop_auth::domain::redirect_allowed;
//!
//! let registered = ["http://127.0.0.1/callback".to_owned()];
//! // A program on the user's machine listens where a port is free; elsewhere an address is what was registered, or none.
//! assert!(redirect_allowed(&registered, "http://127.0.0.1:51004/callback"));
//! assert!(!redirect_allowed(&registered, "http://127.0.0.1.evil.example/callback"));
//! ```

pub mod domain;
pub mod flags;
mod flows;
mod grpc;
mod keys;
pub mod machine;
mod password;
mod signing;
mod store;

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::auth_service_server::AuthServiceServer;
use vitrine_contracts::services::AUTH;
use vitrine_flags_client::Flags;
use vitrine_kit::Secret;
use vitrine_platform_host::erasure::DataSubject;
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_store::Schema;

/// How often expired things are forgotten, and the signing key is read again.
const TICK: Duration = Duration::from_secs(30);

/// Who may sign in, and how long what they are given is good.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who issues the tokens: the shop's address, as its clients see it. The composition root knows it.
    #[serde(skip)]
    pub issuer: String,
    /// How long an access token is good.
    #[schemars(range(min = 1))]
    pub access_token_ttl_s: u32,
    /// How long a refresh token is good, from its last use.
    #[schemars(range(min = 1))]
    pub refresh_token_ttl_s: u32,
    /// After so many wrong passwords in a row an e-mail address is locked.
    #[schemars(range(min = 1))]
    pub lockout_after: u32,
    /// For so long.
    pub lockout_s: u32,
    /// Programs that may ask for tokens.
    pub clients: Vec<Client>,
    /// Accounts that are there from the start.
    pub accounts: Vec<Account>,
    /// Ids of accounts that an earlier start made and that are not wanted any more: the composition root's, unless `accounts` has them.
    #[serde(skip)]
    pub withdrawn: Vec<String>,
    /// Promoters' keys that are there from the start: the composition root's.
    #[serde(skip)]
    pub promoter_keys: Vec<PromoterKey>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: "http://127.0.0.1:8080".to_owned(),
            access_token_ttl_s: 600,
            refresh_token_ttl_s: 30 * 24 * 3600,
            lockout_after: 5,
            lockout_s: 300,
            clients: vec![Client::storefront()],
            accounts: Vec::new(),
            withdrawn: Vec::new(),
            promoter_keys: Vec::new(),
        }
    }
}

/// A program that may ask for tokens. With a secret or a key it is confidential: it proves who it is. Without both it is public.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// What it calls itself.
    pub id: String,
    /// What people are shown.
    pub name: String,
    /// Where people may be sent back to: absolute URIs without a fragment. For a loopback address any port will do (RFC 8252).
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// What it proves who it is with, by `client_secret_basic` or `client_secret_post`.
    #[serde(default)]
    pub secret: Secret,
    /// A machine's public key (a P-256 JWK): it proves who it is by `private_key_jwt`.
    #[serde(default)]
    pub public_jwk: Option<serde_json::Value>,
    /// Whom a machine acts as.
    #[serde(default)]
    pub account_id: String,
    /// What a machine may do.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// How long a machine's access token is good; 0 for as long as everyone's.
    #[serde(default)]
    pub token_ttl_s: u32,
}

impl Client {
    /// The public client that people sign in with, from a browser or a terminal on the same machine.
    pub fn storefront() -> Self {
        Self {
            id: "vitrine-storefront".to_owned(),
            name: "Vitrine".to_owned(),
            redirect_uris: vec!["http://127.0.0.1/callback".to_owned(), "http://[::1]/callback".to_owned()],
            ..Self::default()
        }
    }

    /// Whether it proves who it is.
    pub fn is_confidential(&self) -> bool {
        !self.secret.is_empty() || self.public_jwk.is_some()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// What someone may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Buys.
    Customer,
    /// Sells.
    Promoter,
    /// Runs the shop.
    Admin,
}

/// An account that is there from the start.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// "cus_…", "pro_…" or "adm_…".
    pub account_id: String,
    /// To sign in with.
    pub email: String,
    /// To sign in with.
    pub password: Secret,
    /// What it may do.
    pub role: Role,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("account_id", &self.account_id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// A promoter's key that is there from the start.
#[derive(Clone, Debug)]
pub struct PromoterKey {
    /// "pk_…".
    pub id: String,
    /// Whose it is: "pro_…".
    pub promoter_id: String,
    /// Which page it is for.
    pub name: String,
    /// Whose pages may use it.
    pub origins: Vec<String>,
}

fn schema(schema: Schema) -> Schema {
    schema
        .with::<store::AccountDoc>()
        .with::<store::PromoterKeyDoc>()
        .with::<store::CodeDoc>()
        .with::<store::RefreshDoc>()
        .with::<store::SessionDoc>()
        .with::<store::UsedDoc>()
        .with::<store::RevokedTokenDoc>()
        .with::<store::LockDoc>()
        .with::<store::KeyDoc>()
        .with::<DataSubject>()
}

/// The service. Settings with a key that cannot be used are refused.
pub fn build(config: Config, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let store = host.open_store(AUTH, schema(Schema::new()))?;
    let keys = keys::Keys::new(store.clone(), host.clock());
    let flows = flows::Flows::new(
        config,
        store.clone(),
        host.clock(),
        keys,
        flags.handle(&host.telemetry(AUTH), flags::FLAGS),
    )?;
    let (first, tending) = (flows.clone(), flows.clone());
    Ok(Component::new(AUTH)
        .grpc(AuthServiceServer::new(grpc::Service(flows)))
        .store(store)
        .before_ready(async move {
            first.prepare().await.map_err(|e| {
                tracing::error!(error = %e, "signing key and accounts could not be prepared");
                match e {
                    Failure::Refused(problem) => problem,
                    _ => Problem::internal(),
                }
            })
        })
        .task("forget what expired", async move |stop| {
            let mut ticks = tokio::time::interval(TICK);
            let mut round = async || {
                ticks.tick().await;
                tending.sweep().await
            };
            while let Some(tended) = stop.run_until_cancelled(round()).await {
                if let Err(e) = tended {
                    tracing::warn!(error = %e, "expired tokens could not be forgotten; it is tried again");
                }
            }
        }))
}
