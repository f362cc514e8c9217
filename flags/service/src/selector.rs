//! Which flags a client wants: flagd's selector, in the header `Flagd-Selector`.

use std::sync::Arc;

use http::HeaderMap;

use crate::access::Access;
use crate::flag_store::{DEFAULT_SET, InForce, SetInForce};

const HEADER: &str = "flagd-selector";

/// Which flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Selector {
    /// All of them.
    #[default]
    All,
    /// Those of the set with this id; of the set without an id, if it is empty.
    FlagSet(String),
    /// Those of a source.
    Source(String),
}

impl Selector {
    fn of(headers: &HeaderMap) -> Result<Self, String> {
        match headers.get(HEADER) {
            None => Ok(Self::All),
            Some(value) => {
                Self::read(value.to_str().map_err(|_| "Flagd-Selector: visible ASCII is expected".to_owned())?)
            }
        }
    }

    /// One pair, or a source by itself.
    fn read(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text.is_empty() => Ok(Self::All),
            None => Ok(Self::Source(text.to_owned())),
            Some(("flagSetId", id)) => Ok(Self::FlagSet(id.to_owned())),
            Some(("source", source)) => Ok(Self::Source(source.to_owned())),
            Some((key, _)) => Err(format!("Flagd-Selector: flagSetId=… or source=… is expected, and not {key}")),
        }
    }
}

/// Which set a client sees: the one that it selects, if its token is for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    selector: Selector,
    /// The set for which its token is, if it is for one alone.
    bound: Option<String>,
    /// The name of the one source that is here, as flagd's files and addresses are sources.
    source: Arc<str>,
}

impl Selection {
    /// What the header says; without it, what the body does. What is here has the name of this source.
    pub(crate) fn of(access: &Access, source: &Arc<str>, headers: &HeaderMap, of_body: &str) -> Result<Self, String> {
        let selector = match headers.contains_key(HEADER) {
            true => Selector::of(headers)?,
            false => Selector::read(of_body)?,
        };
        let (bound, source) = (access.bound_set(headers), source.clone());
        Ok(Self { selector, bound, source })
    }

    /// The set that is meant; none where there is none, or it is another than the token is for. Without a selector it is the token's, else the
    /// default set. The id of a set is its name; that of the default set is what its metadata says.
    pub(crate) fn choose<'n>(&self, now: &'n InForce) -> Option<&'n SetInForce> {
        let (name, set) = match &self.selector {
            Selector::All => {
                let name = self.bound.as_deref().unwrap_or(DEFAULT_SET);
                (name, now.set(name)?.as_ref())
            }
            Selector::FlagSet(id) if !id.is_empty() && now.set(id).is_some() => (id.as_str(), now.set(id)?.as_ref()),
            Selector::FlagSet(id) => {
                let of_default = now.snapshot.set().metadata_text("flagSetId").unwrap_or_default();
                (of_default == id).then_some((DEFAULT_SET, &**now))?
            }
            Selector::Source(source) => (**source == *self.source).then_some((DEFAULT_SET, &**now))?,
        };
        self.bound.as_deref().is_none_or(|bound| bound == name).then_some(set)
    }
}
