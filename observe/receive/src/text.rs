//! Texts of protocols that do not say how they are encoded.

use std::borrow::Cow;

/// Returns bytes as text. What is not UTF-8 is read as ISO 8859-1, in which every byte is a character: nothing is lost, and it is what
/// senders mean that do not write UTF-8.
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| char::from(*byte)));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::text_of;

    #[test]
    fn what_is_not_utf8_is_latin1() {
        for (bytes, text) in [
            (b"plain".as_slice(), "plain"),
            ("ümlaut".as_bytes(), "ümlaut"),
            (b"\xfcmlaut \xc3\xa4", "ümlaut ä"),
            (b"cut \xc3", "cut Ã"),
            (b"", ""),
        ] {
            assert_eq!(text_of(bytes), text);
        }
    }
}
