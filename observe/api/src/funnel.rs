//! `/funnel`: how far visits came within a day, by how quickly the slowest of their pages was answered. It is one statement, which the page
//! shows, so that it can be changed and asked again.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures::StreamExt;
use http::HeaderMap;
use serde_json::Value;
use vitrine_kit::html::escape;
use vitrine_observe_store::{Access, Right, Tenant};
use vitrine_platform_http::with_error_format;

use crate::error::Error;
use crate::pages::{self, html};
use crate::queries::tenant_of;
use crate::router::error_format;
use crate::sql::{SqlFormat, StatementError, Statements};

/// What is asked.
const STATEMENT: &str = include_str!("funnel.sql");
/// The steps, as the statement and the page call them.
const STEPS: [(&str, &str); 4] = [("page", "Page"), ("product", "Product"), ("cart", "Cart"), ("paid", "Paid")];
/// Most bytes of an answer: it has four rows.
const MAX_ANSWER: usize = 64 * 1024;

/// `/funnel` over what runs statements.
pub fn funnel_router(statements: Arc<dyn Statements>, access: Access) -> Router {
    let router = Router::new().route("/funnel", get(page)).with_state(Funnel { statements, access });
    with_error_format(router, error_format)
}

#[derive(Clone)]
struct Funnel {
    statements: Arc<dyn Statements>,
    access: Access,
}

async fn page(State(shared): State<Funnel>, headers: HeaderMap) -> Response {
    let tenant = match tenant_of(&shared.access, Right::Read, &headers) {
        Ok(tenant) => tenant,
        Err(denied) => return pages::page_of(Err(denied.into())),
    };
    let body = match rows(&shared, tenant).await {
        Ok(rows) => table(&rows),
        Err(error) => format!("<section class=empty><h2>No answer</h2><p>{}</p></section>", escape(&error.to_string())),
    };
    pages::page_of(Ok::<_, Error>(Html(html::page("Visits", &body)).into_response()))
}

async fn rows(shared: &Funnel, tenant: Tenant) -> Result<Vec<Value>, StatementError> {
    let mut chunks = shared.statements.query(tenant, STATEMENT.to_owned(), SqlFormat::Json).await?;
    let mut answer = Vec::new();
    while let Some(chunk) = chunks.next().await {
        answer.extend_from_slice(&chunk?);
        if answer.len() > MAX_ANSWER {
            return Err(StatementError::Failed("the answer is longer than a funnel's".to_owned()));
        }
    }
    let lines = answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let read =
        |line| serde_json::from_slice(line).map_err(|e| StatementError::Failed(format!("a row is no JSON: {e}")));
    lines.map(read).collect()
}

fn table(rows: &[Value]) -> String {
    let mut body = String::from(
        "<h1>How far visits come</h1><p class=soft>Visits of the last day, by how quickly the slowest of their traced pages was answered.</p>",
    );
    if rows.is_empty() {
        body.push_str("<section class=empty><h2>No visits yet</h2><p>Pages tell of visitors who agreed; see the guide, analytics.md.</p></section>");
    } else {
        body.push_str("<div class=panel><table><thead><tr><th>Answered");
        STEPS.iter().for_each(|(_, title)| body.push_str(&format!("<th class=num>{title}")));
        body.push_str("</tr></thead><tbody>");
        rows.iter().for_each(|row| body.push_str(&line(row)));
        body.push_str("</tbody></table></div>");
    }
    body.push_str(&format!("<h2>The statement</h2><pre>{}</pre>", escape(STATEMENT)));
    body
}

/// A row: each step as a count, and as a share of those who saw a page.
fn line(row: &Value) -> String {
    let count = |step: &str| row[step].as_u64().unwrap_or_default();
    let mut line = format!("<tr><td>{}", escape(row["answered"].as_str().unwrap_or_default()));
    for (step, _) in STEPS {
        let share = match count(STEPS[0].0) {
            0 => String::new(),
            all => format!(" <span class=soft>{:.0}%</span>", count(step) as f64 * 100.0 / all as f64),
        };
        line.push_str(&format!("<td class=num>{}{share}", html::count(count(step))));
    }
    line + "</tr>"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{line, table};

    #[test]
    fn steps_are_shares_of_pages() {
        let row = json!({"answered": "below 100 ms", "page": 4, "product": 2, "cart": 1, "paid": 1});
        let shown = line(&row);
        assert!(shown.contains("<td>below 100 ms") && shown.contains(">2 <span class=soft>50%</span>"), "{shown}");
        assert!(table(&[]).contains("No visits yet"));
        assert!(!line(&json!({"answered": "<script>", "page": 0})).contains("<script>"));
    }
}
