//! One statement, from its text to the bytes of its answer.

use arrow_schema::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement;
use futures::StreamExt;

use crate::format::Encoder;
use crate::parent::Run;
use crate::session::SessionFactory;
use crate::wire::{FromWorker, MAX_RESPONSE_BYTES};
use crate::{Format, SqlError, statement};

/// Runs a statement on so many threads, which may take so many bytes, and sends its answer.
pub(crate) async fn answer(
    run: &Run,
    session_factory: &SessionFactory,
    (threads, limit): (usize, usize),
    text: &str,
    format: Format,
) -> Result<(), SqlError> {
    let statement = statement::parse(text)?;
    let wrong = |error: DataFusionError| SqlError::from_datafusion(&error, limit);
    let unwritten = |error: ArrowError| SqlError::from_arrow(&error, limit);
    let session = session_factory.session(run, threads).map_err(wrong)?;
    let mut batches = plan(session, statement).await.map_err(wrong)?.execute_stream().await.map_err(wrong)?;
    let mut encoder = Encoder::new(format, &batches.schema()).map_err(unwritten)?;
    // The head goes with the first rows, because a mistake that shows before them is told in place of an answer.
    let mut head = encoder.start().map_err(unwritten)?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(wrong)?;
        for rows in encoder.rows(&batch) {
            let bytes = encoder.encode(&rows).map_err(unwritten)?;
            send(run, &std::mem::take(&mut head))?;
            send(run, &bytes)?;
        }
    }
    send(run, &head)?;
    send(run, &encoder.finish().map_err(unwritten)?)
}

fn send(run: &Run, bytes: &[u8]) -> Result<(), SqlError> {
    for part in bytes.chunks(MAX_RESPONSE_BYTES) {
        run.parent().send(&FromWorker::Answer, part).map_err(|_| SqlError::Closed)?;
    }
    Ok(())
}

async fn plan(session: SessionState, statement: Statement) -> Result<DataFrame, DataFusionError> {
    let plan = session.statement_to_plan(statement).await?;
    // The parser has let nothing else through; this is what DataFusion itself holds to be reading.
    let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads.verify_plan(&plan)?;
    Ok(DataFrame::new(session, plan))
}
