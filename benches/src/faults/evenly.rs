//! Calls at an even rate.

use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

/// Callers that call evenly one after the other, each again after a pause: together a thousand calls a second.
pub(super) const CALLERS: u32 = 150;
pub(super) const PAUSE: Duration = Duration::from_millis(150);
/// How long they do.
pub(super) const TURN: Duration = Duration::from_secs(5);
/// Calls that an error ends, one at a time.
pub(super) const ERRORS: usize = 5_000;

/// Lets callers call at an even rate; returns how long each call took, in microseconds.
pub(super) async fn evenly<F>(call: impl Fn() -> F + Clone + Send + 'static) -> Result<Histogram<u64>>
where
    F: Future<Output = Result<()>> + Send,
{
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for n in 0..CALLERS {
        let call = call.clone();
        callers.spawn(async move {
            let mut latency = Histogram::<u64>::new(3)?;
            let mut due = began + PAUSE * n / CALLERS;
            while due < began + TURN {
                tokio::time::sleep_until(due.into()).await;
                let from = Instant::now();
                call().await?;
                latency.record(u64::try_from(from.elapsed().as_micros())?)?;
                due += PAUSE;
            }
            Ok::<_, anyhow::Error>(latency)
        });
    }
    let mut all = Histogram::new(3)?;
    while let Some(latency) = callers.join_next().await {
        all.add(latency??)?;
    }
    Ok(all)
}
