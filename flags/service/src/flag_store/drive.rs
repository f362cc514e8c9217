//! What is done when its time has come. One task does it, and a test does it by hand.

use std::time::Duration;

use super::{Error, FlagStore};

/// Longest sleep: a clock that was set forward is noticed after so long.
const MAX_SLEEP: Duration = Duration::from_secs(60);
/// Pause after the database failed.
const RETRY: Duration = Duration::from_secs(5);

impl FlagStore {
    /// Does all that is due, in the order of its times, and returns when something is due next, in milliseconds since 1970.
    pub async fn drive(&self) -> Result<Option<i64>, Error> {
        while let Some(schedule) = self.first_due(Some(self.now_ms())).await? {
            self.fire(schedule).await?;
        }
        Ok(self.first_due(None).await?.map(|schedule| schedule.at_ms))
    }

    /// Does what is due when it is due, for as long as it is polled. A process has one such task.
    pub async fn drive_on(self) {
        loop {
            let pause = match self.drive().await {
                Ok(next) => self.pause(next),
                Err(error) => {
                    tracing::error!(%error, "what is planned for flags could not be done");
                    RETRY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.planned.notified() => {}
            }
        }
    }

    fn pause(&self, next_ms: Option<i64>) -> Duration {
        let Some(next_ms) = next_ms else { return MAX_SLEEP };
        let ms = u64::try_from(next_ms.saturating_sub(self.now_ms())).unwrap_or(0);
        Duration::from_millis(ms).min(MAX_SLEEP)
    }
}
