//! Queries for lines.

use std::borrow::Cow;

use vitrine_observe_model::{FoundLog, LogFilter, LogQuery, LogRow, Value};

use crate::ast::LogExpr;
use crate::labels::{LineLabel, LineLabels, Origin};
use crate::lower::{followed, lower};
use crate::pipeline::{Line, Pipeline};
use crate::source::{Error, Source, TimeRange};

/// Records that are read at a time while a pipeline leaves some of them out.
const PAGE_ROWS: usize = 1_000;

/// A line that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLine {
    /// When it happened, in nanoseconds since 1970.
    pub time_ns: u64,
    /// The text, after all stages.
    pub text: String,
    /// Its labels in order of their names, after all stages.
    pub labels: Vec<LineLabel>,
}

/// What records must have that are followed, and what is done with them.
pub struct TailFilter {
    /// What the engine is asked to follow. [`TailFilter::line`] leaves out what it lets through too much.
    pub filter: LogFilter,
    log: LogExpr,
    pipeline: Pipeline,
}

/// The line of a record.
pub(crate) fn line_of(row: &LogRow) -> Line<'_> {
    let text = match &row.body {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.text()),
    };
    Line { time_ns: row.time_ns, text, labels: LineLabels::of(row) }
}

fn found(pipeline: &Pipeline, row: &LogRow) -> Option<FoundLine> {
    let mut line = line_of(row);
    pipeline.run(&mut line).then(|| FoundLine {
        time_ns: line.time_ns,
        labels: line.labels.sorted(),
        text: line.text.into_owned(),
    })
}

