//! What was learnt, as it is kept.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys};

use crate::domain::Partners;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct TogetherDoc {
    pub(crate) product_id: String,
    pub(crate) partners: Partners,
}

impl Document for TogetherDoc {
    const COLLECTION: &'static str = "together";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.product_id)
    }
    fn keys(&self, _: &mut Keys) {}
}
