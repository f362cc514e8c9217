//! Which documents are executed: any, or those that were trusted beforehand; and how one is named by its hash instead of being sent.
//!
//! A trusted document stands in a file that whoever runs the shop has named: it is named as the appendix on persisted documents of GraphQL
//! over HTTP has it. So are those of the shop's own pages. Any other client may have a document remembered that it has sent once, as Apollo's
//! automatic persisted queries do. What is known by its text is read once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{ServerError, Value};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::limits::{self, refused};

/// How the name of a trusted document begins.
const SHA256: &str = "sha256:";
/// Most documents that are remembered because a client has sent them; when there are more, all are forgotten, and sent again.
const MAX_REMEMBERED: usize = 10_000;
/// Most bytes of their texts. Read, each takes about ten times as much.
const MAX_REMEMBERED_BYTES: usize = 4 << 20;
/// Longest document, in bytes.
pub(crate) const MAX_DOCUMENT: usize = 64 << 10;
/// What a client sends its documents to be remembered as.
const VERSION: i64 = 1;

/// Which documents are executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Accepted {
    /// Any.
    #[default]
    Any,
    /// Those of `trusted` only.
    Trusted,
}

/// A document that may be executed, and what it does.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) parsed: ExecutableDocument,
    pub(crate) operation: OperationType,
    /// What its operation is called.
    pub(crate) name: Option<Arc<str>>,
    /// Whether it stands in a file of trusted ones.
    pub(crate) trusted: bool,
}

/// What a request says of its document.
#[derive(Default)]
pub(crate) struct Named {
    pub(crate) query: Option<String>,
    /// `documentId`.
    pub(crate) id: Option<String>,
    /// `extensions.persistedQuery`.
    pub(crate) persisted: Option<Value>,
    /// Whether the shop's own pages ask, in this process: what they are made of need not be on a list.
    pub(crate) is_own: bool,
}

/// Documents by the SHA-256 of the text of each.
#[derive(Default)]
struct Remembered {
    documents: HashMap<String, Document>,
    bytes: usize,
}

/// The documents that are known here.
pub(crate) struct Documents {
    accepted: Accepted,
    trusted: HashMap<String, Document>,
    remembered: Mutex<Remembered>,
}

/// The SHA-256 of a text, in hexadecimal.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn read(text: &str) -> Result<Document, ServerError> {
    if text.len() > MAX_DOCUMENT {
        let message = format!("the document is too long: {} bytes, at most {MAX_DOCUMENT} are allowed", text.len());
        return Err(refused("DOCUMENT_TOO_LARGE", &message));
    }
    let parsed = parse_query(text).map_err(|e| {
        let mut error = ServerError::from(e);
        error.extensions = refused("GRAPHQL_PARSE_FAILED", "").extensions;
        error
    })?;
    let operation = limits::check(&parsed)?;
    let name = parsed.operations.iter().find_map(|(name, _)| name.map(|name| Arc::from(name.as_str())));
    Ok(Document { parsed, operation, name, trusted: false })
}

impl Documents {
    /// Knows these documents from the start, each by its name: `sha256:` and the SHA-256 of its text. The error says which is none.
    pub(crate) fn new(accepted: Accepted, trusted: HashMap<String, String>) -> Result<Self, String> {
        let mut known = HashMap::with_capacity(trusted.len());
        for (name, text) in trusted {
            let hash = name.strip_prefix(SHA256).unwrap_or(&name);
            let own = digest(&text);
            if hash != own {
                return Err(format!("{name}: the SHA-256 of its document is {own}"));
            }
            let document = read(&text).map_err(|e| format!("{name}: {}", e.message))?;
            known.insert(own, Document { trusted: true, ..document });
        }
        Ok(Self { accepted, trusted: known, remembered: Mutex::default() })
    }

    /// The trusted documents.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.trusted.iter().map(|(hash, document)| (hash.as_str(), document))
    }

    /// The document that a request names.
    pub(crate) fn find(&self, named: Named) -> Result<Document, ServerError> {
        if let Some(id) = named.id {
            return id.strip_prefix(SHA256).and_then(|hash| self.trusted.get(hash)).cloned().ok_or_else(|| {
                refused("DOCUMENT_NOT_FOUND", "no trusted document has this documentId: expected sha256: and its hash")
            });
        }
        let persisted = named.persisted.map(hash_of).transpose()?;
        let query = named.query.filter(|query| !query.is_empty());
        match (persisted, query) {
            (Some(hash), None) => self.recall(&hash),
            (Some(hash), Some(query)) if hash != digest(&query) => {
                Err(refused("PERSISTED_QUERY_HASH_MISMATCH", "provided sha does not match query"))
            }
            (hash, Some(query)) => {
                if let Some(trusted) = self.trusted.get(hash.as_deref().unwrap_or(&digest(&query))) {
                    return Ok(trusted.clone());
                }
                if self.accepted == Accepted::Trusted && !named.is_own {
                    let message = "only trusted documents are executed here: name one by its documentId";
                    return Err(refused("DOCUMENT_NOT_TRUSTED", message));
                }
                let document = read(&query)?;
                if let Some(hash) = hash {
                    self.remember(hash, query.len(), document.clone());
                }
                Ok(document)
            }
            (None, None) => Err(refused("DOCUMENT_MISSING", "there is neither a query nor a documentId")),
        }
    }

    fn recall(&self, hash: &str) -> Result<Document, ServerError> {
        if let Some(document) = self.trusted.get(hash) {
            return Ok(document.clone());
        }
        let document = self.remembered.lock().documents.get(hash).cloned();
        // Clients know it by this very message.
        document.ok_or_else(|| refused("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"))
    }

    fn remember(&self, hash: String, bytes: usize, document: Document) {
        let mut remembered = self.remembered.lock();
        if remembered.documents.contains_key(&hash) {
            return;
        }
        if remembered.documents.len() >= MAX_REMEMBERED || remembered.bytes + bytes > MAX_REMEMBERED_BYTES {
            *remembered = Remembered::default();
        }
        remembered.bytes += bytes;
        remembered.documents.insert(hash, document);
    }
}

