//! Runs a tree.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::parse::{At, Block, Branch, Command, Node, Operand, OperandKind, Pipe, Source};
use super::value::{MapKind, Value, field};
use super::{Functions, TemplateError, builtins, methods};

/// How deep templates may call each other.
const MAX_DEPTH: usize = 100;
/// Most commands and nodes that one run goes through.
const MAX_STEPS: usize = 1_000_000;
/// Most bytes that one run writes.
pub(super) const MAX_OUTPUT: usize = 4 * 1024 * 1024;
/// Most bytes that it takes to write one value; see [`Value::weight`].
pub(super) const MAX_VALUE: usize = 16 * 1024 * 1024;
/// Most bytes that functions of one run make.
const MAX_MADE: usize = 64 * 1024 * 1024;
/// Most bytes that functions of one run are given.
const MAX_GIVEN: usize = 1024 * 1024 * 1024;
/// Longest part of a template that a message shows, in characters.
const MAX_CONTEXT: usize = 20;

/// What a node wants of the list that it stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    Break,
    Continue,
}

pub(super) struct Run<'a> {
    pub(super) blocks: &'a HashMap<String, Block>,
    /// Blocks that the text itself defined; they come first.
    pub(super) own: &'a HashMap<String, Block>,
    pub(super) functions: &'a dyn Functions,
    pub(super) is_html: bool,
    pub(super) out: String,
    source: Arc<Source>,
    /// The name in messages: that of the block that runs.
    name: String,
    variables: Vec<(String, Value)>,
    depth: usize,
    steps: usize,
    made: usize,
    given: usize,
}

type Result<T> = std::result::Result<T, TemplateError>;

impl<'a> Run<'a> {
    pub(super) fn new(
        blocks: &'a HashMap<String, Block>,
        own: &'a HashMap<String, Block>,
        functions: &'a dyn Functions,
        is_html: bool,
        source: Arc<Source>,
    ) -> Self {
        let name = source.name.clone();
        let (out, variables) = (String::new(), Vec::new());
        Self { blocks, own, functions, is_html, out, source, name, variables, depth: 0, steps: 0, made: 0, given: 0 }
    }

