//! Lucene's query texts: `status:500 AND (timeout OR "card declined") -debug`.
//!
//! `AND` binds tighter than `OR`, as in tantivy's grammar and Quickwit's (Lucene's own has no precedence). What stands side by side is joined
//! by the default operator. A word with a dash or a colon escaped is one clause, and a phrase if it has several words.
//! Source: Elasticsearch's reference, "Query string query", "Query string syntax" and "Simple query string query".

mod simple;

use super::error::SearchError;

pub(crate) use simple::{Features, parse_simple};

/// Deepest nesting of groups.
const MAX_DEPTH: usize = 30;
/// Most clauses of one text, as Elasticsearch's `indices.query.bool.max_clause_count`.
const MAX_CLAUSES: usize = 1_024;
/// Most changes of a word that is looked for fuzzily.
pub(crate) const MAX_DISTANCE: usize = 2;

/// A query text, read.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Everything.
    All,
    /// All of the first, none of the second, and if there are none of the first, one of the third.
    Bool {
        /// What must be.
        must: Vec<Node>,
        /// What must not be.
        must_not: Vec<Node>,
        /// Of which one must be.
        should: Vec<Node>,
    },
    /// A field, or the default ones, and what it must hold.
    Leaf {
        /// The field; none for the default ones.
        field: Option<String>,
        /// What it must hold.
        leaf: Leaf,
    },
}

/// What a field must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    /// Anything.
    Exists,
    /// A word, or words one after the other.
    Text(String),
    /// A phrase in which so many other words may stand.
    Phrase(String, usize),
    /// What begins with this.
    Prefix(String),
    /// A pattern with `*` and `?`.
    Wildcard(String),
    /// A regular expression.
    Regex(String),
    /// A word so many changes away.
    Fuzzy(String, usize),
    /// What lies between: each end with whether it is within.
    Range(Option<(String, bool)>, Option<(String, bool)>),
}

/// Whether a clause must be, must not be, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occur {
    Must,
    Not,
    Should,
}

/// Reads a query text whose clauses are joined by `AND` or `OR` where nothing says which.
pub fn parse_query_string(text: &str, default_and: bool) -> Result<Node, SearchError> {
    let mut parser = Parser { text, at: 0, default_and, depth: 0, clauses: 0 };
    let node = parser.alternatives(None)?;
    parser.blanks();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.wrong("unexpected")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    default_and: bool,
    depth: usize,
    clauses: usize,
}

