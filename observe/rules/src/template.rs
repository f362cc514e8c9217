//! Go's text templates, as rules and notifications are written in them.
//!
//! Everything of the language is here but complex numbers and calls of functions that are values: actions, pipelines, variables, `if`, `with`,
//! `range`, `break`, `continue`, `define`, `template`, `block`, comments, trimming, `printf`, comparisons. [`RuleFunctions`] are Prometheus's
//! functions, [`NotificationFunctions`] are Alertmanager's. Messages are Go's, to the column.
//!
//! A template can come from anyone who may write a rule, so what it does is bounded: steps, depth, bytes written and made, queries.
//!
//! In HTML each value is escaped alike, wherever it stands; Go looks at the place, and escapes differently in scripts, styles and links.
//!
//! ```
//! use vitrine_observe_rules::template::{Templates, RuleFunctions, Value};
//!
//! let functions = RuleFunctions::new(0, "http://localhost", &|_, _| Ok(Vec::new()));
//! let text = Templates::default()
//!     .expand("greeting", "{{ . | toUpper }} uses {{ humanize1024 2048.0 }}B", &Value::text("api"), &functions)
//!     .expect("a template without mistakes");
//! assert_eq!(text, "API uses 2kiB");
//! ```

mod builtins;
mod format;
mod json;
mod lex;
mod methods;
mod notification_functions;
mod parse;
mod rule_functions;
mod run;
mod time;
mod value;

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use parse::{At, Block};
use run::Run;

pub use notification_functions::{NotificationFunctions, RouteLabel, Zone};
pub use rule_functions::{Query, RuleFunctions};
pub use time::{GoDuration, GoTime};
pub use value::{ListKind, MapKind, Struct, Value};

/// Largest compiled pattern of `match` and `reReplaceAll`, in bytes.
const MAX_PATTERN: usize = 1024 * 1024;

/// A template that cannot be parsed or run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong, as Go says it: `template: NAME:LINE: …`.
    pub message: String,
    /// Whether it cannot be parsed, so that it can never run.
    pub is_parse: bool,
}

impl TemplateError {
    fn parse(name: &str, text: &str, at: usize, message: &str) -> Self {
        let line = text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1;
        Self { message: format!("template: {name}:{line}: {message}"), is_parse: true }
    }
}

/// Functions beside those that Go's templates have by themselves.
pub trait Functions {
    /// Whether there is a function of that name.
    fn has(&self, name: &str) -> bool;

    /// Calls one.
    fn call(&self, name: &str, args: &[Value]) -> Result<Value, String>;
}

/// Templates by name that others can call.
#[derive(Debug, Default)]
pub struct Templates {
    blocks: HashMap<String, Block>,
}

impl Templates {
    /// Adds what a file defines, and the file itself by its name. A later definition replaces an earlier one.
    pub fn add(&mut self, name: &str, text: &str, functions: &dyn Functions) -> Result<(), TemplateError> {
        let (own, defined) = parse(name, text, functions)?;
        self.blocks.extend(defined);
        self.blocks.insert(name.to_owned(), own);
        Ok(())
    }

    /// The value of a text with templates in it.
    pub fn expand(
        &self,
        name: &str,
        text: &str,
        data: &Value,
        functions: &dyn Functions,
    ) -> Result<String, TemplateError> {
        self.execute(name, text, data, functions, false)
    }

    /// The value of a template that was [added](Self::add): for who runs one many times.
    pub fn run(&self, name: &str, data: &Value, functions: &dyn Functions) -> Result<String, TemplateError> {
        let Some(block) = self.blocks.get(name) else {
            return Err(TemplateError { message: format!("template: no template {name:?}"), is_parse: false });
        };
        let own = HashMap::new();
        let mut run = Run::new(&self.blocks, &own, functions, false, block.source.clone());
        run.block(name, block, data, At { start: 0, end: 0 })?;
        Ok(run.out)
    }

    /// The same, with values escaped for HTML.
    pub fn expand_html(
        &self,
        name: &str,
        text: &str,
        data: &Value,
        functions: &dyn Functions,
    ) -> Result<String, TemplateError> {
        self.execute(name, text, data, functions, true)
    }

    fn execute(
        &self,
        name: &str,
        text: &str,
        data: &Value,
        functions: &dyn Functions,
        is_html: bool,
    ) -> Result<String, TemplateError> {
        let (own, defined) = parse(name, text, functions)?;
        let mut run = Run::new(&self.blocks, &defined, functions, is_html, own.source.clone());
        run.block(name, &own, data, At { start: 0, end: 0 })?;
        Ok(run.out)
    }
}

/// Whether a text can be parsed.
pub fn check(name: &str, text: &str, functions: &dyn Functions) -> Result<(), TemplateError> {
    parse(name, text, functions).map(|_| ())
}

fn parse(name: &str, text: &str, functions: &dyn Functions) -> Result<(Block, HashMap<String, Block>), TemplateError> {
    parse::parse(name, text, &|name| builtins::is_builtin(name) || functions.has(name))
}

/// A pattern of `match` and `reReplaceAll`.
fn compiled(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_PATTERN)
        .build()
        .map_err(|error| format!("error parsing regexp: {}", error.to_string().lines().last().unwrap_or_default()))
}
