//! Faults: what they cost, how exact they are beside Envoy's, and how soon they are at work everywhere.

mod delay;
mod envoy;
mod evenly;
mod everywhere;
mod leg;

use std::path::Path;

use anyhow::Result;

/// Measures all of it.
pub(crate) async fn measure(binary: &Path) -> Result<()> {
    leg::measure().await?;
    delay::measure().await?;
    everywhere::measure(binary).await
}
