//! Log records: a query, how many there were when, the newest of them, and more as they come.

mod histogram;
mod lines;
mod patterns;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use vitrine_kit::html::escape;
use vitrine_kit::percent;
use vitrine_observe_search::people::Query;
use vitrine_observe_store::model::LogCursor;

use super::html::{count, page};
use crate::error::Error;
use crate::logs::{Question, around, cursor_text, level_counts, place};
use crate::params::{self, Pairs};
use crate::queries::Reader;

/// Times that can be chosen.
const RANGES: [&str; 6] = ["15m", "1h", "6h", "1d", "7d", "30d"];
/// The one that is chosen if none is.
const USUAL_RANGE: &str = "1h";
/// Records of a page.
const LINES: usize = 100;
/// Records on each side of one that is looked at.
const AROUND: usize = 25;
/// What the page may load: as every page, and its own script, which asks here.
const SCRIPT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; script-src 'self'; connect-src 'self'";
const STYLE: &str = include_str!("logs/style.css");
const SCRIPT: &str = include_str!("logs/tail.js");

/// The page: `query`, and `since` or `start` and `end`; `after` for older ones, `around` for those around one, `view=patterns` for patterns.
pub(crate) fn logs(reader: &Reader, mut pairs: Pairs) -> Result<String, Error> {
    let written = params::get(&pairs, "query").unwrap_or_default().to_owned();
    let since = params::get(&pairs, "since").map(str::to_owned);
    let has_time = pairs.iter().any(|(name, value)| (name == "start" || name == "end") && !value.is_empty());
    if since.is_some() {
        pairs.retain(|(name, _)| name != "start" && name != "end");
    } else if !has_time {
        pairs.push(("since".to_owned(), USUAL_RANGE.to_owned()));
    }
    let mut question = match Question::read(&pairs, &["after", "around", "view"]) {
        Ok(question) => question,
        Err(error) => {
            let form = form(&written, since.as_deref().unwrap_or(USUAL_RANGE), None);
            return Ok(whole(&format!(
                "{form}<section class=empty><p class=bad>{}</p></section>",
                escape(&error.to_string())
            )));
        }
    };
    let step_ns = histogram::step_ns(question.end_ns - question.start_ns);
    // Steps are whole ones, and what is listed is what is counted.
    question.start_ns = question.start_ns / step_ns * step_ns;
    let range = since.as_deref().or((!has_time).then_some(USUAL_RANGE));
    let window = range.is_none().then_some((question.start_ns, question.end_ns));
    let shown = Shown { query: &question.query, start_ns: question.start_ns, end_ns: question.end_ns };
    let mut body = form(&written, range.unwrap_or_default(), window);
    if let Some(cursor) = place(&pairs, "around")? {
        body.push_str(&around_one(reader, &shown, cursor)?);
        return Ok(whole(&body));
    }
    let counts = level_counts(reader, &question, step_ns)?;
    let total: u64 = counts.values().map(|count| count.records).sum();
    body.push_str(&histogram::histogram(&shown, &counts, step_ns));
    let is_patterns = params::get(&pairs, "view") == Some("patterns");
    body.push_str(&bar(&shown, total, is_patterns));
    if is_patterns {
        body.push_str(&patterns::table(&shown, &crate::logs::patterns(reader, &question)?));
    } else {
        let after = place(&pairs, "after")?;
        let found = reader.engine.logs(&reader.tenant, &question.logs(true, after, LINES))?;
        body.push_str(&lines::list(&shown, &found, None));
        if found.is_empty() {
            body.push_str(if reader.engine.tenant_status(&reader.tenant).logs.rows == 0 { NOTHING } else { NONE });
        }
        if let Some(last) = found.last().filter(|_| found.len() == LINES) {
            let to = shown.address(&format!("&after={}", cursor_text(last.cursor)));
            body.push_str(&format!("<p><a rel=next href=\"{to}\">Older records</a></p>"));
        }
    }
    Ok(whole(&body))
}

const NOTHING: &str = "<section class=empty><h2>No log records yet</h2><p>Send them by OTLP, or by what your shipper speaks:</p>\
    <pre>OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318</pre></section>";
const NONE: &str = "<section class=empty><h2>No records meet this in this time</h2><p>A longer time, or fewer conditions, may find some.</p></section>";

