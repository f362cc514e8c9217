//! Arithmetic between buckets: the part of Elasticsearch's scripts that is taken.
//!
//! `params.a / params.b * 100`, comparisons, `&&`, `||`, and functions of a window such as `MovingFunctions.unweightedAvg(values)`.

use serde_json::Value;

use crate::elastic::error::{SearchError, shown};
use crate::elastic::json::scalar_text;

/// Longest script, in bytes.
const MAX_SCRIPT: usize = 1_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 30;
/// Operators by how tight they bind, the loosest first.
const OPERATORS: &[&[&str]] = &[&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"]];
/// Functions of a window, and how many numbers they take behind it.
const FUNCTIONS: &[(&str, usize)] = &[
    ("max", 0),
    ("min", 0),
    ("sum", 0),
    ("stdDev", 1),
    ("unweightedAvg", 0),
    ("linearWeightedAvg", 0),
    ("ewma", 1),
    ("holt", 2),
];

/// A script, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Script {
    Number(f64),
    Parameter(String),
    Negative(Box<Script>),
    Binary(&'static str, Box<Script>, Box<Script>),
    Window(&'static str, Vec<Script>),
}

impl Script {
    /// Reads a script: a text, or an object with `source` (before version 6 `inline`).
    pub(crate) fn parse(value: &Value) -> Result<Self, SearchError> {
        let inner = ["source", "inline"].iter().find_map(|key| value.get(key)).unwrap_or(value);
        let text = scalar_text(inner).filter(|text| text.len() <= MAX_SCRIPT);
        let text = text.ok_or_else(|| SearchError::illegal("[script] needs a text of arithmetic"))?;
        let mut parser = Parser { text: &text, rest: text.trim().trim_end_matches(';'), depth: 0 };
        parser.rest = parser.rest.strip_prefix("return ").unwrap_or(parser.rest);
        let script = parser.binary(0)?;
        if parser.rest.trim().is_empty() { Ok(script) } else { Err(parser.wrong()) }
    }

    /// What it is with these parameters and this window; none where a parameter has no number. A comparison that holds is 1, else 0.
    pub(crate) fn evaluate(&self, parameters: &dyn Fn(&str) -> Option<f64>, window: &[f64]) -> Option<f64> {
        Some(match self {
            Self::Number(number) => *number,
            Self::Parameter(name) => parameters(name)?,
            Self::Negative(inner) => -inner.evaluate(parameters, window)?,
            Self::Binary(operator, a, b) => {
                let (a, b) = (a.evaluate(parameters, window)?, b.evaluate(parameters, window)?);
                let truth = |holds: bool| f64::from(u8::from(holds));
                match *operator {
                    "||" => truth(a != 0.0 || b != 0.0),
                    "&&" => truth(a != 0.0 && b != 0.0),
                    "==" => truth(a == b),
                    "!=" => truth(a != b),
                    "<=" => truth(a <= b),
                    ">=" => truth(a >= b),
                    "<" => truth(a < b),
                    ">" => truth(a > b),
                    "+" => a + b,
                    "-" => a - b,
                    "*" => a * b,
                    "/" => a / b,
                    _ => a % b,
                }
            }
            Self::Window(function, arguments) => {
                let arguments = arguments.iter().map(|argument| argument.evaluate(parameters, window));
                of_window(function, window, &arguments.collect::<Option<Vec<_>>>()?)?
            }
        })
    }
}

/// A function of a window; none of an empty one, but for sums.
fn of_window(function: &str, window: &[f64], arguments: &[f64]) -> Option<f64> {
    let count = window.len() as f64;
    let sum: f64 = window.iter().sum();
    if window.is_empty() {
        return (function == "sum").then_some(0.0);
    }
    Some(match function {
        "max" => window.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "min" => window.iter().copied().fold(f64::INFINITY, f64::min),
        "sum" => sum,
        "stdDev" => {
            let average = arguments.first()?;
            (window.iter().map(|number| (number - average).powi(2)).sum::<f64>() / count).sqrt()
        }
        "linearWeightedAvg" => {
            let weights = (1..).map(f64::from);
            let weighted: f64 = window.iter().zip(weights).map(|(number, weight)| number * weight).sum();
            weighted / (count * (count + 1.0) / 2.0)
        }
        "ewma" => {
            let alpha = arguments.first()?;
            window[1..].iter().fold(window[0], |average, number| number * alpha + average * (1.0 - alpha))
        }
        "holt" => {
            let (alpha, beta) = (arguments.first()?, arguments.get(1)?);
            let (mut level, mut trend) = (window[0], 0.0);
            for number in &window[1..] {
                let before = level;
                level = alpha * number + (1.0 - alpha) * (level + trend);
                trend = beta * (level - before) + (1.0 - beta) * trend;
            }
            level + trend
        }
        _ => sum / count,
    })
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn wrong(&self) -> SearchError {
        let at = self.text.len() - self.rest.len();
        let expected =
            "expected arithmetic such as params.a / params.b * 100, or MovingFunctions.unweightedAvg(values)";
        SearchError::illegal(format!("unsupported script [{}], from byte {at} on; {expected}", shown(self.text)))
    }

    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn binary(&mut self, level: usize) -> Result<Script, SearchError> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.take(operator)) {
            left = Script::Binary(operator, Box::new(left), Box::new(self.binary(level + 1)?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Script, SearchError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong());
        }
        let script = if self.take("-") {
            Script::Negative(Box::new(self.unary()?))
        } else if self.take("(") {
            let inner = self.binary(0)?;
            if !self.take(")") {
                return Err(self.wrong());
            }
            inner
        } else if self.take("MovingFunctions.") {
            self.function()?
        } else if self.take("params.") {
            let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            let (name, rest) = self.rest.split_at(end);
            if name.is_empty() {
                return Err(self.wrong());
            }
            self.rest = rest;
            Script::Parameter(name.to_owned())
        } else {
            self.rest = self.rest.trim_start();
            let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest.len());
            let (number, rest) = self.rest.split_at(end);
            let number = number.parse().map_err(|_| self.wrong())?;
            self.rest = rest;
            Script::Number(number)
        };
        self.depth -= 1;
        Ok(script)
    }

    fn function(&mut self) -> Result<Script, SearchError> {
        let found = FUNCTIONS.iter().find(|(name, _)| self.rest.starts_with(&format!("{name}(")));
        let (name, count) = found.ok_or_else(|| self.wrong())?;
        self.rest = &self.rest[name.len() + 1..];
        if !self.take("values") {
            return Err(self.wrong());
        }
        let mut arguments = Vec::new();
        while self.take(",") {
            arguments.push(self.binary(0)?);
        }
        if !self.take(")") || arguments.len() != *count {
            return Err(self.wrong());
        }
        Ok(Script::Window(name, arguments))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Script;

    #[test]
    fn arithmetic_is_calculated() {
        let parameters = |name: &str| match name {
            "a" => Some(6.0),
            "b" => Some(4.0),
            _ => None,
        };
        for (script, expected) in [
            ("params.a + params.b * 2", Some(14.0)),
            ("(params.a + params.b) * -2", Some(-20.0)),
            ("params.a / params.c", None),
            ("params.a >= 6 && params.b < 4", Some(0.0)),
            ("return params.a - 1 - 1;", Some(4.0)),
            ("MovingFunctions.unweightedAvg(values) + params.a", Some(8.0)),
            ("MovingFunctions.stdDev(values, MovingFunctions.unweightedAvg(values))", Some((2.0f64 / 3.0).sqrt())),
            ("MovingFunctions.linearWeightedAvg(values)", Some(14.0 / 6.0)),
            ("MovingFunctions.ewma(values, 0.5)", Some(2.25)),
        ] {
            let read = Script::parse(&json!({ "source": script })).unwrap_or_else(|error| panic!("{script}: {error}"));
            assert_eq!(read.evaluate(&parameters, &[1.0, 2.0, 3.0]), expected, "{script}");
        }
        for wrong in ["", "doc['x'].value", "params.", "1 +", "while (true) {}", "MovingFunctions.never(values)", "1 2"]
        {
            assert!(Script::parse(&json!(wrong)).is_err(), "{wrong}");
        }
        assert!(Script::parse(&json!("(".repeat(900))).is_err());
    }
}
