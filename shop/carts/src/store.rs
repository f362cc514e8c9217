//! A cart as it is kept.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys};

use crate::domain::{Line, Purchases};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CartDoc {
    pub(crate) customer_id: String,
    pub(crate) lines: Vec<Line>,
    #[serde(default)]
    pub(crate) purchases: Purchases,
    /// Writes that left the lines as they were: they do not count as versions of the cart.
    #[serde(default)]
    pub(crate) unseen_writes: u64,
    /// The customer was erased: nothing is put in any more.
    #[serde(default)]
    pub(crate) erased: bool,
}

impl Document for CartDoc {
    const COLLECTION: &'static str = "carts";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.customer_id)
    }
    fn keys(&self, _: &mut Keys) {}
}
