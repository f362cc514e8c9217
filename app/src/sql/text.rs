//! Where statements end.

/// Whether it holds no statement: nothing but space and comments.
pub(super) fn is_blank(text: &str) -> bool {
    let mut scan = Scan::new(text);
    scan.all(|_, character| character.is_whitespace()) && scan.is_outside()
}

/// The statements that end in `;`, without it, and what follows the last one. Semicolons in quotes and in comments end
/// nothing.
pub(super) fn split(text: &str) -> (Vec<&str>, &str) {
    let mut statements = Vec::new();
    let mut start = 0;
    let mut scan = Scan::new(text);
    while let Some((place, character)) = scan.next() {
        if character == ';' {
            statements.push(&text[start..place]);
            start = place + 1;
        }
    }
    statements.retain(|statement| !is_blank(statement));
    (statements, &text[start..])
}

#[derive(PartialEq, Eq)]
enum Within {
    Nothing,
    Quotes(char),
    Line,
    Block,
}

/// The characters outside of comments; of what is in quotes, all but semicolons.
struct Scan<'a> {
    rest: std::iter::Peekable<std::str::CharIndices<'a>>,
    within: Within,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.char_indices().peekable(), within: Within::Nothing }
    }

    /// Whether nothing is open: no quotes, no comment that must be closed.
    fn is_outside(&self) -> bool {
        matches!(self.within, Within::Nothing | Within::Line)
    }

    fn all(&mut self, holds: impl Fn(usize, char) -> bool) -> bool {
        while let Some((place, character)) = self.next() {
            if !holds(place, character) {
                return false;
            }
        }
        true
    }

    fn next(&mut self) -> Option<(usize, char)> {
        loop {
            let (place, character) = self.rest.next()?;
            let following = self.rest.peek().map(|(_, following)| *following);
            match self.within {
                Within::Nothing => match (character, following) {
                    ('-', Some('-')) => self.within = Within::Line,
                    ('/', Some('*')) => {
                        self.rest.next();
                        self.within = Within::Block;
                    }
                    ('\'' | '"', _) => {
                        self.within = Within::Quotes(character);
                        return Some((place, character));
                    }
                    _ => return Some((place, character)),
                },
                // A doubled quote closes and opens again, which comes to the same.
                Within::Quotes(quote) => {
                    if character == quote {
                        self.within = Within::Nothing;
                    }
                    if character != ';' {
                        return Some((place, character));
                    }
                }
                Within::Line => {
                    if character == '\n' {
                        self.within = Within::Nothing;
                    }
                }
                Within::Block => {
                    if (character, following) == ('*', Some('/')) {
                        self.rest.next();
                        self.within = Within::Nothing;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_blank, split};

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes_and_comments() {
        assert_eq!(split("SELECT 1; SELECT ';' ;"), (vec!["SELECT 1", " SELECT ';' "], ""));
        assert_eq!(split("SELECT 'it''s;' -- no;\n + 1; x"), (vec!["SELECT 'it''s;' -- no;\n + 1"], " x"));
        assert_eq!(split("/* a;b */ ; ; SELECT \"a;b\""), (vec![], " SELECT \"a;b\""));
        assert_eq!(split("SELECT 'open;"), (vec![], "SELECT 'open;"));
    }

    #[test]
    fn comments_are_blank_and_open_ones_are_not() {
        assert!(is_blank(" \n-- all\n/* of it */"));
        assert!(is_blank("-- to the end"));
        assert!(!is_blank("/* open"));
        assert!(!is_blank("SELECT"));
    }
}
