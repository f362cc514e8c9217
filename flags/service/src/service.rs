//! What handlers stand on.

use std::sync::Arc;

use crate::access::Access;
use crate::clients::Clients;
use crate::faults::FaultControl;
use crate::flag_store::FlagStore;
use crate::serving::Serving;
use crate::streams::Streams;

/// What handlers stand on. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct FlagService {
    pub(crate) flags: FlagStore,
    pub(crate) access: Access,
    pub(crate) faults: FaultControl,
    pub(crate) streams: Arc<Streams>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) serving: Serving,
}
