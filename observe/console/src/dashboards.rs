//! Dashboards, in Perses's format: <https://perses.dev/perses/docs/api/dashboard/>.

use std::io;
use std::path::Path;

use serde_json::{Value, json};
use vitrine_kit::clock;
use vitrine_observe_store::Tenant;

use crate::documents::{Changed, Document, Documents, DocumentsError};
use crate::refusal::Refusal;
use crate::shipped::SHIPPED;

/// Dashboards of one tenant.
const MAX_DASHBOARDS: usize = 1_000;
/// Bytes of one.
const MAX_BYTES: usize = 1 << 20;
/// Bytes of a name.
const MAX_NAME: usize = 75;

/// Dashboards of all tenants, and those that are there for everyone.
pub(crate) struct Dashboards(Documents);

impl Dashboards {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self(Documents::open(folder, MAX_DASHBOARDS, MAX_BYTES)?))
    }

    /// Returns what there is, by title, without what is on them.
    pub(crate) fn list(&self, tenant: &Tenant) -> Value {
        let own = self.0.all(tenant).into_iter().map(|(name, document)| summary(&name, &document, false));
        let shipped = SHIPPED.iter().filter_map(|(name, _)| Some(summary(name, &shipped(name)?, true)));
        let mut all: Vec<Value> = own.chain(shipped).collect();
        all.sort_by_cached_key(|one| one["title"].as_str().unwrap_or_default().to_lowercase());
        json!({ "dashboards": all })
    }

    pub(crate) fn get(&self, tenant: &Tenant, name: &str) -> Option<Document> {
        shipped(name).or_else(|| self.0.get(tenant, name))
    }

    /// Writes a dashboard under the name that its metadata say, if there is this revision of it now; 0 is for a new one.
    pub(crate) fn put(&self, tenant: &Tenant, expected: u64, document: Document) -> Result<Changed, Refusal> {
        let name = name_of(&document.content)?;
        not_shipped(&name)?;
        Ok(self.0.put(tenant, &name, expected, document)?)
    }

    pub(crate) fn delete(&self, tenant: &Tenant, name: &str, expected: u64) -> Result<Changed, Refusal> {
        not_shipped(name)?;
        Ok(self.0.delete(tenant, name, expected).map_err(DocumentsError::from)?)
    }
}

fn shipped(name: &str) -> Option<Document> {
    let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name)?;
    let content = serde_json::from_str(text).ok()?;
    Some(Document { revision: 1, updated_ms: 0, by: "Vitrine".to_owned(), content })
}

fn not_shipped(name: &str) -> Result<(), Refusal> {
    match SHIPPED.iter().any(|(known, _)| *known == name) {
        true => Err(Refusal::forbidden(format!(
            "{name} comes with the program and stays as it is: save a copy under another name"
        ))),
        false => Ok(()),
    }
}

fn summary(name: &str, document: &Document, is_shipped: bool) -> Value {
    let Document { revision, updated_ms, by, content } = document;
    let title = content["spec"]["display"]["name"].as_str().filter(|title| !title.is_empty()).unwrap_or(name);
    let updated = (!is_shipped).then(|| clock::rfc3339(*updated_ms));
    json!({ "name": name, "title": title, "revision": revision, "updated": updated, "by": by, "isShipped": is_shipped })
}

/// The name of a document that is a dashboard.
fn name_of(document: &Value) -> Result<String, Refusal> {
    let expect = |is_so: bool, what: &str| if is_so { Ok(()) } else { Err(Refusal::bad(what)) };
    let of_name = format!("metadata.name: expected 1 to {MAX_NAME} letters, digits, - and _");
    expect(document["kind"] == "Dashboard", "kind: expected \"Dashboard\", as Perses has it")?;
    expect(document["spec"]["panels"].is_object(), "spec.panels: expected an object of panels by name")?;
    expect(document["spec"]["layouts"].is_array(), "spec.layouts: expected a list of layouts")?;
    let name = document["metadata"]["name"].as_str().unwrap_or_default();
    let is_known = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    let fits = (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_known);
    expect(fits, &of_name)?;
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{name_of, shipped};
    use crate::shipped::SHIPPED;

    #[test]
    fn what_is_no_dashboard_is_refused_by_place() {
        let good =
            json!({"kind": "Dashboard", "metadata": {"name": "my-own_1"}, "spec": {"panels": {}, "layouts": []}});
        assert_eq!(name_of(&good).expect("a dashboard"), "my-own_1");
        for (place, value, expected) in [
            ("/kind", json!("Board"), "kind"),
            ("/spec/panels", json!([]), "spec.panels"),
            ("/spec/layouts", json!(null), "spec.layouts"),
            ("/metadata/name", json!("../other"), "metadata.name"),
            ("/metadata/name", json!(""), "metadata.name"),
            ("/metadata/name", json!("x".repeat(76)), "metadata.name"),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(place).expect("there") = value;
            let refused = format!("{:?}", name_of(&bad).expect_err(place));
            assert!(refused.contains(&format!("message: \"{expected}: expected ")), "{refused}");
        }
    }

    #[test]
    fn what_is_shipped_can_be_shown() {
        assert!(!SHIPPED.is_empty());
        for (name, _) in SHIPPED {
            let document = shipped(name).unwrap_or_else(|| panic!("{name} is no JSON"));
            assert_eq!(name_of(&document.content).expect("a dashboard"), *name);
        }
    }
}
