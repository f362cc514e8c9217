//! The simple syntax, which has no mistakes: `"card declined" +(timeout | error*) -debug`.

use super::{Leaf, MAX_CLAUSES, MAX_DEPTH, MAX_DISTANCE, Node, Occur, join};

/// What of the syntax counts, as `flags` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Features {
    pub(crate) and: bool,
    pub(crate) or: bool,
    pub(crate) not: bool,
    pub(crate) prefix: bool,
    pub(crate) phrase: bool,
    pub(crate) precedence: bool,
    pub(crate) escape: bool,
    pub(crate) fuzzy: bool,
}

impl Features {
    /// Reads `ALL`, `NONE`, or names with `|` between them; none for a name that is not known.
    pub(crate) fn parse(flags: &str) -> Option<Self> {
        let all = flags.is_empty() || flags.split('|').any(|flag| flag == "ALL");
        let known = [
            "ALL",
            "NONE",
            "AND",
            "OR",
            "NOT",
            "PREFIX",
            "PHRASE",
            "PRECEDENCE",
            "ESCAPE",
            "FUZZY",
            "NEAR",
            "SLOP",
            "WHITESPACE",
        ];
        if !flags.is_empty() && flags.split('|').any(|flag| !known.contains(&flag)) {
            return None;
        }
        let has = |name: &str| all || flags.split('|').any(|flag| flag == name);
        Some(Self {
            and: has("AND"),
            or: has("OR"),
            not: has("NOT"),
            prefix: has("PREFIX"),
            phrase: has("PHRASE"),
            precedence: has("PRECEDENCE"),
            escape: has("ESCAPE"),
            fuzzy: has("FUZZY") || has("NEAR") || has("SLOP"),
        })
    }
}

/// Reads a text; what cannot be meant is left out, and clauses beyond a bound, too.
pub(crate) fn parse_simple(text: &str, default_and: bool, features: Features) -> Node {
    let mut parser = Simple { rest: text, default_and, features, clauses: 0 };
    let mut all = Vec::new();
    while !parser.rest.is_empty() {
        all.push((if default_and { Occur::Must } else { Occur::Should }, parser.group(0)));
        // A parenthesis that closes nothing.
        parser.take(')');
    }
    match all.len() {
        1 => all.remove(0).1,
        _ => join(all),
    }
}

struct Simple<'a> {
    rest: &'a str,
    default_and: bool,
    features: Features,
    clauses: usize,
}

impl Simple<'_> {
    fn take(&mut self, token: char) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn group(&mut self, depth: usize) -> Node {
        let mut clauses: Vec<(Occur, Node)> = Vec::new();
        let usual = if self.default_and { Occur::Must } else { Occur::Should };
        // What joins the next clause to those before it.
        let mut operator = None;
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.is_empty()
                || self.features.precedence && self.rest.starts_with(')')
                || self.clauses >= MAX_CLAUSES
            {
                if self.clauses >= MAX_CLAUSES {
                    self.rest = "";
                }
                return join(clauses);
            }
            if self.features.and && self.take('+') {
                operator = Some(Occur::Must);
                continue;
            }
            if self.features.or && self.take('|') {
                operator = Some(Occur::Should);
                continue;
            }
            let is_not = self.features.not && self.take('-');
            self.clauses += 1;
            let node = if self.features.precedence && depth < MAX_DEPTH && self.take('(') {
                let node = self.group(depth + 1);
                self.take(')');
                node
            } else {
                match self.leaf() {
                    Some(leaf) => Node::Leaf { field: None, leaf },
                    None => continue,
                }
            };
            let occur = operator.take().unwrap_or(usual);
            // Clauses that one operator joins are of one kind.
            if clauses.len() == 1 && clauses[0].0 != Occur::Not {
                clauses[0].0 = occur;
            }
            let node =
                if is_not { Node::Bool { must: Vec::new(), must_not: vec![node], should: Vec::new() } } else { node };
            if occur != usual && clauses.len() > 1 {
                clauses = vec![(occur, join(clauses))];
            }
            clauses.push((occur, node));
        }
    }

    fn leaf(&mut self) -> Option<Leaf> {
        if self.features.phrase && self.rest.starts_with('"') && self.rest[1..].contains('"') {
            let (text, rest) = self.rest[1..].split_once('"')?;
            self.rest = rest;
            let slop = self.distance().unwrap_or(0);
            return Some(Leaf::Phrase(text.to_owned(), slop));
        }
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        let (mut end, mut last_is_star) = (self.rest.len(), false);
        while let Some((at, c)) = chars.next() {
            let ends = c.is_whitespace()
                || c == '|' && self.features.or
                || "()".contains(c) && self.features.precedence
                || c == '"' && self.features.phrase
                || c == '~' && self.features.fuzzy;
            if ends {
                end = at.max(usize::from(at == 0) * c.len_utf8());
                break;
            }
            last_is_star = c == '*';
            match (c, self.features.escape) {
                ('\\', true) => text.extend(chars.next().map(|(_, c)| c)),
                _ => text.push(c),
            }
        }
        self.rest = &self.rest[end..];
        let distance = self.distance();
        if text.is_empty() {
            return None;
        }
        Some(match distance {
            Some(distance) => Leaf::Fuzzy(text, distance.min(MAX_DISTANCE)),
            None if text == "*" && self.features.prefix => Leaf::Exists,
            None if last_is_star && self.features.prefix => Leaf::Prefix(text[..text.len() - 1].to_owned()),
            None => Leaf::Text(text),
        })
    }

    fn distance(&mut self) -> Option<usize> {
        if !self.features.fuzzy || !self.take('~') {
            return None;
        }
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(number.parse().unwrap_or(MAX_DISTANCE))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::{Features, parse_simple};

    #[test]
    fn no_text_is_a_mistake() {
        for (text, expected) in [
            ("", "*"),
            ("a b", "(a b)"),
            ("a + b", "(+a +b)"),
            ("a | b", "(a b)"),
            ("\"a b\" +c", "(+\"a b\" +c)"),
            ("a +-b", "(+a +(-b))"),
            ("(a | b) + c*", "(+(a b) +Prefix(\"c\"))"),
            ("a~1", "Fuzzy(\"a\", 1)"),
            ("((", "*"),
            ("a)", "a"),
            ("\"a", "a"),
            ("foo\\-bar", "foo-bar"),
        ] {
            let all = Features::parse("ALL").expect("flags");
            assert_eq!(shown(&parse_simple(text, false, all)), expected, "{text}");
        }
        let none = Features::parse("NONE").expect("flags");
        assert_eq!(shown(&parse_simple("a+b | -c", false, none)), "(a+b | -c)");
        assert_eq!(Features::parse("AND|NEVER"), None);
    }
}
