//! Percent-encoding (RFC 3986), strict where the crate `percent-encoding` is not: what is malformed is refused and not taken as it is.

pub use percent_encoding::AsciiSet;
use percent_encoding::{CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What a part of a URL must not hold as it is: all but unreserved characters (RFC 3986, 2.3).
pub const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the value of a header must not hold as it is: what is not visible ASCII, and the percent sign.
pub const IN_HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Encodes a part of a URL.
///
/// ```
/// use vitrine_kit::percent;
///
/// assert_eq!(percent::encode("a b/ä"), "a%20b%2F%C3%A4");
/// assert_eq!(percent::decode("a%20b").as_deref(), Some("a b"));
/// assert_eq!(percent::decode("100 %"), None);
/// ```
pub fn encode(text: &str) -> String {
    encode_set(text, RESERVED)
}

/// Encodes the characters of a set, and all that are not ASCII.
pub fn encode_set(text: &str, set: &'static AsciiSet) -> String {
    utf8_percent_encode(text, set).to_string()
}

/// Returns names and values as a query or a form has them, in their order, each of them encoded.
///
/// ```
/// use vitrine_kit::percent;
///
/// assert_eq!(percent::form([("limit", "5"), ("name", "a&b")]), "limit=5&name=a%26b");
/// ```
pub fn form<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> String {
    let pair = |(name, value): (N, V)| format!("{}={}", encode(name.as_ref()), encode(value.as_ref()));
    pairs.into_iter().map(pair).collect::<Vec<_>>().join("&")
}

/// Returns the text without its encoding; none if a percent sign is followed by other than two digits, or if it is not UTF-8.
pub fn decode(text: &str) -> Option<String> {
    let digits = |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(digits) {
        return None;
    }
    String::from_utf8(decode_bytes(text)).ok()
}

/// Returns the bytes of a text without its encoding. A percent sign that is not followed by two digits stays, as WHATWG's URL standard says.
pub fn decode_bytes(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

#[cfg(test)]
mod tests {
    use super::{IN_HEADER, decode, decode_bytes, encode, encode_set};

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(encode("a-Z.0_~ /?ä"), "a-Z.0_~%20%2F%3F%C3%A4");
        assert_eq!(encode_set("a,b\"é\u{7f} %\r\n", IN_HEADER), "a,b\"%C3%A9%7F%20%25%0D%0A");
    }

    #[test]
    fn what_was_encoded_is_decoded_and_nothing_else() {
        for text in ["", "ord_1", "100 %", "a\r\nb", "schön", "%41", "+"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
            assert_eq!(decode(&encode_set(text, IN_HEADER)).as_deref(), Some(text));
        }
        assert_eq!(decode("%c3%A4").as_deref(), Some("ä"));
        for bad in ["%", "%4", "%zz", "%+1", "%ff", "a%c3", "%ä", "%%41"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(decode_bytes("%ff%zz%4"), b"\xff%zz%4");
    }
}