/// Joins clauses by what each says of itself.
pub(super) fn join(clauses: Vec<(Occur, Node)>) -> Node {
    let of =
        |wanted: Occur| clauses.iter().filter(|(occur, _)| *occur == wanted).map(|(_, node)| node.clone()).collect();
    let (must, must_not, mut should): (Vec<Node>, Vec<Node>, Vec<Node>) =
        (of(Occur::Must), of(Occur::Not), of(Occur::Should));
    match (must.len(), must_not.len(), should.len()) {
        (0, 0, 0) => Node::All,
        (0, 0, 1) => should.remove(0),
        (1, 0, 0) => must.into_iter().next().unwrap_or(Node::All),
        _ => Node::Bool { must, must_not, should },
    }
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Takes a word that is an operator only where it stands alone.
    fn take_word(&mut self, word: &str) -> bool {
        let Some(rest) = self.rest().strip_prefix(word) else { return false };
        let alone = rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || "()\"[{/".contains(c));
        if alone {
            self.at += word.len();
        }
        alone
    }

    fn wrong(&self, problem: &str) -> SearchError {
        let found = match self.peek() {
            Some(c) => format!("{problem} '{c}' at character {}", self.text[..self.at].chars().count() + 1),
            None => format!("{problem} end of the text"),
        };
        SearchError::query_string(self.text, found)
    }

    /// Groups that `OR` joins.
    fn alternatives(&mut self, field: Option<&str>) -> Result<Node, SearchError> {
        let mut groups: Vec<Vec<(Occur, Node)>> = Vec::new();
        let mut joins_last = false;
        loop {
            self.blanks();
            if self.rest().is_empty() || self.rest().starts_with(')') {
                break;
            }
            if self.take_word("AND") || self.take("&&") {
                if groups.is_empty() || joins_last {
                    return Err(self.wrong("AND needs a clause before it:"));
                }
                joins_last = true;
                continue;
            }
            if self.take_word("OR") || self.take("||") {
                self.blanks();
                if groups.is_empty() || joins_last || self.rest().is_empty() {
                    return Err(self.wrong("OR needs a clause on both sides:"));
                }
                groups.push(Vec::new());
                continue;
            }
            let clause = self.clause(field)?;
            match groups.last_mut() {
                Some(last) if joins_last || self.default_and || last.is_empty() => last.push(clause),
                _ => groups.push(vec![clause]),
            }
            joins_last = false;
        }
        if joins_last {
            return Err(self.wrong("AND needs a clause behind it:"));
        }
        Ok(join(groups.into_iter().filter_map(|group| self.group(group)).collect()))
    }

    /// One clause as it is; several that `AND` joins as one that has them all.
    fn group(&self, mut group: Vec<(Occur, Node)>) -> Option<(Occur, Node)> {
        if group.len() < 2 {
            return group.pop();
        }
        let all = group.into_iter().map(|(occur, node)| (if occur == Occur::Not { occur } else { Occur::Must }, node));
        Some((Occur::Should, join(all.collect())))
    }

    fn clause(&mut self, field: Option<&str>) -> Result<(Occur, Node), SearchError> {
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES {
            return Err(SearchError::query_string(self.text, format!("more than {MAX_CLAUSES} clauses")));
        }
        let mut occur = Occur::Should;
        loop {
            if self.take_word("NOT") || self.take("!") || self.take("-") {
                occur = if occur == Occur::Not { Occur::Must } else { Occur::Not };
                self.blanks();
            } else if self.take("+") {
                occur = Occur::Must;
                self.blanks();
            } else {
                break;
            }
        }
        Ok((occur, self.operand(field)?))
    }

    fn operand(&mut self, field: Option<&str>) -> Result<Node, SearchError> {
        if self.peek() == Some('(') {
            return self.parentheses(field);
        }
        let start = self.at;
        if let Some(name) = self.field_name() {
            self.blanks();
            if self.peek() == Some('(') {
                return self.parentheses(Some(&name));
            }
            if name == "_exists_" {
                let Leaf::Text(field) = self.leaf()? else { return Err(self.wrong("_exists_ needs a name:")) };
                return Ok(Node::Leaf { field: Some(field), leaf: Leaf::Exists });
            }
            let leaf = self.leaf()?;
            return Ok(match (name.as_str(), &leaf) {
                ("*", Leaf::Exists) => Node::All,
                _ => Node::Leaf { field: Some(name), leaf },
            });
        }
        self.at = start;
        let leaf = self.leaf()?;
        Ok(match (&leaf, field) {
            (Leaf::Exists, None) => Node::All,
            _ => Node::Leaf { field: field.map(str::to_owned), leaf },
        })
    }

    fn parentheses(&mut self, field: Option<&str>) -> Result<Node, SearchError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SearchError::query_string(self.text, format!("groups nested more than {MAX_DEPTH} deep")));
        }
        self.at += 1;
        let node = self.alternatives(field)?;
        if !self.take(")") {
            return Err(self.wrong("expected ')', found"));
        }
        self.depth -= 1;
        self.boost()?;
        Ok(node)
    }

    /// A name and the colon behind it.
    fn field_name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => name.push(chars.next()?.1),
                ':' => {
                    self.at += at + 1;
                    return (!name.is_empty()).then_some(name);
                }
                c if c.is_whitespace() || "()[]{}\"/^~<>=".contains(c) => return None,
                c => name.push(c),
            }
        }
        None
    }

    fn leaf(&mut self) -> Result<Leaf, SearchError> {
        let leaf = match self.peek() {
            Some('"') => {
                let text = self.quoted('"')?;
                let slop = if self.take("~") { self.digits().unwrap_or(0) } else { 0 };
                Leaf::Phrase(text, slop)
            }
            Some('/') => Leaf::Regex(self.quoted('/')?),
            Some('[' | '{') => self.range()?,
            Some('<' | '>') => {
                let above = self.peek() == Some('>');
                self.at += 1;
                let within = self.take("=");
                self.blanks();
                let end = Some((self.end_of_range()?, within));
                if above { Leaf::Range(end, None) } else { Leaf::Range(None, end) }
            }
            _ => self.word()?,
        };
        self.boost()?;
        Ok(leaf)
    }

    fn range(&mut self) -> Result<Leaf, SearchError> {
        let low_within = self.peek() == Some('[');
        self.at += 1;
        self.blanks();
        let low = self.end_of_range()?;
        self.blanks();
        if !self.take_word("TO") {
            return Err(self.wrong("expected TO, found"));
        }
        self.blanks();
        let high = self.end_of_range()?;
        self.blanks();
        let high_within = match self.peek() {
            Some(']') => true,
            Some('}') => false,
            _ => return Err(self.wrong("expected ']' or '}', found")),
        };
        self.at += 1;
        let end = |text: String, within| (text != "*").then_some((text, within));
        Ok(Leaf::Range(end(low, low_within), end(high, high_within)))
    }

    /// An end of a range: a quoted text, or what reaches to the next blank or bracket.
    fn end_of_range(&mut self) -> Result<String, SearchError> {
        if self.peek() == Some('"') {
            return self.quoted('"');
        }
        let mut text = String::new();
        let rest = self.rest();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next() {
                Some((_, '\\')) => text.extend(chars.next().map(|(_, c)| c)),
                Some((at, c)) if c.is_whitespace() || "]})".contains(c) => break at,
                Some((_, c)) => text.push(c),
                None => break rest.len(),
            }
        };
        self.at += end;
        if text.is_empty() { Err(self.wrong("expected an end of a range, found")) } else { Ok(text) }
    }

    /// What stands between two of these. In a regular expression only these can be escaped here.
    fn quoted(&mut self, quote: char) -> Result<String, SearchError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, next)) if quote == '"' || next == quote => text.push(next),
                    Some((_, next)) => text.extend(['\\', next]),
                    None => break,
                },
                c if c == quote => {
                    self.at = start + at + 1;
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        self.at = self.text.len();
        Err(self.wrong(&format!("expected {quote}, found")))
    }

    fn word(&mut self) -> Result<Leaf, SearchError> {
        // The word as it is meant, and as a pattern, in which what was escaped is no wildcard.
        let (mut text, mut pattern, mut wildcards) = (String::new(), String::new(), 0);
        let rest = self.rest();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next() {
                Some((_, '\\')) => match chars.next() {
                    Some((_, c)) => {
                        text.push(c);
                        pattern.extend(['\\', c]);
                    }
                    None => return Err(self.wrong("nothing follows the last '\\':")),
                },
                Some((at, c)) if c.is_whitespace() || "()[]{}\"^~".contains(c) => break at,
                Some((_, c)) => {
                    wildcards += usize::from(c == '*' || c == '?');
                    text.push(c);
                    pattern.push(c);
                }
                None => break rest.len(),
            }
        };
        if end == 0 {
            return Err(self.wrong("expected a word, found"));
        }
        self.at += end;
        if self.take("~") {
            return Ok(Leaf::Fuzzy(text, self.digits().unwrap_or(MAX_DISTANCE).min(MAX_DISTANCE)));
        }
        Ok(match wildcards {
            0 => Leaf::Text(text),
            _ if pattern == "*" => Leaf::Exists,
            1 if pattern.ends_with('*') && !pattern.contains('\\') => Leaf::Prefix(text[..text.len() - 1].to_owned()),
            _ => Leaf::Wildcard(pattern),
        })
    }

    /// A number; a fraction of it is left out.
    fn digits(&mut self) -> Option<usize> {
        let end = self.rest().find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest().len());
        let (number, _) = self.rest().split_at(end);
        self.at += end;
        let found = number.parse().ok();
        if found.is_some() && self.take(".") {
            self.digits();
        }
        found
    }

    /// A weight, which counts for scores only, and there are none.
    fn boost(&mut self) -> Result<(), SearchError> {
        if self.take("^") && self.digits().is_none() {
            return Err(self.wrong("expected a number behind '^', found"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Leaf, Node, parse_query_string};

    /// A node on one line: `+must -must_not should`.
    pub(crate) fn shown(node: &Node) -> String {
        match node {
            Node::All => "*".into(),
            Node::Leaf { field, leaf } => {
                let field = field.as_ref().map(|field| format!("{field}:")).unwrap_or_default();
                let leaf = match leaf {
                    Leaf::Text(text) => text.clone(),
                    Leaf::Phrase(text, 0) => format!("{text:?}"),
                    other => format!("{other:?}"),
                };
                format!("{field}{leaf}")
            }
            Node::Bool { must, must_not, should } => {
                let all = must.iter().map(|node| format!("+{}", shown(node)));
                let all = all.chain(must_not.iter().map(|node| format!("-{}", shown(node))));
                format!("({})", all.chain(should.iter().map(shown)).collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn clauses_are_joined_as_the_grammar_says() {
        for (text, expected) in [
            ("", "*"),
            ("*", "*"),
            ("*:*", "*"),
            ("a b", "(a b)"),
            ("a AND b OR c", "((+a +b) c)"),
            ("a OR b && c", "(a (+b +c))"),
            ("+a b -c", "(+a -c b)"),
            ("a NOT b", "(-b a)"),
            ("!a", "(-a)"),
            ("foo-bar", "foo-bar"),
            ("f:x", "f:x"),
            ("f:(a OR \"b c\")", "(f:a f:\"b c\")"),
            ("f:(a g:b)", "(f:a g:b)"),
            ("f.\\*:x", "f.*:x"),
            ("_exists_:f", "f:Exists"),
            ("f:*", "f:Exists"),
            ("\"a b\"~2", "Phrase(\"a b\", 2)"),
            ("te?t", "Wildcard(\"te?t\")"),
            ("te*", "Prefix(\"te\")"),
            ("te\\*", "te*"),
            ("/a\\/b+/", "Regex(\"a/b+\")"),
            ("word~1", "Fuzzy(\"word\", 1)"),
            ("word~", "Fuzzy(\"word\", 2)"),
            ("a^2.5 (b c)^3", "(a (b c))"),
            ("f:[1 TO 5}", "f:Range(Some((\"1\", true)), Some((\"5\", false)))"),
            ("f:[* TO \"x y\"]", "f:Range(None, Some((\"x y\", true)))"),
            ("f:>=5", "f:Range(Some((\"5\", true)), None)"),
            ("f:< 5", "f:Range(None, Some((\"5\", false)))"),
            ("ANDroid ORacle", "(ANDroid ORacle)"),
            ("a \\AND b", "(a AND b)"),
        ] {
            let read = parse_query_string(text, false).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(shown(&read), expected, "{text}");
        }
        assert_eq!(shown(&parse_query_string("a b OR c", true).expect("read")), "((+a +b) c)");
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, problem) in [
            ("(a", "expected ')', found end of the text"),
            ("a)", "unexpected ')' at character 2"),
            ("a AND", "AND needs a clause behind it: end of the text"),
            ("OR a", "OR needs a clause on both sides:"),
            ("\"a", "expected \", found end of the text"),
            ("f:[1 5]", "expected TO, found '5' at character 6"),
            ("a\\", "nothing follows the last '\\'"),
            ("f:", "expected a word, found end of the text"),
        ] {
            let error = parse_query_string(text, false).expect_err(text).to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
        let deep = "(".repeat(100_000);
        assert!(parse_query_string(&deep, false).is_err());
        assert!(parse_query_string(&"a ".repeat(2_000), false).is_err());
    }
}
