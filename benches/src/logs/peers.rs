//! The same records and questions for ClickHouse and tantivy.

use anyhow::Result;
use tempfile::TempDir;

use super::lines::{self, Lines};
use super::{ASKED, Ours, Question, SEED};
use crate::goals::tell;
use crate::script::{Script, Size};

/// Bytes of rows that are handed over at a time.
const ROWS_BYTES: usize = 256 << 20;
/// ClickHouse's tables: the statements that make them, what they are, and the most of their bytes that a record may take here.
const TABLES: [(&[&str], &str, f64); 2] = [
    (&["otel_logs"], "ClickHouse in process (chdb), the collector exporter's table", 0.7),
    (&["otel_logs", "text_index"], "ClickHouse in process (chdb), the same with its text index", 0.6),
];
/// The most of tantivy's bytes.
const OF_TANTIVY: f64 = 0.25;

/// In what a peer is asked.
#[derive(Clone, Copy)]
enum Language {
    Sql,
    Words,
}

/// A peer.
struct Peer {
    script: Script,
    language: Language,
    what: &'static str,
    /// The most of its bytes that a record may take here.
    share: f64,
}

/// All peers that can be had here.
pub(super) struct Peers {
    folder: TempDir,
    all: Vec<Peer>,
}

impl Peers {
    pub(super) async fn start() -> Result<Self> {
        let (folder, mut all) = (tempfile::tempdir()?, Vec::new());
        let mut add = |started: Result<Script>, language, what, share| match started {
            Ok(script) => all.push(Peer { script, language, what, share }),
            Err(error) => println!("  {what} cannot be had here: {error:#}"),
        };
        for (statements, what, share) in TABLES {
            let own = folder.path().join(statements.join("-"));
            add(Script::clickhouse(&own, statements).await, Language::Sql, what, share);
        }
        let own = folder.path().join("tantivy");
        let tantivy = Script::start("tantivy_lines.py", "tantivy==0.27.0", &[&own]).await;
        add(tantivy, Language::Words, "tantivy, message indexed and stored", OF_TANTIVY);
        Ok(Self { folder, all })
    }

    /// Loads, asks, and tells what came of it.
    pub(super) async fn compare(mut self, records: usize, questions: &[Question], ours: &Ours) -> Result<()> {
        self.load(records).await?;
        for Peer { script, language, what, share } in &mut self.all {
            let Size { rows, bytes } = script.finish().await?;
            println!("{what}, {rows} rows from JSON, {:.0} CPU s", script.cpu_s());
            compare("bytes a record on disk", bytes / rows, "bytes", ours.bytes);
            tell("bytes a record here, of those there", ours.bytes * rows / bytes, "", *share, false);
            for (question, ours) in questions.iter().zip(&ours.times) {
                let query = match language {
                    Language::Sql => Some(&question.sql),
                    Language::Words => question.words.as_ref(),
                };
                let Some(query) = query else { continue };
                let theirs = script.median_ms(std::iter::repeat_n(query.clone(), ASKED)).await?;
                compare(question.what, theirs, "ms", *ours);
            }
            script.stop().await?;
        }
        Ok(())
    }

    async fn load(&mut self, records: usize) -> Result<()> {
        let (mut lines, mut loaded, mut text) = (Lines::new(SEED), 0, String::new());
        let file = self.folder.path().join("rows.json");
        while loaded < records {
            let (service, batch) = lines.batch();
            lines::rows(service, &batch, &mut text);
            loaded += batch.len();
            if text.len() >= ROWS_BYTES || loaded >= records {
                Script::load(self.all.iter_mut().map(|peer| &mut peer.script), &mut text, &file).await?;
            }
        }
        Ok(())
    }
}

fn compare(what: &str, theirs: f64, unit: &str, ours: f64) {
    println!("  {what:<50} {theirs:>12.1} {unit}, {:.3} of it here", ours / theirs);
}
