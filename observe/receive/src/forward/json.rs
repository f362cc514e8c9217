//! Messages in JSON: a connection whose first byte is `[` or `{` speaks it, and is answered in it.

use super::msgpack::{Malformed, Reader, Token, write_json};
use crate::text::text_of;

/// The deepest that values of a message may be nested; the parser takes as many.
const MAX_OPEN: usize = 127;

/// Finds where a value ends, over as many pieces as it comes in, and looks at no byte twice.
#[derive(Debug, Default)]
pub(super) struct JsonScanner {
    place: usize,
    open: usize,
    in_text: bool,
    after_backslash: bool,
    has_begun: bool,
}

impl JsonScanner {
    /// As [`super::msgpack::Scanner::scan`].
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        while let Some(byte) = bytes.get(self.place) {
            if self.open > MAX_OPEN {
                return Err(Malformed::Deep);
            }
            self.place += 1;
            if self.in_text {
                match byte {
                    _ if self.after_backslash => self.after_backslash = false,
                    b'\\' => self.after_backslash = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'[' | b'{' => self.open += 1,
                b']' | b'}' => self.open = self.open.saturating_sub(1),
                _ => {}
            }
            self.has_begun |= !byte.is_ascii_whitespace();
            // Between messages is nothing that would be one.
            if self.has_begun && self.open == 0 && !self.in_text {
                return Ok(Some(self.place));
            }
        }
        Ok(None)
    }

    /// As [`super::msgpack::Scanner::known_bytes`].
    pub(super) fn known_bytes(&self) -> usize {
        self.place
    }
}

/// The same message as MessagePack.
pub(super) fn to_msgpack(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let text = text_of(bytes);
    let value =
        serde_json::from_str(&text).map_err(|_| Malformed::Unexpected("expected JSON, as the first byte says"))?;
    let mut packed = Vec::with_capacity(bytes.len());
    write_json(&mut packed, &value);
    Ok(packed)
}

/// An acknowledgement of a chunk whose id is given as MessagePack.
pub(super) fn ack(chunk: &[u8]) -> Vec<u8> {
    let id = match Reader::new(chunk).token() {
        Ok(Token::Str(id) | Token::Bin(id)) => text_of(id),
        _ => "".into(),
    };
    serde_json::json!({ "ack": id }).to_string().into_bytes()
}
