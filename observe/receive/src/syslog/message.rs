//! One syslog message: RFC 5424, RFC 3164, and what senders make of them.
//!
//! Nothing is refused. What is not as either has it stays in the body, from where it stops being so.

use super::time::{Local, rfc3164, rfc3339};

/// Highest priority: facility 23, severity 7.
const MAX_PRIORITY: u8 = 191;
/// What stands for nothing.
const NIL: &[u8] = b"-";
/// Longest name of a program that RFC 3164's messages begin with; the RFC has 32, programs have more.
const MAX_TAG_BYTES: usize = 128;

/// What a message says, in pieces of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// Facility times 8 plus severity.
    pub priority: Option<u8>,
    /// Of RFC 5424.
    pub version: Option<u8>,
    /// In nanoseconds since 1970; none if it is not told, or cannot be read.
    pub time_ns: Option<u64>,
    /// A time of RFC 5424 that cannot be read.
    pub unread_time: Option<&'a [u8]>,
    pub host: Option<&'a [u8]>,
    /// The program.
    pub app: Option<&'a [u8]>,
    pub process: Option<&'a [u8]>,
    pub kind: Option<&'a [u8]>,
    /// Elements of structured data, as they are written.
    pub data: &'a [u8],
    pub body: &'a [u8],
}

/// A parameter of structured data: its element, its name, and its value with escapes.
pub(super) type Parameter<'a> = (&'a [u8], &'a [u8], &'a [u8]);

impl<'a> Message<'a> {
    /// Reads a message.
    pub(super) fn read(content: &'a [u8], local: Local) -> Self {
        let (priority, rest) = priority(content);
        if priority.is_some()
            && let Some((version, header)) = version(rest)
            && let Some(message) = rfc5424(header)
        {
            return Self { priority, version: Some(version), ..message };
        }
        Self { priority, ..bsd(rest, local) }
    }

    /// Hands on each parameter of the structured data; an element without any has an empty name and value.
    pub(super) fn parameters(&self, mut each: impl FnMut(Parameter<'a>)) {
        let mut rest = self.data;
        while let Some((id, parameters)) =
            rest.strip_prefix(b"[").map(|rest| split(rest, |byte| matches!(byte, b' ' | b']')))
        {
            let mut parameters = parameters;
            if parameters.starts_with(b"]") {
                each((id, b"", b""));
            }
            while let Some((name, value, after)) = parameter(parameters) {
                each((id, name, value));
                parameters = after;
            }
            rest = skip_spaces(parameters).get(1..).unwrap_or_default();
        }
    }
}

/// A value without its escapes: `\"`, `\\` and `\]`; any other backslash is one.
pub(super) fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'\\', [escaped @ (b'"' | b'\\' | b']'), after @ ..]) => {
                plain.push(*escaped);
                after
            }
            _ => {
                plain.push(*first);
                after
            }
        };
    }
    plain
}

fn priority(content: &[u8]) -> (Option<u8>, &[u8]) {
    let read = || {
        let rest = content.strip_prefix(b"<")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let after = rest.get(digits..)?.strip_prefix(b">")?;
        let priority: u8 = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        (priority <= MAX_PRIORITY && digits <= 3).then_some((Some(priority), after))
    };
    read().unwrap_or((None, content))
}

/// The version of RFC 5424, and what follows.
fn version(rest: &[u8]) -> Option<(u8, &[u8])> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = rest.get(digits..)?.strip_prefix(b" ")?;
    if !(1..=2).contains(&digits) || rest[0] == b'0' {
        return None;
    }
    Some((std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?, after))
}

/// Reads from the time on. It is none of RFC 5424 when a field of the header is missing.
fn rfc5424(header: &[u8]) -> Option<Message<'_>> {
    let (time, rest) = token(header)?;
    let (host, rest) = token(rest)?;
    let (app, rest) = token(rest)?;
    let (process, rest) = token(rest)?;
    let (kind, rest) = token(rest)?;
    let rest = skip_spaces(rest);
    let told = |field: &'_ [u8]| field != NIL;
    let time_ns = rfc3339(time);
    let (data, body) = structured_data(rest);
    Some(Message {
        time_ns,
        unread_time: Some(time).filter(|time| time_ns.is_none() && told(time)),
        host: Some(host).filter(|host| told(host)),
        app: Some(app).filter(|app| told(app)),
        process: Some(process).filter(|process| told(process)),
        kind: Some(kind).filter(|kind| told(kind)),
        data,
        body: body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body),
        ..Message::default()
    })
}

