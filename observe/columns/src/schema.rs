//! Definitions as Parquet schemas.
//!
//! The root's fields are the definition's columns, then the attributes' columns, then the definition's lists:
//!
//! | kind | field |
//! |---|---|
//! | [`Kind::Id16`], [`Kind::Id8`] | `FIXED_LEN_BYTE_ARRAY(16)`, `(8)` |
//! | [`Kind::Parent`] | two optional fields, see below |
//! | [`Kind::Time`] | `INT64`, `TIMESTAMP(NANOS, UTC)` |
//! | [`Kind::Int`], [`Kind::Double`], [`Kind::Bool`] | `INT64`, `DOUBLE`, `BOOLEAN` |
//! | [`Kind::Text`] | `BYTE_ARRAY`, `STRING` |
//! | [`ListShape::List`] | `required group (LIST) { repeated group list { required group element { … } } }` |
//! | [`ListShape::Map`] | `required group (MAP) { repeated group key_value { required key; value } }` |
//!
//! A column that is not optional has a value in every row: where memory has none, an empty text, false, or the bits that
//! mean none in memory.
//!
//! DuckDB refuses a map with a key twice, and with it the whole query: keys of a row should be distinct. It takes the
//! greatest number of nanoseconds, and its negative, as infinite times.
//!
//! A parent is `<name>` and `<name>_distance`. The distance is the row's number in the file minus its parent's number:
//! a parent usually starts earlier and stands above, so most are small and positive; 0 is a row that is its own parent.
//! Where the parent is not in the file, the distance is null and `<name>` holds the parent's id. Both are null in a
//! row without a parent. In DuckDB:
//!
//! ```sql
//! SELECT child.*, coalesce(child.parent_span_id, parent.span_id) AS parent
//! FROM read_parquet('a.parquet', file_row_number = true) child
//! LEFT JOIN read_parquet('a.parquet', file_row_number = true) parent
//!   ON parent.file_row_number = child.file_row_number - child.parent_span_id_distance
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use crate::definition::{ATTRIBUTE_PREFIX, Definition, Fixed, FixedList, Kind, ListShape};
use crate::error::Error;

/// Ends the names of columns that hold how far away parents are.
pub(crate) const DISTANCE_SUFFIX: &str = "_distance";

/// What a leaf of the schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeafRole {
    /// A flat column; of a parent, the ids of those that are not in the file.
    Flat(usize),
    /// Distances to parents.
    Distance(usize),
    /// A field of a list's elements.
    Child {
        /// The list.
        list: usize,
        /// The field.
        child: usize,
    },
}

/// A leaf of the schema: one column chunk in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Where its values are in memory.
    pub(crate) place: LeafRole,
    /// What it holds: distances are [`Kind::Int`], parents' ids [`Kind::Id8`].
    pub(crate) kind: Kind,
    /// Whether there may be none.
    pub(crate) optional: bool,
}

/// A flat column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlatColumn {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether a row may have none.
    pub(crate) optional: bool,
}

/// A file's schema, and what its leaves are.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The schema's root.
    pub(crate) root: TypePtr,
    /// The leaves, in the file's order.
    pub(crate) leaves: Vec<Leaf>,
    /// The flat columns: the definition's, then attributes.
    pub(crate) flat: Vec<FlatColumn>,
}

impl Layout {
    /// The layout of a table with these attributes.
    pub(crate) fn new(
        definition: &'static Definition,
        attributes: impl IntoIterator<Item = (Arc<str>, Kind)>,
    ) -> Result<Self, Error> {
        Self::with(definition, attributes, |_| true)
    }

