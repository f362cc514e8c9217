//! What a service answers, as HTTP.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use tonic::{Code, Status};
use vitrine_contracts::Problem;
use vitrine_platform_http::{Reply, Router};

use crate::TestResponse;

async fn answered(status: Status) -> TestResponse {
    let router = Router::new().route("/", get(async move || Reply::from(status).into_response()));
    crate::get(&router, "/").await
}

#[tokio::test]
async fn every_code_has_its_status() {
    for (code, status) in [
        (Code::InvalidArgument, 400),
        (Code::OutOfRange, 400),
        (Code::Unauthenticated, 401),
        (Code::PermissionDenied, 403),
        (Code::NotFound, 404),
        (Code::AlreadyExists, 409),
        (Code::Aborted, 409),
        (Code::FailedPrecondition, 422),
        (Code::ResourceExhausted, 429),
        (Code::Internal, 500),
        (Code::Unknown, 500),
        (Code::DataLoss, 500),
        (Code::Unimplemented, 501),
        (Code::Unavailable, 503),
        (Code::DeadlineExceeded, 504),
        (Code::Cancelled, 504),
    ] {
        let answer = answered(Status::new(code, "as it is")).await;
        assert_eq!(answer.status.as_u16(), status, "{code:?}");
        let detail = answer.problem()["detail"].as_str().expect("text").to_owned();
        // What broke within is no one's business outside.
        assert_eq!(detail == "as it is", status != 500, "{code:?}: {detail}");
    }
    let declined = Problem::precondition("CARD_DECLINED", "no money");
    assert_eq!(answered(declined.into()).await.status, StatusCode::PAYMENT_REQUIRED);
    let sold = Problem::exhausted("OUT_OF_STOCK", "sold");
    assert_eq!(answered(sold.into()).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_problem_comes_through_whole() {
    let answer =
        answered(Problem::invalid("line.quantity", "1 to 999", "too many").with_reason("TOO_MANY").into()).await;
    let problem = answer.problem();
    for (key, value) in
        [("code", "TOO_MANY"), ("field", "line.quantity"), ("expected", "1 to 999"), ("detail", "too many")]
    {
        assert_eq!(problem[key], value, "{problem}");
    }
    assert_eq!(problem["title"], "Bad Request");
}

#[tokio::test]
async fn whoever_may_try_again_is_told_how() {
    let unknown = answered(Problem::unauthenticated("TOKEN_EXPIRED", "log in again").into()).await;
    assert!(unknown.header("www-authenticate").starts_with("Bearer"), "{:?}", unknown.headers);
    for status in [Status::unavailable("later"), Status::resource_exhausted("slower")] {
        assert_eq!(answered(status).await.header("retry-after"), "1");
    }
    assert_eq!(answered(Status::not_found("nothing")).await.header("retry-after"), "");
}
