//! What guards of faults and roll-outs are answered: an observatory is asked over HTTP, the one of this process too, so that there is one way for both.

use std::time::Duration;

use anyhow::Result;
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use serde_json::Value;
use vitrine_flags_service::{Language, Measurements};
use vitrine_kit::{Secret, percent};
use vitrine_platform_fetch::{Client, Limits, Request, Settings, secret_value};

/// How long an answer may take, and how large it may be: a guard needs one number.
const LIMITS: Limits = Limits { within: Duration::from_secs(8), max_response_bytes: 1 << 20 };
/// Most of an error's text that is told.
const MAX_REASON_CHARS: usize = 300;

/// An observatory that is asked.
pub struct ObservatoryMeasurements {
    url: String,
    token: Secret,
    client: Client,
}

impl ObservatoryMeasurements {
    /// The observatory at a URL. An empty token is none.
    pub fn new(url: &str, token: Secret) -> Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { url, token, client: Client::new(&Settings::default())? })
    }

    fn request(&self, language: Language, query: &str) -> Result<Request, String> {
        let request = match language {
            Language::Promql => {
                Request::get(format!("{}/prometheus/api/v1/query?query={}", self.url, percent::encode(query)))
            }
            Language::Sql => {
                Request::post(format!("{}/api/sql?format=rows", self.url), "application/sql", query.to_owned())
            }
        };
        if self.token.expose().is_empty() {
            return Ok(request);
        }
        let value = secret_value(AUTHORIZATION, &format!("Bearer {}", self.token.expose()));
        Ok(request.with_header(AUTHORIZATION, value.map_err(|error| error.to_string())?))
    }

    async fn answer(&self, language: Language, query: &str) -> Result<Option<f64>, String> {
        let sent = self.client.send(self.request(language, query)?, LIMITS).await;
        let response = sent.map_err(|error| format!("{}: {error}", self.url))?;
        let body = String::from_utf8_lossy(&response.body);
        if !response.status.is_success() {
            let reason: String = body.chars().take(MAX_REASON_CHARS).collect();
            return Err(format!("{}: {}: {}", self.url, response.status, reason.trim()));
        }
        match language {
            Language::Promql => first_sample(&body),
            Language::Sql => first_number(&body),
        }
    }
}

impl Measurements for ObservatoryMeasurements {
    fn ask<'m>(&'m self, language: Language, query: &'m str) -> BoxFuture<'m, Result<Option<f64>, String>> {
        Box::pin(self.answer(language, query))
    }
}

/// The first sample of an instant vector, or a scalar. NaN is no number that could be compared.
fn first_sample(body: &str) -> Result<Option<f64>, String> {
    let body: Value = serde_json::from_str(body).map_err(|error| format!("the answer is not PromQL's: {error}"))?;
    let result = &body["data"]["result"];
    let sample = match body["data"]["resultType"].as_str() {
        Some("vector") => &result[0]["value"][1],
        Some("scalar") => &result[1],
        Some(other) => {
            return Err(format!("the answer is a {other}: one number is expected, so an instant vector or a scalar"));
        }
        None => return Err("the answer is not PromQL's".to_owned()),
    };
    Ok(sample.as_str().and_then(|text| text.parse::<f64>().ok()).filter(|number| !number.is_nan()))
}

/// The first number of the first row; the first line tells the columns. None without a row, or where it is null.
fn first_number(body: &str) -> Result<Option<f64>, String> {
    let Some(row) = body.lines().nth(1) else { return Ok(None) };
    let row: Value = serde_json::from_str(row).map_err(|error| format!("the answer is not rows: {error}"))?;
    let Some(value) = row.as_array().and_then(|row| row.first()) else {
        return Err("the answer has no column: one number is expected".to_owned());
    };
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => Ok(number.as_f64()),
        // Decimals of many digits are texts.
        Value::String(text) => {
            text.parse().map(Some).map_err(|_| format!("the answer is {text:?}: a number is expected"))
        }
        other => Err(format!("the answer is {other}: a number is expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::{first_number, first_sample};

    #[test]
    fn the_first_number_is_read_or_told_why_there_is_none() {
        let vector = |value: &str| {
            format!(
                r#"{{"data": {{"resultType": "vector", "result": [{{"metric": {{}}, "value": [1, "{value}"]}}]}}}}"#
            )
        };
        for (body, expected) in [
            (vector("0.25"), Ok(Some(0.25))),
            (vector("NaN"), Ok(None)),
            (vector("+Inf"), Ok(Some(f64::INFINITY))),
            (r#"{"data": {"resultType": "vector", "result": []}}"#.to_owned(), Ok(None)),
            (r#"{"data": {"resultType": "scalar", "result": [1, "3"]}}"#.to_owned(), Ok(Some(3.0))),
            (r#"{"data": {"resultType": "matrix", "result": []}}"#.to_owned(), Err(())),
            ("[]".to_owned(), Err(())),
            ("no".to_owned(), Err(())),
        ] {
            assert_eq!(first_sample(&body).map_err(drop), expected, "{body}");
        }
        for (body, expected) in [
            ("[[\"n\",\"Int64\"]]\n[7]\n[8]\n", Ok(Some(7.0))),
            ("[[\"n\",\"Int64\"]]\n", Ok(None)),
            ("[[\"n\",\"Int64\"]]\n[null]\n", Ok(None)),
            ("[[\"n\",\"Decimal\"]]\n[\"12.5\"]\n", Ok(Some(12.5))),
            ("[[\"n\",\"Utf8\"]]\n[\"many\"]\n", Err(())),
            ("[[\"n\",\"Boolean\"]]\n[true]\n", Err(())),
            ("[]\n[]\n", Err(())),
            ("[]\nno\n", Err(())),
        ] {
            assert_eq!(first_number(body).map_err(drop), expected, "{body}");
        }
    }
}
