//! What a table consists of.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 16 bytes, big-endian in a `u128`. All zero means none.
    Id16,
    /// 8 bytes, big-endian in a `u64`. All zero means none.
    Id8,
    /// The id of another row of the same group (see [`Order::Traces`]), in memory as [`Kind::Id8`]. On disk as a
    /// distance in rows, with the id itself only where that row is not in the segment.
    Parent,
    /// Nanoseconds since 1970.
    Time,
    /// A whole number.
    Int,
    /// A floating point number.
    Double,
    /// True or false.
    Bool,
    /// UTF-8 text.
    Text,
}

/// A column that every table of a definition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// Its name in the file.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row may have none.
    pub optional: bool,
}

/// How a list appears in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListShape {
    /// A Parquet `LIST` of structs.
    List,
    /// A Parquet `MAP`: the first child is the key, which is required, the second the value.
    Map,
}

/// A list of structs that every table of a definition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedList {
    /// Its name in the file.
    pub name: &'static str,
    /// How it appears in the file.
    pub shape: ListShape,
    /// The fields of its elements.
    pub children: &'static [Fixed],
}

/// How the rows of a segment are ordered. All numbers are places in [`Definition::columns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Rows of a trace stand together, in order of their start; traces in order of their first start, then their id.
    Traces {
        /// The trace ([`Kind::Id16`]).
        trace: usize,
        /// The row's own id ([`Kind::Id8`]).
        span: usize,
        /// The id of another row of the trace ([`Kind::Parent`]).
        parent: usize,
        /// The start ([`Kind::Time`]).
        start: usize,
    },
    /// By these columns, the first first: texts by their bytes, numbers by their value, nulls first.
    By(&'static [usize]),
}

/// What a table consists of. Further columns, one for each frequent attribute, come after these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The table's name, also Parquet's root.
    pub name: &'static str,
    /// Columns, in order. Their places are the places in [`crate::Columns::flat`].
    pub columns: &'static [Fixed],
    /// Lists, in order. Their places are the places in [`crate::Columns::lists`].
    pub lists: &'static [FixedList],
    /// How rows are ordered on disk.
    pub order: Order,
    /// The column that says when ([`Kind::Time`]): segments and pages are pruned by it.
    pub time: usize,
    /// The column whose values are looked up through an index of its own ([`Kind::Id16`]).
    pub indexed: Option<usize>,
    /// The column whose texts are searched ([`Kind::Text`]): it has a dictionary only if that is small, and pages of fewer rows where its
    /// texts are long. An index says where words are in it, and in all other texts without a dictionary.
    pub searched: Option<usize>,
}

/// Begins the names of columns that are attributes.
pub const ATTRIBUTE_PREFIX: &str = "attr.";
