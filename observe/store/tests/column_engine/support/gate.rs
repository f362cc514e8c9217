//! A folder of segments into which nothing comes while its gate is shut, and which counts what is opened.

use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use vitrine_observe_columns::Source;
use vitrine_observe_store::{LocalStorage, SegmentStorage};

/// Segments in a folder, as on a disk that is slow just as long as a test wants.
#[derive(Debug)]
pub struct Gate {
    folder: LocalStorage,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_shut: bool,
    /// How many files wait to come in.
    waiting: usize,
    /// Names of the files that were opened since they were last asked for.
    opened: Vec<String>,
}

impl Gate {
    /// An open gate before this folder.
    pub fn new(folder: &Path) -> Arc<Self> {
        let folder = LocalStorage::open(folder).expect("a folder");
        Arc::new(Self { folder, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Shuts it.
    pub fn shut(&self) {
        self.state.lock().is_shut = true;
    }

    /// Opens it.
    pub fn open(&self) {
        self.state.lock().is_shut = false;
        self.changed.notify_all();
    }

    /// How many files whose names end so were opened since this was last asked.
    pub fn opened(&self, end: &str) -> usize {
        let opened = std::mem::take(&mut self.state.lock().opened);
        opened.iter().filter(|name| name.ends_with(end)).count()
    }

    /// Waits until a file stands before it.
    pub fn wait_for_a_file(&self) {
        let mut state = self.state.lock();
        while state.waiting == 0 {
            self.changed.wait(&mut state);
        }
    }
}

impl SegmentStorage for Gate {
    fn put(&self, name: &str, local: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.waiting += 1;
        self.changed.notify_all();
        while state.is_shut {
            self.changed.wait(&mut state);
        }
        state.waiting -= 1;
        drop(state);
        self.folder.put(name, local)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn Source>> {
        self.state.lock().opened.push(name.to_owned());
        self.folder.open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.folder.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.folder.list()
    }
}
