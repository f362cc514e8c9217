//! A relying party, the browser of one who signs in to it, and the shop that both speak with.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, COOKIE};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::services::{ALL, AUTH, CUSTOMERS, GATEWAY};
use vitrine_flags_client::Flags;
use vitrine_kit::clock::Clock;
use vitrine_kit::percent;
use vitrine_platform_host::{Host, Running};
use vitrine_platform_http::{bind, serve};
use vitrine_platform_mesh::{Limits, Mesh, Replicas};
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};
use vitrine_shop_auth::{Account, Client, Role};
use vitrine_shop_customers::Profile;
use vitrine_shop_gateway::Config;
use vitrine_shop_load::http::{Call, Client as Http, Response};

use crate::{NOWHERE, deps};

pub(crate) const EMAIL: &str = "ada@vitrine.example";
pub(crate) const PASSWORD: &str = "see-through-glass";
pub(crate) const NAME: &str = "Ada Brenner";
pub(crate) const WEB: &str = "web";
/// With characters that a Basic header must have encoded.
pub(crate) const SECRET: &str = "an open: secret+1%";
pub(crate) const REDIRECT: &str = "https://rp.example/cb";
pub(crate) const PUBLIC: &str = "vitrine-storefront";
pub(crate) const LOOPBACK: &str = "http://127.0.0.1:5123/callback";
/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A gateway with auth and customers in its process, and with Ada in them.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) http: Http,
    _data: TempDir,
    _running: Running,
}

fn clients() -> Vec<Client> {
    let web = Client {
        id: WEB.to_owned(),
        name: "A web site".to_owned(),
        redirect_uris: vec![REDIRECT.to_owned(), LOOPBACK.to_owned()],
        secret: SECRET.into(),
        ..Client::default()
    };
    vec![Client::storefront(), Client { id: "other".to_owned(), ..web.clone() }, web]
}

impl World {
    pub(crate) async fn start(clock: Clock) -> Result<Self> {
        Self::limited(clock, Config::default()).await
    }

    /// The same with other settings of the gateway.
    pub(crate) async fn limited(clock: Clock, gateway: Config) -> Result<Self> {
        let data = TempDir::new()?;
        let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
        let host = Host::new(data.path(), clock, 1, telemetry, Mesh::new(Limits::default()));
        let listener: TcpListener = bind("127.0.0.1:0".parse()?).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let id = || "cus_ada".to_owned();
        let (email, password, role) = (EMAIL.to_owned(), PASSWORD.to_owned(), Role::Customer);
        let account = Account { account_id: id(), email: email.clone(), password: password.into(), role };
        let auth = vitrine_shop_auth::Config {
            issuer: url.clone(),
            accounts: vec![account],
            clients: clients(),
            ..vitrine_shop_auth::Config::default()
        };
        let profiles = vec![Profile { id: id(), email, display_name: NAME.to_owned() }];
        let customers = vitrine_shop_customers::Deps { auth: AuthServiceClient::new(host.transport(CUSTOMERS, AUTH)) };
        let gateway = Config { issuer: url.clone(), ..gateway };
        let components = vec![
            vitrine_shop_gateway::build(gateway, deps(&host), &Flags::of_code(), &host)?,
            vitrine_shop_auth::build(auth, &Flags::of_code(), &host)?,
            vitrine_shop_customers::build(
                vitrine_shop_customers::Config { profiles },
                customers,
                &Flags::of_code(),
                &host,
            )?,
        ];
        for name in ALL.iter().filter(|name| ![GATEWAY, AUTH, CUSTOMERS].contains(*name)) {
            host.mesh().place_remote(name, &Replicas::At(vec![NOWHERE.parse()?]))?;
        }
        let running = host.start(components).await?;
        tokio::spawn(serve(listener, running.http(), running.stop_token(), Duration::ZERO));
        Ok(Self { http: Http::new(&url)?, url, _data: data, _running: running })
    }

    pub(crate) async fn send(&self, call: Call) -> Result<Response> {
        Ok(self.http.send(call).await?)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.send(Call::new(Method::GET, path)).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        Ok(answer.json())
    }

    /// The token endpoint's answer to the client "web", which proves who it is by a Basic header.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Result<Response> {
        self.send(Call::new(Method::POST, "/oauth2/token").header(AUTHORIZATION, &basic(WEB, SECRET)).form(form)).await
    }

    /// Tokens for a code.
    pub(crate) async fn redeem(&self, code: &str) -> Result<Response> {
        self.token(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT)]).await
    }

    /// What an ID token says, if all is as OpenID Connect Core, section 3.1.3.7, wants it.
    pub(crate) async fn id_token(&self, tokens: &Value, client: &str) -> Result<Value> {
        let token = tokens["id_token"].as_str().with_context(|| format!("no ID token: {tokens}"))?;
        let header = jsonwebtoken::decode_header(token)?;
        ensure!(header.alg == Algorithm::RS256, "{:?}", header.alg);
        let jwks: JwkSet = serde_json::from_value(self.get("/oauth2/jwks").await?)?;
        let key = jwks.find(&header.kid.context("no kid")?).context("an unknown key")?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[client]);
        validation.set_issuer(&[&self.url]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // By the clock of this world.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key)?, &validation)?.claims;
        ensure!(claims["exp"].as_i64() > claims["iat"].as_i64() && claims["iat"].is_i64(), "{claims}");
        let access = tokens["access_token"].as_str().context("no access token")?;
        let half = URL_SAFE_NO_PAD.encode(&Sha256::digest(access)[..16]);
        ensure!(claims["at_hash"] == half.as_str(), "{claims}");
        Ok(claims)
    }

    /// What the userinfo endpoint says.
    pub(crate) async fn userinfo(&self, tokens: &Value) -> Result<Value> {
        let access = tokens["access_token"].as_str().context("no access token")?;
        let answer = self.send(Call::new(Method::GET, "/oauth2/userinfo").bearer(access)).await?;
        ensure!(answer.status == 200, "{}", answer.status);
        Ok(answer.json())
    }
}

