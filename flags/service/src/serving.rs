//! How flags are served: what the settings say of it, and what the process gives.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use tokio_util::sync::CancellationToken;
use vitrine_flags_engine::{Context, Path, Value};
use vitrine_platform_cache::{Cache, Engine};
use vitrine_platform_telemetry::{Config, Service, Telemetry};

/// The name by which clients' selectors mean the flags that are here, if nothing else is said.
pub const SOURCE: &str = "vitrine";
/// Most attributes that are added to contexts.
pub const MAX_ADDED: usize = 64;

/// How flags are served. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Serving {
    pub(crate) source: Arc<str>,
    pub(crate) added: Arc<AddedContext>,
    pub(crate) limit: Option<RateLimit>,
    pub(crate) buckets: Cache,
    pub(crate) telemetry: Service,
    pub(crate) stop: CancellationToken,
}

/// What is added to the context of each evaluation.
#[derive(Clone, Debug, Default)]
pub struct AddedContext {
    /// Attributes that are the same for all, by their names. Clients that evaluate themselves are sent them.
    pub fixed: Vec<(String, String)>,
    /// Attributes that a request's headers hold: the header, and the attribute's name. They are stronger than those that are fixed.
    pub headers: Vec<(HeaderName, String)>,
}

/// How many evaluations one client may ask for: a token's, or an address's where no token is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// For long.
    pub per_s: u32,
    /// At once.
    pub burst: u32,
}

impl Serving {
    /// Nothing added and nothing limited, told of by this service, until `stop`.
    pub fn new(telemetry: &Service, stop: CancellationToken) -> Self {
        // Limits are counted by this process alone: a flags service has no Redis.
        let buckets = Engine::embedded().cache(telemetry);
        let (source, added) = (SOURCE.into(), Arc::default());
        Self { source, added, limit: None, buckets, telemetry: telemetry.clone(), stop }
    }

    /// Under this name of the flags for selectors.
    #[must_use]
    pub fn with_source(self, source: &str) -> Self {
        Self { source: source.into(), ..self }
    }

    /// With this added to each context.
    #[must_use]
    pub fn with_context(self, added: AddedContext) -> Self {
        Self { added: Arc::new(added), ..self }
    }

    /// With no more evaluations a client than these.
    #[must_use]
    pub fn with_limit(self, limit: Option<RateLimit>) -> Self {
        Self { limit, ..self }
    }
}

impl Default for Serving {
    /// Nothing is told of it, and it never stops.
    fn default() -> Self {
        Self::new(&Telemetry::new(Config::default()).service("flags"), CancellationToken::new())
    }
}

impl AddedContext {
    /// A request's context with all that is added for these headers: of an attribute that stands in several, the header's counts, then the fixed
    /// one, then the request's own.
    pub(crate) fn around<'a>(&'a self, headers: &'a HeaderMap, request: &'a dyn Context) -> Layered<'a> {
        let of_header = |(header, name): &'a (HeaderName, String)| {
            Some((name.as_str(), Value::from(headers.get(header)?.to_str().ok()?)))
        };
        let fixed = self.fixed.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())));
        Layered { added: self.headers.iter().filter_map(of_header).chain(fixed).collect(), request }
    }
}

/// A context below attributes that are stronger. Of the whole context (`{"var": ""}`) the request's part is seen.
pub(crate) struct Layered<'a> {
    added: Vec<(&'a str, Value<'a>)>,
    request: &'a dyn Context,
}

impl Context for Layered<'_> {
    fn find<'a>(&'a self, path: Path<'_>) -> Value<'a> {
        let Some((first, rest)) = path.split_first() else { return self.request.find(path) };
        match self.added.iter().find(|(name, _)| *name == first) {
            // What is added is text, which has no parts.
            Some((_, value)) => {
                if rest.is_at_end() {
                    value.clone()
                } else {
                    Value::Null
                }
            }
            None => self.request.find(path),
        }
    }
}
