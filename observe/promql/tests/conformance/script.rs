//! From a file to its commands.

use std::sync::LazyLock;

use regex::Regex;
use vitrine_observe_promql::ast::Expr;
use vitrine_observe_promql::parse::{parse_duration_ms, parse_expr, unquote};
use vitrine_observe_promql::testing::{SequenceValue, parse_series};
use vitrine_observe_series::Labels;

static LOAD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^load(?:_(with_nhcb))?\s+(.+?)$").expect("a pattern"));
static INSTANT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$").expect("a pattern")
});
static RANGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$")
        .expect("a pattern")
});
static EXPECT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$").expect("a pattern")
});
static EXPECT_RANGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)$").expect("a pattern"));

/// A step of a test.
pub enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// Series to be stored.
pub struct Load {
    pub step_ms: i64,
    /// Whether classic histograms are stored as native ones too.
    pub with_nhcb: bool,
    pub series: Vec<LoadedSeries>,
}

pub struct LoadedSeries {
    pub labels: Labels,
    pub values: Vec<SequenceValue>,
    /// When totals began, relative to each sample.
    pub starts: Vec<Option<i64>>,
}

/// An expression and what it results in.
pub struct Eval {
    pub line: usize,
    pub query: String,
    pub expr: Expr,
    pub start_ms: i64,
    pub end_ms: i64,
    /// 0 of an instant.
    pub step_ms: i64,
    pub is_range: bool,
    /// Whether an instant's result is not compared with that of a range query.
    pub only_instant: bool,
    pub ordered: bool,
    pub fail: Vec<Matching>,
    pub warn: Vec<Matching>,
    pub info: Vec<Matching>,
    pub no_warn: bool,
    pub no_info: bool,
    pub scalar: Option<f64>,
    pub string: Option<String>,
    pub series: Vec<(Labels, Vec<SequenceValue>)>,
}

/// What a message must be like.
#[derive(Clone)]
pub enum Matching {
    Any,
    Text(String),
    Pattern(Regex),
}

impl Matching {
    pub fn fits(&self, message: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(text) => text == message,
            Self::Pattern(pattern) => pattern.is_match(message),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Self::Any => ".*",
            Self::Text(text) => text,
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }
}

/// Commands of a file; what is wrong with a command stands in its place.
pub fn parse(text: &str) -> Vec<Result<Command, String>> {
    let lines: Vec<&str> =
        text.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let begin = at;
        at += 1;
        if line.is_empty() {
            continue;
        }
        let length = lines[at..].iter().position(|line| line.is_empty()).unwrap_or(lines.len() - at);
        let block = &lines[at..at + length];
        let word = line.split([' ', '\t']).next().unwrap_or_default().to_lowercase();
        let command = match word.as_str() {
            "clear" => Ok(Command::Clear),
            word if word.starts_with("load") => {
                at += length;
                load(line, block).map(Command::Load)
            }
            word if word.starts_with("eval") => {
                let (eval, used) = eval(line, block, begin + 1);
                at += used;
                eval.map(|eval| Command::Eval(Box::new(eval)))
            }
            _ => Err(format!("invalid command {line:?}")),
        };
        commands.push(command.map_err(|error| format!("line {}: {error}", begin + 1)));
    }
    commands
}

