//! The journal's export format: <https://systemd.io/JOURNAL_EXPORT_FORMATS/>. A field is `NAME=text` and a newline, or `NAME`, a newline, a
//! length in eight bytes (the lowest first), so many bytes and a newline; an empty line ends an entry.

use std::borrow::Cow;

use crate::budget::{Budget, Buffer};
use crate::document::value::Value;
use crate::error::Error;
use crate::key_values::key_text;
use crate::protobuf::Writer;
use crate::records::{Origin, Record, Records};
use crate::severity;

/// Fields of one entry; systemd's own bound.
const MAX_FIELDS: usize = 1_024;
/// Nanoseconds in a microsecond.
const NANOS_PER_MICRO: u64 = 1_000;
const TIME: &str = "__REALTIME_TIMESTAMP";
const MESSAGE: &str = "MESSAGE";
const PRIORITY: &str = "PRIORITY";
const HOST: &str = "_HOSTNAME";
/// What may be the service's name, the best first.
const SERVICES: [&str; 3] = ["SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT", "_COMM"];

/// The fields of one entry, as often as they were sent.
type Fields<'a> = Vec<(Cow<'a, str>, &'a [u8])>;

/// What was read of an entry.
enum Read<'a> {
    /// It ends in this place.
    Whole(Fields<'a>, usize),
    /// There is more of it to come.
    Cut,
}

/// The records of the entries that are whole, and how many bytes those are.
pub(super) fn rewrite(budget: &Budget, now_ns: u64, piece: &[u8], is_end: bool) -> Result<(Buffer, usize), Error> {
    let (mut records, mut record, mut message) = (Records::new(budget), Record::new(budget), Writer::new(budget));
    let mut whole = 0;
    while whole < piece.len() {
        match read(&piece[whole..], is_end)? {
            Read::Whole(fields, length) => {
                if !fields.is_empty() {
                    write(&mut record, now_ns, &fields);
                    records.put(&origin(&mut message, &fields), &mut record)?;
                }
                whole += length;
            }
            Read::Cut if is_end => return Err(malformed("the last entry is cut off")),
            Read::Cut => break,
        }
    }
    Ok((records.finish()?, whole))
}

fn malformed(cause: &str) -> Error {
    Error::Body { what: "journal in its export format", cause: cause.to_owned() }
}

fn read(bytes: &[u8], is_end: bool) -> Result<Read<'_>, Error> {
    let (mut fields, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = bytes[at..].iter().position(|byte| *byte == b'\n').map(|length| at + length) else {
            // The last entry need not end with an empty line, but its last field ends.
            return Ok(if is_end && at == bytes.len() { Read::Whole(fields, at) } else { Read::Cut });
        };
        let line = &bytes[at..end];
        at = end + 1;
        if line.is_empty() {
            return Ok(Read::Whole(fields, at));
        }
        if fields.len() == MAX_FIELDS {
            return Err(malformed(&format!("expected at most {MAX_FIELDS} fields in an entry")));
        }
        if let Some(equals) = line.iter().position(|byte| *byte == b'=') {
            fields.push((String::from_utf8_lossy(&line[..equals]), &line[equals + 1..]));
            continue;
        }
        let Some(length) = bytes.get(at..at + size_of::<u64>()) else { return Ok(Read::Cut) };
        let length = u64::from_le_bytes(length.try_into().map_err(|_| malformed("a length of other than 8 bytes"))?);
        at += size_of::<u64>();
        let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
        let end =
            end.filter(|end| *end < isize::MAX as usize).ok_or_else(|| malformed("a length that no field has"))?;
        match bytes.get(at..=end) {
            Some(value) if value.ends_with(b"\n") => fields.push((String::from_utf8_lossy(line), &bytes[at..end])),
            Some(_) => return Err(malformed("expected a newline behind a binary field")),
            None => return Ok(Read::Cut),
        }
        at = end + 1;
    }
}

fn text<'f>(fields: &'f Fields<'_>, name: &str) -> Option<&'f str> {
    let value = fields.iter().find(|(key, _)| key == name).map(|(_, value)| *value)?;
    std::str::from_utf8(value).ok().filter(|text| !text.is_empty())
}

fn write(record: &mut Record, now_ns: u64, fields: &Fields<'_>) {
    record.clear();
    if let Some(time) = text(fields, TIME).and_then(|text| text.parse::<u64>().ok()) {
        record.time(time.saturating_mul(NANOS_PER_MICRO));
    }
    record.observed(now_ns);
    if let Some(priority) = text(fields, PRIORITY) {
        record.severity(priority.parse().ok().and_then(severity::of_syslog), priority);
    }
    let mut has_body = false;
    for (name, value) in fields {
        match &**name {
            TIME | HOST => {}
            MESSAGE if !std::mem::replace(&mut has_body, true) => record.body(&String::from_utf8_lossy(value)),
            name => {
                let value = match std::str::from_utf8(value) {
                    Ok(text) => Value::Text(Cow::Borrowed(text)),
                    Err(_) => Value::Bytes(Cow::Borrowed(value)),
                };
                record.attribute(name, |writer| value.write(writer));
            }
        }
    }
}

fn origin(message: &mut Writer, fields: &Fields<'_>) -> Origin {
    message.clear();
    if let Some(service) = SERVICES.into_iter().find_map(|name| text(fields, name)) {
        key_text(message, 1, "service.name", service);
    }
    if let Some(host) = text(fields, HOST) {
        key_text(message, 1, "host.name", host);
    }
    Origin { resource: message.bytes().to_vec(), scope: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::rewrite;
    use crate::budget::Budget;

    #[test]
    fn entries_are_whole_or_wait_for_the_rest() {
        let mut journal = b"__REALTIME_TIMESTAMP=1\nMESSAGE=a\n\n".to_vec();
        let first = journal.len();
        journal.extend(b"MESSAGE\n\x04\0\0\0\0\0\0\0b\n\n\xff\nPRIORITY=3\n\n");
        let budget = Budget::new(usize::MAX);
        for cut in 0..journal.len() {
            let (_, whole) = rewrite(&budget, 1, &journal[..cut], false).expect("sound as far as it goes");
            assert_eq!(whole, if cut < first { 0 } else { first }, "{cut}");
        }
        let (records, whole) = rewrite(&budget, 1, &journal, true).expect("sound");
        assert!(whole == journal.len() && !records.bytes.is_empty());
        assert!(rewrite(&budget, 1, &journal[..journal.len() - 5], true).is_err());
        // A length that is a lie is waited for, and then an error.
        let lie = b"MESSAGE\n\xff\xff\xff\xff\0\0\0\0x\n\n";
        assert_eq!(rewrite(&budget, 1, lie, false).expect("waits").1, 0);
        assert!(rewrite(&budget, 1, lie, true).is_err());
        assert!(rewrite(&budget, 1, b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffx\n\n", false).is_err());
    }
}
