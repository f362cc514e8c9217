//! Settings of Prometheus's API, and of those who write to it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_observe_receive::ReplicaOptions;
use vitrine_platform_config::Time;

/// How long the replica that is taken may be silent by default: two scrapes that fail, as in Mimir.
const FAILOVER: Duration = Duration::from_secs(30);

/// What Prometheus's API does beside answering. With tokens, all of it is for those with the right to operate.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrometheusApi {
    /// Whether series may be deleted and copied (admin/tsdb/…), as with Prometheus's --web.enable-admin-api.
    pub admin_api: bool,
    /// Whether /-/reload and /-/quit are obeyed, as with Prometheus's --web.enable-lifecycle.
    pub lifecycle_api: bool,
    /// Whether rules may be set by Mimir's ruler API; Grafana takes the observatory for Mimir then, and edits them.
    pub ruler_api: bool,
}

/// Senders of remote writes that send the same, such as two Prometheus servers with one configuration: of each cluster one replica is taken.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ha {
    /// Whether one replica of each cluster is taken; otherwise all are.
    pub dedup: bool,
    /// The label that replicas of a cluster have in common.
    pub cluster_label: String,
    /// The label that tells them apart; it is taken off what is kept.
    pub replica_label: String,
    /// How long the replica that is taken may be silent before another one is.
    pub failover: Time,
}

impl Default for Ha {
    fn default() -> Self {
        Self {
            dedup: false,
            cluster_label: "cluster".to_owned(),
            replica_label: "__replica__".to_owned(),
            failover: Time(FAILOVER),
        }
    }
}

impl Ha {
    /// How replicas are told apart, if one is taken; or which setting has no use.
    pub fn options(&self) -> Result<Option<ReplicaOptions>, String> {
        let Self { dedup, cluster_label, replica_label, failover } = self;
        for (name, label) in [("cluster_label", cluster_label), ("replica_label", replica_label)] {
            if label.is_empty() {
                return Err(format!("observatory.ha.{name}: expected the name of a label"));
            }
        }
        if cluster_label == replica_label {
            return Err(format!(
                "observatory.ha.replica_label = {replica_label:?}: expected another than cluster_label"
            ));
        }
        if failover.0.is_zero() {
            return Err("observatory.ha.failover: expected more than nothing, such as 30s".to_owned());
        }
        Ok(dedup.then(|| ReplicaOptions {
            cluster_label: cluster_label.clone(),
            replica_label: replica_label.clone(),
            failover: failover.0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vitrine_platform_config::Time;

    use super::Ha;

    #[test]
    fn replicas_are_told_apart_by_two_labels() {
        assert_eq!(Ha::default().options(), Ok(None));
        let on = Ha { dedup: true, ..Ha::default() };
        assert_eq!(
            on.options().map(|options| options.map(|options| options.failover)),
            Ok(Some(Duration::from_secs(30)))
        );
        for wrong in [
            Ha { cluster_label: String::new(), ..on.clone() },
            Ha { replica_label: "cluster".to_owned(), ..on.clone() },
            Ha { failover: Time(Duration::ZERO), ..on },
        ] {
            assert!(wrong.options().is_err_and(|why| why.starts_with("observatory.ha.") && why.contains("expected")));
        }
    }
}
