//! Frames of syslog over TCP and TLS: counted (RFC 6587, section 3.4.1) or ended by a newline, each by its first byte.

/// Longest message that is kept, in bytes; of a longer one, so many are.
pub(super) const MAX_FRAME_BYTES: usize = 1 << 20;
/// Most digits of a count.
const MAX_COUNT_DIGITS: usize = 9;

/// One message as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub content: &'a [u8],
    /// Whether it went on.
    pub is_cut: bool,
}

/// Takes frames off a stream.
#[derive(Debug, Default)]
pub(super) struct Frames {
    rest: Rest,
}

/// What still comes of a frame that was too long.
#[derive(Debug, Default)]
enum Rest {
    #[default]
    None,
    Bytes(usize),
    Line,
}

/// How a frame begins.
enum Head {
    /// Too little is there to tell.
    Open,
    /// The count, and the digits and the space before the message.
    Counted {
        bytes: usize,
        skip: usize,
    },
    Line,
}

impl Frames {
    /// Takes the next frame off the front; none if it has not come whole. At the end of the stream a line needs no newline, and a
    /// counted frame that is cut off is left out: its sender knows that it was not sent.
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8], is_end: bool) -> Option<Frame<'a>> {
        loop {
            if !self.skip_rest(bytes) {
                return None;
            }
            // Empty lines, which some routers send, and what some senders put after a counted frame.
            let blank = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r' | 0)).count();
            *bytes = &bytes[blank..];
            let frame = match head(bytes, is_end) {
                Head::Open => return None,
                Head::Counted { bytes: length, skip } => self.counted(bytes, length, skip)?,
                Head::Line => self.line(bytes, is_end)?,
            };
            if !frame.content.is_empty() {
                return Some(frame);
            }
        }
    }

    /// Whether nothing is left of a frame that was too long.
    fn skip_rest(&mut self, bytes: &mut &[u8]) -> bool {
        match self.rest {
            Rest::None => return true,
            Rest::Bytes(left) => {
                let skipped = left.min(bytes.len());
                *bytes = &bytes[skipped..];
                self.rest = if skipped == left { Rest::None } else { Rest::Bytes(left - skipped) };
            }
            Rest::Line => match newline(bytes) {
                Some(place) => {
                    *bytes = &bytes[place..];
                    self.rest = Rest::None;
                }
                None => *bytes = &[],
            },
        }
        matches!(self.rest, Rest::None)
    }

    fn counted<'a>(&mut self, bytes: &mut &'a [u8], length: usize, skip: usize) -> Option<Frame<'a>> {
        let kept = length.min(MAX_FRAME_BYTES);
        let content = bytes.get(skip..skip + kept)?;
        *bytes = &bytes[skip + kept..];
        let is_cut = length > kept;
        if is_cut {
            self.rest = Rest::Bytes(length - kept);
        }
        Some(Frame { content: trimmed(content), is_cut })
    }

    fn line<'a>(&mut self, bytes: &mut &'a [u8], is_end: bool) -> Option<Frame<'a>> {
        let end = newline(&bytes[..bytes.len().min(MAX_FRAME_BYTES + 1)]);
        if end.is_none() && bytes.len() > MAX_FRAME_BYTES {
            let content = &bytes[..MAX_FRAME_BYTES];
            *bytes = &bytes[MAX_FRAME_BYTES..];
            self.rest = Rest::Line;
            return Some(Frame { content, is_cut: true });
        }
        let end = end.or(is_end.then_some(bytes.len()))?;
        let content = &bytes[..end];
        *bytes = &bytes[end..];
        Some(Frame { content: trimmed(content), is_cut: false })
    }
}

fn head(bytes: &[u8], is_end: bool) -> Head {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let counts = (1..=MAX_COUNT_DIGITS).contains(&digits) && bytes[0] != b'0';
    match bytes {
        [] => Head::Open,
        _ if !counts => Head::Line,
        // A line of text may begin with a number as well: a message begins with its priority.
        _ => match &bytes[digits..] {
            [] | [b' '] if !is_end => Head::Open,
            [b' ', b'<', ..] => {
                let count = std::str::from_utf8(&bytes[..digits]).ok().and_then(|digits| digits.parse().ok());
                count.map_or(Head::Line, |bytes| Head::Counted { bytes, skip: digits + 1 })
            }
            _ => Head::Line,
        },
    }
}

fn newline(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

/// The message without what ends a line.
pub(super) fn trimmed(mut content: &[u8]) -> &[u8] {
    while let [rest @ .., b'\n' | b'\r' | 0] = content {
        content = rest;
    }
    content
}

#[cfg(test)]
mod tests {
    use super::{Frames, MAX_FRAME_BYTES};

    /// Frames of a stream that comes in pieces of so many bytes: what they hold, and whether they were cut.
    fn frames(stream: &[u8], piece: usize) -> Vec<(String, bool)> {
        let (mut frames, mut buffer, mut found) = (Frames::default(), Vec::new(), Vec::new());
        let mut pieces = stream.chunks(piece).peekable();
        loop {
            let is_end = pieces.peek().is_none();
            buffer.extend_from_slice(pieces.next().unwrap_or_default());
            let mut rest = buffer.as_slice();
            while let Some(frame) = frames.next(&mut rest, is_end) {
                let shown = &frame.content[..frame.content.len().min(20)];
                found.push((String::from_utf8_lossy(shown).into_owned(), frame.is_cut));
            }
            buffer = rest.to_vec();
            if is_end {
                return found;
            }
        }
    }

    #[test]
    fn both_framings_may_follow_each_other() {
        let stream = b"6 <13>ab8 <13>a\nbc\n\r\n\n<13>line\r\n<14>more\n2026 is a year\n7\n12 <1>cut off";
        let expected = ["<13>ab", "<13>a\nbc", "<13>line", "<14>more", "2026 is a year", "7"];
        for piece in 1..=stream.len() {
            let found: Vec<String> = frames(stream, piece).into_iter().map(|(text, _)| text).collect();
            assert_eq!(found, expected, "in pieces of {piece}");
        }
        assert_eq!(frames(b"<13>without an end", 5), [("<13>without an end".to_owned(), false)]);
        assert_eq!(frames(b"123", 1), [("123".to_owned(), false)]);
    }

    #[test]
    fn of_what_is_too_long_the_first_part_is_kept() {
        let long = "x".repeat(MAX_FRAME_BYTES + 5);
        let counted = format!("{} <1>{long}<13>next\n", long.len() + 3);
        let line = format!("<1>{long}\n<13>next\n");
        let fits = format!("{}\n", &long[5..]);
        for piece in [4096, 1 << 16, 3 << 20] {
            for stream in [&counted, &line] {
                let found = frames(stream.as_bytes(), piece);
                assert_eq!(found, [(format!("<1>{}", &long[..17]), true), ("<13>next".to_owned(), false)]);
            }
            assert_eq!(frames(fits.as_bytes(), piece), [(long[..20].to_owned(), false)]);
        }
    }
}
