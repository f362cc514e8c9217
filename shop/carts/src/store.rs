//! A cart as it is kept.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys};

use crate::domain::Line;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CartDoc {
    pub(crate) customer_id: String,
    pub(crate) lines: Vec<Line>,
}

impl Document for CartDoc {
    const COLLECTION: &'static str = "carts";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.customer_id)
    }
    fn keys(&self, _: &mut Keys) {}
}
