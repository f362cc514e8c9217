//! `vitrine metrics reindex`: after settings of names have changed, files are indexed again.

use anyhow::Result;
use vitrine_kit::clock::Clock;
use vitrine_observe_store::ColumnEngine;

use crate::cli::ReindexArgs;
use crate::say::say;
use crate::{folder, observatory, runfile, settings};

/// The command. No observatory may run on the folder meanwhile.
pub async fn run(args: ReindexArgs) -> Result<()> {
    let settings = settings::read(args.config.config.as_deref(), &[])?.settings;
    let data = args.data.data;
    let _held = folder::lock(&data, &[runfile::OBSERVATORY])?;
    let options = observatory::options(&data, &settings.observatory)?;
    let files = tokio::task::spawn_blocking(move || {
        let engine = ColumnEngine::open(options, Clock::system())?;
        // What is in the log only is called by the settings of now when it is read.
        engine.seal()?;
        engine.reindex()
    });
    match files.await?? {
        0 => say!("All series are called what the settings say"),
        1 => say!("1 file of series was indexed again"),
        files => say!("{files} files of series were indexed again"),
    }
    Ok(())
}
