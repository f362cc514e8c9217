//! Merged segments hold what their inputs held, as if it had been written at once.

use std::sync::Arc;

use super::parquet_rows;
use super::tables::{Cell, LOGS, SPANS, SplitMix, row, table};
use super::writing;
use bytes::Bytes;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use vitrine_observe_columns::{Columns, Data, Definition, Error, Segment, WriteOptions, Written, merge, write};

/// A segment and how it was written.
#[derive(Clone)]
struct Made {
    file: Bytes,
    written: Written,
    segment: Segment,
}

fn opened(definition: &'static Definition, file: Vec<u8>, written: Written) -> Made {
    let file = Bytes::from(file);
    let index = written.index.clone().map(Bytes::from);
    let segment = Segment::open(definition, Arc::new(file.clone()), index).expect("a segment");
    Made { file, written, segment }
}

fn options(page_rows: usize) -> WriteOptions {
    WriteOptions { page_rows, ..WriteOptions::default() }
}

fn made(columns: &Columns, page_rows: usize) -> Made {
    let mut file = Vec::new();
    let written = write(columns, &columns.sort(), &options(page_rows), &mut file).expect("written");
    opened(columns.definition, file, written)
}

fn merged(definition: &'static Definition, inputs: &[Made], page_rows: usize) -> Made {
    let segments: Vec<Segment> = inputs.iter().map(|input| input.segment.clone()).collect();
    let mut file = Vec::new();
    let written = merge(definition, &segments, &options(page_rows), &mut file).expect("merged");
    assert_eq!(written.bytes, file.len() as u64);
    opened(definition, file, written)
}

/// The rows of a table, written in so many segments and merged.
pub fn merged_in_parts(columns: &Columns, parts: usize) -> Vec<u8> {
    let rows: Vec<u32> = (0..columns.rows as u32).collect();
    let parts: Vec<Made> = rows.chunks(rows.len().div_ceil(parts)).map(|rows| made(&columns.take(rows), 300)).collect();
    merged(columns.definition, &parts, 300).file.to_vec()
}

/// What rows go by, without what tells those alike apart.
fn keys(definition: &Definition, rows: &[Vec<Cell>]) -> Vec<Vec<Cell>> {
    let places: &[usize] = if std::ptr::eq(definition.name, SPANS.name) { &[0, 3] } else { &[1, 3, 4, 5, 0, 2] };
    rows.iter().map(|row| places.iter().map(|place| row[*place].clone()).collect()).collect()
}

fn sorted(mut rows: Vec<Vec<Cell>>) -> Vec<Vec<Cell>> {
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_merge_is_as_if_all_had_been_written_at_once(
        seed: u64, inputs in 1usize..6, rows in 1usize..150, variety in 1u64..300, page_rows in 1usize..100
    ) {
        for definition in [&SPANS, &LOGS] {
            let mut rng = SplitMix(seed);
            let tables: Vec<Columns> = (0..inputs)
                .map(|_| table(definition, rng.next(), 1 + rng.below(rows as u64) as usize, variety))
                .collect();
            let mut all = tables[0].clone();
            tables[1..].iter().for_each(|table| all.extend(table));
            let segments: Vec<Made> = tables.iter().map(|table| made(table, 1 + rng.below(60) as usize)).collect();

            let once = made(&all, page_rows);
            // The last one joins what was merged already.
            let (last, others) = segments.split_last().expect("one at least");
            let merged = match others {
                [] => merged(definition, std::slice::from_ref(last), page_rows),
                others => {
                    let first = merged(definition, others, 1 + rng.below(60) as usize);
                    merged(definition, &[first, last.clone()], page_rows)
                }
            };

            prop_assert_eq!(parquet_rows::names(&merged.file), parquet_rows::names(&once.file));
            let (rows, expected) = (parquet_rows::rows(&merged.file), parquet_rows::rows(&once.file));
            prop_assert_eq!(keys(definition, &rows), keys(definition, &expected));
            prop_assert_eq!(sorted(rows), sorted(expected));
            prop_assert_eq!((merged.written.min_time, merged.written.max_time), (once.written.min_time, once.written.max_time));
            prop_assert_eq!(merged.written.rows, once.written.rows);
        }
    }

    #[test]
    fn every_id_is_found(seed: u64, rows in 1usize..600, variety in 1u64..500, page_rows in 1usize..60) {
        for definition in [&SPANS, &LOGS] {
            let tables = [table(definition, seed, rows, variety), table(definition, seed ^ 1, rows, variety)];
            let inputs = tables.each_ref().map(|table| made(table, page_rows));
            let merged = merged(definition, &inputs, page_rows);
            let ids = parquet_rows::rows(&merged.file).into_iter().map(|row| row[0].clone()).collect::<Vec<_>>();
            let mut some = Vec::new();
            for (place, id) in ids.iter().enumerate().filter(|(_, id)| **id != Cell::Null) {
                let Cell::Bytes(bytes) = id else { unreachable!("ids are bytes") };
                let id_number = u128::from_be_bytes(bytes.as_slice().try_into().expect("16 bytes"));
                if place % 3 == 0 {
                    some.push((id_number, id));
                }
                let found: Vec<usize> = merged.segment.find(id_number).expect("read").into_iter().flatten().collect();
                let expected: Vec<usize> = (0..ids.len()).filter(|row| ids[*row] == *id).collect();
                prop_assert_eq!(found, expected);
            }
            some.sort();
            let wanted: Vec<u128> = some.iter().map(|(number, _)| *number).collect();
            let found: Vec<usize> = merged.segment.find_all(&wanted).expect("read").into_iter().flatten().collect();
            let of_some = |row: &usize| some.iter().any(|(_, id)| **id == ids[*row]);
            prop_assert_eq!(found, (0..ids.len()).filter(of_some).collect::<Vec<_>>());
        }
    }
}

