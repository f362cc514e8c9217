//! Which flags a client wants: flagd's selector, in the header `Flagd-Selector`.

use http::HeaderMap;
use vitrine_flags_engine::FlagSet;

/// Which flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Selector {
    /// All of them.
    #[default]
    All,
    /// Those of the set with this id; of the set without an id, if it is empty.
    FlagSet(String),
    /// Those of a source.
    Source(String),
}

impl Selector {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, String> {
        match headers.get("flagd-selector") {
            None => Ok(Self::All),
            Some(value) => {
                Self::read(value.to_str().map_err(|_| "Flagd-Selector: visible ASCII is expected".to_owned())?)
            }
        }
    }

    /// One pair, or a source by itself.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text.is_empty() => Ok(Self::All),
            None => Ok(Self::Source(text.to_owned())),
            Some(("flagSetId", id)) => Ok(Self::FlagSet(id.to_owned())),
            Some(("source", source)) => Ok(Self::Source(source.to_owned())),
            Some((key, _)) => Err(format!("Flagd-Selector: flagSetId=… or source=… is expected, and not {key}")),
        }
    }

    /// Whether the flags of this set are meant, which are of a source of this name, as flagd's files and addresses are sources.
    pub(crate) fn matches(&self, set: &FlagSet, source: &str) -> bool {
        match self {
            Self::All => true,
            Self::FlagSet(id) => set.metadata_text("flagSetId").unwrap_or_default() == id,
            Self::Source(named) => named == source,
        }
    }
}
