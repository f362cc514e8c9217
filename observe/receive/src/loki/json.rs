//! `{"streams":[{"stream":{"label":"value"},"values":[["NANOSECONDS","line",{"metadata":"value"}]]}]}`

use super::PUSH;
use super::streams::{Stream, Streams};
use crate::budget::{Budget, Buffer};
use crate::document::value::{self, Object, Value};
use crate::error::Error;

/// Values of one request, of which an entry has three: some 60 MB.
const MAX_VALUES: usize = 1_000_000;

/// Rewrites a push.
pub(super) fn rewrite(budget: &Budget, now_ns: u64, body: &[u8]) -> Result<Buffer, Error> {
    let text = String::from_utf8_lossy(body);
    let request = value::read_of(&text, MAX_VALUES).map_err(|error| malformed(error.to_string()))?;
    let mut streams = Streams::new(budget, now_ns);
    let Some(Value::List(all)) = get(&request, "streams") else {
        return Err(malformed("streams: expected a list".to_owned()));
    };
    for (place, stream) in all.iter().enumerate() {
        read_stream(&mut streams, stream).map_err(|failed| failed.within(place))?;
    }
    streams.finish()
}

/// Why a stream was not read.
enum Failed {
    Malformed(String),
    Around(Error),
}

impl From<String> for Failed {
    fn from(cause: String) -> Self {
        Self::Malformed(cause)
    }
}

impl Failed {
    fn within(self, place: usize) -> Error {
        match self {
            Self::Malformed(cause) => malformed(format!("streams[{place}].{cause}")),
            Self::Around(error) => error,
        }
    }
}

fn malformed(cause: String) -> Error {
    Error::Body { what: PUSH, cause }
}

fn get<'o, 'a>(object: &'o Object<'a>, name: &str) -> Option<&'o Value<'a>> {
    object.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn read_stream(streams: &mut Streams, stream: &Value<'_>) -> Result<(), Failed> {
    let Value::Object(fields) = stream else { return Err("stream: expected an object".to_owned().into()) };
    let Some(Value::Object(labels)) = get(fields, "stream") else {
        return Err("stream: expected an object of labels".to_owned().into());
    };
    let mut pairs = Vec::with_capacity(labels.len());
    for (name, value) in labels {
        let value = value.as_text().ok_or_else(|| format!("stream.{name}: expected a string"))?;
        pairs.push((&**name, value));
    }
    let stream = streams.stream(pairs.into_iter());
    let entries = match get(fields, "values") {
        Some(Value::List(entries)) => entries.as_slice(),
        None => &[],
        Some(_) => return Err("values: expected a list".to_owned().into()),
    };
    for (place, entry) in entries.iter().enumerate() {
        read_entry(streams, &stream, place, entry)?;
    }
    Ok(())
}

fn read_entry(streams: &mut Streams, stream: &Stream, place: usize, entry: &Value<'_>) -> Result<(), Failed> {
    const EXPECTED: &str = "expected [\"nanoseconds\", \"line\"], and maybe an object of metadata";
    let wrong = || Failed::Malformed(format!("values[{place}]: {EXPECTED}"));
    let Value::List(parts) = entry else { return Err(wrong()) };
    let (time, line, metadata) = match parts.as_slice() {
        [time, Value::Text(line)] => (time, line, &[][..]),
        [time, Value::Text(line), Value::Object(metadata)] => (time, line, metadata.as_slice()),
        _ => return Err(wrong()),
    };
    let time_ns = match time {
        Value::Text(text) => text.parse::<i64>().map_err(|_| wrong())?,
        // Some senders write a number.
        Value::Int(number) => *number,
        _ => return Err(wrong()),
    };
    // A time before 1970 is none.
    streams.entry(stream, u64::try_from(time_ns).unwrap_or(0), line, metadata).map_err(Failed::Around)
}
