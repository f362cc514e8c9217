//! `export`: samples of series as lines of JSON, as VictoriaMetrics exports them and imports them again.
//!
//! The source is VictoriaMetrics's documentation, "How to export data in JSON line format". Native histograms have no form in it, and
//! are left out.

use axum::response::Response;
use vitrine_observe_store::series::{Labels, Select, Value, is_stale};

use super::answer::Failed;
use super::json::{push_labels, push_list};
use super::question::Question;
use super::stream::{Push, each_series, streamed, timed};
use super::{Prometheus, Request};

/// Most samples of one line; a longer series has several.
const MAX_LINE_SAMPLES: usize = 10_000;

/// `export`
pub(super) async fn export(api: Prometheus, asked: Request) -> Result<Response, Failed> {
    streamed(api, asked, "application/stream+json; charset=utf-8", lines).await
}

fn lines(question: &Question, push: Push<'_>) -> Result<(), Failed> {
    if question.all("match[]").next().is_none() {
        return Err(Failed::BadData("no match[] parameter provided".to_owned()));
    }
    let most = match question.get("max_rows_per_line") {
        "" | "0" => MAX_LINE_SAMPLES,
        text => {
            let wrong = || Failed::parameter("max_rows_per_line", "expected a whole number");
            text.parse::<usize>().map_err(|_| wrong())?.min(MAX_LINE_SAMPLES)
        }
    };
    let filter = question.filter()?;
    for matchers in filter.matchers {
        let select = Select { matchers, after_ms: filter.start_ms.saturating_sub(1), until_ms: filter.end_ms };
        each_series(question, &select, |series, samples| {
            let doubles = timed(&samples).filter_map(|(time_ms, value)| match value {
                Value::Float(bits) if !is_stale(bits) => Some((time_ms, f64::from_bits(bits))),
                _ => None,
            });
            let doubles: Vec<(i64, f64)> = doubles.collect();
            doubles.chunks(most).try_for_each(|part| push(line(&series.labels, part).into_bytes()))
        })?;
    }
    Ok(())
}

fn line(labels: &Labels, samples: &[(i64, f64)]) -> String {
    let mut out = String::from("{\"metric\":");
    push_labels(&mut out, labels);
    out.push_str(",\"values\":");
    push_list(&mut out, samples, |out, (_, value)| match *value {
        value if value.is_nan() => out.push_str("null"),
        f64::INFINITY => out.push_str("\"Infinity\""),
        f64::NEG_INFINITY => out.push_str("\"-Infinity\""),
        value => out.push_str(&format!("{value:?}")),
    });
    out.push_str(",\"timestamps\":");
    push_list(&mut out, samples, |out, (time_ms, _)| out.push_str(&time_ms.to_string()));
    out.push_str("}\n");
    out
}

#[cfg(test)]
mod tests {
    use vitrine_observe_store::series::Labels;

    use super::line;

    #[test]
    fn numbers_without_a_form_in_json_have_one() {
        let labels = Labels::of([("__name__", "up"), ("a", "\"")]);
        let samples = [(1, 1.0), (2, f64::NAN), (3, f64::NEG_INFINITY), (4, 1e300)];
        assert_eq!(
            line(&labels, &samples),
            "{\"metric\":{\"__name__\":\"up\",\"a\":\"\\\"\"},\"values\":[1.0,null,\"-Infinity\",1e300],\"timestamps\":[1,2,3,4]}\n"
        );
    }
}