    /// Runs a block with this value as its dot.
    pub(super) fn block(&mut self, name: &str, block: &Block, dot: &Value, at: At) -> Result<()> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(at, &format!("exceeded maximum template depth ({MAX_DEPTH})")));
        }
        self.depth += 1;
        let source = std::mem::replace(&mut self.source, block.source.clone());
        let caller = std::mem::replace(&mut self.name, name.to_owned());
        let variables = std::mem::replace(&mut self.variables, vec![("$".to_owned(), dot.clone())]);
        self.nodes(&block.nodes, dot)?;
        (self.source, self.name, self.variables) = (source, caller, variables);
        self.depth -= 1;
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&'a Block> {
        self.own.get(name).or_else(|| self.blocks.get(name))
    }

    fn error(&self, at: At, message: &str) -> TemplateError {
        let text = &self.source.text;
        let shown = text.get(at.start..at.end).unwrap_or_default();
        let context = match shown.char_indices().nth(MAX_CONTEXT) {
            Some((end, _)) => format!("{}...", &shown[..end]),
            None => shown.to_owned(),
        };
        let before = text.get(..at.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rfind('\n').map_or(at.start, |newline| at.start - newline - 1);
        let message = format!(
            "template: {}:{line}:{column}: executing {} at <{context}>: {message}",
            self.source.name,
            vitrine_observe_promql::go_quote(&self.name),
        );
        TemplateError { message, is_parse: false }
    }

    fn step(&mut self, at: At) -> Result<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(self.error(at, &format!("the template takes more than {MAX_STEPS} steps")));
        }
        Ok(())
    }

    fn write(&mut self, at: At, text: fmt::Arguments<'_>) -> Result<()> {
        let _ = fmt::Write::write_fmt(&mut self.out, text);
        if self.out.len() > MAX_OUTPUT {
            return Err(self.error(at, &format!("the template writes more than {MAX_OUTPUT} bytes")));
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow> {
        for node in nodes {
            match node {
                Node::Text(text) => self.write(At { start: 0, end: 0 }, format_args!("{text}"))?,
                Node::Action(pipe) => {
                    let value = self.pipe(pipe, dot)?;
                    if pipe.variables.is_empty() {
                        self.show(pipe.at, &value)?;
                    }
                }
                Node::Branch { kind, pipe, body, otherwise } => {
                    let variables = self.variables.len();
                    let flow = self.branch(*kind, pipe, body, otherwise, dot)?;
                    self.variables.truncate(variables);
                    if flow != Flow::Go {
                        return Ok(flow);
                    }
                }
                Node::Template { name, pipe, at } => {
                    self.step(*at)?;
                    let Some(block) = self.find(name) else {
                        return Err(self.error(*at, &format!("template {name:?} not defined")));
                    };
                    let value = match pipe {
                        Some(pipe) => self.pipe(pipe, dot)?,
                        None => Value::Nil,
                    };
                    self.block(name, block, &value, *at)?;
                }
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
            }
        }
        Ok(Flow::Go)
    }

    /// Writes a value; in HTML it is escaped unless it is HTML, and nothing is written for nothing.
    fn show(&mut self, at: At, value: &Value) -> Result<()> {
        self.weigh(std::slice::from_ref(value), at)?;
        match value {
            Value::Html(text) => self.write(at, format_args!("{text}")),
            Value::Nil if self.is_html => Ok(()),
            value if self.is_html => {
                let text = builtins::escape_html(&value.to_string());
                self.write(at, format_args!("{text}"))
            }
            value => self.write(at, format_args!("{value}")),
        }
    }

    fn branch(&mut self, kind: Branch, pipe: &Pipe, body: &[Node], otherwise: &[Node], dot: &Value) -> Result<Flow> {
        if kind == Branch::Range {
            return self.range(pipe, body, otherwise, dot);
        }
        let value = self.pipe(pipe, dot)?;
        match (value.is_true(), kind) {
            (true, Branch::With) => self.nodes(body, &value),
            (true, _) => self.nodes(body, dot),
            (false, _) => self.nodes(otherwise, dot),
        }
    }

    fn range(&mut self, pipe: &Pipe, body: &[Node], otherwise: &[Node], dot: &Value) -> Result<Flow> {
        let over = self.commands(pipe, dot)?;
        let items: Vec<(Value, Value)> = match &over {
            Value::List(_, values) => values.iter().enumerate().map(|(at, value)| (index(at), value.clone())).collect(),
            Value::Map(_, entries) => {
                entries.iter().map(|(key, value)| (Value::Text(key.clone()), value.clone())).collect()
            }
            Value::Int(count) => {
                let count = usize::try_from(*count).unwrap_or(0).min(MAX_STEPS + 1);
                (0..count).map(|at| (index(at), index(at))).collect()
            }
            Value::Nil => Vec::new(),
            other => return Err(self.error(pipe.at, &format!("range can't iterate over {other}"))),
        };
        if items.is_empty() {
            return self.nodes(otherwise, dot);
        }
        let variables = self.variables.len();
        for (key, value) in items {
            self.step(pipe.at)?;
            let taken: &[&Value] = if pipe.variables.len() > 1 { &[&key, &value] } else { &[&value] };
            for (name, value) in pipe.variables.iter().zip(taken) {
                self.set(name, (*value).clone(), pipe.assigns);
            }
            let flow = self.nodes(body, &value)?;
            self.variables.truncate(variables);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Go)
    }

    fn set(&mut self, name: &str, value: Value, assigns: bool) {
        let known = if assigns { self.variables.iter_mut().rev().find(|(of, _)| of == name) } else { None };
        match known {
            Some((_, of)) => *of = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    /// The value of a pipeline, which its variable takes.
    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.variables {
            self.set(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value> {
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(&mut self, command: &Command, dot: &Value, last: Option<Value>) -> Result<Value> {
        self.step(command.at)?;
        let first = &command.operands[0];
        if let OperandKind::Function(name) = &first.kind {
            let value = self.function(name, command, dot, last)?;
            return self.fields_of(value, &first.fields, first.at, &[]);
        }
        let mut args = Vec::with_capacity(command.operands.len());
        for operand in &command.operands[1..] {
            args.push(self.operand(operand, dot)?);
        }
        args.extend(last);
        if first.fields.is_empty() && !args.is_empty() {
            let shown = &self.source.text[first.at.start..first.at.end];
            return Err(self.error(command.at, &format!("can't give argument to non-function {shown}")));
        }
        let value = self.base(first, dot)?;
        self.fields_of(value, &first.fields, first.at, &args)
    }

    /// An operand without its fields.
    fn base(&mut self, operand: &Operand, dot: &Value) -> Result<Value> {
        Ok(match &operand.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Nil => Value::Nil,
            OperandKind::Constant(value) => value.clone(),
            OperandKind::Variable(name) => {
                let known = self.variables.iter().rev().find(|(of, _)| of == name);
                known.map_or(Value::Nil, |(_, value)| value.clone())
            }
            OperandKind::Pipe(pipe) => self.pipe(pipe, dot)?,
            OperandKind::Function(name) => {
                let command = Command { at: operand.at, operands: Vec::new() };
                self.function(name, &command, dot, None)?
            }
        })
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value> {
        self.step(operand.at)?;
        let value = self.base(operand, dot)?;
        self.fields_of(value, &operand.fields, operand.at, &[])
    }

    /// Fields taken one of the other; the last one takes the arguments.
    fn fields_of(&mut self, value: Value, fields: &[String], at: At, args: &[Value]) -> Result<Value> {
        let mut value = value;
        for (place, name) in fields.iter().enumerate() {
            let args = if place + 1 == fields.len() { args } else { &[] };
            value = self.field(&value, name, at, args)?;
        }
        Ok(value)
    }

    fn field(&mut self, value: &Value, name: &str, at: At, args: &[Value]) -> Result<Value> {
        self.weigh(args, at)?;
        if let Some(result) = methods::call(value, name, args) {
            let result = result.map_err(|error| self.error(at, &format!("error calling {name}: {error}")))?;
            return self.counted(result, at);
        }
        let found = match value {
            Value::Nil => Value::Nil,
            Value::Map(kind, entries) => match entries.get(name) {
                Some(value) => value.clone(),
                None if *kind == MapKind::Any => Value::Nil,
                None => Value::text(""),
            },
            Value::Struct(of) => match field(of, name) {
                Some(value) => value.clone(),
                None => return Err(self.no_field(value, name, at)),
            },
            _ => return Err(self.no_field(value, name, at)),
        };
        if args.is_empty() {
            Ok(found)
        } else {
            Err(self.error(at, &format!("{name} is not a method but has arguments")))
        }
    }

    fn no_field(&self, value: &Value, name: &str, at: At) -> TemplateError {
        self.error(at, &format!("can't evaluate field {name} in type {}", value.type_name()))
    }

    fn function(&mut self, name: &str, command: &Command, dot: &Value, last: Option<Value>) -> Result<Value> {
        let operands = command.operands.get(1..).unwrap_or_default();
        if name == "and" || name == "or" {
            return self.short_circuit(name == "or", operands, dot, last, command.at);
        }
        let mut args = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            args.push(self.operand(operand, dot)?);
        }
        args.extend(last);
        if name == builtins::TMPL {
            return self.call_template(&args, command.at);
        }
        self.weigh(&args, command.at)?;
        let result = builtins::call(name, &args).unwrap_or_else(|| self.functions.call(name, &args));
        let value = result.map_err(|error| self.error(command.at, &format!("error calling {name}: {error}")))?;
        self.counted(value, command.at)
    }

    /// The value, if it and all that was made until now is not too much.
    fn counted(&mut self, value: Value, at: At) -> Result<Value> {
        self.made = self.made.saturating_add(self.weight(&value, at)?);
        if self.made > MAX_MADE {
            return Err(self.error(at, &format!("the template makes more than {MAX_MADE} bytes")));
        }
        Ok(value)
    }

    fn weight(&self, value: &Value, at: At) -> Result<usize> {
        let message = || format!("a value takes more than {MAX_VALUE} bytes or is nested too deep");
        value.weight(MAX_VALUE).ok_or_else(|| self.error(at, &message()))
    }

    /// An error where what a function is given is too much.
    fn weigh(&mut self, args: &[Value], at: At) -> Result<()> {
        let mut all = 0;
        for arg in args {
            all += self.weight(arg, at)?;
        }
        self.given += all;
        if all > MAX_VALUE || self.given > MAX_GIVEN {
            return Err(self
                .error(at, &format!("functions are given more than {MAX_VALUE} bytes at once or {MAX_GIVEN} in all")));
        }
        Ok(())
    }

    /// `and` returns the first false argument, `or` the first true one, else the last; what follows is not evaluated.
    fn short_circuit(
        &mut self,
        stop: bool,
        operands: &[Operand],
        dot: &Value,
        last: Option<Value>,
        at: At,
    ) -> Result<Value> {
        let mut value = None;
        for operand in operands {
            let next = self.operand(operand, dot)?;
            if next.is_true() == stop {
                return Ok(next);
            }
            value = Some(next);
        }
        last.or(value).ok_or_else(|| self.error(at, "wrong number of args: want at least 1 got 0"))
    }

    /// `tmpl NAME DATA`: what the template of that name writes, as HTML.
    fn call_template(&mut self, args: &[Value], at: At) -> Result<Value> {
        let [Value::Text(name), data] = args else {
            return Err(self.error(at, "error calling tmpl: expected a name and a value"));
        };
        let Some(block) = self.find(name) else {
            return Err(self.error(at, &format!("error calling tmpl: template {name:?} not defined")));
        };
        let outer = std::mem::take(&mut self.out);
        self.block(name, block, data, at)?;
        let written = std::mem::replace(&mut self.out, outer);
        self.counted(Value::Html(written.into()), at)
    }
}

fn index(at: usize) -> Value {
    Value::Int(i64::try_from(at).unwrap_or(i64::MAX))
}