    /// The same, of optional columns with those alone that are there. Absent ones have no leaf.
    fn with(
        definition: &'static Definition,
        attributes: impl IntoIterator<Item = (Arc<str>, Kind)>,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<Self, Error> {
        let fixed = definition.columns.iter().map(|fixed| FlatColumn {
            name: fixed.name.into(),
            kind: fixed.kind,
            optional: fixed.optional,
        });
        let attributes = attributes.into_iter().map(|(name, kind)| FlatColumn { name, kind, optional: true });
        let flat: Vec<FlatColumn> = fixed.chain(attributes).collect();
        let mut names = HashSet::new();
        for column in &flat[definition.columns.len()..] {
            let scalar = matches!(column.kind, Kind::Int | Kind::Double | Kind::Bool | Kind::Text);
            if !scalar || !column.name.starts_with(ATTRIBUTE_PREFIX) || !names.insert(&*column.name) {
                let what = "expected the prefix of attributes, a scalar, and each name once";
                return Err(Error::Refused(format!("the attribute {} as {:?}: {what}", column.name, column.kind)));
            }
        }
        let mut fields = Vec::new();
        let mut leaves = Vec::new();
        for (at, column) in flat.iter().enumerate() {
            let parent = column.kind == Kind::Parent;
            if column.optional && !parent && !is_there(&column.name) {
                continue;
            }
            let (kind, optional) = (if parent { Kind::Id8 } else { column.kind }, column.optional || parent);
            fields.push(primitive(&column.name, kind, optional)?);
            leaves.push(Leaf { place: LeafRole::Flat(at), kind, optional });
            if parent {
                let name = format!("{}{DISTANCE_SUFFIX}", column.name);
                fields.push(primitive(&name, Kind::Int, true)?);
                leaves.push(Leaf { place: LeafRole::Distance(at), kind: Kind::Int, optional: true });
            }
        }
        for (at, list) in definition.lists.iter().enumerate() {
            fields.push(group(list)?);
            leaves.extend(list.children.iter().enumerate().map(|(child, fixed)| Leaf {
                place: LeafRole::Child { list: at, child },
                kind: fixed.kind,
                optional: optional(list, child),
            }));
        }
        let root = Type::group_type_builder(definition.name).with_fields(fields).build().map_err(refused)?;
        Ok(Self { root: Arc::new(root), leaves, flat })
    }

    /// The layout of a file, which must be one that [`Layout::new`] makes, or made before an optional column was added to the definition.
    pub(crate) fn of_file(definition: &'static Definition, root: &Type) -> Result<Self, Error> {
        if !root.is_group() {
            return Err(Error::Damaged("its schema has no fields".into()));
        }
        let mut attributes = Vec::new();
        for field in root.get_fields().iter().filter(|field| field.name().starts_with(ATTRIBUTE_PREFIX)) {
            let kind = match field.is_primitive().then(|| field.get_physical_type()) {
                Some(Physical::BYTE_ARRAY) => Kind::Text,
                Some(Physical::INT64) => Kind::Int,
                Some(Physical::DOUBLE) => Kind::Double,
                Some(Physical::BOOLEAN) => Kind::Bool,
                _ => return Err(Error::Damaged(format!("the attribute {} has an unknown type", field.name()))),
            };
            attributes.push((Arc::from(field.name()), kind));
        }
        let names: HashSet<&str> = root.get_fields().iter().map(|field| field.name()).collect();
        let layout = Self::with(definition, attributes, |name| names.contains(name))?;
        if *layout.root != *root {
            return Err(Error::Damaged(format!("its schema is not that of {}", definition.name)));
        }
        Ok(layout)
    }

    /// The schema with levels and paths of its leaves.
    pub(crate) fn descriptor(&self) -> SchemaDescriptor {
        SchemaDescriptor::new(self.root.clone())
    }
}

/// Whether a field of a list's elements may be absent: the key of a map may not.
pub(crate) fn optional(list: &FixedList, child: usize) -> bool {
    list.children[child].optional && !(list.shape == ListShape::Map && child == 0)
}

fn primitive(name: &str, kind: Kind, optional: bool) -> Result<TypePtr, Error> {
    let (physical, logical, length) = match kind {
        Kind::Id16 => (Physical::FIXED_LEN_BYTE_ARRAY, None, 16),
        Kind::Id8 | Kind::Parent => (Physical::FIXED_LEN_BYTE_ARRAY, None, 8),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS)), -1),
        Kind::Int => (Physical::INT64, None, -1),
        Kind::Double => (Physical::DOUBLE, None, -1),
        Kind::Bool => (Physical::BOOLEAN, None, -1),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String), -1),
    };
    let repetition = if optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let field = Type::primitive_type_builder(name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .with_length(length)
        .build()
        .map_err(refused)?;
    Ok(Arc::new(field))
}

fn group(list: &FixedList) -> Result<TypePtr, Error> {
    let build = |name: &str, repetition, logical, fields| {
        let group = Type::group_type_builder(name).with_repetition(repetition).with_logical_type(logical);
        group.with_fields(fields).build().map(Arc::new).map_err(refused)
    };
    let children = |name: fn(usize, &Fixed) -> &'static str| {
        let fields = list.children.iter().enumerate();
        fields
            .map(|(at, fixed)| primitive(name(at, fixed), fixed.kind, optional(list, at)))
            .collect::<Result<Vec<_>, _>>()
    };
    let (repeated, logical) = match list.shape {
        ListShape::List => {
            let element = build("element", Repetition::REQUIRED, None, children(|_, fixed| fixed.name)?)?;
            (build("list", Repetition::REPEATED, None, vec![element])?, LogicalType::List)
        }
        ListShape::Map => {
            let fields = children(|at, _| if at == 0 { "key" } else { "value" })?;
            (build("key_value", Repetition::REPEATED, None, fields)?, LogicalType::Map)
        }
    };
    build(list.name, Repetition::REQUIRED, Some(logical), vec![repeated])
}

fn refused(cause: parquet::errors::ParquetError) -> Error {
    Error::Parquet { what: "make a schema", cause }
}