fn load(line: &str, block: &[&str]) -> Result<Load, String> {
    let parts = LOAD.captures(line).ok_or("invalid load command")?;
    let step_ms = parse_duration_ms(&parts[2])?;
    let mut load = Load { step_ms, with_nhcb: parts.get(1).is_some(), series: Vec::new() };
    let mut starts: Option<(Labels, Vec<Option<i64>>)> = None;
    for line in block {
        let (first, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        if let Some(metric) = first.strip_suffix("@st") {
            let (labels, _) = parse_series(metric).map_err(|error| error.to_string())?;
            starts = Some((labels, offsets(rest)?));
            continue;
        }
        let (labels, values) = parse_series(line).map_err(|error| format!("{line}: {error}"))?;
        let starts = match starts.take() {
            None => vec![None; values.len()],
            Some((of, starts)) if of == labels && starts.len() == values.len() => starts,
            Some(_) => return Err(format!("{line}: @st does not fit")),
        };
        load.series.push(LoadedSeries { labels, values, starts });
    }
    Ok(load)
}

/// Offsets of start times: `_`, `_x2`, `-1m`, `-1mx3`, `-1m+10sx3`.
fn offsets(text: &str) -> Result<Vec<Option<i64>>, String> {
    let mut offsets = Vec::new();
    for item in text.split_whitespace() {
        if let Some(count) = item.strip_prefix('_') {
            let count = count.strip_prefix('x').map_or(Ok(1), |count| count.parse()).map_err(|_| item)?;
            offsets.extend(std::iter::repeat_n(None, count));
            continue;
        }
        let (values, count) = match item.rsplit_once('x') {
            Some((values, count)) => (values, count.parse::<i64>().map_err(|_| item)? + 1),
            None => (item, 1),
        };
        let (base, step) = match values[1..].find(['+', '-']) {
            Some(place) => (signed(&values[..=place])?, signed(&values[place + 1..])?),
            None => (signed(values)?, 0),
        };
        offsets.extend((0..count).map(|number| Some(base + number * step)));
    }
    Ok(offsets)
}

fn signed(text: &str) -> Result<i64, String> {
    match text.strip_prefix('-') {
        Some(rest) => Ok(-parse_duration_ms(rest)?),
        None => parse_duration_ms(text.strip_prefix('+').unwrap_or(text)),
    }
}

/// An evaluation, and how many lines of the block belong to it.
fn eval(line: &str, block: &[&str], number: usize) -> (Result<Eval, String>, usize) {
    let mut used = block.len();
    let result = head(line, number).and_then(|mut eval| {
        for (place, line) in block.iter().enumerate() {
            if expectation(&mut eval, line)? {
                used = place + 1;
                break;
            }
        }
        let many = eval.series.iter().any(|(_, values)| values.len() > 1);
        if many && !eval.is_range && !eval.only_instant {
            return Err("expecting multiple values in instant evaluation not allowed".to_owned());
        }
        Ok(eval)
    });
    (result, used)
}

fn head(line: &str, number: usize) -> Result<Eval, String> {
    let (mode, query, times, is_range) = if let Some(parts) = INSTANT.captures(line) {
        let at = parse_duration_ms(parts.get(2).map_or("0", |at| at.as_str()))?;
        (parts.get(1).map(|mode| mode.as_str().to_owned()), parts[3].to_owned(), (at, at, 0), false)
    } else if let Some(parts) = RANGE.captures(line) {
        let times = (parse_duration_ms(&parts[2])?, parse_duration_ms(&parts[3])?, parse_duration_ms(&parts[4])?);
        (parts.get(1).map(|mode| mode.as_str().to_owned()), parts[5].to_owned(), times, true)
    } else {
        return Err(format!("invalid evaluation command {line:?}"));
    };
    let expr = parse_expr(&query).map_err(|error| format!("{query}: {error}"))?;
    let mode = mode.as_deref();
    let any = |wanted| if mode == Some(wanted) { vec![Matching::Any] } else { Vec::new() };
    Ok(Eval {
        line: number,
        query,
        expr,
        start_ms: times.0,
        end_ms: times.1,
        step_ms: times.2,
        is_range,
        only_instant: false,
        ordered: mode == Some("ordered"),
        fail: any("fail"),
        warn: any("warn"),
        info: any("info"),
        no_warn: false,
        no_info: false,
        scalar: None,
        string: None,
        series: Vec::new(),
    })
}

/// Reads a line below an evaluation; whether it is the last that belongs to it.
fn expectation(eval: &mut Eval, line: &str) -> Result<bool, String> {
    if !eval.fail.is_empty() {
        if let Some(message) = line.strip_prefix("expected_fail_message") {
            eval.fail = vec![Matching::Text(message.trim().to_owned())];
            return Ok(true);
        }
        if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
            eval.fail = vec![Matching::Pattern(Regex::new(pattern.trim()).map_err(|error| error.to_string())?)];
            return Ok(true);
        }
    }
    if line.starts_with("expect range vector") {
        let parts = EXPECT_RANGE.captures(line).ok_or_else(|| format!("invalid range vector definition {line:?}"))?;
        eval.start_ms = parse_duration_ms(&parts[1])?;
        eval.end_ms = parse_duration_ms(&parts[2])?;
        eval.step_ms = parse_duration_ms(&parts[3])?;
        eval.only_instant = true;
        return Ok(false);
    }
    if let Some(text) = line.strip_prefix("expect string") {
        eval.string = Some(unquote(text.trim())?);
        eval.only_instant = true;
        return Ok(false);
    }
    if line.split(' ').next() == Some("expect") {
        annotation(eval, line)?;
        return Ok(false);
    }
    if let Ok(number) = line.parse::<f64>() {
        eval.scalar = Some(number);
        return Ok(true);
    }
    eval.series.push(parse_series(line).map_err(|error| format!("{line}: {error}"))?);
    Ok(false)
}

fn annotation(eval: &mut Eval, line: &str) -> Result<(), String> {
    let parts = EXPECT.captures(line).ok_or_else(|| format!("invalid expect statement {line:?}"))?;
    let text = parts.get(3).map_or("", |text| text.as_str()).trim().to_owned();
    let matching = match parts.get(2).map(|kind| kind.as_str()) {
        Some("msg") => Matching::Text(text),
        Some(_) => Matching::Pattern(Regex::new(&text).map_err(|error| error.to_string())?),
        None => Matching::Any,
    };
    match &parts[1] {
        "ordered" => eval.ordered = true,
        "fail" => eval.fail.push(matching),
        "warn" => eval.warn.push(matching),
        "info" => eval.info.push(matching),
        "no_warn" => eval.no_warn = true,
        _ => eval.no_info = true,
    }
    Ok(())
}