impl Source<'_> {
    /// At most so many lines, the newest or the oldest first.
    pub fn lines(
        &self,
        log: &LogExpr,
        range: TimeRange,
        newest_first: bool,
        limit: usize,
    ) -> Result<Vec<FoundLine>, Error> {
        let mut lines = Vec::new();
        self.each_line(log, range, newest_first, limit, |line, _| lines.push(line))?;
        Ok(lines)
    }

    /// Hands out at most so many lines, each with the record that it is of.
    pub fn each_line(
        &self,
        log: &LogExpr,
        range: TimeRange,
        newest_first: bool,
        limit: usize,
        mut take: impl FnMut(FoundLine, &LogRow),
    ) -> Result<(), Error> {
        let lowered = lower(log, &self.label_map_for(log, std::iter::empty(), range)?).map_err(Error::Question)?;
        let pipeline = Pipeline::new(&lowered.rest).map_err(Error::Question)?;
        let mut query = LogQuery { newest_first, ..range.query(lowered.filter) };
        let mut left = limit;
        while left > 0 {
            self.budget.check()?;
            query.limit = if pipeline.is_empty() { left.min(PAGE_ROWS) } else { PAGE_ROWS };
            let page = self.logs.logs(self.tenant, &query)?;
            let is_last = page.len() < query.limit;
            query.after = page.last().map(|found| found.cursor);
            for FoundLog { row, .. } in &page {
                if let Some(line) = found(&pipeline, row).filter(|_| left > 0) {
                    take(line, row);
                    left -= 1;
                }
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }
}

impl TailFilter {
    /// Of a query for lines.
    pub fn new(log: LogExpr) -> Result<Self, Error> {
        let filter = followed(&log).map_err(Error::Question)?;
        let pipeline = Pipeline::new(&log.stages).map_err(Error::Question)?;
        Ok(Self { filter, log, pipeline })
    }

    /// The query.
    pub fn log(&self) -> &LogExpr {
        &self.log
    }

    /// The line of a record, if it is one of those.
    pub fn line(&self, row: &LogRow) -> Option<FoundLine> {
        let labels = LineLabels::of(row);
        let stream = |name: &str| {
            let label = labels.iter().find(|label| label.name == name && label.origin == Origin::Stream);
            label.map_or("", |label| label.value.as_str())
        };
        let is_selected = self.log.matchers.iter().all(|matcher| matcher.matches(stream(&matcher.name)));
        if is_selected { found(&self.pipeline, row) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use crate::labels::{LineLabels, Origin};
    use crate::parse::parse_log;
    use crate::pipeline::{Line, Pipeline};

    /// The line that comes out and labels that were found, or nothing if the line is not kept.
    fn run(stages: &str, text: &str) -> Option<(String, String)> {
        let log = parse_log(&format!("{{app=\"a\"}} {stages}")).unwrap_or_else(|error| panic!("{stages}: {error}"));
        let pipeline = Pipeline::new(&log.stages).expect("a pipeline");
        let mut labels = LineLabels::default();
        labels.add("app", "a".to_owned(), Origin::Stream);
        let mut line = Line { time_ns: 1_700_000_000_123_456_789, text: text.into(), labels };
        pipeline.run(&mut line).then(|| {
            let labels = line.labels.sorted();
            let labels: Vec<String> = labels
                .iter()
                .filter(|label| label.origin == Origin::Parsed && label.name != "__error_details__")
                .map(|label| format!("{}={}", label.name, label.value))
                .collect();
            (line.text.into_owned(), labels.join(" "))
        })
    }

    const JSON: &str =
        r#"{"level":"warn","request":{"method":"GET","path":"/a b"},"ids":[7,8],"took":1.5,"ok":true,"none":null}"#;
    const LOGFMT: &str = r#"level=info msg="hello \"you\"" took=250ms size=5KB bare dur=1.5 = x"#;
    const ACCESS: &str = r#"10.1.2.3 - ada [10/Oct] "GET /x HTTP/1.1" 200 42"#;

    #[test]
    fn parsers_find_labels() {
        for (stages, text, found) in [
            ("| json", JSON, "level=warn ok=true request_method=GET request_path=/a b took=1.5"),
            (
                r#"| json m="request.method", i="ids[1]", r="request""#,
                JSON,
                r#"i=8 m=GET r={"method":"GET","path":"/a b"}"#,
            ),
            (r#"| json p="[\"request\"][\"path\"]""#, JSON, "p=/a b"),
            ("| json", "no", "__error__=JSONParserErr"),
            ("| json", r#"{"app":"b"}"#, "app_extracted=b"),
            ("| logfmt", LOGFMT, r#"dur=1.5 level=info msg=hello "you" size=5KB took=250ms"#),
            (r#"| logfmt l="level", took"#, LOGFMT, "l=info took=250ms"),
            (
                "| logfmt --strict",
                LOGFMT,
                "__error__=LogfmtParserErr dur=1.5 level=info msg=hello \"you\" size=5KB took=250ms",
            ),
            (r#"| regexp "(?P<method>[A-Z]+) (?P<path>/\\S*)""#, ACCESS, "method=GET path=/x"),
            (
                r#"| pattern `<ip> - <user> [<_>] "<method> <path> <_>" <status> <size>`"#,
                ACCESS,
                "ip=10.1.2.3 method=GET path=/x size=42 status=200 user=ada",
            ),
            ("| unpack", r#"{"a":"1","_entry":"inner","n":2}"#, "a=1"),
            (r#"| label_format b=app, c="{{.app | ToUpper}}!""#, "", "b=a c=!"),
            ("| logfmt | keep level", LOGFMT, "level=info"),
            (r#"| logfmt | drop level="info", msg, took, size, dur"#, LOGFMT, ""),
            ("| json | drop __error__", "no", ""),
        ] {
            assert_eq!(run(stages, text).map(|(_, labels)| labels).as_deref(), Some(found), "{stages} {text}");
        }
    }

    #[test]
    fn lines_are_formatted() {
        for (stages, text, line) in [
            (r#"| json | line_format "{{.level}}: {{.request_method | ToLower}} {{.missing}}""#, JSON, "warn: get "),
            (r#"| line_format "{{ __line__ | trunc 4 | upper }}""#, "hello", "HELL"),
            (r#"| line_format "{{ __timestamp__ | unixEpochMillis }}""#, "", "1700000000123"),
            (r#"| line_format `{{ date "2006-01-02T15:04:05" __timestamp__ }}`"#, "", "2023-11-14T22:13:20"),
            (r#"| line_format `{{ __line__ | replace "l" "L" | trimPrefix "h" | repeat 2 }}`"#, "hello", "eLLoeLLo"),
            (r#"| line_format `{{ regexReplaceAll "(l+)" __line__ "<$1>" }}`"#, "hello", "he<ll>o"),
            (r#"| logfmt | line_format `{{ div (duration_seconds .took | mulf 1000 | int) 10 }}`"#, LOGFMT, "25"),
            (r#"| logfmt | line_format `{{ bytes .size }} {{ add 1 2 3 }} {{ subf 5.5 2 }}`"#, LOGFMT, "5000 6 3.5"),
            (
                r#"| line_format `{{ range $i, $x := (fromJson __line__).ids }}{{ $i }}={{ $x }};{{ end }}`"#,
                JSON,
                "0=7;1=8;",
            ),
            ("| unpack", r#"{"a":"1","_entry":"inner"}"#, "inner"),
            ("| decolorize", "\u{1b}[31mred\u{1b}[0m", "red"),
        ] {
            assert_eq!(run(stages, text).map(|(line, _)| line).as_deref(), Some(line), "{stages} {text}");
        }
    }

    #[test]
    fn conditions_keep_and_leave_out() {
        for (stages, text, keeps) in [
            (r#"|= "a" or "b""#, "xbx", true),
            (r#"!= "a" or "b""#, "xbx", false),
            (r#"|~ "(?i)HEL+O""#, "hello", true),
            (r#"!~ "h.*o""#, "hello", false),
            (r#"|= ip("10.0.0.0/8")"#, ACCESS, true),
            (r#"!= ip("10.1.2.1-10.1.2.4")"#, ACCESS, false),
            (r#"|= ip("::1")"#, "from ::1 to", true),
            ("|> `<_> - ada <_>`", ACCESS, true),
            ("|> `ada <_>`", ACCESS, false),
            ("!> `<_> - eve <_>`", ACCESS, true),
            ("| logfmt | took > 100ms and size >= 5KB", LOGFMT, true),
            ("| logfmt | took > 1s or dur == 1.5", LOGFMT, true),
            ("| logfmt | took > 1s, dur = 1.5", LOGFMT, false),
            ("| logfmt | (took > 1s or level=\"info\") and level!=\"warn\"", LOGFMT, true),
            ("| logfmt | absent > 1", LOGFMT, false),
            (r#"| absent="""#, LOGFMT, true),
            (r#"| logfmt | level > 3"#, LOGFMT, true),
            (r#"| logfmt | level > 3 | __error__="""#, LOGFMT, false),
            (r#"| json | __error__!="JSONParserErr""#, "no", false),
            (r#"| pattern "<ip> <_>" | ip = ip("10.1.0.0/16")"#, ACCESS, true),
        ] {
            assert_eq!(run(stages, text).is_some(), keeps, "{stages} {text}");
        }
    }
}
