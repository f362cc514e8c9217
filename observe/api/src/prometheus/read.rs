//! Remote read: samples for another Prometheus, or for what speaks its protocol, in one message or as a stream of chunks.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures::stream;
use http::{HeaderMap, header};
use tokio::sync::mpsc;
use vitrine_observe_store::Right;
use vitrine_observe_store::model::metrics::{
    ReadQuery, ReadResponse, ReadResponseType, RemoteReadError, decode_remote_read, read_frames,
};
use vitrine_observe_store::series::{QueryError, Select, SeriesInfo, SeriesSamples, Value, Values};

use super::answer::Failed;
use super::question::Question;
use super::{Prometheus, Request};

/// Pieces of a stream that wait for who reads it. Each is a series, or a part of one of some MiB.
const MAX_WAITING_PIECES: usize = 8;
/// What a stream of chunks is called.
const CHUNKS: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

/// A piece of a stream, or why there are no more.
type Piece = Result<Bytes, Failed>;

/// `read`: the series of each query of a request, with all their samples.
pub(super) async fn read(api: Prometheus, headers: HeaderMap, body: Bytes) -> Result<Response, Failed> {
    let request = decode_remote_read(&body).map_err(|error: RemoteReadError| Failed::BadData(error.to_string()))?;
    let asked = Request::of(headers, None);
    match request.response {
        ReadResponseType::Samples => {
            api.ask(Right::Read, asked, move |question| samples(question, request.queries)).await
        }
        ReadResponseType::StreamedChunks => chunks(api, asked, request.queries).await,
    }
}

/// Hands on the samples of each series that a query selects.
fn each_series(
    question: &Question,
    query: ReadQuery,
    mut take: impl FnMut(&SeriesInfo, SeriesSamples) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let select =
        Select { matchers: query.matchers, after_ms: query.start_ms.saturating_sub(1), until_ms: query.end_ms };
    let mut selection = question.series.select(&select, &question.budget)?;
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

fn samples(question: &Question, queries: Vec<ReadQuery>) -> Result<Response, Failed> {
    let mut response = ReadResponse::default();
    let mut held = Vec::new();
    let mut counted = 0;
    for query in queries {
        each_series(question, query, |series, samples| {
            response.series(&series.labels, timed(&samples));
            held.push(question.budget.reserve(response.len().saturating_sub(counted))?);
            counted = response.len();
            Ok(())
        })?;
        response.end_result();
    }
    let body = response.compressed().map_err(Failed::Execution)?;
    let headers = [(header::CONTENT_TYPE, "application/x-protobuf"), (header::CONTENT_ENCODING, "snappy")];
    Ok((headers, body).into_response())
}

/// A stream of chunks. What fails before its first piece is an answer of its own; later, the stream breaks off.
async fn chunks(api: Prometheus, asked: Request, queries: Vec<ReadQuery>) -> Result<Response, Failed> {
    let (sender, mut pieces) = mpsc::channel::<Piece>(MAX_WAITING_PIECES);
    tokio::spawn(async move {
        let pushed = sender.clone();
        let work = move |question: &Question| {
            for (place, query) in queries.into_iter().enumerate() {
                each_series(question, query, |series, samples| {
                    let frames = read_frames(place, &series.labels, timed(&samples));
                    // Whoever asked has gone if nobody takes it.
                    pushed.blocking_send(Ok(frames.into())).map_err(|_| QueryError::Canceled.into())
                })?;
            }
            Ok(())
        };
        if let Err(failed) = api.ask(Right::Read, asked, work).await {
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
    Ok(([(header::CONTENT_TYPE, CHUNKS)], Body::from_stream(all)).into_response())
}

fn timed(samples: &SeriesSamples) -> impl Iterator<Item = (i64, Value)> + '_ {
    samples.times.iter().copied().zip(each(&samples.values))
}

fn each(values: &Values) -> Box<dyn Iterator<Item = Value> + '_> {
    match values {
        Values::Floats(values) => Box::new(values.iter().map(|bits| Value::Float(*bits))),
        Values::Histograms(values) => Box::new(values.iter().map(|value| Value::Histogram(value.clone()))),
        Values::Mixed(values) => Box::new(values.iter().cloned()),
    }
}
