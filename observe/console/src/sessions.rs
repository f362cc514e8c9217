//! Who a browser is: known by a cookie that no script reads. What it signed in with stays here, in memory: a restart has people sign in again.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use quick_cache::sync::Cache;
use tokio::sync::Mutex;
use vitrine_kit::Secret;
use vitrine_kit::clock::Clock;
use vitrine_observe_store::Token;
use vitrine_platform_web::{SetCookie, cookie, unguessable};

use crate::role::Role;

/// Cookies ignore ports, so this name is the console's alone on a machine.
const SESSION: &str = "vitrine_console_session";
/// For how long a browser keeps being signed in, in seconds.
const SESSION_S: u32 = 8 * 3600;
/// Most browsers that are signed in at once; beyond, those that were not seen for longest sign in again.
const MAX_SESSIONS: usize = 10_000;
/// The longest cookie that is looked at, in bytes.
const MAX_COOKIE: usize = 200;

/// A browser that is signed in.
pub(crate) struct Session {
    /// What the person is called.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The token by which its requests are let in at the observatory.
    pub(crate) token: Secret,
    /// What the provider gave, which the shop takes; none of who signed in by a token.
    pub(crate) granted: Option<Mutex<Granted>>,
    ends_ms: i64,
}

/// What a provider gave.
pub(crate) struct Granted {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Secret,
    /// When the access token ends, in milliseconds since 1970.
    pub(crate) ends_ms: i64,
}

/// Tokens of sessions that were not begun with one, by role. They are made anew at each start, and never leave the process.
#[derive(Clone, Debug, Default)]
pub struct SessionTokens(Vec<(Role, Secret)>);

impl SessionTokens {
    /// One for each role; none where the observatory has no tokens: everyone is let in there, and a session needs none.
    pub fn new(tokens: &[Token]) -> Self {
        let of_role = |role: Role| (role, Secret::from(unguessable()));
        Self(if tokens.is_empty() { Vec::new() } else { Role::ALL.map(of_role).into() })
    }

    /// The same as the observatory knows tokens: with what they allow, for every tenant.
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        let token = |(role, token): &(Role, Secret)| Token {
            token: token.clone(),
            rights: role.rights().to_vec(),
            tenant: None,
        };
        self.0.iter().map(token)
    }

    /// Returns the token of a role; an empty one where none is needed.
    pub(crate) fn of(&self, role: Role) -> Secret {
        let found = self.0.iter().find(|(known, _)| *known == role);
        found.map(|(_, token)| token.clone()).unwrap_or_default()
    }
}

/// All browsers that are signed in.
pub(crate) struct Sessions {
    all: Cache<String, Arc<Session>>,
    clock: Clock,
    is_secure: bool,
}

impl Sessions {
    pub(crate) fn new(clock: Clock, is_secure: bool) -> Self {
        Self { all: Cache::new(MAX_SESSIONS), clock, is_secure }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Returns who sends these headers.
    pub(crate) fn find(&self, headers: &HeaderMap) -> Option<Arc<Session>> {
        let session = self.all.get(id_of(headers)?)?;
        (self.now_ms() < session.ends_ms).then_some(session)
    }

    /// Signs a browser in. Returns its cookie.
    pub(crate) fn begin(
        &self,
        name: String,
        role: Role,
        token: Secret,
        granted: Option<Granted>,
    ) -> Option<HeaderValue> {
        let id = unguessable();
        let cookie = self.cookie(&id, SESSION_S);
        let ends_ms = self.now_ms() + i64::from(SESSION_S) * 1000;
        let granted = granted.map(Mutex::new);
        self.all.insert(id, Arc::new(Session { name, role, token, granted, ends_ms }));
        cookie
    }

    /// Signs a browser out. Returns the cookie that is none any more.
    pub(crate) fn end(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if let Some(id) = id_of(headers) {
            self.all.remove(id);
        }
        self.cookie("", 0)
    }

    fn cookie(&self, value: &str, max_age_s: u32) -> Option<HeaderValue> {
        SetCookie { name: SESSION, value, path: "/", max_age_s, secure: self.is_secure }.header()
    }
}

fn id_of(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, SESSION).filter(|id| id.len() <= MAX_COOKIE)
}
