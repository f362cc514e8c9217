//! `admin/tsdb/…`: series deleted, files cleaned of them, and copies. Only where a setting allows it, for who may operate.
//!
//! The source is prometheus/prometheus `web/api/v1/api.go`.

use std::sync::Arc;

use serde_json::json;
use vitrine_kit::clock;
use vitrine_observe_promql::go_quote;
use vitrine_observe_store::series::Filter;
use vitrine_observe_store::{AdminError, DeleteError, SeriesAdmin};

use super::answer::{ApiData, Failed};
use super::question::Question;

type Answered = Result<ApiData, Failed>;

/// Who does it, where it may be done.
fn admin(question: &Question) -> Result<&Arc<dyn SeriesAdmin>, Failed> {
    let admin = question.settings.parts.admin.as_ref().filter(|_| question.settings.options.admin_api);
    admin.ok_or_else(|| Failed::Unavailable("admin APIs disabled".to_owned()))
}

/// `admin/tsdb/delete_series`
pub(super) fn delete_series(question: &Question) -> Answered {
    let admin = admin(question)?;
    if question.all("match[]").next().is_none() {
        return Err(Failed::BadData("no match[] parameter provided".to_owned()));
    }
    let (start_ms, end_ms) = question.times()?;
    let matchers = question.matchers().map_err(|why| Failed::parameter("match[]", why))?;
    let filter = Filter { matchers, start_ms, end_ms };
    match admin.delete_series(&question.tenant, &filter, &question.budget) {
        Ok(_) => Ok(ApiData::default()),
        Err(DeleteError::Query(error)) => Err(error.into()),
        Err(error @ DeleteError::TooMany { .. }) => Err(Failed::Execution(error.to_string())),
        Err(error @ DeleteError::Disk(_)) => Err(Failed::Internal(error.to_string())),
    }
}

/// `admin/tsdb/clean_tombstones`
pub(super) fn clean_tombstones(question: &Question) -> Answered {
    let cleaned = admin(question)?.clean_tombstones(&question.tenant);
    cleaned.map(|_| ApiData::default()).map_err(|error| Failed::Internal(error.to_string()))
}

/// `admin/tsdb/snapshot`
pub(super) fn snapshot(question: &Question) -> Answered {
    let admin = admin(question)?;
    let skips_head = question.flag("skip_head", false).ok_or_else(|| {
        let text = go_quote(question.get("skip_head"));
        let why = format!("unable to parse boolean: strconv.ParseBool: parsing {text}: invalid syntax");
        Failed::parameter("skip_head", why)
    })?;
    // A second one within the same millisecond has the next number.
    for number in 0..MAX_SAME_TIME {
        let name = name(question.now_ms, number);
        match admin.snapshot(&question.tenant, &name, !skips_head) {
            Ok(()) => return Ok(ApiData::new(json!({ "name": name }).to_string())),
            Err(AdminError::Exists(_)) => continue,
            Err(error) => return Err(Failed::Internal(format!("create snapshot: {error}"))),
        }
    }
    Err(Failed::Internal("create snapshot: too many at the same time".to_owned()))
}

/// Snapshots of one millisecond.
const MAX_SAME_TIME: u64 = 16;

/// As upstream: a time, and a number in hexadecimal.
fn name(now_ms: i64, number: u64) -> String {
    let time: String = clock::rfc3339(now_ms).chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let seconds = time.split('.').next().unwrap_or_default();
    format!("{seconds}Z-{:016x}", u64::from(now_ms.rem_euclid(1000) as u16) << 32 | number)
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn snapshots_are_named_by_their_time() {
        assert_eq!(name(1_700_000_000_123, 1), "20231114T221320Z-0000007b00000001");
    }
}
