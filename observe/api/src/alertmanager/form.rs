//! The shapes of API v2.

use serde::{Deserialize, Serialize};
use vitrine_kit::clock::{parse_rfc3339, rfc3339};
use vitrine_observe_routing::{
    AlertView, GroupView, IntegrationTest, LabelSet, Matcher, PostedAlert, ReceiverView, Silence,
};

/// What Go calls no time: the beginning of the year 1, in milliseconds since 1970.
const NO_TIME_MS: i64 = -62_135_596_800_000;

/// Reads a time; none where it is not there, or where Go says that there is none.
fn time(name: &str, text: Option<&str>) -> Result<Option<i64>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let at = parse_rfc3339(text)
        .ok_or_else(|| format!("{name} {text:?}: expected a time such as 2026-11-21T18:30:00.000Z"))?;
    Ok(Some(at).filter(|at| *at > NO_TIME_MS))
}

/// An alert as it is told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostedAlertForm {
    labels: LabelSet,
    #[serde(default)]
    annotations: Option<LabelSet>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

impl TryFrom<PostedAlertForm> for PostedAlert {
    type Error = String;

    fn try_from(form: PostedAlertForm) -> Result<Self, String> {
        Ok(Self {
            starts_at: time("startsAt", form.starts_at.as_deref())?,
            ends_at: time("endsAt", form.ends_at.as_deref())?,
            labels: form.labels,
            annotations: form.annotations.unwrap_or_default(),
            generator_url: form.generator_url.unwrap_or_default(),
        })
    }
}

/// The name of a receiver.
#[derive(Serialize)]
struct ReceiverName {
    name: String,
}

/// An alert as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlertForm {
    annotations: LabelSet,
    ends_at: String,
    fingerprint: String,
    receivers: Vec<ReceiverName>,
    starts_at: String,
    status: StatusForm,
    updated_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    generator_url: String,
    labels: LabelSet,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusForm {
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
    silenced_by: Vec<String>,
    state: &'static str,
}

impl From<AlertView> for AlertForm {
    fn from(view: AlertView) -> Self {
        let AlertView { alert, receivers, status, muted_by } = view;
        let state = if status.is_muted() || !muted_by.is_empty() { "suppressed" } else { "active" };
        Self {
            fingerprint: alert.fingerprint().to_string(),
            annotations: alert.annotations,
            starts_at: rfc3339(alert.starts_at),
            ends_at: rfc3339(alert.ends_at),
            updated_at: rfc3339(alert.updated_at),
            receivers: receivers.into_iter().map(|name| ReceiverName { name }).collect(),
            status: StatusForm {
                inhibited_by: status.inhibited_by.iter().map(ToString::to_string).collect(),
                muted_by,
                silenced_by: status.silenced_by,
                state,
            },
            generator_url: alert.generator_url,
            labels: alert.labels,
        }
    }
}

/// A group as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupForm {
    alerts: Vec<AlertForm>,
    labels: LabelSet,
    receiver: ReceiverName,
    route_labels: LabelSet,
}

impl From<GroupView> for GroupForm {
    fn from(view: GroupView) -> Self {
        Self {
            alerts: view.alerts.into_iter().map(AlertForm::from).collect(),
            labels: view.labels,
            receiver: ReceiverName { name: view.receiver },
            route_labels: view.route_labels,
        }
    }
}

/// A receiver as it is shown.
#[derive(Serialize)]
pub(super) struct ReceiverForm {
    labels: LabelSet,
    name: String,
}

impl From<ReceiverView> for ReceiverForm {
    fn from(view: ReceiverView) -> Self {
        Self { labels: view.labels, name: view.name }
    }
}

/// What became of a test notification to an integration.
#[derive(Serialize)]
pub(super) struct IntegrationTestForm {
    kind: &'static str,
    name: String,
    #[serde(rename = "isSent")]
    is_sent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    duration_ms: u64,
}

impl From<IntegrationTest> for IntegrationTestForm {
    fn from(test: IntegrationTest) -> Self {
        Self {
            kind: test.kind,
            name: test.name,
            is_sent: test.error.is_none(),
            error: test.error,
            duration_ms: u64::try_from(test.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// A silence as it is told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostedSilenceForm {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<Matcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
    #[serde(default)]
    annotations: Option<LabelSet>,
}

impl TryFrom<PostedSilenceForm> for Silence {
    type Error = String;

    fn try_from(form: PostedSilenceForm) -> Result<Self, String> {
        let needed = |name: &str, text: &str| time(name, Some(text))?.ok_or_else(|| format!("{name}: expected a time"));
        Ok(Self {
            starts_at: needed("startsAt", &form.starts_at)?,
            ends_at: needed("endsAt", &form.ends_at)?,
            id: form.id.unwrap_or_default(),
            matcher_sets: vec![form.matchers],
            updated_at: 0,
            created_by: form.created_by,
            comment: form.comment,
            annotations: form.annotations.unwrap_or_default(),
        })
    }
}

/// A silence as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SilenceForm {
    id: String,
    status: SilenceStatus,
    updated_at: String,
    annotations: LabelSet,
    comment: String,
    created_by: String,
    ends_at: String,
    matchers: Vec<Matcher>,
    starts_at: String,
}

#[derive(Serialize)]
struct SilenceStatus {
    state: &'static str,
}

impl SilenceForm {
    pub(super) fn of(silence: Silence, now: i64) -> Self {
        Self {
            status: SilenceStatus { state: silence.state(now).name() },
            id: silence.id,
            updated_at: rfc3339(silence.updated_at),
            annotations: silence.annotations,
            comment: silence.comment,
            created_by: silence.created_by,
            ends_at: rfc3339(silence.ends_at),
            // The API makes silences of one set only.
            matchers: silence.matcher_sets.into_iter().next().unwrap_or_default(),
            starts_at: rfc3339(silence.starts_at),
        }
    }
}
