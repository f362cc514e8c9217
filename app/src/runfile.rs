//! What a running shop tells scripts and the other commands.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize, Serializer};
use vitrine_kit::Secret;

use crate::folder;

/// Where a running shop is, and how to get in. The file is for its owner only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunFile {
    /// Base URL of the shop.
    pub shop: String,
    /// Base URL of the observatory: pages, `/jaeger/api`.
    pub observe: String,
    /// Where OTLP comes in over gRPC.
    pub otlp_grpc: String,
    /// Where OTLP comes in over HTTP.
    pub otlp_http: String,
    /// Base URL of the feature flags: pages, `/ofrep/v1`.
    pub flags: String,
    /// Base URL of the operations listener: health.
    pub operations: String,
    /// The process.
    pub pid: u32,
    /// Base URL of the page of another site that sells by the widget, if this is a demo.
    #[serde(default)]
    pub partner: Option<String>,
    /// A customer to play, if this is a demo.
    pub demo_customer: Option<DemoCustomer>,
    /// A bearer token that may run the shop.
    #[serde(serialize_with = "exposed")]
    pub admin_token: Secret,
}

/// The file is how the owner of the shop gets at the token.
fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// A customer whom everyone may play.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoCustomer {
    /// To sign in with.
    pub email: String,
    /// To sign in with.
    pub password: String,
}

/// The run file of a data folder.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("run.json")
}

impl RunFile {
    /// Reads that of a data folder.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = path(dir);
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a run file", path.display()))
    }
}

/// What a command may add that found no shop, and was not told where one is.
pub fn hint(dir: &Path, url: Option<&str>) -> String {
    if url.is_some() || path(dir).exists() || alone_path(dir).exists() || flags_path(dir).exists() {
        return String::new();
    }
    format!(" (nothing runs on {}: vitrine up starts it, and --data or --url says where else it is)", dir.display())
}

/// What is added to a command, for it to find this folder without being in the same place.
pub fn data_flag(dir: &Path) -> String {
    let is_found = dir == Path::new(folder::DEFAULT) || std::env::var_os("VITRINE_DATA").is_some();
    if is_found { String::new() } else { format!(" --data {}", dir.display()) }
}

/// The name under which an observatory that runs alone locks its data folder.
pub const OBSERVATORY: &str = "observatory";

/// Where the observatory of a data folder answers, whether it runs alone or within a shop; none if none runs.
pub fn observatory(dir: &Path) -> Option<String> {
    let alone = || {
        // A killed one left its file.
        folder::is_locked(dir, OBSERVATORY).then_some(())?;
        let text = std::fs::read_to_string(alone_path(dir)).ok()?;
        serde_json::from_str::<serde_json::Value>(&text).ok()?.get("observe")?.as_str().map(str::to_owned)
    };
    RunFile::read(dir).ok().map(|run| run.observe).or_else(alone)
}

/// The file that an observatory which runs alone leaves in its data folder while it runs.
pub fn alone_path(dir: &Path) -> PathBuf {
    dir.join("observatory.json")
}

/// Where the flags of a data folder answer, whether they are served alone or within a shop; none if they are not.
pub fn flags(dir: &Path) -> Option<String> {
    let alone = || {
        // A killed one left its file.
        folder::is_locked(dir, vitrine_contracts::services::FLAGS).then_some(())?;
        let text = std::fs::read_to_string(flags_path(dir)).ok()?;
        serde_json::from_str::<serde_json::Value>(&text).ok()?.get("flags")?.as_str().map(str::to_owned)
    };
    RunFile::read(dir).ok().map(|run| run.flags).or_else(alone)
}

/// The file that a flags service which runs alone leaves in its data folder while it runs.
pub fn flags_path(dir: &Path) -> PathBuf {
    dir.join("flags.json")
}

#[cfg(test)]
mod tests {
    use super::{alone_path, data_flag, hint, path};

    #[test]
    fn who_finds_no_shop_is_told_how_to_get_one() {
        let folder = std::env::temp_dir().join(format!("vitrine-hint-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        let shown = folder.display().to_string();
        let told = hint(&folder, None);
        assert!(told.contains(&shown) && told.contains("vitrine up") && told.contains("--url"), "{told}");
        // Who said where it is knows better; and something runs here, or did.
        assert_eq!(hint(&folder, Some("http://127.0.0.1:1")), "");
        for file in [path(&folder), alone_path(&folder)] {
            std::fs::write(&file, "{}").expect("written");
            assert_eq!(hint(&folder, None), "");
            std::fs::remove_file(&file).expect("removed");
        }
        std::fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(data_flag(super::folder::DEFAULT.as_ref()), "");
        assert!(std::env::var_os("VITRINE_DATA").is_some() || data_flag(&folder) == format!(" --data {shown}"));
    }
}
