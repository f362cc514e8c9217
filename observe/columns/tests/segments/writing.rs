//! Any reader reads what was written.

use super::parquet_rows;
use super::tables::{Cell, LOGS, SPANS, row, table};
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
use vitrine_observe_columns::{Columns, Data, Error, Kind, WriteOptions, Written, write};

fn written(columns: &Columns, page_rows: usize) -> (Vec<u8>, Written) {
    let mut file = Vec::new();
    let options = WriteOptions { page_rows, ..WriteOptions::default() };
    let written = write(columns, &columns.sort(), &options, &mut file).expect("a table that can be written");
    assert_eq!(written.bytes, file.len() as u64);
    (file, written)
}

/// A table's rows in the order of the disk.
fn expected(columns: &Columns) -> Vec<Vec<Cell>> {
    columns.sort().rows.iter().map(|at| row(columns, *at as usize)).collect()
}

/// Whether a value is within what is said of its page. What is not a number is within everything.
fn within(cell: &Cell, least: &Cell, greatest: &Cell) -> bool {
    match (cell, least, greatest) {
        (Cell::Double(cell), Cell::Double(least), Cell::Double(greatest)) => {
            let [cell, least, greatest] = [cell, least, greatest].map(|bits| f64::from_bits(*bits));
            cell.is_nan() || (least <= cell && cell <= greatest)
        }
        _ => least <= cell && cell <= greatest,
    }
}

/// Checks what the index of pages says; returns the columns that it has.
pub fn check_bounds(file: &[u8], page_rows: usize) -> Vec<String> {
    let (names, rows) = (parquet_rows::names(file), parquet_rows::raw_rows(file));
    let indexed = parquet_rows::bounds(file);
    for (leaf, pages) in &indexed {
        assert_eq!(pages.len(), rows.len().div_ceil(page_rows));
        for (page, rows) in pages.iter().zip(rows.chunks(page_rows)) {
            let there = || rows.iter().map(|row| &row[*leaf]).filter(|cell| **cell != Cell::Null);
            assert_eq!(page.nulls, rows.len() - there().count());
            match &page.both {
                Some((least, greatest)) => {
                    assert!(there().all(|cell| within(cell, least, greatest)), "{}: {page:?}", names[*leaf]);
                }
                None => assert_eq!(there().count(), 0, "{}: a page without bounds is empty", names[*leaf]),
            }
        }
    }
    indexed.iter().map(|(leaf, _)| names[*leaf].clone()).collect()
}