/// What is asked for, and how it is asked for again with something changed.
struct Shown<'a> {
    query: &'a Query,
    start_ns: u64,
    end_ns: u64,
}

impl Shown<'_> {
    /// The address of the same with more parameters.
    fn address(&self, more: &str) -> String {
        let query = percent::encode(&self.query.to_string());
        escape(&format!("/logs?query={query}&start={}&end={}{more}", self.start_ns, self.end_ns))
    }

    /// The address of a part of the time.
    fn within(&self, start_ns: u64, end_ns: u64) -> String {
        Shown { query: self.query, start_ns, end_ns }.address("")
    }

    /// The address of what also meets a condition.
    fn narrowed(&self, term: &str) -> String {
        let both = format!("({}) {term}", self.query);
        let both = Query::parse(&both).map_or(both, |query| query.to_string());
        escape(&format!("/logs?query={}&start={}&end={}", percent::encode(&both), self.start_ns, self.end_ns))
    }
}

fn whole(body: &str) -> String {
    page("Logs", &format!("<style>{STYLE}</style><h1>Logs</h1>{body}<script src=\"/logs/tail.js\" defer></script>"))
}

fn form(query: &str, range: &str, window: Option<(u64, u64)>) -> String {
    let option = |name: &&str| {
        let selected = if *name == range { " selected" } else { "" };
        format!("<option{selected}>{name}</option>")
    };
    let options: String = RANGES.iter().map(option).collect();
    // What was chosen in the histogram, or by a link from a trace.
    let chosen = window.map_or_else(String::new, |_| "<option value=\"\" selected>this time</option>".to_owned());
    let hidden = window.map_or_else(String::new, |(start, end)| {
        format!("<input type=hidden name=start value={start}><input type=hidden name=end value={end}>")
    });
    format!(
        "<form class=ask action=\"/logs\"><input id=query name=query value=\"{}\" placeholder=\"service:checkout level:&gt;=warn &quot;card declined&quot; -path:/health/\" \
         aria-label=\"Query\" autofocus spellcheck=false autocapitalize=off>{hidden}<select name=since aria-label=\"Time\">{chosen}{options}</select>\
         <button>Search</button></form>",
        escape(query)
    )
}

/// How many there are, and what else can be done with them.
fn bar(shown: &Shown<'_>, total: u64, is_patterns: bool) -> String {
    let query = percent::encode(&shown.query.to_string());
    let export = escape(&format!("/api/logs/export?query={query}&start={}&end={}", shown.start_ns, shown.end_ns));
    let other = if is_patterns {
        format!("<a href=\"{}\">Lines</a>", shown.address(""))
    } else {
        format!("<a href=\"{}\">Patterns</a>", shown.address("&view=patterns"))
    };
    format!(
        "<p class=bar><b>{}</b> <span class=soft>records</span> · {other} · <a href=\"{export}\" download=logs.ndjson>Export</a> \
         <button type=button id=tail hidden data-query=\"{}\">Follow</button> <span id=tail-status class=soft role=status></span></p>",
        count(total),
        escape(&shown.query.to_string())
    )
}

fn around_one(reader: &Reader, shown: &Shown<'_>, cursor: LogCursor) -> Result<String, Error> {
    let everything = vitrine_observe_store::model::LogFilter::everything();
    let (found, at) = around(reader, cursor, &everything, (AROUND, AROUND))?;
    Ok(format!(
        "<h2>What the same resource logged before and after</h2><p><a href=\"{}\">Back to what was found</a></p>{}",
        shown.address(""),
        lines::list(shown, &found, Some(at))
    ))
}

/// The page with leave to run its own script.
pub(crate) fn with_script(mut page: Response) -> Response {
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SCRIPT_POLICY));
    page
}

/// The script by which the page follows.
pub(crate) fn tail_script() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, SCRIPT).into_response()
}

#[cfg(test)]
mod tests {
    use vitrine_kit::html::PAGE_POLICY;

    use super::SCRIPT_POLICY;

    #[test]
    fn the_page_may_load_no_more_than_others_but_its_script() {
        assert_eq!(SCRIPT_POLICY.strip_prefix(PAGE_POLICY), Some("; script-src 'self'; connect-src 'self'"));
    }
}
