//! Functions whose arguments are instant vectors and scalars.

use vitrine_observe_series::NAME;

use crate::ast::{Span, ValueType};
use crate::functions::instant::{clamp, date_function, float_function, histogram_function, round};
use crate::functions::table::Function;
use crate::plan::{Node, NodeKind, Selector};

use super::cells::{Cell, Cells, Row};
use super::grid::Grid;
use super::labels::keep;
use super::select::Take;
use super::{Done, Run, Sink, failed};

impl Run<'_> {
    /// A function that results in an instant vector.
    pub(super) fn call(
        &self,
        function: &'static Function,
        args: &[Node],
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Done {
        if args.iter().any(|arg| arg.value_type == ValueType::Matrix) {
            return match function.name {
                "absent_over_time" => self.absent_over_time(args, grid, sink),
                name => self.over_range(name, args, grid, sink),
            };
        }
        match (function.name, args) {
            ("absent", [vector]) => self.absent(vector, grid, sink),
            ("vector", [scalar]) => sink(Row::scalar(Cells::floats(self.scalars(scalar, grid)?))),
            ("label_replace", args) => self.label_replace(args, grid, sink),
            ("label_join", args) => self.label_join(args, grid, sink),
            ("info", args) => self.info(args, grid, sink),
            ("sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc", args) => {
                self.sort(function.name, args, span, grid, sink)
            }
            ("histogram_quantile", [quantile, vector]) => self.quantile_of(quantile, vector, grid, sink),
            ("histogram_quantiles", [vector, label, quantiles @ ..]) => {
                self.quantiles_of(vector, label, quantiles, grid, sink)
            }
            ("histogram_fraction", [lower, upper, vector]) => self.fraction_of((lower, upper), vector, grid, sink),
            ("timestamp", [vector]) => self.timestamp(vector, grid, sink),
            ("start_timestamp", [vector]) => self.start_timestamp(vector, grid, sink),
            ("clamp", [vector, least, greatest]) => {
                let (least, greatest) = (self.scalars(least, grid)?, self.scalars(greatest, grid)?);
                self.clamped(vector, &least, &greatest, grid, sink)
            }
            ("clamp_min", [vector, least]) => {
                let least = self.scalars(least, grid)?;
                self.clamped(vector, &least, &vec![f64::INFINITY; grid.count], grid, sink)
            }
            ("clamp_max", [vector, greatest]) => {
                let greatest = self.scalars(greatest, grid)?;
                self.clamped(vector, &vec![f64::NEG_INFINITY; grid.count], &greatest, grid, sink)
            }
            ("round", [vector, nearest @ ..]) => {
                let nearest = match nearest {
                    [nearest] => self.scalars(nearest, grid)?,
                    _ => vec![1.0; grid.count],
                };
                self.floats(vector, grid, sink, &|step, value| Some(round(value, nearest[step])))
            }
            (name, [vector]) => self.of_vector(name, vector, grid, sink),
            (name, []) => match date_function(name) {
                Some(date) => {
                    let values = grid.times().map(|ms| date(ms.div_euclid(1000))).collect();
                    sink(Row::scalar(Cells::floats(values)))
                }
                None => failed(format!("unknown function {name}")),
            },
            (name, _) => failed(format!("unknown function {name}")),
        }
    }

    /// A function of each value alone.
    fn of_vector(&self, name: &str, vector: &Node, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        if let Some(function) = float_function(name) {
            self.floats(vector, grid, sink, &|_, value| Some(function(value)))
        } else if let Some(date) = date_function(name) {
            self.floats(vector, grid, sink, &|_, value| Some(date(go_integer(value))))
        } else if let Some(function) = histogram_function(name) {
            self.unnamed(vector.is_unique_without_name(), grid, sink, &mut |sink| {
                self.rows(vector, grid, &mut |row| {
                    let mut cells = Cells::absent(grid.count);
                    for (step, cell) in row.cells.present() {
                        if let Cell::Histogram(histogram) = cell {
                            cells.set_float(step, function(histogram));
                        }
                    }
                    if !cells.any() {
                        return Ok(());
                    }
                    // Unlike elsewhere the type and the unit stay.
                    let named = self.options.delayed_names;
                    let labels = if named { row.labels } else { keep(&row.labels, |label| &*label.name != NAME) };
                    sink(Row { labels, drop_name: true, cells })
                })
            })
        } else {
            failed(format!("unknown function {name}"))
        }
    }

    /// Numbers changed; histograms are left out, and so are numbers that become nothing.
    fn floats(
        &self,
        vector: &Node,
        grid: &Grid,
        sink: &mut Sink<'_>,
        change: &dyn Fn(usize, f64) -> Option<f64>,
    ) -> Done {
        self.unnamed(vector.is_unique_without_name(), grid, sink, &mut |sink| {
            self.rows(vector, grid, &mut |row| {
                let mut cells = Cells::absent(grid.count);
                for (step, cell) in row.cells.present() {
                    if let Cell::Float(value) = cell
                        && let Some(value) = change(step, value)
                    {
                        cells.set_float(step, value);
                    }
                }
                self.renamed(row, cells, sink)
            })
        })
    }

    /// Passes a row on with other values, and without its name; nothing if it has no value.
    fn renamed(&self, row: Row, cells: Cells, sink: &mut Sink<'_>) -> Done {
        if !cells.any() {
            return Ok(());
        }
        let mut row = Row { cells, ..row };
        self.drop_name(&mut row);
        sink(row)
    }

    fn clamped(&self, vector: &Node, least: &[f64], greatest: &[f64], grid: &Grid, sink: &mut Sink<'_>) -> Done {
        self.floats(vector, grid, sink, &|step, value| clamp(value, least[step], greatest[step]))
    }

    /// When samples were taken: those of a selector; of anything else, when it was evaluated.
    fn timestamp(&self, vector: &Node, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        if let Some(selector) = plain_selector(vector) {
            return self.times_of(vector, selector, grid, Take::Time, sink);
        }
        self.unnamed(vector.is_unique_without_name(), grid, sink, &mut |sink| {
            self.rows(vector, grid, &mut |row| {
                let mut cells = Cells::absent(grid.count);
                for (step, _) in row.cells.present() {
                    cells.set_float(step, grid.time(step) as f64 / 1000.0);
                }
                self.renamed(row, cells, sink)
            })
        })
    }

    /// When totals began; nothing unless these times are in use, and of anything but a selector.
    fn start_timestamp(&self, vector: &Node, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        match plain_selector(vector) {
            Some(selector) if self.options.start_timestamps => self.times_of(vector, selector, grid, Take::Start, sink),
            _ => self.rows(vector, grid, &mut |_| Ok(())),
        }
    }

    fn times_of(&self, vector: &Node, selector: &Selector, grid: &Grid, take: Take, sink: &mut Sink<'_>) -> Done {
        self.unnamed(vector.is_unique_without_name(), grid, sink, &mut |sink| {
            self.select(selector, grid, take, &mut |mut row| {
                self.drop_name(&mut row);
                sink(row)
            })
        })
    }
}

/// The selector that an argument is.
fn plain_selector(node: &Node) -> Option<&Selector> {
    match &node.kind {
        NodeKind::Select(selector) => Some(selector),
        _ => None,
    }
}

/// The 64-bit number that Go makes of a double. What does not fit becomes the least one on the machines that Prometheus is tested on, and
/// that is a second behind the greatest one when it is taken for a time.
fn go_integer(value: f64) -> i64 {
    if (i64::MIN as f64..i64::MAX as f64).contains(&value) { value as i64 } else { i64::MAX }
}
