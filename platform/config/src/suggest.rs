//! What was probably meant.

/// The most similar of the known words, if any is similar.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let near = known.iter().map(|k| (strsim::levenshtein(word, k), *k)).min()?;
    if near.0 <= 2.max(word.len() / 4) {
        return Some(near.1);
    }
    // The right name in the wrong section.
    known.iter().find(|k| last(k) == last(word)).copied()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_was_meant() {
        let known = ["up.listen", "up.load", "gateway.rate_per_s"];
        for (word, meant) in [
            ("up.lisen", Some("up.listen")),
            ("listen", Some("up.listen")),
            ("gateway.rate_per_second", Some("gateway.rate_per_s")),
            ("stage.colour", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
    }
}
