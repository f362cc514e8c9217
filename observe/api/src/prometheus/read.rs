//! Remote read: samples for another Prometheus, or for what speaks its protocol, in one message or as a stream of chunks.

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use vitrine_observe_store::Right;
use vitrine_observe_store::model::metrics::{
    ReadQuery, ReadResponse, ReadResponseType, RemoteReadError, decode_remote_read, read_frames,
};
use vitrine_observe_store::series::Select;

use super::answer::Failed;
use super::question::Question;
use super::stream::{each_series, streamed, timed};
use super::{Prometheus, Request};

/// What a stream of chunks is called.
const CHUNKS: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

/// `read`: the series of each query of a request, with all their samples.
pub(super) async fn read(api: Prometheus, headers: HeaderMap, body: Bytes) -> Result<Response, Failed> {
    let decode = move |_: &Question| {
        decode_remote_read(&body).map_err(|error: RemoteReadError| Failed::BadData(error.to_string()))
    };
    // What it asks says how it is answered. It is decompressed off the async threads, and for nobody who may not read.
    let request = api.ask(Right::Read, Request::of(headers.clone(), None), decode).await?;
    let asked = Request::of(headers, None);
    let queries: Vec<Select> = request.queries.into_iter().map(select).collect();
    match request.response {
        ReadResponseType::Samples => api.ask(Right::Read, asked, move |question| samples(question, &queries)).await,
        ReadResponseType::StreamedChunks => {
            let work = move |question: &Question, push: super::stream::Push<'_>| {
                queries.iter().enumerate().try_for_each(|(place, select)| {
                    each_series(question, select, |series, samples| {
                        push(read_frames(place, &series.labels, timed(&samples)))
                    })
                })
            };
            streamed(api, asked, CHUNKS, work).await
        }
    }
}

fn select(ReadQuery { matchers, start_ms, end_ms }: ReadQuery) -> Select {
    Select { matchers, after_ms: start_ms.saturating_sub(1), until_ms: end_ms }
}

fn samples(question: &Question, queries: &[Select]) -> Result<Response, Failed> {
    let mut response = ReadResponse::default();
    let mut held = Vec::new();
    let mut counted = 0;
    for select in queries {
        each_series(question, select, |series, samples| {
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
