//! Labels of a stream as Prometheus writes them: `{job="app", env="dev"}`.

/// Labels of one stream.
pub(super) const MAX_LABELS: usize = 256;

/// Reads labels; names and values are texts without their quotes.
pub(super) fn read(text: &str) -> Result<Vec<(String, String)>, String> {
    let inner = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let mut rest = inner.ok_or("labels: expected {name=\"value\", …}")?.trim_start();
    let mut labels = Vec::new();
    while !rest.is_empty() {
        if labels.len() == MAX_LABELS {
            return Err(format!("labels: expected at most {MAX_LABELS} of one stream"));
        }
        let (name, behind) = match rest.starts_with('"') {
            // A name that is none of Prometheus's usual ones is quoted, too.
            true => quoted(rest)?,
            false => {
                let end = rest.find('=').ok_or("labels: expected = behind a name")?;
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        let value = behind.trim_start().strip_prefix('=').ok_or("labels: expected = behind a name")?;
        let (value, behind) = quoted(value.trim_start())?;
        labels.push((name, value));
        rest = behind.trim_start();
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind.trim_start(),
            None if rest.is_empty() => {}
            None => return Err("labels: expected a comma between two labels".to_owned()),
        }
    }
    Ok(labels)
}

/// A text in Go's quotes at the beginning of `text`, and what is behind it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let inner = text.strip_prefix('"').ok_or("labels: expected a value in double quotes")?;
    let mut value = String::new();
    let mut chars = inner.char_indices();
    while let Some((place, char)) = chars.next() {
        match char {
            '"' => return Ok((value, &inner[place + 1..])),
            '\\' => {
                let escape = chars.next().ok_or("labels: a value without an end")?.1;
                value.push(match escape {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '\\' | '"' | '\'' => escape,
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'v' => '\u{b}',
                    'x' => code(&mut chars, 2)?,
                    'u' => code(&mut chars, 4)?,
                    'U' => code(&mut chars, 8)?,
                    _ => return Err("labels: an escape that Go's quotes do not have".to_owned()),
                });
            }
            char => value.push(char),
        }
    }
    Err("labels: a value without an end".to_owned())
}

/// A character by so many hexadecimal digits.
fn code(chars: &mut std::str::CharIndices<'_>, digits: usize) -> Result<char, String> {
    let mut number = 0;
    for _ in 0..digits {
        let digit = chars.next().and_then(|(_, char)| char.to_digit(16));
        number = number << 4 | digit.ok_or("labels: expected hexadecimal digits in an escape")?;
    }
    Ok(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn labels_are_read_or_refused() {
        for (text, expected) in [
            ("{}", vec![]),
            (r#"{a="b"}"#, vec![("a", "b")]),
            (r#" { a = "b" , c="d\"\\\n\u00e4", } "#, vec![("a", "b"), ("c", "d\"\\\nä")]),
            (r#"{"a.b"="c"}"#, vec![("a.b", "c")]),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for text in ["", "a=b", "{a}", "{a=b}", r#"{a="b}"#, r#"{a="b" c="d"}"#, r#"{a="\q"}"#, r#"{a="\u12"}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
