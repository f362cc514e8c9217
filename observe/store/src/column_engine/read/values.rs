//! The values of an attribute.

use std::collections::BTreeSet;

use vitrine_observe_columns::{ATTRIBUTE_PREFIX, Columns, Data, Filter, TextTest};
use vitrine_observe_model::Value;
use vitrine_observe_model::definitions::{ATTRIBUTE_KEY, ATTRIBUTE_VALUE, ATTRIBUTES};
use vitrine_observe_model::json_value;

use crate::Signal;
use crate::column_engine::read::search::ranges;
use crate::column_engine::read::{Reader, WINDOW, windows};
use crate::engine::{QueryError, Tenant};

/// Rows of each segment that are looked at for values that are in no dictionary of their own.
const MOST_ROWS: usize = 32 * WINDOW;

/// Values that were found, of one attribute.
struct DistinctValues<'a> {
    key: &'a str,
    /// Names of the columns that it may have.
    columns: [String; 4],
    values: BTreeSet<String>,
}

impl<'a> DistinctValues<'a> {
    fn new(key: &'a str) -> Self {
        let column = |kind: &str| format!("{ATTRIBUTE_PREFIX}{key}{kind}");
        Self { key, columns: [column(""), column(":int"), column(":double"), column(":bool")], values: BTreeSet::new() }
    }

    /// Rows that have the attribute among the rare ones.
    fn rare(&self) -> Filter {
        let test = TextTest::Equal(self.key.to_owned());
        let filter = Box::new(Filter::Text { column: "key".to_owned(), test });
        Filter::Element { list: "attributes".to_owned(), filter }
    }

    fn add(&mut self, value: &Value) {
        let text = value.text();
        if !self.values.contains(&text) {
            self.values.insert(text);
        }
    }

    fn add_rows(&mut self, columns: &Columns, rows: &[u32]) {
        for place in 0..self.columns.len() {
            let Some(column) = columns.column(&self.columns[place]) else { continue };
            let given = rows.iter().map(|row| *row as usize).filter(|row| !column.data.is_null(*row));
            match &column.data {
                Data::Text(texts) => {
                    let codes: BTreeSet<u32> = given.map(|row| texts.codes[row]).collect();
                    self.values.extend(codes.into_iter().map(|code| texts.dictionary.text(code).to_owned()));
                }
                Data::Int(values) => given.for_each(|row| self.add(&Value::Int(values[row]))),
                Data::Double(values) => given.for_each(|row| self.add(&Value::Double(f64::from_bits(values[row])))),
                Data::Bool(values) => given.for_each(|row| self.add(&Value::Bool(values[row] == 1))),
                Data::Id16(_) | Data::Id8(_) => {}
            }
        }
        let rare = &columns.lists[ATTRIBUTES];
        if let (Data::Text(keys), Data::Text(values)) =
            (&rare.children[ATTRIBUTE_KEY].data, &rare.children[ATTRIBUTE_VALUE].data)
            && let Some(key) = keys.dictionary.find(self.key.as_bytes())
        {
            for element in rows.iter().flat_map(|row| rare.range(*row as usize)) {
                if keys.codes[element] == key {
                    self.add(&values.get(element).map_or(Value::Empty, json_value));
                }
            }
        }
    }
}

impl Reader {
    pub(crate) fn attribute_values(&self, tenant: &Tenant, key: &str, most: usize) -> Result<Vec<String>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Traces) else { return Ok(Vec::new()) };
        let (mut found, query_budget) = (DistinctValues::new(key), self.query_budget());
        for memtable in &snapshot.memtables {
            let rows = memtable.read();
            let all: Vec<u32> = rows.visible().into_iter().flatten().map(|row| row as u32).collect();
            found.add_rows(rows.columns(), &all);
        }
        for handle in snapshot.segments.iter().rev() {
            let texts = self.read(&table, handle, |segment| segment.texts(&found.columns[0]))?.flatten();
            for text in texts.iter().flat_map(|texts| texts.iter()) {
                found.values.insert(String::from_utf8_lossy(text).into_owned());
            }
            let rows = self.read(&table, handle, |segment| {
                let typed =
                    segment.columns().any(|(name, ..)| found.columns[1..].iter().any(|column| **column == **name));
                let last = segment.rows().saturating_sub(MOST_ROWS)..segment.rows();
                if typed {
                    return Ok(vec![last]);
                }
                Ok(ranges(&segment.matching(&found.rare(), last)?))
            })?;
            let names = found.columns.clone();
            let mut columns: Vec<&str> = names[1..].iter().map(String::as_str).collect();
            columns.push("attributes");
            for rows in rows.iter().flatten().flat_map(|rows| windows(rows.clone())) {
                if let Some(columns) = self.read(&table, handle, |segment| segment.read(&[rows], Some(&columns)))? {
                    let all: Vec<u32> = (0..columns.rows as u32).collect();
                    found.add_rows(&columns, &all);
                }
            }
            query_budget.check_time()?;
            if found.values.iter().map(String::len).sum::<usize>() > self.context.options.query_memory_bytes {
                return Err(QueryError::TooMuch { bytes: self.context.options.query_memory_bytes });
            }
        }
        Ok(found.values.into_iter().take(most).collect())
    }
}
