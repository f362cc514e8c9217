//! Reading what is not a body: page parameters, and headers that guard writes.

use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::common::v1::PageRequest;
use vitrine_contracts::limits::{MAX_IDEMPOTENCY_KEY, MAX_PAGE};
use vitrine_platform_http::{ETag, Preconditions, Reply};

use crate::schema;

/// How often a change is looked at again that another caller was quicker than.
const MAX_ROUNDS: usize = 4;

/// `?limit&cursor`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    #[serde(default)]
    #[schemars(with = "schema::Limit")]
    limit: Option<u32>,
    #[serde(default)]
    #[schemars(with = "schema::Cursor")]
    cursor: Option<String>,
}

impl PageQuery {
    pub(crate) fn request(self) -> Result<Option<PageRequest>, Problem> {
        page(self.limit, self.cursor)
    }
}

/// A page request of its parameters.
pub(crate) fn page(limit: Option<u32>, cursor: Option<String>) -> Result<Option<PageRequest>, Problem> {
    if limit.is_some_and(|n| !(1..=MAX_PAGE).contains(&n)) {
        return Err(Problem::invalid("limit", &format!("1 to {MAX_PAGE}"), "so many cannot be listed at once"));
    }
    Ok(Some(PageRequest { size: limit.unwrap_or(0), cursor: cursor.unwrap_or_default() }))
}

/// The idempotency key, if one is given.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Reply> {
    let mut given = headers.get_all("idempotency-key").iter();
    let Some(value) = given.next() else { return Ok(None) };
    let one = Some(value).filter(|_| given.next().is_none());
    let key = one.and_then(|v| v.to_str().ok()).filter(|key| is_idempotency_key(key));
    let wrong = || {
        let expected = format!("one key of 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters without spaces");
        Problem::invalid("Idempotency-Key", &expected, "the key is empty, too long or malformed, or there are several")
    };
    Ok(Some(key.ok_or_else(wrong)?.to_owned()))
}

fn is_idempotency_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= MAX_IDEMPOTENCY_KEY && key.bytes().all(|b| b.is_ascii_graphic())
}

/// Refuses an idempotency key that is none.
pub(crate) fn check_idempotency_key(key: &str, field: &str) -> Result<(), Problem> {
    if is_idempotency_key(key) {
        return Ok(());
    }
    let expected = format!("1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters without spaces");
    Err(Problem::invalid(field, &expected, "the key is empty, too long or malformed"))
}

/// Changes a resource if the request's preconditions hold. It is read, its tag compared, and what was read goes with the change as the state
/// that it expects: the service refuses with `VERSION_MISMATCH` what is not so any more. Then it is looked at again, for the tag of what is
/// there now may be named as well. `change` gets nothing to expect where the preconditions name no version.
pub(crate) async fn change_if<R, A, Reading, Changing>(
    preconditions: &Preconditions,
    read: impl Fn() -> Reading,
    tag: impl Fn(&R) -> ETag,
    change: impl Fn(Option<R>) -> Changing,
) -> Result<A, Reply>
where
    Reading: Future<Output = Result<R, Reply>>,
    Changing: Future<Output = Result<A, Status>>,
{
    if preconditions.is_empty() {
        return Ok(change(None).await?);
    }
    // Who names a version of what is not there any more is told that it is not that version.
    let gone = |reply: Reply| match preconditions.check_missing() {
        Err(failed) if reply.status() == StatusCode::NOT_FOUND => failed,
        _ => reply,
    };
    for _ in 0..MAX_ROUNDS {
        let current = read().await.map_err(gone)?;
        preconditions.check(Some(&tag(&current)))?;
        let changed = change(Some(current).filter(|_| preconditions.name_versions())).await.map_err(Reply::from);
        match changed {
            Err(reply) if reply.reason() == "VERSION_MISMATCH" => {}
            changed => return changed.map_err(gone),
        }
    }
    Err(Preconditions::mismatch())
}

#[cfg(test)]
mod tests {
    use super::idempotency_key;
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    fn headers(name: &str, value: &str) -> HeaderMap {
        let name = HeaderName::try_from(name).expect("a name");
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a value"))])
    }

    #[test]
    fn keys_are_plain() {
        assert_eq!(idempotency_key(&HeaderMap::new()).expect("none"), None);
        assert_eq!(idempotency_key(&headers("idempotency-key", "a-1")).expect("one"), Some("a-1".to_owned()));
        for bad in ["", "a b", &"k".repeat(129)] {
            assert!(idempotency_key(&headers("idempotency-key", bad)).is_err(), "{bad}");
        }
    }
}