/// Checks that bloom filters know all texts; returns the columns that have one.
pub fn check_bloom_filters(file: &[u8]) -> Vec<String> {
    let (names, rows) = (parquet_rows::names(file), parquet_rows::raw_rows(file));
    let filters = parquet_rows::bloom_filters(file);
    for (name, filter) in &filters {
        let at = names.iter().position(|other| other == name).expect("a flat column");
        for row in &rows {
            assert!(!matches!(&row[at], Cell::Text(text) if !filter.check(&**text)), "{name}: {:?}", row[at]);
        }
        let wrong = (0..1000).filter(|number| filter.check(&*format!("no such text {number}"))).count();
        assert!(wrong < 100, "{wrong} of 1000 absent texts seem to be there");
    }
    filters.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn attributes_have_bloom_filters() {
    let with_texts = |rows, variety| {
        let tables = (0..).map(|seed| table(&LOGS, seed, rows, variety));
        tables.into_iter().find(|table| table.column("attr.a").is_some()).expect("one of two has it")
    };
    let (file, _) = written(&with_texts(3000, 30), 500);
    assert_eq!(check_bloom_filters(&file), ["attr.a"]);
    let (file, _) = written(&with_texts(300, 300), 500);
    assert!(check_bloom_filters(&file).is_empty(), "not where they would take more than they save");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_reader_reads_what_was_written(seed: u64, rows in 1usize..400, variety in 1u64..2000, page_rows in 1usize..200) {
        for definition in [&SPANS, &LOGS] {
            let columns = table(definition, seed, rows, variety);
            let (file, written) = written(&columns, page_rows);
            prop_assert_eq!(parquet_rows::rows(&file), expected(&columns));
            let Data::Int(times) = &columns.flat[definition.time].data else { unreachable!("times are numbers") };
            prop_assert_eq!(written.rows, rows);
            check_bounds(&file, page_rows);
            prop_assert_eq!(Some(written.min_time), times.iter().copied().min());
            prop_assert_eq!(Some(written.max_time), times.iter().copied().max());
        }
    }

    #[test]
    fn traces_stand_together_by_their_first_start(seed: u64, rows in 1usize..500, variety in 1u64..50) {
        let columns = table(&SPANS, seed, rows, variety);
        let sorted = columns.sort();
        let [Data::Id16(traces), Data::Id8(spans), Data::Id8(parents), Data::Int(starts)] =
            [0, 1, 2, 3].map(|at| &columns.flat[at].data) else { unreachable!("as defined") };
        let first = |trace: u128| {
            let rows = (0..rows).filter(|row| traces[*row] == trace);
            rows.map(|row| starts[row]).min().expect("a trace has rows")
        };
        let keys: Vec<_> = sorted.rows.iter().map(|row| {
            let row = *row as usize;
            (first(traces[row]), traces[row], starts[row], row)
        }).collect();
        prop_assert!(keys.is_sorted());
        for (place, parent) in sorted.parents.iter().enumerate() {
            let row = sorted.rows[place] as usize;
            let there = |other: &u32| {
                traces[*other as usize] == traces[row] && spans[*other as usize] == parents[row]
            };
            match *parent {
                vitrine_observe_columns::NO_PARENT => prop_assert_eq!(parents[row], 0),
                vitrine_observe_columns::PARENT_ELSEWHERE => prop_assert!(!sorted.rows.iter().any(there)),
                parent => prop_assert!(there(&sorted.rows[parent as usize])),
            }
        }
    }
}

#[test]
fn many_distinct_texts_and_numbers_are_written_without_a_dictionary() {
    let mut columns = table(&LOGS, 7, 1, 1);
    columns.clear();
    let mut rows = 0;
    for number in 0..20_000u32 {
        let Data::Text(texts) = &mut columns.flat[1].data else { unreachable!("as defined") };
        let text = format!("a text of its own: {}", number.wrapping_mul(0x9E37_79B9));
        let code = texts.dictionary.intern(text.as_bytes());
        texts.codes.push(code);
        let Data::Int(times) = &mut columns.flat[2].data else { unreachable!("as defined") };
        times.push(i64::from(number));
        columns.lists.iter_mut().for_each(|list| list.offsets.push(0));
        rows += 1;
    }
    columns.rows = rows;
    columns.fill();
    let (file, _) = written(&columns, 8192);
    assert_eq!(parquet_rows::rows(&file), expected(&columns));
}

#[test]
fn texts_of_a_megabyte_and_none_at_all_are_kept() {
    let mut columns = table(&LOGS, 1, 3, 5);
    let Data::Text(texts) = &mut columns.flat[1].data else { unreachable!("as defined") };
    for (row, text) in ["x".repeat(1 << 20), String::new(), "ü".repeat(1 << 19)].iter().enumerate() {
        texts.codes[row] = texts.dictionary.intern(text.as_bytes());
    }
    let (file, _) = written(&columns, 2);
    assert_eq!(parquet_rows::rows(&file), expected(&columns));
    assert!(file.len() < 1 << 16, "footers hold no long texts: {} bytes", file.len());
}

#[test]
fn what_is_missing_in_columns_that_must_have_it_is_empty() {
    let mut columns = Columns::new(&SPANS);
    columns.rows = 2;
    columns.fill();
    columns.lists.iter_mut().for_each(|list| list.offsets.extend([0, 0]));
    let (file, written) = written(&columns, 8192);
    let mut row = vec![Cell::Bytes(vec![0; 16]), Cell::Bytes(vec![0; 8]), Cell::Null, Cell::Int(i64::MIN)];
    row.extend([Cell::Int(i64::MIN), Cell::Text(String::new()), Cell::Null, Cell::Bool(false)]);
    row.extend([Cell::Double(0x7FF8_DEAD_BEEF_0001), Cell::Null]);
    row.extend([(); 3].map(|()| Cell::List(Vec::new())));
    assert_eq!(parquet_rows::rows(&file), [row.clone(), row]);
    assert!(written.min_time > written.max_time, "no row has a time");
}

#[test]
fn spans_may_be_their_own_parents_and_go_in_circles() {
    let mut columns = table(&SPANS, 3, 4, 5);
    let [Data::Id16(traces), Data::Id8(spans), Data::Id8(parents), ..] =
        &mut columns.flat.iter_mut().map(|column| &mut column.data).collect::<Vec<_>>()[..]
    else {
        unreachable!("as defined")
    };
    traces.fill(9);
    spans.copy_from_slice(&[1, 2, 3, 1]);
    parents.copy_from_slice(&[1, 3, 2, 77]);
    let (file, _) = written(&columns, 3);
    assert_eq!(parquet_rows::rows(&file), expected(&columns));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let refused = |columns: &Columns, options: WriteOptions| {
        let mut file = Vec::new();
        match write(columns, &columns.sort(), &options, &mut file) {
            Err(Error::Refused(what)) => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&Columns::new(&SPANS), WriteOptions::default()), "a table without rows");
    let columns = table(&SPANS, 1, 3, 3);
    assert!(refused(&columns, WriteOptions { page_rows: 0, ..WriteOptions::default() }).starts_with("pages of 0 rows"));
    let mut twice = columns.clone();
    for _ in 0..2 {
        twice.flat.push(vitrine_observe_columns::Column::new("attr.twice", Kind::Int, true));
    }
    twice.fill();
    assert!(refused(&twice, WriteOptions::default()).starts_with("the attribute attr.twice"));
}
