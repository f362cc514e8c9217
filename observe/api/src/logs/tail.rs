//! `/api/logs/tail`: records as they come, a line of JSON for each.
//!
//! The query is part of the subscription: what does not meet it is not sent. Who does not keep up is told how many were dropped.

use std::fmt::Write;

use axum::body::Bytes;
use axum::response::Response;
use futures::stream;
use http::HeaderMap;
use serde_json::json;
use vitrine_observe_store::Tailed;
use vitrine_observe_store::model::LogFilter;

use super::lines;
use super::question::{only, query};
use super::record::add_line;
use crate::error::Error;
use crate::params::Pairs;
use crate::queries::{Queries, Reader};

/// Returns what is acknowledged from now on. It ends when the process does, or whoever asked has gone.
pub(super) async fn tail(queries: &Queries, headers: &HeaderMap, pairs: Pairs) -> Result<Response, Error> {
    let begin = move |reader: &Reader| {
        only(&pairs, &["query"])?;
        let filter = query(&pairs)?.log_filter().clone();
        let tail = reader.engine.tail(&reader.tenant, filter.clone())?;
        Ok((tail, filter))
    };
    let (tail, filter) = queries.ask(headers, begin).await?;
    let state = (tail, filter, queries.ending());
    let pieces = stream::unfold(state, async |(mut tail, filter, mut ending)| {
        let tailed = tokio::select! {
            tailed = tail.next() => tailed?,
            // Whether it was told or its sender has gone, nothing comes any more.
            _ = ending.wait_for(|is_ending| *is_ending) => return None,
        };
        Some((Ok(written(&tailed, &filter)), (tail, filter, ending)))
    });
    Ok(lines(pieces))
}

fn written(tailed: &Tailed, filter: &LogFilter) -> Bytes {
    let mut out = String::new();
    if tailed.dropped > 0 {
        // Writing into a text cannot fail.
        let _ = writeln!(out, "{}", json!({ "dropped": tailed.dropped }));
    }
    tailed.rows.iter().for_each(|found| add_line(&mut out, found, filter));
    out.into()
}
