//! How the services of this process know who calls them from elsewhere.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_kit::clock::Clock;
use vitrine_platform_mesh::Identity;

use crate::settings::Settings;
use crate::{Usage, folder};

/// Largest key file that is read, in bytes.
const MAX_KEY_BYTES: u64 = 4096;
/// Who else than its owner may do something with a file.
const OTHERS: u32 = 0o077;

/// How processes know each other.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// File with the secret that all processes of the shop share, at least 32 random bytes, for its owner alone. Empty: a key in
    /// the data folder, where all processes are on one machine and share that folder.
    pub key_file: std::path::PathBuf,
    /// Believe whatever name a call says of itself, and let calls that say none call everything.
    pub insecure: bool,
}

/// By the secret in a file.
fn by_secret(path: &Path) -> Result<Identity> {
    let shown = path.display();
    let file = std::fs::metadata(path).with_context(|| format!("the key file {shown} cannot be read"))?;
    let mode = file.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(Usage(format!(
            "the key file {shown} has mode {mode:o}: others may read it, and then call every service; chmod 600 {shown}, and make a new key if others did"
        ))
        .into());
    }
    if file.len() > MAX_KEY_BYTES {
        return Err(
            Usage(format!("the key file {shown} has {} bytes: at most {MAX_KEY_BYTES} expected", file.len())).into()
        );
    }
    let bytes = std::fs::read(path).with_context(|| format!("the key file {shown} cannot be read"))?;
    // An editor's line end is no part of a secret.
    let known = Identity::new(Clock::system()).with_secret(bytes.trim_ascii_end());
    known.map_err(|e| Usage(format!("the key file {shown}: {e}")).into())
}

/// How callers from elsewhere are known. `listen` is where gRPC is answered, if it is.
pub fn identity(data: &Path, settings: &Settings, listen: Option<SocketAddr>) -> Result<Identity> {
    let Config { key_file, insecure } = &settings.identity;
    let identity = Identity::new(Clock::system());
    if !key_file.as_os_str().is_empty() {
        let identity = by_secret(key_file)?;
        return Ok(if *insecure { identity.insecure() } else { identity });
    }
    if *insecure {
        return Ok(identity.insecure());
    }
    let nats = settings.shop.engines.nats;
    let mutual = [&settings.tls.ca, &settings.tls.certificate].iter().all(|file| !file.as_os_str().is_empty());
    if mutual && !nats {
        return Ok(identity);
    }
    match listen.filter(|address| !address.ip().is_loopback()) {
        None => by_secret(&folder::service_key(data)?),
        Some(_) if mutual => Err(Usage(
            "over NATS no certificate tells who calls: identity.key_file = FILE is needed beside tls.ca and tls.certificate, \
             a secret that all processes of the shop share: head -c 32 /dev/urandom | base64 > FILE; chmod 600 FILE"
                .to_owned(),
        )
        .into()),
        Some(address) => Err(Usage(format!(
            "{address} can be reached from other machines, and nothing says how callers from there prove who they are. One of:\n  \
             identity.key_file = FILE   a secret that all processes of the shop share: head -c 32 /dev/urandom | base64 > FILE; chmod 600 FILE\n  \
             tls.ca, tls.certificate, tls.key   certificates that bear the names of the services\n  \
             --insecure   any client that reaches the address may call every service"
        ))
        .into()),
    }
}
