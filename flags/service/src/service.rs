//! What handlers stand on.

use std::ops::Deref;
use std::sync::Arc;

use crate::access::Access;
use crate::clients::Clients;
use crate::faults::FaultControl;
use crate::flag_store::FlagStore;
use crate::serving::Serving;
use crate::streams::Streams;

/// What handlers stand on. Cheap to clone: each layer of each request has one.
#[derive(Clone, Debug)]
pub(crate) struct FlagService(Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) flags: FlagStore,
    pub(crate) access: Access,
    pub(crate) faults: FaultControl,
    pub(crate) streams: Streams,
    pub(crate) clients: Arc<Clients>,
    pub(crate) serving: Serving,
}

impl From<Parts> for FlagService {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for FlagService {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
