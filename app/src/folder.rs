//! The data folder: who uses it, and the key by which the command line proves to the shop that it may run it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use nix::fcntl::{Flock, FlockArg};
use vitrine_platform_mesh::identity::new_secret;
use vitrine_shop_auth::machine::KeyPair;

/// The data folder, unless something else is said.
pub const DEFAULT: &str = "vitrine-data";

/// Makes the folder, for its owner only.
pub fn make(dir: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("the data folder {} cannot be made", dir.display()))
}

/// Held as long as this process owns the data of some services.
#[derive(Debug)]
pub struct Lock {
    _held: Vec<Flock<File>>,
}

fn lock_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.lock"))
}

/// Takes the data of these services, or says that another process has it.
pub fn lock(dir: &Path, names: &[&str]) -> Result<Lock> {
    let mut locks = Vec::with_capacity(names.len());
    for name in names {
        let path = lock_path(dir, name);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        let taken = Flock::lock(file, FlockArg::LockExclusiveNonblock);
        locks.push(taken.map_err(|(_, _)| {
            let shown = dir.display();
            anyhow!("another process runs {name} on {shown}: stop it (vitrine down --data {shown}) or choose another folder (--data)")
        })?);
    }
    Ok(Lock { _held: locks })
}

/// Whether a process owns the data of this service.
pub fn is_locked(dir: &Path, name: &str) -> bool {
    let Ok(file) = OpenOptions::new().write(true).open(lock_path(dir, name)) else { return false };
    Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err()
}

/// Writes a file whole and for its owner only, or not at all.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

/// Reads a private file of the data folder; it is made at the first time. Says which file it is.
fn read_or_make(path: &Path, make: impl FnOnce() -> Result<String>) -> Result<String> {
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let made = make()?;
            let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
            write_private(&temporary, &made).with_context(|| format!("{shown} cannot be written"))?;
            // Of several processes that start together one makes it; a link does not replace what is there.
            let linked = std::fs::hard_link(&temporary, path);
            // The temporary name has done its work either way.
            let _ = std::fs::remove_file(&temporary);
            match linked {
                Ok(()) => Ok(made),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(std::fs::read_to_string(path)?),
                Err(e) => Err(e).with_context(|| format!("{shown} cannot be written")),
            }
        }
        Err(e) => Err(e).with_context(|| format!("{shown} cannot be read")),
    }
}

/// The command line's key pair; made at the first time.
pub fn cli_key(dir: &Path) -> Result<KeyPair> {
    let path = dir.join("cli-key.pem");
    let pem = read_or_make(&path, || Ok(KeyPair::generate().to_pem()?))?;
    KeyPair::from_pem(&pem)
        .with_context(|| format!("{} cannot be used: delete it, and a new one is made", path.display()))
}

/// The file of the key by which the processes of a shop on one machine know each other; made at the first time.
pub fn service_key(dir: &Path) -> Result<PathBuf> {
    let path = dir.join("service-key");
    read_or_make(&path, || Ok(new_secret()))?;
    Ok(path)
}
