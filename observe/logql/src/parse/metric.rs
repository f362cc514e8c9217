//! What results in numbers: ranges, aggregations, operators.

use vitrine_observe_promql::ast::{AggregateOp, BinaryOp, Cardinality, Matching};
use vitrine_observe_promql::go_quote;
use vitrine_observe_promql::parse::parse_expr;

use super::ParseError;
use super::lexer::Kind;
use super::parser::{Parsed, Parser};
use crate::ast::{Conversion, Expr, Grouping, LogExpr, MetricExpr, RangeExpr, RangeOp, Stage, Unwrap};
use crate::units;

/// Operators between expressions: how tight they bind, the tightest last.
const OPERATORS: [(&str, BinaryOp, u8); 15] = [
    ("or", BinaryOp::Or, 1),
    ("and", BinaryOp::And, 2),
    ("unless", BinaryOp::Unless, 2),
    ("==", BinaryOp::Equal, 3),
    ("!=", BinaryOp::NotEqual, 3),
    (">", BinaryOp::Greater, 3),
    (">=", BinaryOp::GreaterOrEqual, 3),
    ("<", BinaryOp::Less, 3),
    ("<=", BinaryOp::LessOrEqual, 3),
    ("+", BinaryOp::Add, 4),
    ("-", BinaryOp::Sub, 4),
    ("*", BinaryOp::Mul, 5),
    ("/", BinaryOp::Div, 5),
    ("%", BinaryOp::Mod, 5),
    ("^", BinaryOp::Pow, 6),
];

/// Aggregations that LogQL has of PromQL's.
const AGGREGATIONS: [(&str, AggregateOp); 10] = [
    ("sum", AggregateOp::Sum),
    ("avg", AggregateOp::Avg),
    ("count", AggregateOp::Count),
    ("max", AggregateOp::Max),
    ("min", AggregateOp::Min),
    ("stddev", AggregateOp::Stddev),
    ("stdvar", AggregateOp::Stdvar),
    ("topk", AggregateOp::TopK),
    ("bottomk", AggregateOp::BottomK),
    ("approx_topk", AggregateOp::TopK),
];

