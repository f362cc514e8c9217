//! Who a browser is: known by a cookie that no script reads. Tokens stay here, in memory: a restart has people sign in again, and several
//! gateways behind one address need one that sends a browser to the same of them.

use std::sync::Arc;

use axum::http::{Extensions, HeaderMap, HeaderValue};
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::{Map, json};
use tokio::sync::Mutex;
use vitrine_kit::clock::Clock;
use vitrine_platform_web::{SetCookie, cookie, unguessable};

use crate::graph::{Caller, Error, Graph};

/// Cookies ignore ports, so these names are the shop's alone on a machine.
const SESSION: &str = "vitrine_shop_session";
const GUEST: &str = "vitrine_shop_guest";
const COUNTRY: &str = "vitrine_shop_country";
/// For how long a browser keeps being signed in, in seconds.
const SESSION_S: u32 = 8 * 3600;
/// For how long a guest's cart is found again, in seconds.
const GUEST_S: u32 = 30 * 24 * 3600;
/// For how long a browser is asked for no other country, in seconds.
const COUNTRY_S: u32 = 365 * 24 * 3600;
/// Most browsers that are signed in at once; beyond, those that were not seen for longest sign in again.
const MAX_SESSIONS: usize = 50_000;
/// A token that ends within this is changed before it is used, in milliseconds.
const REFRESH_EARLY_MS: i64 = 30_000;
/// The longest cookie that is looked at, in bytes.
const MAX_COOKIE: usize = 200;

const REFRESH: &str = "mutation Refresh($token: String!) { refreshSession(input: {refreshToken: $token}) \
     { session { accessToken refreshToken expiresInS } errors { code } } }";

/// What signing in gives.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    expires_in_s: i64,
}

struct CurrentTokens {
    tokens: Tokens,
    ends_ms: i64,
}

/// A browser that is signed in.
pub(crate) struct Session {
    /// What the customer is called.
    pub(crate) name: String,
    current: Mutex<CurrentTokens>,
}

/// Who looks at a page.
#[derive(Clone, Default)]
pub(crate) struct Visitor {
    /// What a customer is called.
    pub(crate) name: Option<String>,
    /// Where parcels are to be sent, as it was chosen.
    pub(crate) country: Option<String>,
    pub(crate) caller: Caller,
}

impl Visitor {
    pub(crate) fn is_customer(&self) -> bool {
        self.caller.token.is_some()
    }
}

pub(crate) struct Sessions {
    all: Cache<String, Arc<Session>>,
    clock: Clock,
    is_secure: bool,
}

impl Sessions {
    pub(crate) fn new(clock: Clock, is_secure: bool) -> Self {
        Self { all: Cache::new(MAX_SESSIONS), clock, is_secure }
    }

    /// Who sends these headers. One whose tokens have ended is no customer any more.
    pub(crate) async fn visitor(&self, graph: &Graph, headers: &HeaderMap, extensions: &Extensions) -> Visitor {
        let guest = cookie(headers, GUEST).filter(|guest| guest.len() <= MAX_COOKIE);
        let anyone = Caller { guest: guest.map(str::to_owned), ..Caller::at(extensions) };
        let country = cookie(headers, COUNTRY).filter(|code| is_country(code)).map(str::to_owned);
        let Some((id, session)) = self.find(headers) else { return Visitor { name: None, country, caller: anyone } };
        match self.token(graph, &session, &anyone).await {
            Ok(token) => {
                let caller = Caller { token: Some(token), ..anyone };
                Visitor { name: Some(session.name.clone()), country, caller }
            }
            Err(Error::NotSignedIn) => {
                self.all.remove(id);
                Visitor { name: None, country, caller: anyone }
            }
            // Another request may have better luck.
            Err(_) => Visitor { name: Some(session.name.clone()), country, caller: anyone },
        }
    }

    fn find<'a>(&self, headers: &'a HeaderMap) -> Option<(&'a str, Arc<Session>)> {
        let id = cookie(headers, SESSION).filter(|id| id.len() <= MAX_COOKIE)?;
        Some((id, self.all.get(id)?))
    }

    /// A token that is good for a while. Requests of one browser that come together change it once.
    async fn token(&self, graph: &Graph, session: &Session, caller: &Caller) -> Result<String, Error> {
        let mut current = session.current.lock().await;
        if self.clock.now_ms() + REFRESH_EARLY_MS < current.ends_ms {
            return Ok(current.tokens.access_token.clone());
        }
        let variables = Map::from_iter([("token".to_owned(), json!(current.tokens.refresh_token))]);
        let mut answer = graph.ask(caller, REFRESH, variables).await?;
        let tokens = Tokens::deserialize(answer["refreshSession"]["session"].take()).map_err(|_| Error::NotSignedIn)?;
        *current = self.keep(tokens);
        Ok(current.tokens.access_token.clone())
    }

    fn keep(&self, tokens: Tokens) -> CurrentTokens {
        CurrentTokens { ends_ms: self.clock.now_ms() + tokens.expires_in_s * 1000, tokens }
    }

    /// Signs a browser in: it gets a new cookie, and its guest's cart is no more.
    pub(crate) fn begin(&self, tokens: Tokens, name: String) -> [Option<HeaderValue>; 2] {
        let id = unguessable();
        let cookie = self.cookie(SESSION, &id, SESSION_S);
        self.all.insert(id, Arc::new(Session { name, current: Mutex::new(self.keep(tokens)) }));
        [cookie, self.cookie(GUEST, "", 0)]
    }

    /// Signs a browser out. Returns the token that ends its sign-in, and the cookie that is none any more.
    pub(crate) async fn end(&self, headers: &HeaderMap) -> (Option<String>, Option<HeaderValue>) {
        let refresh_token = match self.find(headers) {
            Some((id, session)) => {
                self.all.remove(id);
                Some(session.current.lock().await.tokens.refresh_token.clone())
            }
            None => None,
        };
        (refresh_token, self.cookie(SESSION, "", 0))
    }

    /// Has a browser keep a guest's cart.
    pub(crate) fn guest(&self, secret: &str) -> Option<HeaderValue> {
        self.cookie(GUEST, secret, GUEST_S)
    }

    /// Has a browser keep where parcels are to be sent; none where that is no country.
    pub(crate) fn country(&self, code: &str) -> Option<HeaderValue> {
        is_country(code).then(|| self.cookie(COUNTRY, code, COUNTRY_S)).flatten()
    }

    fn cookie(&self, name: &str, value: &str, max_age_s: u32) -> Option<HeaderValue> {
        SetCookie { name, value, path: "/", max_age_s, secure: self.is_secure }.header()
    }
}

/// Whether a text can be the code of a country. Whether it is one that the shop sends to is seen where it is used.
fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())
}