/// The hash that `extensions.persistedQuery` names.
fn hash_of(persisted: Value) -> Result<String, ServerError> {
    let expected = || refused("INVALID_PERSISTED_QUERY", "persistedQuery: expected {version: 1, sha256Hash: \"…\"}");
    let Value::Object(fields) = persisted else { return Err(expected()) };
    let version = fields.get("version").cloned().and_then(|version| version.into_json().ok()).and_then(|v| v.as_i64());
    match (version, fields.get("sha256Hash")) {
        (Some(VERSION), Some(Value::String(hash))) => Ok(hash.clone()),
        _ => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use async_graphql::{Value, value};

    use super::{Accepted, Documents, MAX_DOCUMENT, Named, digest};

    fn code(documents: &Documents, named: Named) -> Option<String> {
        let refused = documents.find(named).err()?;
        match refused.extensions.expect("extensions").get("code") {
            Some(Value::String(code)) => Some(code.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn text(query: &str) -> Named {
        Named { query: Some(query.to_owned()), ..Named::default() }
    }

    fn hash(hash: &str, query: Option<&str>) -> Named {
        let persisted = Some(value!({ "version": 1, "sha256Hash": hash }));
        Named { query: query.map(str::to_owned), persisted, ..Named::default() }
    }

    #[test]
    fn the_digest_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn clients_have_documents_remembered() {
        let documents = Documents::new(Accepted::Any, HashMap::new()).expect("none");
        let own = digest("{a}");
        assert_eq!(code(&documents, hash(&own, None)).as_deref(), Some("PERSISTED_QUERY_NOT_FOUND"));
        assert_eq!(code(&documents, hash(&own, Some("{b}"))).as_deref(), Some("PERSISTED_QUERY_HASH_MISMATCH"));
        assert_eq!(code(&documents, hash(&own, Some("{a}"))), None);
        assert_eq!(code(&documents, hash(&own, None)), None);
        let bent = Named { persisted: Some(value!({ "version": 2, "sha256Hash": own })), ..Named::default() };
        assert_eq!(code(&documents, bent).as_deref(), Some("INVALID_PERSISTED_QUERY"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let documents = Documents::new(Accepted::Any, HashMap::new()).expect("none");
        let document = super::read("{a}").expect("a document");
        for i in 0..600 {
            documents.remember(i.to_string(), MAX_DOCUMENT, document.clone());
            let remembered = documents.remembered.lock();
            let bytes = remembered.documents.len() * MAX_DOCUMENT;
            assert!(bytes == remembered.bytes && bytes <= super::MAX_REMEMBERED_BYTES, "{bytes}");
        }
        for i in 0..=super::MAX_REMEMBERED {
            documents.remember(i.to_string(), 3, document.clone());
        }
        assert!(documents.remembered.lock().documents.len() <= super::MAX_REMEMBERED);
        assert_eq!(code(&documents, hash(&super::MAX_REMEMBERED.to_string(), None)), None);
    }

    #[test]
    fn only_trusted_documents_are_executed_where_it_says_so() {
        let name = format!("sha256:{}", digest("{a}"));
        let trusted = HashMap::from([(name.clone(), "{a}".to_owned())]);
        let documents = Documents::new(Accepted::Trusted, trusted).expect("trusted");
        let id = |id: &str| Named { id: Some(id.to_owned()), ..Named::default() };
        assert_eq!(code(&documents, id(&name)), None);
        assert_eq!(code(&documents, id("sha256:00")).as_deref(), Some("DOCUMENT_NOT_FOUND"));
        assert_eq!(code(&documents, text("{a}")), None, "it is the same document");
        assert_eq!(code(&documents, text("{b}")).as_deref(), Some("DOCUMENT_NOT_TRUSTED"));
        assert_eq!(code(&documents, Named { is_own: true, ..text("{b}") }), None, "our own pages ask");
        assert_eq!(code(&documents, Named::default()).as_deref(), Some("DOCUMENT_MISSING"));
        let wrong = HashMap::from([(name, "{b}".to_owned())]);
        assert!(Documents::new(Accepted::Any, wrong).is_err());
    }

    #[test]
    fn documents_are_short_and_are_graphql() {
        let documents = Documents::new(Accepted::Any, HashMap::new()).expect("none");
        let long = format!("{{a}} #{}", "x".repeat(MAX_DOCUMENT));
        assert_eq!(code(&documents, text(&long)).as_deref(), Some("DOCUMENT_TOO_LARGE"));
        assert_eq!(code(&documents, text("{")).as_deref(), Some("GRAPHQL_PARSE_FAILED"));
    }
}