impl Parser<'_> {
    /// An expression of operators that bind at least so tight.
    pub(super) fn expr(&mut self, at_least: u8) -> Parsed<Expr> {
        let mut left = self.operand()?;
        loop {
            let token = self.peek();
            let known = OPERATORS.iter().find(|(name, _, _)| token.text.eq_ignore_ascii_case(name));
            let is_operator = matches!(token.kind, Kind::Symbol | Kind::Name);
            let Some(&(_, op, strength)) = known.filter(|known| is_operator && known.2 >= at_least) else {
                return Ok(left);
            };
            self.take();
            self.operator(token)?;
            let returns_bool = op.is_comparison() && self.accept_name("bool");
            let matching = self.matching(op)?;
            let next = if op == BinaryOp::Pow { strength } else { strength + 1 };
            let right = self.deeper(|parser| parser.expr(next))?;
            let side = |expr| match expr {
                Expr::Metric(metric) => Ok(Box::new(metric)),
                Expr::Log(_) => {
                    Err(self.error(token, format!("unexpected type for a leg of binary operation ({op}): a log query")))
                }
            };
            let (lhs, rhs) = (side(left)?, side(right)?);
            for (side, leg) in [(&lhs, "left"), (&rhs, "right")] {
                if let (true, MetricExpr::Number(number)) = (op.is_set(), &**side) {
                    let message =
                        format!("unexpected literal for {leg} leg of logical/set binary operation ({op}): {number}");
                    return Err(ParseError::Meaning(message));
                }
            }
            left = Expr::Metric(MetricExpr::Binary { op, returns_bool, matching, lhs, rhs });
        }
    }

    fn matching(&mut self, op: BinaryOp) -> Parsed<Matching> {
        let cardinality = if op.is_set() { Cardinality::ManyToMany } else { Cardinality::OneToOne };
        let (labels, include) = (Vec::new(), Vec::new());
        let mut matching = Matching { cardinality, on: false, labels, include, fill_left: None, fill_right: None };
        let on = self.accept_name("on");
        if on || self.accept_name("ignoring") {
            (matching.on, matching.labels) = (on, self.names()?);
        }
        let place = self.peek();
        let left = self.accept_name("group_left");
        if left || self.accept_name("group_right") {
            if op.is_set() {
                return Err(self.error(place, format!("no grouping allowed for {:?} operation", op.name())));
            }
            matching.cardinality = if left { Cardinality::ManyToOne } else { Cardinality::OneToMany };
            // `group_left (a)` names labels; `group_left (expr)` is followed by the right side.
            let is_list = self.is_symbol("(")
                && (self.ahead(1).text == ")"
                    || self.ahead(1).kind == Kind::Name && [",", ")"].contains(&self.ahead(2).text));
            if is_list {
                matching.include = self.names()?;
            }
        }
        Ok(matching)
    }

    /// `(a, b)`.
    fn names(&mut self) -> Parsed<Vec<String>> {
        self.expect("(")?;
        let mut all = Vec::new();
        while !self.accept(")") {
            all.push(self.name()?);
            if !self.accept(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(all)
    }

    fn operand(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        if self.is_symbol("{") {
            return self.log().map(Expr::Log);
        }
        if self.accept("(") {
            let inner = self.deeper(|parser| parser.expr(0))?;
            self.expect(")")?;
            return Ok(inner);
        }
        if token.kind == Kind::Number || self.is_symbol("+") || self.is_symbol("-") {
            return self.signed_number().map(|number| Expr::Metric(MetricExpr::Number(number)));
        }
        if token.kind != Kind::Name {
            return Err(self.unexpected(""));
        }
        let metric = self.deeper(Self::call)?;
        Ok(Expr::Metric(metric))
    }

    /// What begins with a name.
    fn call(&mut self) -> Parsed<MetricExpr> {
        let token = self.peek();
        let name = token.text.to_ascii_lowercase();
        if let Some(op) = RangeOp::ALL.into_iter().find(|op| op.name() == name) {
            self.take();
            return self.range(op).map(|range| MetricExpr::Range(Box::new(range)));
        }
        if let Some((called, op)) = AGGREGATIONS.into_iter().find(|(called, _)| *called == name) {
            self.take();
            return self.aggregate(op, called);
        }
        match name.as_str() {
            "sort" | "sort_desc" => {
                self.take();
                self.expect("(")?;
                let expr = Box::new(self.metric()?);
                self.expect(")")?;
                Ok(MetricExpr::Sort { descending: name == "sort_desc", expr })
            }
            "vector" => {
                self.take();
                self.expect("(")?;
                let number = self.signed_number()?;
                self.expect(")")?;
                Ok(MetricExpr::Vector(number))
            }
            "label_replace" => {
                self.take();
                self.label_replace()
            }
            _ => Err(self.unexpected("")),
        }
    }

    fn metric(&mut self) -> Parsed<MetricExpr> {
        let place = self.peek();
        match self.expr(0)? {
            Expr::Metric(metric) => Ok(metric),
            Expr::Log(_) => Err(self.error(place, "syntax error: unexpected a log query, expecting a metric query")),
        }
    }

    fn label_replace(&mut self) -> Parsed<MetricExpr> {
        let place = self.peek();
        self.expect("(")?;
        let expr = Box::new(self.metric()?);
        let mut texts: [String; 4] = Default::default();
        for text in &mut texts {
            self.expect(",")?;
            *text = self.text()?;
        }
        self.expect(")")?;
        // PromQL's own reader knows what is wrong with the label and the pattern.
        let [to, replacement, from, pattern] = &texts;
        let [to, replacement, from] = [to, replacement, from].map(|text| go_quote(text));
        let checked = parse_expr(&format!("label_replace(vector(1), {to}, {replacement}, {from}, \"\")"));
        checked.map_err(|why| self.error(place, why.message))?;
        vitrine_observe_series::GoRegex::new(pattern)
            .map_err(|why| self.error(place, format!("invalid regex in label_replace: {why}")))?;
        Ok(MetricExpr::LabelReplace { expr, texts })
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = self.accept_name("without");
        if !without && !self.accept_name("by") {
            return Ok(None);
        }
        Ok(Some(Grouping { without, labels: self.names()? }))
    }

    fn aggregate(&mut self, op: AggregateOp, called: &str) -> Parsed<MetricExpr> {
        let mut grouping = self.grouping()?;
        self.expect("(")?;
        let takes_param = op.param().is_some();
        let is_number = matches!(self.peek().kind, Kind::Number) || self.is_symbol("-");
        let mut param = None;
        if is_number && self.ahead(if self.is_symbol("-") { 2 } else { 1 }).text == "," {
            let number = self.signed_number()?;
            if !takes_param {
                return Err(ParseError::Meaning(format!("unsupported parameter for operation {called}({number},")));
            }
            if number < 1.0 {
                return Err(ParseError::Meaning(format!(
                    "invalid parameter (must be greater than 0) {called}({number}"
                )));
            }
            self.expect(",")?;
            param = Some(number);
        }
        if takes_param && param.is_none() {
            return Err(ParseError::Meaning(format!("parameter required for operation {called}")));
        }
        let expr = Box::new(self.metric()?);
        self.expect(")")?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let approximate = called == "approx_topk";
        if approximate && grouping.is_some() {
            return Err(ParseError::Meaning("grouping not allowed for approx_topk aggregation".to_owned()));
        }
        Ok(MetricExpr::Aggregate { op, approximate, param, grouping, expr })
    }

    fn range(&mut self, op: RangeOp) -> Parsed<RangeExpr> {
        let name = op.name();
        self.expect("(")?;
        let mut param = None;
        if self.peek().kind == Kind::Number || self.is_symbol("-") {
            let number = self.signed_number()?;
            if op != RangeOp::Quantile {
                return Err(ParseError::Meaning(format!("parameter {number} not supported for operation {name}")));
            }
            self.expect(",")?;
            param = Some(number);
        }
        if op == RangeOp::Quantile && param.is_none() {
            return Err(ParseError::Meaning(format!("parameter required for operation {name}")));
        }
        let mut found = RangeExpr {
            op,
            param,
            log: LogExpr { matchers: Vec::new(), stages: Vec::new() },
            unwrap: None,
            range_ns: 0,
            offset_ns: 0,
            grouping: None,
        };
        self.ranged(&mut found)?;
        self.expect(")")?;
        found.grouping = self.grouping()?;
        Self::selective(&found.log)?;
        match (op.unwraps(), found.unwrap.is_some()) {
            (Some(true), false) => {
                return Err(ParseError::Meaning(format!("invalid aggregation {name} without unwrap")));
            }
            (Some(false), true) => return Err(ParseError::Meaning(format!("invalid aggregation {name} with unwrap"))),
            _ => {}
        }
        if found.grouping.is_some() && !op.groups() {
            return Err(ParseError::Meaning(format!("grouping not allowed for {name} aggregation")));
        }
        Ok(found)
    }

    /// `{…} | … | unwrap a [5m] offset 1m`, in brackets or not, with the range at any place behind the selector.
    fn ranged(&mut self, found: &mut RangeExpr) -> Parsed<()> {
        let mut open = 0;
        while self.accept("(") {
            open += 1;
        }
        found.log.matchers = self.selector()?;
        loop {
            if self.is_symbol("[") && found.range_ns == 0 {
                self.take();
                let range = self.expect_kind(Kind::Duration, "RANGE")?;
                let ns = units::duration_ns(range.text).and_then(|ns| u64::try_from(ns).ok()).filter(|ns| *ns > 0);
                found.range_ns = ns.ok_or_else(|| self.error(range, "the range must be longer than nothing"))?;
                self.expect("]")?;
            } else if self.accept_name("offset") {
                let is_negative = self.accept("-");
                let offset = self.expect_kind(Kind::Duration, "DURATION")?;
                let ns = units::duration_ns(offset.text).unwrap_or_default();
                found.offset_ns = if is_negative { -ns } else { ns };
            } else if self.is_symbol("|") && self.ahead(1).text == "unwrap" && found.unwrap.is_none() {
                self.take();
                self.take();
                found.unwrap = Some(self.unwrap_stage()?);
            } else if self.is_symbol(")") && open > 0 {
                self.take();
                open -= 1;
            } else {
                let place = self.peek();
                match (self.stage()?, &mut found.unwrap) {
                    (None, _) => break,
                    (Some(Stage::Label(filter)), Some(unwrap)) => unwrap.filters.push(filter),
                    (Some(_), Some(_)) => return Err(self.error(place, "only conditions on labels may follow unwrap")),
                    (Some(stage), None) => found.log.stages.push(stage),
                }
            }
        }
        if found.range_ns == 0 {
            return Err(self.unexpected("["));
        }
        if open > 0 { Err(self.unexpected(")")) } else { Ok(()) }
    }

    fn unwrap_stage(&mut self) -> Parsed<Unwrap> {
        let place = self.peek();
        let name = self.name()?;
        let (label, conversion) = if self.accept("(") {
            let conversion = match name.as_str() {
                "duration" => Conversion::Duration,
                "duration_seconds" => Conversion::DurationSeconds,
                "bytes" => Conversion::Bytes,
                _ => {
                    return Err(self.error(
                        place,
                        format!("unknown conversion {name}: expected duration, duration_seconds or bytes"),
                    ));
                }
            };
            let label = self.name()?;
            self.expect(")")?;
            (label, conversion)
        } else {
            (name, Conversion::Number)
        };
        Ok(Unwrap { label, conversion, filters: Vec::new() })
    }
}
