//! Public suites and descriptions, which are not part of the repository: found by `VITRINE_CONFORMANCE`, else at `../shared/conformance`
//! beside the checkout.

pub mod gherkin;

use std::path::{Path, PathBuf};

/// A file or a folder of them; none, said loudly, where it is not.
pub fn suite(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    let path = std::env::var_os("VITRINE_CONFORMANCE").map_or(beside, PathBuf::from).join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("NOTHING WAS TESTED: {} is not there (VITRINE_CONFORMANCE says where)", path.display());
    None
}
