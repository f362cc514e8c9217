//! From conditions on labels to series, by whatever index there is.

use roaring::RoaringBitmap;

use crate::{MatchOp, Matcher, QueryError};

/// What has a special meaning in a pattern.
const SPECIAL: &[char] = &['\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '^', '$'];

/// An index of labels. It tells of views by their numbers.
pub(crate) trait Index {
    /// All views.
    fn all(&self) -> Result<RoaringBitmap, QueryError>;

    /// Views with a label.
    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, QueryError>;

    /// Views with a label of this name, whose value begins like this and is accepted.
    fn matching(
        &self,
        name: &str,
        prefix: &str,
        accepts: &mut dyn FnMut(&str) -> bool,
    ) -> Result<RoaringBitmap, QueryError>;
}

/// Views that meet all conditions. Patterns are tried on values, never on series.
pub(crate) fn resolve(index: &dyn Index, matchers: &[Matcher]) -> Result<RoaringBitmap, QueryError> {
    // Which views do not have a label is not in an index: conditions that they meet take away.
    let (takes, mut gives): (Vec<&Matcher>, Vec<&Matcher>) = matchers.iter().partition(|matcher| matcher.matches(""));
    gives.sort_by_key(|matcher| matcher.op);
    let mut found: Option<RoaringBitmap> = None;
    for matcher in gives {
        let views = given(index, matcher)?;
        let left = match found {
            Some(found) => found & views,
            None => views,
        };
        if left.is_empty() {
            return Ok(left);
        }
        found = Some(left);
    }
    let mut found = match found {
        Some(found) => found,
        None => index.all()?,
    };
    for matcher in takes {
        found -= match matcher.op {
            MatchOp::NotEqual => index.equal(&matcher.name, &matcher.value)?,
            _ => index.matching(&matcher.name, "", &mut |value| !matcher.matches(value))?,
        };
    }
    Ok(found)
}

fn given(index: &dyn Index, matcher: &Matcher) -> Result<RoaringBitmap, QueryError> {
    let name = &matcher.name;
    match matcher.op {
        MatchOp::Equal => index.equal(name, &matcher.value),
        MatchOp::Regex => match literals(&matcher.value) {
            Some(values) => {
                let mut views = RoaringBitmap::new();
                for value in values {
                    views |= index.equal(name, value)?;
                }
                Ok(views)
            }
            None => index.matching(name, prefix(&matcher.value), &mut |value| matcher.matches(value)),
        },
        MatchOp::NotEqual | MatchOp::NotRegex => index.matching(name, "", &mut |value| matcher.matches(value)),
    }
}

/// The values that a pattern means, if it is a list of them.
fn literals(pattern: &str) -> Option<Vec<&str>> {
    (!pattern.contains(SPECIAL)).then(|| pattern.split('|').collect())
}

/// What all values begin with that a pattern matches.
fn prefix(pattern: &str) -> &str {
    if pattern.contains('|') {
        return "";
    }
    let end = pattern.find(SPECIAL).unwrap_or(pattern.len());
    let literal = &pattern[..end];
    // What may be repeated may be missing.
    match pattern[end..].chars().next() {
        Some('*' | '?' | '{') => literal.char_indices().next_back().map_or("", |(last, _)| &literal[..last]),
        _ => literal,
    }
}

#[cfg(test)]
mod tests {
    use super::{literals, prefix};

    #[test]
    fn patterns_are_read_as_lists_and_beginnings() {
        for (pattern, values, begin) in [
            ("a|b|", Some(vec!["a", "b", ""]), ""),
            ("api", Some(vec!["api"]), "api"),
            ("api.*", None, "api"),
            ("apis?", None, "api"),
            ("é*", None, ""),
            ("ab+", None, "ab"),
            ("(?i)api", None, ""),
            ("a.*|b", None, ""),
            ("a\\.b", None, "a"),
        ] {
            assert_eq!((literals(pattern), prefix(pattern)), (values, begin), "{pattern}");
        }
    }
}