/// The elements, and the message after them. What is no structured data is message.
fn structured_data(rest: &[u8]) -> (&[u8], &[u8]) {
    let message = |rest| <[u8]>::strip_prefix(rest, b" ").unwrap_or(rest);
    if let Some(after) = rest.strip_prefix(NIL)
        && matches!(after.first(), None | Some(b' '))
    {
        return (b"", message(after));
    }
    let mut after = rest;
    while after.starts_with(b"[") {
        let Some(next) = element(after) else { break };
        after = next;
    }
    if after.len() == rest.len() || !matches!(after.first(), None | Some(b' ')) {
        return (b"", rest);
    }
    (&rest[..rest.len() - after.len()], message(after))
}

/// What follows a well-formed element.
fn element(data: &[u8]) -> Option<&[u8]> {
    let (id, mut rest) = split(data.strip_prefix(b"[")?, |byte| matches!(byte, b' ' | b']' | b'=' | b'"'));
    if id.is_empty() {
        return None;
    }
    loop {
        if let Some(after) = skip_spaces(rest).strip_prefix(b"]") {
            return Some(after);
        }
        let (_, _, after) = parameter(rest)?;
        rest = after;
    }
}

/// ` name="value"`, with what follows.
fn parameter(rest: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = split(skip_spaces(rest), |byte| matches!(byte, b' ' | b']' | b'=' | b'"'));
    let value = rest.strip_prefix(b"=\"").filter(|_| !name.is_empty())?;
    let mut place = 0;
    loop {
        match value.get(place)? {
            b'"' => return Some((name, &value[..place], &value[place + 1..])),
            b'\\' => place += 2,
            _ => place += 1,
        }
    }
}

/// RFC 3164, from the time on: whatever of time, host and tag is there.
fn bsd(rest: &[u8], local: Local) -> Message<'_> {
    let rest = skip_spaces(rest);
    let (time_ns, after) = match rfc3164(rest, local) {
        Some((time, after)) => (Some(time), after),
        None => match token(rest) {
            // As rsyslog forwards by default.
            Some((first, after)) if rfc3339(first).is_some() => (rfc3339(first), after),
            _ => (None, rest),
        },
    };
    let after = skip_spaces(after);
    // A host follows a time only, and is no tag.
    let (host, after) = match token(after) {
        Some((first, rest)) if time_ns.is_some() && is_host(first) => (Some(first), skip_spaces(rest)),
        _ => (None, after),
    };
    let (app, process, body) = tag(after).unwrap_or((None, None, after));
    Message { time_ns, host, app, process, body, ..Message::default() }
}

fn is_host(token: &[u8]) -> bool {
    let fine = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'/' | b'%');
    // A tag ends with a colon; an address of IPv6 only if it ends in zeros.
    token.iter().all(fine) && !token.starts_with(b"%") && (!token.ends_with(b":") || token.ends_with(b"::"))
}

/// A program, its process, and the message: `name[pid]: message` or `name: message`.
type Tagged<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [u8]);

fn tag(text: &[u8]) -> Option<Tagged<'_>> {
    let (name, rest) = split(text, |byte| matches!(byte, b':' | b'[' | b' '));
    let is_name = !name.is_empty() && name.len() <= MAX_TAG_BYTES && name.iter().all(u8::is_ascii_graphic);
    let message = |rest| <[u8]>::strip_prefix(rest, b" ").unwrap_or(rest);
    match rest.first() {
        Some(b':') if is_name && matches!(rest.get(1), None | Some(b' ')) => {
            Some((Some(name), None, message(&rest[1..])))
        }
        Some(b'[') if is_name => {
            let (process, rest) = split(&rest[1..], |byte| matches!(byte, b']' | b' '));
            let rest = rest.strip_prefix(b"]")?;
            let rest = rest.strip_prefix(b":").or_else(|| rest.starts_with(b" ").then_some(rest))?;
            Some((Some(name), Some(process).filter(|process| !process.is_empty()), message(rest)))
        }
        _ => None,
    }
}

/// The next field, and what follows; none if there is none. Several spaces are one.
fn token(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (token, rest) = split(skip_spaces(rest), |byte| byte == b' ');
    (!token.is_empty()).then_some((token, rest))
}

fn skip_spaces(text: &[u8]) -> &[u8] {
    let count = text.iter().take_while(|byte| **byte == b' ').count();
    &text[count..]
}

/// What comes before such a byte, and what from it on.
fn split(text: &[u8], is_end: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| is_end(*byte)).unwrap_or(text.len());
    text.split_at(end)
}
