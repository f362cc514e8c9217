//! Responses that are sent while they are made.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures::stream;
use http::header;
use tokio::sync::mpsc;
use vitrine_observe_store::Right;
use vitrine_observe_store::series::{QueryError, Select, SeriesInfo, SeriesSamples, Value, Values};

use super::answer::Failed;
use super::question::Question;
use super::{Prometheus, Request};

/// Pieces that wait for who reads them. Each is of a series, or a part of one, of some MiB at most.
const MAX_WAITING_PIECES: usize = 8;

/// Takes the next piece; an error if whoever asked has gone.
pub(super) type Push<'a> = &'a mut dyn FnMut(Vec<u8>) -> Result<(), Failed>;

/// Responds with the pieces that this work pushes. What fails before the first piece is an answer of its own; later, the stream breaks off.
pub(super) async fn streamed(
    api: Prometheus,
    asked: Request,
    content_type: &'static str,
    work: impl FnOnce(&Question, Push<'_>) -> Result<(), Failed> + Send + 'static,
) -> Result<Response, Failed> {
    let (sender, mut pieces) = mpsc::channel::<Result<Bytes, Failed>>(MAX_WAITING_PIECES);
    tokio::spawn(async move {
        let pushed = sender.clone();
        let work = move |question: &Question| {
            work(question, &mut |piece| pushed.blocking_send(Ok(piece.into())).map_err(|_| QueryError::Canceled.into()))
        };
        let outcome = tokio::select! {
            outcome = api.ask(Right::Read, asked, work) => outcome,
            // Whoever asked has gone: without its future the question ends, too.
            () = sender.closed() => Ok(()),
        };
        if let Err(failed) = outcome {
            // Nobody is there to hear it if this fails.
            let _ = sender.send(Err(failed)).await;
        }
    });
    let first = pieces.recv().await.transpose()?;
    let all = stream::unfold((first, pieces), async |(first, mut pieces)| {
        let piece = match first {
            Some(first) => Ok(first),
            None => pieces.recv().await?.map_err(|failed| std::io::Error::other(failed.message())),
        };
        Some((piece, (None, pieces)))
    });
    Ok(([(header::CONTENT_TYPE, content_type)], Body::from_stream(all)).into_response())
}

/// Hands on the samples of each series that is selected.
pub(super) fn each_series(
    question: &Question,
    select: &Select,
    mut take: impl FnMut(&SeriesInfo, SeriesSamples) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut selection = question.series.select(select, &question.budget)?;
    while let Some(block) = selection.next_block()? {
        question.budget.check()?;
        for samples in block {
            if let Some(series) = selection.series().get(samples.series) {
                take(series, samples)?;
            }
        }
    }
    Ok(())
}

/// Samples with their times in milliseconds since 1970.
pub(super) fn timed(samples: &SeriesSamples) -> impl Iterator<Item = (i64, Value)> + '_ {
    let values: Box<dyn Iterator<Item = Value>> = match &samples.values {
        Values::Floats(values) => Box::new(values.iter().map(|bits| Value::Float(*bits))),
        Values::Histograms(values) => Box::new(values.iter().map(|value| Value::Histogram(value.clone()))),
        Values::Mixed(values) => Box::new(values.iter().cloned()),
    };
    samples.times.iter().copied().zip(values)
}
