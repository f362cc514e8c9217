//! Webhooks: version 4 of Alertmanager's JSON, or what the configuration makes of it.

use vitrine_observe_routing::Webhook;

use super::{Failure, Known, Sending};

impl Sending<'_> {
    pub(super) async fn webhook(&self, webhook: &Webhook) -> Result<Known, Failure> {
        let alerts = self.delivery.alerts.len();
        let left_out = if webhook.max_alerts > 0 { alerts.saturating_sub(webhook.max_alerts) } else { 0 };
        let url = self.url(&webhook.url).await?;
        match &webhook.payload {
            Some(payload) => {
                let body = payload.rendered(&mut |text: &str| self.text(text))?;
                self.post(url, &body).await?;
            }
            None => drop(self.post(url, &self.data.webhook(self.delivery, left_out)).await?),
        }
        Ok(Known::new())
    }
}
