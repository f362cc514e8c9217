//! Segments in an object store.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;
use vitrine_observe_columns::Source;

use super::SegmentStorage;

/// Larger files are sent in parts of this size, in bytes.
const PART: usize = 8 << 20;
/// Threads that talk to the store.
const THREADS: usize = 2;

/// An object store, below a prefix. Its calls block, so they are not for threads that drive futures.
#[derive(Clone)]
pub struct ObjectStorage {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    runtime: Arc<Threads>,
}

/// A runtime that may be dropped anywhere.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStorage")
            .field("store", &self.store)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

fn failed(error: object_store::Error) -> io::Error {
    match error {
        object_store::Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error),
        error => io::Error::other(error),
    }
}

impl ObjectStorage {
    /// Everything below a prefix, which may be empty.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("observe-objects")
            .enable_all()
            .build()?;
        Ok(Self { store, prefix: Key::from(prefix), runtime: Arc::new(Threads(Some(runtime))) })
    }

    /// An S3-compatible store by its URL, `s3://bucket/prefix`. Keys, region and endpoint come from the environment, as
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION` and `AWS_ENDPOINT`.
    pub fn s3(url: &str) -> io::Result<Self> {
        let mut builder = AmazonS3Builder::from_env().with_url(url);
        // A caller that names an endpoint without TLS means it.
        if builder.get_config_value(&AmazonS3ConfigKey::Endpoint).is_some_and(|url| url.starts_with("http://")) {
            builder = builder.with_allow_http(true);
        }
        let store = builder.build().map_err(failed)?;
        let prefix = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, prefix)| prefix);
        Self::new(Arc::new(store), prefix)
    }

    fn key(&self, name: &str) -> Key {
        Key::from(format!("{}/{name}", self.prefix))
    }

    /// Sends a file part by part.
    fn send(&self, upload: &mut dyn MultipartUpload, file: &mut File) -> io::Result<()> {
        loop {
            let mut memtable = Vec::new();
            if file.take(PART as u64).read_to_end(&mut memtable)? == 0 {
                self.wait(upload.complete())?;
                return Ok(());
            }
            self.wait(upload.put_part(memtable.into()))?;
        }
    }

    fn wait<T>(&self, future: impl Future<Output = object_store::Result<T>>) -> io::Result<T> {
        let runtime = self.runtime.0.as_ref().expect("it is taken when the last owner is gone");
        runtime.block_on(future).map_err(failed)
    }
}

impl SegmentStorage for ObjectStorage {
    fn put(&self, name: &str, local: &Path) -> io::Result<()> {
        let mut file = File::open(local)?;
        let key = self.key(name);
        if file.metadata()?.len() <= PART as u64 {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            self.wait(self.store.put(&key, bytes.into()))?;
        } else {
            let mut upload = self.wait(self.store.put_multipart(&key))?;
            if let Err(error) = self.send(&mut *upload, &mut file) {
                // What was sent is no one's: best is to say so, and the store's own clean-up does the rest.
                let _ = self.wait(upload.abort());
                return Err(error);
            }
        }
        std::fs::remove_file(local)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn Source>> {
        let key = self.key(name);
        let length = self.wait(self.store.head(&key))?.size;
        Ok(Arc::new(Object { objects: self.clone(), key, length }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.wait(self.store.rename(&self.key(from), &self.key(to)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.wait(self.store.delete(&self.key(name))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let found: Vec<_> = self.wait(self.store.list(Some(&self.prefix)).try_collect())?;
        let name = |key: &Key| {
            let memtables: Vec<_> =
                key.prefix_match(&self.prefix)?.map(|memtable| memtable.as_ref().to_owned()).collect();
            Some(memtables.join("/"))
        };
        Ok(found.iter().filter_map(|object| name(&object.location)).collect())
    }
}

/// An object that is read in parts.
struct Object {
    objects: ObjectStorage,
    key: Key,
    length: u64,
}

impl Source for Object {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.length);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        if length == 0 {
            return Ok(Bytes::new());
        }
        let bytes = self.objects.wait(self.objects.store.get_range(&self.key, offset..end))?;
        if bytes.len() == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}
