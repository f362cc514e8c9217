//! Scalars: one number for each step.

use crate::ast::{BinaryOp, ValueType};
use crate::functions::instant::{go_max, go_min};
use crate::plan::{Node, NodeKind};

use super::cells::Cell;
use super::grid::Grid;
use super::{Done, Run, failed};

/// An operation on two numbers; comparisons give 1 and 0.
pub(super) fn scalar_op(op: BinaryOp, lhs: f64, rhs: f64) -> f64 {
    let truth = |is: bool| if is { 1.0 } else { 0.0 };
    match op {
        BinaryOp::Add => lhs + rhs,
        BinaryOp::Sub => lhs - rhs,
        BinaryOp::Mul => lhs * rhs,
        BinaryOp::Div => lhs / rhs,
        BinaryOp::Mod => lhs % rhs,
        BinaryOp::Pow => lhs.powf(rhs),
        BinaryOp::Atan2 => lhs.atan2(rhs),
        BinaryOp::Equal => truth(lhs == rhs),
        BinaryOp::NotEqual => truth(lhs != rhs),
        BinaryOp::Greater => truth(lhs > rhs),
        BinaryOp::Less => truth(lhs < rhs),
        BinaryOp::GreaterOrEqual => truth(lhs >= rhs),
        BinaryOp::LessOrEqual => truth(lhs <= rhs),
        BinaryOp::TrimUpper | BinaryOp::TrimLower | BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => f64::NAN,
    }
}

impl Run<'_> {
    /// The number of each step.
    pub(super) fn scalars(&self, node: &Node, grid: &Grid) -> Done<Vec<f64>> {
        self.budget.check()?;
        self.budget.fits(grid.count.saturating_mul(size_of::<f64>()))?;
        match &node.kind {
            NodeKind::Number(value) => Ok(vec![*value; grid.count]),
            NodeKind::Negate(inner) => Ok(self.scalars(inner, grid)?.into_iter().map(|value| -value).collect()),
            NodeKind::Invariant(inner) => {
                let value = self.scalars(inner, &grid.first())?.first().copied();
                Ok(vec![value.unwrap_or(f64::NAN); grid.count])
            }
            NodeKind::Binary(binary) if node.value_type == ValueType::Scalar => {
                let (lhs, rhs) = (self.scalars(&binary.lhs, grid)?, self.scalars(&binary.rhs, grid)?);
                Ok(lhs.into_iter().zip(rhs).map(|(lhs, rhs)| scalar_op(binary.op, lhs, rhs)).collect())
            }
            NodeKind::Call { function, args } => match (function.name, &args[..]) {
                ("time", _) => Ok(grid.times().map(|ms| ms as f64 / 1000.0).collect()),
                ("pi", _) => Ok(vec![std::f64::consts::PI; grid.count]),
                ("scalar", [vector]) => self.only_value(vector, grid),
                ("min_of", [a, b]) => self.both(a, b, grid, go_min),
                ("max_of", [a, b]) => self.both(a, b, grid, go_max),
                (name, _) => failed(format!("{name} is no scalar")),
            },
            _ => failed("a scalar was expected"),
        }
    }

    fn both(&self, a: &Node, b: &Node, grid: &Grid, of: fn(f64, f64) -> f64) -> Done<Vec<f64>> {
        let (a, b) = (self.scalars(a, grid)?, self.scalars(b, grid)?);
        Ok(a.into_iter().zip(b).map(|(a, b)| of(a, b)).collect())
    }

    /// The number of the only series that has one; not a number where there are none or several.
    fn only_value(&self, vector: &Node, grid: &Grid) -> Done<Vec<f64>> {
        let mut values = vec![f64::NAN; grid.count];
        let mut counts = vec![0_u8; grid.count];
        self.rows(vector, grid, &mut |row| {
            for (step, cell) in row.cells.present() {
                if let Cell::Float(value) = cell {
                    values[step] = if counts[step] == 0 { value } else { f64::NAN };
                    counts[step] = 1;
                }
            }
            Ok(())
        })?;
        Ok(values)
    }
}
