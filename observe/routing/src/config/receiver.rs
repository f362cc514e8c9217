//! Receivers: who is told, and by what ways.

use vitrine_platform_config::yaml::{Node, Reader};

use super::defaults::Defaults;
use super::integration::{Integration, KINDS};
use crate::labels::LabelSet;

/// Someone who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The name by which routes know it.
    pub name: String,
    /// Labels by which it can be found; its name is one of them.
    pub labels: LabelSet,
    /// The ways by which it is told.
    pub integrations: Vec<Integration>,
}

impl Receiver {
    pub(crate) fn read(reader: &Reader, node: &Node, defaults: &Defaults) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        let mut integrations = Vec::new();
        for (list, read) in KINDS {
            for (index, node) in (0..).zip(fields.list(list)) {
                let Some(mut settings) = reader.fields(node) else { continue };
                integrations.extend(Integration::read(reader, &mut settings, index, *read, defaults));
            }
        }
        let mut labels: LabelSet = fields.texts("labels").into_iter().collect();
        let name = fields.text("name").filter(|name| !name.is_empty());
        let name = fields.required("name", name)?;
        if let Some(label) = labels.get("name").filter(|label| **label != name) {
            let message = format!("receiver label \"name\" must match receiver name {name:?}, got {label:?}");
            reader.mistake(fields.location_of("labels"), message);
        }
        labels.insert("name".to_owned(), name.clone());
        Some(Self { name, labels, integrations })
    }
}
