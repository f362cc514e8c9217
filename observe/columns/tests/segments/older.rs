//! Segments of a definition that had fewer columns when they were written.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, proptest};
use vitrine_observe_columns::{Definition, Filter, Fixed, Kind, Segment, TextTest, WriteOptions, merge, write};

use super::tables::{Cell, LOGS, SplitMix, row, table};

const fn added(name: &'static str, kind: Kind) -> Fixed {
    Fixed { name, kind, optional: true }
}

const COLUMNS: [Fixed; 10] = {
    let [a, b, c, d, e, f, g, h] = *LOGS.columns.first_chunk::<8>().expect("eight columns");
    [a, b, c, d, e, f, g, h, added("template", Kind::Int), added("note", Kind::Text)]
};
/// The same with two columns more.
static NEWER: Definition = Definition { columns: &COLUMNS, ..LOGS };
/// The same with one that each row must have.
static STRICTER: Definition =
    Definition { columns: &[COLUMNS[0], Fixed { optional: false, ..COLUMNS[8] }], order: LOGS.order, ..LOGS };

fn opened(definition: &'static Definition, file: Vec<u8>) -> Segment {
    Segment::open(definition, Arc::new(Bytes::from(file)), None).expect("a segment")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn columns_that_were_added_later_are_null(seed: u64, rows in 1usize..200) {
        let mut chance = SplitMix(seed);
        let older = table(&LOGS, chance.next(), rows, 20);
        let newer = table(&NEWER, chance.next(), 50, 20);
        let written = [&older, &newer].map(|columns| {
            let mut file = Vec::new();
            write(columns, &columns.sort(), &WriteOptions { page_rows: 40, ..WriteOptions::default() }, &mut file).expect("written");
            file
        });
        assert!(Segment::open(&STRICTER, Arc::new(Bytes::from(written[0].clone())), None).is_err());
        let [older_segment, newer_segment] = written.map(|file| opened(&NEWER, file));
        let read = older_segment.read(&[0..rows], None).expect("read");
        let sorted = older.take(&older.sort().rows);
        for number in 0..rows {
            let mut expected = row(&sorted, number);
            expected.splice(8..8, [Cell::Null, Cell::Null]);
            assert_eq!(row(&read, number), expected);
        }
        let exists = |name: &str| Filter::Exists { column: name.to_owned() };
        let test = TextTest::Equal("a".into());
        for filter in [
            exists("template"),
            Filter::Int { column: "template".into(), min: i64::MIN, max: i64::MAX },
            Filter::AsText { column: "template".into(), test: test.clone() },
            Filter::Text { column: "note".into(), test },
        ] {
            assert!(older_segment.matching(&filter, 0..rows).expect("asked").is_empty(), "{filter:?}");
            let without = Filter::Not(Box::new(filter));
            assert_eq!(older_segment.matching(&without, 0..rows).expect("asked").len(), rows);
        }
        let asked = exists("template");
        let given = newer_segment.matching(&asked, 0..50).expect("asked").len();
        let mut file = Vec::new();
        merge(&NEWER, &[older_segment, newer_segment], &WriteOptions::default(), &mut file).expect("merged");
        let merged = opened(&NEWER, file);
        assert_eq!((merged.rows(), merged.matching(&asked, 0..rows + 50).expect("asked").len()), (rows + 50, given));
    }
}
