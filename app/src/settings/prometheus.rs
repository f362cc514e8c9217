//! Settings of Prometheus's API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