#[test]
fn texts_that_are_nearly_all_distinct_are_merged_without_a_dictionary() {
    let distinct = |salt: u32, repeat: u32| {
        let mut columns = Columns::new(&LOGS);
        for number in 0..12_000u32 {
            let Data::Text(texts) = &mut columns.flat[1].data else { unreachable!("as defined") };
            let text = format!("a text of its own: {salt} {}", (number / repeat).wrapping_mul(0x9E37_79B9));
            let code = texts.dictionary.intern(text.as_bytes());
            texts.codes.push(code);
            let Data::Int(times) = &mut columns.flat[2].data else { unreachable!("as defined") };
            times.push(i64::from(number));
            columns.lists.iter_mut().for_each(|list| list.offsets.push(0));
            columns.rows += 1;
        }
        columns.fill();
        columns
    };
    // Without a dictionary; two with one; and all kinds together, with one and without.
    for (first, second) in [((1, 1), (2, 1)), ((1, 2), (2, 2)), ((1, 1), (1, 1)), ((1, 1), (2, 2))] {
        let tables = [distinct(first.0, first.1), distinct(second.0, second.1)];
        let merged = merged(&LOGS, &tables.each_ref().map(|table| made(table, 8192)), 1000);
        let rows = tables.iter().flat_map(|table| (0..table.rows).map(|at| row(table, at)));
        assert_eq!(sorted(parquet_rows::rows(&merged.file)), sorted(rows.collect()));
    }
}

#[test]
fn merged_texts_have_bounds_and_filters() {
    let tables = [1, 2, 3].map(|seed| table(&LOGS, seed, 1000, 30));
    let merged = merged(&LOGS, &tables.each_ref().map(|table| made(table, 64)), 64);
    let indexed = writing::check_bounds(&merged.file, 64);
    assert!(indexed.contains(&"service".to_owned()), "{indexed:?}");
    assert!(!indexed.contains(&"attr.a".to_owned()), "all its pages have the same texts: {indexed:?}");
    assert_eq!(writing::check_bloom_filters(&merged.file), ["attr.a"]);
}

#[test]
fn a_damaged_input_is_found_out_and_never_merged_wrongly() {
    for definition in [&SPANS, &LOGS] {
        let inputs = [1, 2].map(|seed| made(&table(definition, seed, 120, 40), 50));
        let expected = merged(definition, &inputs, 50);
        let mut rng = SplitMix(3);
        for _ in 0..500 {
            let mut file = inputs[0].file.to_vec();
            let at = rng.below(file.len() as u64) as usize;
            let bit = 1 << rng.below(8);
            file[at] ^= bit;
            let Ok(damaged) = Segment::open(definition, Arc::new(Bytes::from(file)), None) else { continue };
            let mut out = Vec::new();
            match merge(definition, &[damaged, inputs[1].segment.clone()], &options(50), &mut out) {
                Ok(_) => assert!(out == expected.file, "bit {bit} of byte {at} made a difference"),
                Err(error) => assert!(matches!(error, Error::Damaged(_)), "bit {bit} of byte {at}: {error}"),
            }
        }
    }
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let mut file = Vec::new();
    let none = merge(&SPANS, &[], &WriteOptions::default(), &mut file);
    assert!(matches!(none, Err(Error::Refused(what)) if what == "a merge of no segments"));
    let logs = made(&table(&LOGS, 1, 3, 3), 8192).segment;
    let other = merge(&SPANS, &[logs], &WriteOptions::default(), &mut file);
    assert!(matches!(other, Err(Error::Refused(what)) if what == "a segment of logs merged into one of spans"));
}
