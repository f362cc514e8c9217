//! What clients of auth can rely on, through the host and the Fence as in the shop.

mod authorizing;
mod codes;
mod confidential;
mod keys;
mod machines;
mod people;
mod promoter_keys;
mod refreshing;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::auth::v1::{
    AuthorizationRequest, CreateAccountRequest, GetJwksRequest, IssueTokenRequest, IssueTokenResponse, LoginRequest,
    Role as WireRole,
};
use vitrine_contracts::services::{AUTH, CUSTOMERS, GATEWAY};
use vitrine_flags_client::Flags;
use vitrine_kit::clock::{Clock, Manual};
use vitrine_platform_host::{Host, Running};
use vitrine_platform_mesh::{Limits, Mesh, Transport};
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};
use vitrine_shop_auth::Config;

/// When every test begins, Unix milliseconds.
pub(crate) const START_MS: i64 = 1_795_219_200_000;
pub(crate) const CLIENT: &str = "vitrine-storefront";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:5123/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const EMAIL: &str = "ada@example.org";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The service at work, and the hand of its clock.
pub(crate) struct World {
    pub(crate) data: TempDir,
    pub(crate) clock: Clock,
    pub(crate) hand: Manual,
    /// As the gateway calls it.
    pub(crate) auth: AuthServiceClient<Transport>,
    /// As the customers' service calls it.
    pub(crate) accounts: AuthServiceClient<Transport>,
    running: Running,
}

async fn start(data: TempDir, clock: Clock, hand: Manual, config: Config) -> World {
    let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
    let host = Host::new(data.path(), clock.clone(), 1, telemetry, Mesh::new(Limits::default()));
    let [auth, accounts] = [GATEWAY, CUSTOMERS].map(|caller| AuthServiceClient::new(host.transport(caller, AUTH)));
    let component = vitrine_shop_auth::build(config, &Flags::of_code(), &host).expect("builds");
    let running = host.start(vec![component]).await.expect("starts");
    World { data, clock, hand, auth, accounts, running }
}

impl World {
    /// With these settings and no one in it.
    pub(crate) async fn empty(config: Config) -> Self {
        let (clock, hand) = Clock::manual(START_MS);
        start(TempDir::new().expect("a folder"), clock, hand, config).await
    }

    /// With the usual settings and one customer, Ada.
    pub(crate) async fn with_ada() -> Self {
        let world = Self::empty(Config::default()).await;
        world.create("cus_ada", EMAIL).await.expect("created");
        world
    }

    /// The same data under a new process.
    pub(crate) async fn restart(self, config: Config) -> Self {
        assert!(self.running.stop().await, "drained");
        start(self.data, self.clock, self.hand, config).await
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.hand.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn create(&self, account_id: &str, email: &str) -> Result<(), Status> {
        let request = CreateAccountRequest {
            account_id: account_id.to_owned(),
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            role: WireRole::Customer.into(),
        };
        self.accounts.clone().create_account(request).await.map(|_| ())
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Result<String, Status> {
        self.login_with(authorization(), email, password).await
    }

    /// Where the person is sent to.
    pub(crate) async fn login_with(
        &self,
        authorization: AuthorizationRequest,
        email: &str,
        password: &str,
    ) -> Result<String, Status> {
        let (email, password) = (email.to_owned(), password.to_owned());
        let request = LoginRequest { authorization: Some(authorization), email, password, ..LoginRequest::default() };
        Ok(self.auth.clone().login(request).await?.into_inner().location)
    }

    /// A code for Ada.
    pub(crate) async fn code(&self) -> String {
        parameter(&self.login(EMAIL, PASSWORD).await.expect("signs in"), "code").expect("a code").to_owned()
    }

    pub(crate) async fn exchange(&self, code: &str) -> Result<IssueTokenResponse, Status> {
        self.issue(by_code(code)).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<IssueTokenResponse, Status> {
        self.issue(by_refresh_token(token)).await
    }

    pub(crate) async fn issue(&self, request: IssueTokenRequest) -> Result<IssueTokenResponse, Status> {
        self.auth.clone().issue_token(request).await.map(tonic::Response::into_inner)
    }

    /// Tokens for Ada.
    pub(crate) async fn tokens(&self) -> IssueTokenResponse {
        self.exchange(&self.code().await).await.expect("tokens")
    }

    pub(crate) async fn jwks(&self) -> JwkSet {
        let answer = self.auth.clone().get_jwks(GetJwksRequest {}).await.expect("keys").into_inner();
        assert!(!answer.jwks_json.contains("\"d\""), "a private key is published");
        serde_json::from_str(&answer.jwks_json).expect("a JWKS")
    }

    /// What a token says, if a published key verifies it.
    pub(crate) async fn verify(&self, token: &str, audience: &str) -> Option<Value> {
        let header = jsonwebtoken::decode_header(token).expect("a header");
        let jwks = self.jwks().await;
        let key = DecodingKey::from_jwk(jwks.find(&header.kid.expect("a key id"))?).expect("a key");
        // Access tokens are for Vitrine, ID tokens for clients.
        let algorithm = if audience == "vitrine" { Algorithm::ES256 } else { Algorithm::RS256 };
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[Config::default().issuer]);
        // By the clock of this world.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).expect("verifies").claims;
        assert!(claims["exp"].as_i64().expect("exp") > claims["iat"].as_i64().expect("iat"));
        Some(claims)
    }
}

pub(crate) fn authorization() -> AuthorizationRequest {
    AuthorizationRequest {
        response_type: "code".to_owned(),
        client_id: CLIENT.to_owned(),
        redirect_uri: REDIRECT.to_owned(),
        scope: "openid email offline_access".to_owned(),
        state: "a b&c".to_owned(),
        code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)),
        code_challenge_method: "S256".to_owned(),
        nonce: "n-1".to_owned(),
        ..AuthorizationRequest::default()
    }
}

pub(crate) fn by_code(code: &str) -> IssueTokenRequest {
    IssueTokenRequest {
        grant_type: "authorization_code".to_owned(),
        code: code.to_owned(),
        redirect_uri: REDIRECT.to_owned(),
        client_id: CLIENT.to_owned(),
        code_verifier: VERIFIER.to_owned(),
        ..IssueTokenRequest::default()
    }
}

pub(crate) fn by_refresh_token(token: &str) -> IssueTokenRequest {
    IssueTokenRequest {
        grant_type: "refresh_token".to_owned(),
        client_id: CLIENT.to_owned(),
        refresh_token: token.to_owned(),
        ..IssueTokenRequest::default()
    }
}

/// A parameter of a query, as it stands there.
pub(crate) fn parameter<'a>(location: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = location.split_once('?')?;
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Why it was refused.
pub(crate) fn reason<T: std::fmt::Debug>(outcome: Result<T, Status>) -> String {
    Problem::from_status(&outcome.expect_err("should be refused")).reason
}
