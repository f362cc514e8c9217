//! What an operation costs, and what one may cost: told with each answer, and refused above a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextValidation};
use async_graphql::{Response, ServerError, ValidationResult, Value, value};

use super::limits::refused;

/// What an operation of someone may cost who is not signed in.
pub(crate) const MAX_COST: usize = 1_000;
/// What an operation of someone may cost who is.
pub(crate) const MAX_COST_SIGNED_IN: usize = 5_000;

/// What a list of so many costs: itself, and each of them what is read of one.
pub(crate) fn times(first: i32, each: usize) -> usize {
    1usize.saturating_add(usize::try_from(first).unwrap_or(0).saturating_mul(each))
}

/// How far an operation came, for whoever sends the answer.
#[derive(Default)]
pub(crate) struct Progress {
    cost: AtomicUsize,
    executed: AtomicBool,
    /// What it may cost.
    most: usize,
}

impl Progress {
    pub(crate) fn new(signed_in: bool) -> Arc<Self> {
        Arc::new(Self { most: if signed_in { MAX_COST_SIGNED_IN } else { MAX_COST }, ..Self::default() })
    }

    /// Notes that it is executed: of what is followed, when it brings something.
    pub(crate) fn accept(&self) {
        self.executed.store(true, Ordering::Relaxed);
    }

    /// Whether it was begun to be executed: else it was not accepted.
    pub(crate) fn is_executed(&self) -> bool {
        self.executed.load(Ordering::Relaxed)
    }
}

/// In the data of an operation that is validated and counted, and not executed.
pub(crate) struct DryRun;

/// Counts what operations cost.
pub(crate) struct Costs;

impl ExtensionFactory for Costs {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Costs {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let valid = next.run(ctx).await?;
        let Some(progress) = ctx.data_opt::<Arc<Progress>>() else { return Ok(valid) };
        progress.cost.store(valid.complexity, Ordering::Relaxed);
        if valid.complexity <= progress.most {
            return Ok(valid);
        }
        let message = format!(
            "the operation costs {}: at most {} is allowed here (each field costs 1, a list as many times what is read of one as `first` says)",
            valid.complexity, progress.most
        );
        Err(vec![refused("COMPLEXITY_LIMIT", &message)])
    }

    async fn execute(&self, ctx: &ExtensionContext<'_>, operation: Option<&str>, next: NextExecute<'_>) -> Response {
        if ctx.data_opt::<DryRun>().is_some() {
            return Response::default();
        }
        let progress = ctx.data_opt::<Arc<Progress>>();
        if let Some(progress) = progress {
            progress.executed.store(true, Ordering::Relaxed);
        }
        let response = next.run(ctx, operation).await;
        match progress {
            Some(progress) => response.extension("cost", cost_of(progress)),
            None => response,
        }
    }
}

fn cost_of(progress: &Progress) -> Value {
    let (requested, maximum) = (progress.cost.load(Ordering::Relaxed), progress.most);
    value!({ "requested": requested, "maximum": maximum })
}

#[cfg(test)]
mod tests {
    use super::times;

    #[test]
    fn a_list_costs_what_it_may_bring() {
        assert_eq!((times(20, 3), times(0, 3), times(-1, 3)), (61, 1, 1));
        assert_eq!(times(i32::MAX, usize::MAX), usize::MAX);
    }
}