/// A Basic header (RFC 6749, section 2.3.1).
pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", percent::encode(id), percent::encode(secret))))
}

/// The parameters of a query.
pub(crate) fn query(location: &str) -> BTreeMap<String, String> {
    let query = location.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), percent::decode(value).unwrap_or_default())).collect()
}

/// Parameters as a query.
pub(crate) fn encoded(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", percent::encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// An authorization request of "web" with other parameters, or with these otherwise; those of no value are left out.
pub(crate) fn request<'a>(other: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("response_type", "code"),
        ("client_id", WEB),
        ("redirect_uri", REDIRECT),
        ("scope", "openid"),
        ("state", "a state / +&="),
        ("nonce", "n-1"),
    ];
    let kept = usual.into_iter().filter(|(name, _)| !other.iter().any(|(o, _)| o == name));
    kept.chain(other.iter().copied()).filter(|(_, value)| !value.is_empty()).collect()
}

/// What the relying party is told, and whether the person had to do anything for it.
#[derive(Debug)]
pub(crate) struct PartyView {
    pub(crate) answer: BTreeMap<String, String>,
    pub(crate) shown: bool,
}

impl PartyView {
    pub(crate) fn code(&self) -> Result<&str> {
        let code = self.answer.get("code").with_context(|| format!("no code: {self:?}"))?;
        // RFC 6749, section 10.10: not to be guessed.
        ensure!(code.len() >= 22, "a short code");
        Ok(code)
    }

    pub(crate) fn is_error(&self, error: &str) -> Result<()> {
        let description = self.answer.get("error_description").with_context(|| format!("{self:?}"))?;
        let plain = |b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\');
        ensure!(self.answer.get("error").is_some_and(|e| e == error), "{error}: {self:?}");
        ensure!(!self.answer.contains_key("code") && description.bytes().all(plain), "{self:?}");
        Ok(())
    }
}

/// Of one person, Ada; it keeps one cookie.
pub(crate) struct Browser<'w> {
    world: &'w World,
    pub(crate) cookie: Option<String>,
}

impl<'w> Browser<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self { world, cookie: None }
    }

    pub(crate) async fn send(&mut self, call: Call) -> Result<Response> {
        let call = call.header(ACCEPT, "text/html,application/xhtml+xml");
        let call = match &self.cookie {
            Some(cookie) => call.header(COOKIE, &format!("theme=dark; {cookie}")),
            None => call,
        };
        let answer = self.world.send(call).await?;
        if let Some(cookie) = answer.header("set-cookie") {
            ensure!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        Ok(answer)
    }

    /// Follows a link to the authorization endpoint.
    pub(crate) async fn ask(&mut self, parameters: &[(&str, &str)]) -> Result<Response> {
        self.send(Call::new(Method::GET, &format!("/oauth2/authorize?{}", encoded(parameters)))).await
    }

    /// Fills in the page, if one is shown, and goes where it is sent.
    pub(crate) async fn go_on(&mut self, first: Response, parameters: &[(&str, &str)]) -> Result<PartyView> {
        let shown = first.status == 200;
        let last = if shown { self.fill_in(&String::from_utf8_lossy(&first.body)).await? } else { first };
        let location = last.header("location").with_context(|| format!("{}: nowhere to go", last.status))?;
        ensure!(last.status == 303 && last.header("cache-control") == Some("no-store"), "{}", last.status);
        let wanted = |name: &str| parameters.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        let redirect = wanted("redirect_uri").context("a redirect URI")?;
        ensure!(location.starts_with(redirect), "{location}");
        let answer = query(location);
        ensure!(answer.get("state").map(String::as_str) == wanted("state"), "another state: {location}");
        ensure!(answer.get("iss") == Some(&self.world.url), "another issuer: {location}");
        Ok(PartyView { answer, shown })
    }

    async fn fill_in(&mut self, page: &str) -> Result<Response> {
        let mut fields = Vec::new();
        for input in page.split("<input type=\"hidden\" name=\"").skip(1) {
            let (name, rest) = input.split_once("\" value=\"").context("a hidden field")?;
            let value = rest.split('"').next().context("a value")?;
            let value = value.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">");
            fields.push((name, value.replace("&amp;", "&")));
        }
        let mut form: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        form.extend([("email", EMAIL), ("password", PASSWORD)]);
        self.send(Call::new(Method::POST, "/oauth2/authorize").form(&form)).await
    }

    /// From the link to the relying party.
    pub(crate) async fn authorize(&mut self, other: &[(&str, &str)]) -> Result<PartyView> {
        let parameters = request(other);
        let first = self.ask(&parameters).await?;
        self.go_on(first, &parameters).await
    }

    /// All the way to tokens.
    pub(crate) async fn tokens(&mut self, other: &[(&str, &str)]) -> Result<Value> {
        let error_of = self.authorize(other).await?;
        let answer = self.world.redeem(error_of.code()?).await?;
        let tokens = answer.json();
        ensure!(answer.status == 200 && tokens["token_type"] == "Bearer", "{}: {tokens}", answer.status);
        ensure!(answer.header("cache-control") == Some("no-store"), "it may be kept");
        ensure!(answer.header("pragma") == Some("no-cache") && tokens["expires_in"].is_u64(), "{tokens}");
        Ok(tokens)
    }
}
