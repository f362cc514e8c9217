//! Within which call a task works: so that a store's fault can mean one method's commits. It is known only while such a fault is at work.

tokio::task_local! {
    static CALL: &'static str;
}

/// Runs a call's work, so that [`current`] knows its path.
pub async fn run<F: Future>(path: &'static str, work: F) -> F::Output {
    CALL.scope(path, work).await
}

/// The path of the call within which this runs; empty outside of any that is known.
pub fn current() -> &'static str {
    CALL.try_with(|path| *path).unwrap_or_default()
}
