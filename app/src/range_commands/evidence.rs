//! Evidence of diagnoses, run again where the campaign ran: its telemetry is there as long as the observatory keeps it.

use anyhow::Result;
use vitrine_flags_range::evidence::{MAX_STATEMENTS, filled, holds};
use vitrine_flags_range::scores::Diagnosis;
use vitrine_flags_range::{Record, Window};

use super::collect::number;
use crate::cli::AskArgs;
use crate::say::say;
use crate::sql;

/// Runs the evidence of all diagnoses again, and notes which part of each one's holds. Where no observatory answers, it says so and notes
/// nothing.
pub(super) async fn look(at: &AskArgs, records: &[Record], diagnoses: &mut [Diagnosis]) {
    if diagnoses.iter().all(|diagnosis| statements(diagnosis).next().is_none()) {
        return;
    }
    if let Err(error) = sql::rows(at, "SELECT 1").await {
        say!("evidence is not run again: {error:#}");
        return;
    }
    for diagnosis in diagnoses {
        let Some(record) = records.iter().find(|record| record.id == diagnosis.id) else { continue };
        let (mut held, mut all) = (0, 0);
        for statement in statements(diagnosis).take(MAX_STATEMENTS) {
            all += 1;
            match moves(at, statement, record).await {
                Ok(is_so) => held += usize::from(is_so),
                Err(error) => say!("{}: evidence that cannot be run: {error:#}", diagnosis.id),
            }
        }
        diagnosis.evidence_holds = (all > 0).then(|| f64::from(held as u32) / f64::from(all as u32));
    }
}

fn statements(diagnosis: &Diagnosis) -> impl Iterator<Item = &String> {
    diagnosis.causes.iter().flat_map(|named| &named.evidence)
}

/// Whether what a statement says is another thing during an incident than before it.
async fn moves(at: &AskArgs, statement: &str, record: &Record) -> Result<bool> {
    let (before, during) = (record.windows.baseline, record.windows.during);
    Ok(holds(measured(at, statement, before).await?, measured(at, statement, during).await?))
}

async fn measured(at: &AskArgs, statement: &str, window: Window) -> Result<Option<f64>> {
    let statement = filled(statement.trim().trim_end_matches(';'), window)
        .ok_or_else(|| anyhow::anyhow!("expected a statement with {{from}} and {{to}} in place of times"))?;
    // One row is looked at, however many there are.
    let rows = sql::rows(at, &format!("SELECT * FROM ({statement}) LIMIT 1")).await?;
    let cell = rows.first().and_then(|row| row.first()).filter(|cell| !cell.is_null());
    Ok(cell.map(number))
}
