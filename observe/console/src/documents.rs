//! Named JSON documents of each tenant, a file each: written whole before a change is acknowledged.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vitrine_kit::file;
use vitrine_observe_store::Tenant;

/// What a document's file ends with.
const FILE_END: &str = ".json";
/// Bytes of all documents of one kind that a tenant has: they are kept in memory, too.
const MAX_TENANT_BYTES: usize = 64 << 20;
/// Tenants that have any.
const MAX_TENANTS: usize = 100;

/// Why a document was not kept.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// There are too many, or they take too many bytes.
    #[error("there are {most} {what} already, which is the most: delete one first")]
    Many {
        /// Of what there are too many.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// It is too large.
    #[error("it has {found} bytes; expected at most {most}")]
    Large {
        /// How many it has.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// It cannot be written; all is as it was before.
    #[error("it cannot be written: {0}")]
    Disk(#[from] io::Error),
}

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    /// How often it was written: 1 when it is new.
    pub(crate) revision: u64,
    /// When it was written last, in milliseconds since 1970.
    pub(crate) updated_ms: i64,
    /// Who wrote it.
    pub(crate) by: String,
    pub(crate) content: Value,
}

/// What became of a change that expected a revision.
#[derive(Debug)]
pub(crate) enum Changed {
    Done(Document),
    /// This is there instead; none if nothing is.
    Differs(Option<Document>),
}

/// A tenant's documents by name, with the bytes of their files.
type OfTenant = BTreeMap<String, (Document, usize)>;

/// Documents of one kind.
#[derive(Debug)]
pub(crate) struct Documents {
    folder: PathBuf,
    most: usize,
    most_bytes: usize,
    tenants: Mutex<BTreeMap<String, OfTenant>>,
}

impl Documents {
    /// Reads what is in a folder. A tenant has at most so many documents, each of at most so many bytes.
    pub(crate) fn open(folder: &Path, most: usize, most_bytes: usize) -> io::Result<Self> {
        let mut tenants = BTreeMap::new();
        for (tenant, path) in entries(folder)? {
            let mut all = OfTenant::new();
            for (file, path) in entries(&path)? {
                // A write that was broken off left a file of another name.
                let Some(name) = file.strip_suffix(FILE_END) else { continue };
                let text = fs::read(&path)?;
                let document = serde_json::from_slice(&text)
                    .map_err(|e| io::Error::other(format!("{} cannot be read: {e}", path.display())))?;
                all.insert(name.to_owned(), (document, text.len()));
            }
            tenants.insert(tenant, all);
        }
        Ok(Self { folder: folder.to_owned(), most, most_bytes, tenants: Mutex::new(tenants) })
    }

    pub(crate) fn all(&self, tenant: &Tenant) -> Vec<(String, Document)> {
        let tenants = self.tenants.lock();
        let all = tenants.get(tenant.name()).into_iter().flatten();
        all.map(|(name, (document, _))| (name.clone(), document.clone())).collect()
    }

    pub(crate) fn get(&self, tenant: &Tenant, name: &str) -> Option<Document> {
        Some(self.tenants.lock().get(tenant.name())?.get(name)?.0.clone())
    }

    /// Writes a document if there is this revision of it now; 0 is for one that is not there yet. Its own is one more then. The name
    /// must be good for a file.
    pub(crate) fn put(
        &self,
        tenant: &Tenant,
        name: &str,
        expected: u64,
        document: Document,
    ) -> Result<Changed, DocumentsError> {
        let mut tenants = self.tenants.lock();
        let others = tenants.iter().filter(|(name, all)| *name != tenant.name() && !all.is_empty()).count();
        let all = tenants.entry(tenant.name().to_owned()).or_default();
        let there = all.get(name).map(|(there, _)| there);
        if there.map_or(0, |there| there.revision) != expected {
            return Ok(Changed::Differs(there.cloned()));
        }
        let document = Document { revision: expected + 1, ..document };
        let text = serde_json::to_vec(&document).map_err(io::Error::from)?;
        if text.len() > self.most_bytes {
            return Err(DocumentsError::Large { found: text.len(), most: self.most_bytes });
        }
        let kept: usize = all.iter().filter(|(other, _)| *other != name).map(|(_, (_, bytes))| bytes).sum();
        for (what, found, most) in [
            ("tenants", others, MAX_TENANTS),
            ("documents", if there.is_none() { all.len() } else { 0 }, self.most),
            ("bytes", kept + text.len(), MAX_TENANT_BYTES),
        ] {
            if found >= most {
                return Err(DocumentsError::Many { what, most });
            }
        }
        self.write(tenant, name, &text)?;
        all.insert(name.to_owned(), (document.clone(), text.len()));
        Ok(Changed::Done(document))
    }

    /// Deletes a document if there is this revision of it now. Returns what was deleted.
    pub(crate) fn delete(&self, tenant: &Tenant, name: &str, expected: u64) -> Result<Changed, DocumentsError> {
        let mut tenants = self.tenants.lock();
        let all = tenants.entry(tenant.name().to_owned()).or_default();
        let there = all.get(name).map(|(there, _)| there.clone());
        let Some(there) = there.clone().filter(|there| there.revision == expected) else {
            return Ok(Changed::Differs(there));
        };
        let folder = self.folder.join(tenant.name());
        fs::remove_file(folder.join(format!("{name}{FILE_END}")))?;
        File::open(&folder)?.sync_all()?;
        all.remove(name);
        Ok(Changed::Done(there))
    }

    /// Whole or not at all.
    fn write(&self, tenant: &Tenant, name: &str, text: &[u8]) -> io::Result<()> {
        let folder = self.folder.join(tenant.name());
        if !folder.exists() {
            fs::create_dir_all(&folder)?;
            File::open(&self.folder)?.sync_all()?;
        }
        file::write_whole(&folder.join(format!("{name}{FILE_END}")), &folder.join(format!("{name}.new")), text)
    }
}

/// What is in a folder, by name; nothing where there is no folder.
fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let read = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    read.map(|entry| entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vitrine_observe_store::Tenant;

    use super::{Changed, Document, Documents, DocumentsError};

    fn document(content: Value) -> Document {
        Document { revision: 0, updated_ms: 5, by: "me".to_owned(), content }
    }

    #[test]
    fn a_change_needs_the_revision_that_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Documents::open(&folder.path().join("kept"), 2, 1000).expect("readable");
        let (documents, one) = (open(), Tenant::default());
        let put = |name, expected, content| documents.put(&one, name, expected, document(content)).expect("written");
        assert!(matches!(put("a", 0, json!(1)), Changed::Done(Document { revision: 1, .. })));
        assert!(matches!(put("a", 1, json!(2)), Changed::Done(Document { revision: 2, .. })));
        let Changed::Differs(Some(there)) = put("a", 1, json!(3)) else { panic!("written over") };
        assert_eq!((there.revision, there.content), (2, json!(2)));
        assert!(matches!(put("b", 1, json!(3)), Changed::Differs(None)));

        // What was acknowledged is there after a restart, and no other tenant sees it.
        let again = open();
        assert_eq!(again.get(&one, "a").map(|found| (found.revision, found.content)), Some((2, json!(2))));
        assert!(again.all(&Tenant::new("other").expect("a name")).is_empty());
        assert!(matches!(again.delete(&one, "a", 1).expect("asked"), Changed::Differs(Some(_))));
        assert!(matches!(again.delete(&one, "a", 2).expect("deleted"), Changed::Done(_)));
        assert!(open().all(&one).is_empty());
    }

    #[test]
    fn bounds_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (documents, one) = (Documents::open(folder.path(), 2, 100).expect("readable"), Tenant::default());
        let put = |name: &str, content| documents.put(&one, name, 0, document(content));
        assert!(matches!(put("a", json!("x".repeat(100))), Err(DocumentsError::Large { most: 100, .. })));
        put("a", json!(1)).and_then(|_| put("b", json!(2))).expect("written");
        assert!(matches!(put("c", json!(3)), Err(DocumentsError::Many { what: "documents", most: 2 })));
        assert_eq!(documents.all(&one).len(), 2);
    }
}
