//! Queries that people keep by name, and those that are too long for an address.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vitrine_kit::{clock, id};
use vitrine_observe_store::Tenant;

use crate::documents::{Changed, Document, Documents};
use crate::refusal::Refusal;

/// Queries of one tenant, those behind links among them.
const MAX_QUERIES: usize = 10_000;
/// Bytes of one.
const MAX_BYTES: usize = 64 << 10;
/// Characters of a title.
const MAX_TITLE: usize = 200;
/// Pages that have queries.
const PAGES: [&str; 4] = ["traces", "logs", "metrics", "sql"];
/// How ids of queries begin that were kept by name, and of those behind links.
const KEPT: &str = "qry";
const LINK: &str = "lnk_";
/// Digits of a link's id: of the hash of its text, so that the same text is one link.
const LINK_DIGITS: usize = 24;

/// What is sent to keep a query.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewQuery {
    /// The page that it is of.
    of: String,
    #[serde(default)]
    title: String,
    text: String,
    /// Whether it only stands behind a link: then it has no title, and is in no list.
    #[serde(default, skip_serializing)]
    is_link: bool,
}

/// Queries of all tenants.
pub(crate) struct KeptQueries(Documents);

impl KeptQueries {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self(Documents::open(folder, MAX_QUERIES, MAX_BYTES)?))
    }

    /// Returns those that were kept by name, the newest first.
    pub(crate) fn list(&self, tenant: &Tenant) -> Value {
        let mut kept = self.0.all(tenant);
        kept.retain(|(id, _)| !id.starts_with(LINK));
        kept.sort_by_key(|(_, document)| std::cmp::Reverse(document.updated_ms));
        let all: Vec<Value> = kept.iter().map(|(id, document)| shown(id, document)).collect();
        json!({ "queries": all })
    }

    pub(crate) fn get(&self, tenant: &Tenant, id: &str) -> Option<Value> {
        self.0.get(tenant, id).map(|document| shown(id, &document))
    }

    pub(crate) fn keep(&self, tenant: &Tenant, query: &NewQuery, by: String, now_ms: i64) -> Result<Value, Refusal> {
        if !PAGES.contains(&query.of.as_str()) {
            return Err(Refusal::bad(format!("of: expected one of {}", PAGES.join(", "))));
        }
        if query.is_link != query.title.is_empty() || query.title.chars().count() > MAX_TITLE {
            return Err(Refusal::bad(format!("title: expected 1 to {MAX_TITLE} characters, and none with isLink")));
        }
        let id = if query.is_link { link_id(query) } else { id::new(KEPT) };
        let content = json!({ "of": query.of, "title": query.title, "text": query.text });
        let document = Document { revision: 0, updated_ms: now_ms, by, content };
        match self.0.put(tenant, &id, 0, document)? {
            // A link of the same text.
            Changed::Done(document) | Changed::Differs(Some(document)) => Ok(shown(&id, &document)),
            Changed::Differs(None) => Err(Refusal::bad("the query is gone again")),
        }
    }

    /// Returns whether there was such a query.
    pub(crate) fn delete(&self, tenant: &Tenant, id: &str) -> Result<bool, Refusal> {
        let Some(there) = self.0.get(tenant, id) else { return Ok(false) };
        Ok(matches!(self.0.delete(tenant, id, there.revision)?, Changed::Done(_)))
    }
}

fn link_id(query: &NewQuery) -> String {
    let hash = Sha256::digest(format!("{}\n{}", query.of, query.text));
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{LINK}{}", &digits[..LINK_DIGITS])
}

fn shown(id: &str, document: &Document) -> Value {
    let Document { by, updated_ms, content, .. } = document;
    let (of, title, text) = (&content["of"], &content["title"], &content["text"]);
    json!({ "id": id, "of": of, "title": title, "text": text, "by": by, "created": clock::rfc3339(*updated_ms) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vitrine_observe_store::Tenant;

    use super::{KeptQueries, NewQuery};

    fn query(of: &str, title: &str, text: &str, is_link: bool) -> NewQuery {
        NewQuery { of: of.to_owned(), title: title.to_owned(), text: text.to_owned(), is_link }
    }

    #[test]
    fn queries_are_kept_by_name_and_behind_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let (queries, tenant) = (KeptQueries::open(folder.path()).expect("readable"), Tenant::default());
        let keep = |query: &NewQuery, now| queries.keep(&tenant, query, "me".to_owned(), now);
        let kept = keep(&query("logs", "Declined", "\"card declined\"", false), 1_000).expect("kept");
        let link = keep(&query("sql", "", "SELECT 1", true), 2_000).expect("kept");
        assert_eq!(keep(&query("sql", "", "SELECT 1", true), 3_000).expect("the same")["id"], link["id"]);
        assert_eq!(queries.list(&tenant), json!({ "queries": [kept] }));
        assert_eq!(queries.get(&tenant, link["id"].as_str().expect("a text")), Some(link.clone()));
        let id = kept["id"].as_str().expect("a text");
        assert!(queries.delete(&tenant, id).expect("asked"));
        assert!(!queries.delete(&tenant, id).expect("asked"));
        for wrong in [query("logs", "", "x", false), query("logs", "a", "x", true), query("boards", "a", "x", false)] {
            assert!(keep(&wrong, 1).is_err(), "{wrong:?}");
        }
    }
}
