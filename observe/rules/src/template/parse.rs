//! From tokens to a tree.

use std::collections::HashMap;
use std::sync::Arc;

use super::TemplateError;
use super::lex::{Kind, Piece, Token, split};
use super::value::Value;

/// How deep blocks and parentheses may stand in each other.
const MAX_NESTING: usize = 100;

/// A named part of a template.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) nodes: Vec<Node>,
    pub(super) source: Arc<Source>,
}

/// The text that a block came from, for messages.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Branch {
    If,
    With,
    Range,
}

#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    Branch { kind: Branch, pipe: Pipe, body: Vec<Node>, otherwise: Vec<Node> },
    Template { name: String, pipe: Option<Pipe>, at: At },
    Break,
    Continue,
}

/// Commands, each with the result of the one before as its last argument.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) at: At,
    /// Variables that take the result.
    pub(super) variables: Vec<String>,
    /// Whether they were there before.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) at: At,
    /// Never empty.
    pub(super) operands: Vec<Operand>,
}

#[derive(Debug)]
pub(super) struct Operand {
    pub(super) at: At,
    pub(super) kind: OperandKind,
    /// Fields that are taken of it, one after the other.
    pub(super) fields: Vec<String>,
}

#[derive(Debug)]
pub(super) enum OperandKind {
    Dot,
    Nil,
    Constant(Value),
    Variable(String),
    Function(String),
    Pipe(Box<Pipe>),
}

/// Parses a template: its own nodes, and the blocks that it defines.
pub(super) fn parse(
    name: &str,
    text: &str,
    is_function: &dyn Fn(&str) -> bool,
) -> Result<(Block, HashMap<String, Block>), TemplateError> {
    let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let pieces = split(name, text)?;
    let mut parser = Parser {
        source: source.clone(),
        pieces: pieces.into_iter().peekable(),
        is_function,
        defined: HashMap::new(),
        variables: vec!["$".to_owned()],
        depth: 0,
        ranges: 0,
        last: 0,
    };
    let (nodes, end) = parser.nodes(true)?;
    if let End::Token(word, at) = end {
        return Err(parser.error(at, &format!("unexpected {{{{{word}}}}}")));
    }
    Ok((Block { nodes, source }, parser.defined))
}

/// What ends a list of nodes.
enum End {
    Text,
    /// `end` or `else`, and what follows `else`.
    Token(&'static str, usize),
    Else(Vec<Token>, usize),
}

struct Parser<'a> {
    source: Arc<Source>,
    pieces: std::iter::Peekable<std::vec::IntoIter<Piece>>,
    is_function: &'a dyn Fn(&str) -> bool,
    defined: HashMap<String, Block>,
    variables: Vec<String>,
    depth: usize,
    ranges: usize,
    last: usize,
}

