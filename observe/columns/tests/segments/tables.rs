//! Tables of chance, as rows that can be compared.

use vitrine_observe_columns::{
    Column, Columns, Data, Definition, Fixed, FixedList, Kind, ListShape, NULL_BOOL, NULL_CODE, NULL_DOUBLE, NULL_INT,
    Order,
};

const fn required(name: &'static str, kind: Kind) -> Fixed {
    Fixed { name, kind, optional: false }
}

const fn optional(name: &'static str, kind: Kind) -> Fixed {
    Fixed { name, kind, optional: true }
}

/// Fields of every kind in lists.
const LISTS: &[FixedList] = &[
    FixedList {
        name: "events",
        shape: ListShape::List,
        children: &[
            required("at", Kind::Time),
            optional("text", Kind::Text),
            optional("id", Kind::Id16),
            optional("span", Kind::Id8),
            optional("number", Kind::Int),
            optional("real", Kind::Double),
            optional("flag", Kind::Bool),
            required("name", Kind::Text),
        ],
    },
    FixedList {
        name: "rest",
        shape: ListShape::Map,
        children: &[required("key", Kind::Text), optional("value", Kind::Text)],
    },
    FixedList { name: "bounds", shape: ListShape::List, children: &[required("bound", Kind::Double)] },
];

/// Rows in traces.
pub static SPANS: Definition = Definition {
    name: "spans",
    columns: &[
        required("trace", Kind::Id16),
        required("span", Kind::Id8),
        optional("parent", Kind::Parent),
        required("start", Kind::Time),
        required("length", Kind::Int),
        required("service", Kind::Text),
        optional("message", Kind::Text),
        required("fine", Kind::Bool),
        required("weight", Kind::Double),
        optional("other", Kind::Time),
    ],
    lists: LISTS,
    order: Order::Traces { trace: 0, span: 1, parent: 2, start: 3 },
    time: 3,
    indexed: Some(0),
    searched: None,
};

/// Rows in order of columns.
pub static LOGS: Definition = Definition {
    name: "logs",
    columns: &[
        optional("trace", Kind::Id16),
        optional("service", Kind::Text),
        required("time", Kind::Time),
        optional("severity", Kind::Int),
        optional("share", Kind::Double),
        optional("fine", Kind::Bool),
        optional("span", Kind::Id8),
        optional("from", Kind::Parent),
    ],
    lists: LISTS,
    order: Order::By(&[1, 3, 4, 5, 0, 2]),
    time: 2,
    indexed: Some(0),
    searched: None,
};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Null,
    Bytes(Vec<u8>),
    Int(i64),
    Double(u64),
    Bool(bool),
    Text(String),
    List(Vec<Vec<Cell>>),
}

/// Numbers of chance (SplitMix64).
pub struct SplitMix(pub u64);

impl SplitMix {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn int(&mut self, variety: u64) -> i64 {
        match self.below(40) {
            0 => i64::MAX,
            1 => i64::MIN + 1,
            2 => 0,
            _ => self.below(variety) as i64 - variety as i64 / 2,
        }
    }

    fn double(&mut self, variety: u64) -> u64 {
        match self.below(40) {
            0 => f64::NAN.to_bits(),
            1 => f64::NEG_INFINITY.to_bits(),
            2 => (-0.0f64).to_bits(),
            3 => f64::MIN_POSITIVE.to_bits(),
            _ => (self.below(variety) as f64 / 7.0 - 3.0).to_bits(),
        }
    }

    fn text(&mut self, variety: u64) -> String {
        match self.below(60) {
            0 => String::new(),
            1 => "ä".repeat(1 + self.below(100) as usize),
            2 => format!("z{}", "\u{10FFFF}".repeat(20)),
            _ => format!("text {}", self.below(variety)),
        }
    }
}

/// Appends a value to a column.
fn push(column: &mut Column, rng: &mut SplitMix, variety: u64) {
    let null = column.optional && rng.once_in(4);
    match &mut column.data {
        Data::Id16(values) => values.push(match null {
            true => 0,
            false => (u128::from(rng.below(variety)) << 64) | u128::from(rng.below(3)) | 1 << 90,
        }),
        Data::Id8(values) => values.push(if null { 0 } else { 1 + rng.below(variety) }),
        Data::Int(values) => values.push(if null { NULL_INT } else { rng.int(variety) }),
        Data::Double(values) => values.push(if null { NULL_DOUBLE } else { rng.double(variety) }),
        Data::Bool(values) => values.push(if null { NULL_BOOL } else { rng.below(2) as u8 }),
        Data::Text(texts) => {
            let code = if null { NULL_CODE } else { texts.dictionary.intern(rng.text(variety).as_bytes()) };
            texts.codes.push(code);
        }
    }
}

/// A table of so many rows, in which values repeat the more the less `variety` there is.
pub fn table(definition: &'static Definition, seed: u64, rows: usize, variety: u64) -> Columns {
    let mut rng = SplitMix(seed);
    let mut columns = Columns::new(definition);
    for (name, kind) in [("a", Kind::Text), ("b:int", Kind::Int), ("c:double", Kind::Double), ("d:bool", Kind::Bool)] {
        if rng.once_in(2) {
            columns.flat.push(Column::new(format!("attr.{name}"), kind, true));
        }
    }
    if rng.once_in(2) {
        columns.flat.push(Column::new("attr.never", Kind::Text, true));
    }
    for _ in 0..rows {
        columns.flat.iter_mut().filter(|column| &*column.name != "attr.never").for_each(|column| {
            push(column, &mut rng, variety);
        });
        for list in &mut columns.lists {
            let elements = if rng.once_in(2) { 0 } else { rng.below(4) };
            for _ in 0..elements {
                list.children.iter_mut().for_each(|child| push(child, &mut rng, variety));
            }
            let end = list.offsets[list.offsets.len() - 1] + elements as u32;
            list.offsets.push(end);
        }
        columns.rows += 1;
        columns.fill();
    }
    columns
}

/// A value of a column.
pub fn cell(column: &Column, row: usize) -> Cell {
    if column.optional && column.data.is_null(row) {
        return Cell::Null;
    }
    match &column.data {
        Data::Id16(values) => Cell::Bytes(values[row].to_be_bytes().to_vec()),
        Data::Id8(values) => Cell::Bytes(values[row].to_be_bytes().to_vec()),
        Data::Int(values) => Cell::Int(values[row]),
        Data::Double(values) => Cell::Double(values[row]),
        Data::Bool(values) => Cell::Bool(values[row] == 1),
        Data::Text(texts) => Cell::Text(texts.get(row).unwrap_or_default().to_owned()),
    }
}

/// All values of a row, lists last.
pub fn row(columns: &Columns, row: usize) -> Vec<Cell> {
    let flat = columns.flat.iter().map(|column| cell(column, row));
    let lists = columns.lists.iter().map(|list| {
        Cell::List(list.range(row).map(|at| list.children.iter().map(|child| cell(child, at)).collect()).collect())
    });
    flat.chain(lists).collect()
}