impl Parser<'_> {
    fn error(&self, at: usize, message: &str) -> TemplateError {
        TemplateError::parse(&self.source.name, &self.source.text, at, message)
    }

    fn enter(&mut self, at: usize) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(self.error(at, &format!("blocks or parentheses are nested deeper than {MAX_NESTING}")));
        }
        Ok(())
    }

    /// Nodes up to `end`, `else` or the end of the text.
    fn nodes(&mut self, is_top: bool) -> Result<(Vec<Node>, End), TemplateError> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let tokens = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            let (first, at) = (tokens[0].kind.clone(), tokens[0].start);
            self.last = at;
            let Kind::Name(word) = first else {
                nodes.push(Node::Action(self.whole_pipe(&tokens, "command")?));
                continue;
            };
            let rest = &tokens[1..];
            match word.as_str() {
                "end" => {
                    self.nothing(rest, "end")?;
                    return Ok((nodes, End::Token("end", at)));
                }
                "else" if rest.is_empty() => return Ok((nodes, End::Token("else", at))),
                "else" => return Ok((nodes, End::Else(rest.to_vec(), at))),
                "if" => nodes.push(self.branch(Branch::If, rest, at)?),
                "with" => nodes.push(self.branch(Branch::With, rest, at)?),
                "range" => nodes.push(self.branch(Branch::Range, rest, at)?),
                "break" | "continue" => {
                    self.nothing(rest, &word)?;
                    if self.ranges == 0 {
                        return Err(self.error(at, &format!("{{{{{word}}}}} outside {{{{range}}}}")));
                    }
                    nodes.push(if word == "break" { Node::Break } else { Node::Continue });
                }
                "define" if is_top => self.define(rest, at)?,
                "define" => return Err(self.error(at, "unexpected {{define}}")),
                "template" => nodes.push(self.template(rest, at)?),
                "block" => {
                    let node = self.template(rest, at)?;
                    let Node::Template { name, .. } = &node else { unreachable!("template returns nothing else") };
                    let name = name.clone();
                    self.body_of(name, at)?;
                    nodes.push(node);
                }
                _ => nodes.push(Node::Action(self.whole_pipe(&tokens, "command")?)),
            }
        }
        Ok((nodes, End::Text))
    }

    fn nothing(&self, rest: &[Token], word: &str) -> Result<(), TemplateError> {
        match rest.first() {
            None => Ok(()),
            Some(token) => Err(self.error(token.start, &format!("unexpected {} in {word}", self.shown(token)))),
        }
    }

    fn shown(&self, token: &Token) -> String {
        format!("{:?}", &self.source.text[token.start..token.end])
    }

    fn branch(&mut self, kind: Branch, tokens: &[Token], at: usize) -> Result<Node, TemplateError> {
        self.enter(at)?;
        let variables = self.variables.len();
        let word = match kind {
            Branch::If => "if",
            Branch::With => "with",
            Branch::Range => "range",
        };
        let pipe = self.whole_pipe(tokens, word)?;
        if kind == Branch::Range {
            self.ranges += 1;
        } else if pipe.variables.len() > 1 {
            return Err(self.error(at, &format!("too many declarations in {word}")));
        }
        let (body, end) = self.nodes(false)?;
        if kind == Branch::Range {
            self.ranges -= 1;
        }
        let otherwise = match end {
            End::Token("end", _) => Vec::new(),
            End::Token(..) => match self.nodes(false)? {
                (nodes, End::Token("end", _)) => nodes,
                (_, End::Text) => return Err(self.unclosed()),
                (_, End::Token(_, at) | End::Else(_, at)) => return Err(self.error(at, "expected end; found {{else}}")),
            },
            // `else if` is an `if` of its own inside, with the same `end`.
            End::Else(tokens, at) => match &tokens[0].kind {
                Kind::Name(name) if name == "if" && kind != Branch::Range => {
                    vec![self.branch(Branch::If, &tokens[1..], at)?]
                }
                Kind::Name(name) if name == "with" && kind == Branch::With => {
                    vec![self.branch(Branch::With, &tokens[1..], at)?]
                }
                _ => return Err(self.error(at, &format!("unexpected {} in else", self.shown(&tokens[0])))),
            },
            End::Text => return Err(self.unclosed()),
        };
        self.variables.truncate(variables);
        self.depth -= 1;
        Ok(Node::Branch { kind, pipe, body, otherwise })
    }

    fn unclosed(&self) -> TemplateError {
        self.error(self.source.text.len(), "unexpected EOF")
    }

    fn define(&mut self, tokens: &[Token], at: usize) -> Result<(), TemplateError> {
        match tokens {
            [Token { kind: Kind::Text(name), .. }] => self.body_of(name.clone(), at),
            _ => Err(self.error(at, "expected a quoted name in define clause")),
        }
    }

    /// The nodes up to `end` become the block of that name. Its variables are its own.
    fn body_of(&mut self, name: String, at: usize) -> Result<(), TemplateError> {
        self.enter(at)?;
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, end) = self.nodes(false)?;
        match end {
            End::Token("end", _) => {}
            End::Text => return Err(self.unclosed()),
            End::Token(_, at) | End::Else(_, at) => return Err(self.error(at, "unexpected {{else}} in define clause")),
        }
        self.variables = variables;
        self.ranges = ranges;
        self.depth -= 1;
        self.defined.insert(name, Block { nodes, source: self.source.clone() });
        Ok(())
    }

    fn template(&mut self, tokens: &[Token], at: usize) -> Result<Node, TemplateError> {
        let Some((Token { kind: Kind::Text(name), end, .. }, rest)) = tokens.split_first() else {
            return Err(self.error(at, "expected a quoted name in template clause"));
        };
        let pipe = if rest.is_empty() { None } else { Some(self.whole_pipe(rest, "template clause")?) };
        Ok(Node::Template { name: name.clone(), pipe, at: At { start: at, end: *end } })
    }

    /// All tokens as one pipeline.
    fn whole_pipe(&mut self, tokens: &[Token], context: &str) -> Result<Pipe, TemplateError> {
        let mut cursor = Cursor { tokens, next: 0 };
        let pipe = self.pipe(&mut cursor, context)?;
        match cursor.peek() {
            None => Ok(pipe),
            Some(token) => Err(self.error(token.start, &format!("unexpected {} in {context}", self.shown(token)))),
        }
    }

    /// A pipeline, up to a right parenthesis or the end.
    fn pipe(&mut self, cursor: &mut Cursor<'_>, context: &str) -> Result<Pipe, TemplateError> {
        let start = cursor.peek().map_or(self.last, |token| token.start);
        let (variables, assigns) = self.declared(cursor, context)?;
        let mut commands = Vec::new();
        loop {
            let command = self.command(cursor)?;
            let Some(command) = command else {
                let message = if commands.is_empty() {
                    format!("missing value for {context}")
                } else {
                    "missing value for command".to_owned()
                };
                return Err(self.error(start, &message));
            };
            if let (Some(first), false) = (command.operands.first(), commands.is_empty())
                && !matches!(
                    first.kind,
                    OperandKind::Function(_) | OperandKind::Variable(_) | OperandKind::Dot | OperandKind::Pipe(_)
                )
            {
                let message = format!("non executable command in pipeline stage {}", commands.len() + 1);
                return Err(self.error(command.at.start, &message));
            }
            commands.push(command);
            match cursor.peek().map(|token| &token.kind) {
                Some(Kind::Bar) => cursor.next += 1,
                _ => break,
            }
        }
        if !assigns {
            self.variables.extend(variables.iter().cloned());
        }
        let end = cursor.tokens[..cursor.next].last().map_or(start, |token| token.end);
        Ok(Pipe { at: At { start, end }, variables, assigns, commands })
    }

    /// `$x :=`, `$x =`, and in a range `$i, $x :=`.
    fn declared(&self, cursor: &mut Cursor<'_>, context: &str) -> Result<(Vec<String>, bool), TemplateError> {
        let kinds: Vec<&Kind> = cursor.tokens[cursor.next..].iter().take(4).map(|token| &token.kind).collect();
        let (names, taken, operator) = match kinds.as_slice() {
            [Kind::Variable(name), operator @ (Kind::Declare | Kind::Assign), ..] => (vec![name], 2, *operator),
            [Kind::Variable(key), Kind::Comma, Kind::Variable(name), operator @ (Kind::Declare | Kind::Assign)] => {
                (vec![key, name], 4, *operator)
            }
            _ => return Ok((Vec::new(), false)),
        };
        let at = cursor.tokens[cursor.next].start;
        if names.len() > 1 && context != "range" {
            return Err(self.error(at, &format!("too many declarations in {context}")));
        }
        cursor.next += taken;
        let assigns = *operator == Kind::Assign;
        if let Some(unknown) = names.iter().find(|name| assigns && !self.variables.contains(name)) {
            return Err(self.error(at, &format!("undefined variable {unknown:?}")));
        }
        Ok((names.into_iter().cloned().collect(), assigns))
    }

    fn command(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Command>, TemplateError> {
        let mut operands: Vec<Operand> = Vec::new();
        while let Some(operand) = self.operand(cursor)? {
            if let (Some(last), Some(token)) = (operands.last(), cursor.tokens.get(cursor.next - 1))
                && last.at.end == operand.at.start
            {
                return Err(self.error(token.start, &format!("unexpected {} in operand", self.shown(token))));
            }
            operands.push(operand);
        }
        let (Some(first), Some(last)) = (operands.first(), operands.last()) else { return Ok(None) };
        let at = At { start: first.at.start, end: last.at.end };
        Ok(Some(Command { at, operands }))
    }

    fn operand(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Operand>, TemplateError> {
        let Some(token) = cursor.peek() else { return Ok(None) };
        let start = token.start;
        let mut fields = Vec::new();
        let kind = match &token.kind {
            Kind::Bar | Kind::Right => return Ok(None),
            Kind::Dot => OperandKind::Dot,
            Kind::Field(name) => {
                fields.push(name.clone());
                OperandKind::Dot
            }
            Kind::Text(text) => OperandKind::Constant(Value::text(text)),
            Kind::Int(number) => OperandKind::Constant(Value::Int(*number)),
            Kind::Float(number) => OperandKind::Constant(Value::Float(*number)),
            Kind::Variable(name) if self.variables.contains(name) => OperandKind::Variable(name.clone()),
            Kind::Variable(name) => return Err(self.error(start, &format!("undefined variable {name:?}"))),
            Kind::Name(name) => match name.as_str() {
                "nil" => OperandKind::Nil,
                "true" => OperandKind::Constant(Value::Bool(true)),
                "false" => OperandKind::Constant(Value::Bool(false)),
                name if (self.is_function)(name) => OperandKind::Function(name.to_owned()),
                name => return Err(self.error(start, &format!("function {name:?} not defined"))),
            },
            Kind::Left => {
                self.enter(start)?;
                cursor.next += 1;
                let pipe = self.pipe(cursor, "parenthesized pipeline")?;
                self.depth -= 1;
                if !matches!(cursor.peek().map(|token| &token.kind), Some(Kind::Right)) {
                    return Err(self.error(start, "unclosed left paren"));
                }
                OperandKind::Pipe(Box::new(pipe))
            }
            Kind::Declare | Kind::Assign | Kind::Comma => {
                return Err(self.error(start, &format!("unexpected {} in operand", self.shown(token))));
            }
        };
        cursor.next += 1;
        while let Some(Token { kind: Kind::Field(name), spaced: false, .. }) = cursor.peek() {
            fields.push(name.clone());
            cursor.next += 1;
        }
        let end = cursor.tokens[cursor.next - 1].end;
        if let (false, OperandKind::Constant(_) | OperandKind::Nil) = (fields.is_empty(), &kind) {
            return Err(self.error(start, &format!("unexpected . after term {:?}", &self.source.text[start..end])));
        }
        Ok(Some(Operand { at: At { start, end }, kind, fields }))
    }
}

struct Cursor<'a> {
    tokens: &'a [Token],
    next: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next)
    }
}
