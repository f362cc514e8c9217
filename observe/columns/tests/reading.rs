//! What is read of segments is what was written; what was changed since is found out.

#[path = "segments/filters.rs"]
mod filters;
#[path = "segments/tables.rs"]
mod tables;

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
use tables::{Cell, LOGS, SPANS, SplitMix, cell, row, table};
use vitrine_observe_columns::{
    Column, Columns, Data, Definition, Error, FileSource, Filter, Kind, NULL_CODE, Segment, Source, TextTest,
    WriteOptions, merge, write,
};

/// Most bytes that reading a small segment may ask for at once, whatever was done to it.
const MAX_READ: u64 = 1 << 20;

/// A segment's two files.
#[derive(Clone)]
struct Files {
    segment: Bytes,
    index: Option<Bytes>,
}

fn written(columns: &Columns, page_rows: usize) -> Files {
    let mut file = Vec::new();
    let options = WriteOptions { page_rows, ..WriteOptions::default() };
    let written = write(columns, &columns.sort(), &options, &mut file).expect("a table that can be written");
    Files { segment: file.into(), index: written.index.map(Bytes::from) }
}

/// The same rows by way of a merge: dictionaries are in order then.
fn merged(columns: &Columns, page_rows: usize) -> Files {
    let options = WriteOptions { page_rows, ..WriteOptions::default() };
    let half = columns.rows as u32 / 2;
    let halves =
        [columns.take(&(0..half).collect::<Vec<_>>()), columns.take(&(half..columns.rows as u32).collect::<Vec<_>>())];
    let inputs: Vec<Segment> = halves
        .iter()
        .filter(|half| half.rows > 0)
        .map(|half| opened(half.definition, &written(half, page_rows)))
        .collect();
    let mut file = Vec::new();
    let written = merge(columns.definition, &inputs, &options, &mut file).expect("a merge");
    Files { segment: file.into(), index: written.index.map(Bytes::from) }
}

fn opened(definition: &'static Definition, files: &Files) -> Segment {
    Segment::open(definition, Arc::new(files.segment.clone()), files.index.clone()).expect("a segment")
}

fn rows(columns: &Columns) -> Vec<Vec<Cell>> {
    (0..columns.rows).map(|at| row(columns, at)).collect()
}

/// All of it, as it stands on disk.
fn all(segment: &Segment) -> Columns {
    segment.read(std::slice::from_ref(&(0..segment.rows())), None).expect("read")
}

fn ranges(rng: &mut SplitMix, rows: usize) -> Vec<Range<usize>> {
    let range = |rng: &mut SplitMix| {
        let start = rng.below(rows as u64) as usize;
        start..start + rng.below((rows - start) as u64 + 1) as usize
    };
    (0..rng.below(6)).map(|_| range(rng)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_read_as_they_were_written(seed: u64, count in 1usize..300, variety in 1u64..300, page_rows in 1usize..120) {
        for definition in [&SPANS, &LOGS] {
            let columns = table(definition, seed, count, variety);
            let sorted = columns.take(&columns.sort().rows);
            let segment = opened(definition, &written(&columns, page_rows));
            let names: Vec<_> = segment.columns().map(|(name, kind, optional)| (name.clone(), kind, optional)).collect();
            let expected: Vec<_> =
                columns.flat.iter().map(|column| (column.name.clone(), column.kind, column.optional)).collect();
            prop_assert_eq!(names, expected);
            prop_assert_eq!(rows(&all(&segment)), rows(&sorted));

            let mut rng = SplitMix(seed);
            let ranges = ranges(&mut rng, count);
            let picked: Vec<u32> = ranges.iter().cloned().flatten().map(|row| row as u32).collect();
            let (read, taken) = (segment.read(&ranges, None).expect("read"), sorted.take(&picked));
            prop_assert_eq!(rows(&read), rows(&taken));
            for (read, taken) in read.flat.iter().zip(&taken.flat) {
                if let (Data::Text(read), Data::Text(taken)) = (&read.data, &taken.data) {
                    prop_assert_eq!(read.dictionary.len(), taken.dictionary.len());
                }
            }
        }
    }

    #[test]
    fn filters_mean_the_same_everywhere(seed: u64, count in 1usize..300, variety in 1u64..200, page_rows in 1usize..120) {
        for definition in [&SPANS, &LOGS] {
            let columns = table(definition, seed, count, variety);
            let mut rng = SplitMix(seed);
            for files in [written(&columns, page_rows), merged(&columns, page_rows)] {
                let segment = opened(definition, &files);
                let columns = all(&segment);
                for _ in 0..12 {
                    let filter = filters::filter(&mut rng, &columns, 2);
                    let start = rng.below(count as u64) as usize;
                    for rows in [0..count, start..count, 0..start] {
                        let expected: Vec<u32> =
                            rows.clone().filter(|row| filters::meets(&filter, &columns, *row)).map(|row| row as u32).collect();
                        prop_assert_eq!(&columns.matching(&filter, rows.clone()), &expected, "in memory");
                        prop_assert_eq!(&segment.matching(&filter, rows.clone()).expect("read"), &expected, "on disk");
                    }
                    segment.forget();
                }
            }
        }
    }

    #[test]
    fn ids_are_found_with_an_index_and_without(seed: u64, count in 1usize..300, variety in 1u64..100, page_rows in 1usize..50) {
        let files = written(&table(&SPANS, seed, count, variety), page_rows);
        let segment = opened(&SPANS, &files);
        let scanned = opened(&SPANS, &Files { index: None, ..files });
        let columns = all(&segment);
        let Data::Id16(ids) = &columns.flat[0].data else { unreachable!("as defined") };
        for id in ids.iter().copied().chain([0, 1, u128::MAX]) {
            let found = segment.find(id).expect("read");
            prop_assert_eq!(&found, &scanned.find(id).expect("read"));
            prop_assert!(found.windows(2).all(|runs| runs[0].end < runs[1].start), "runs are whole: {:?}", found);
            let found: Vec<u32> = found.into_iter().flatten().map(|row| row as u32).collect();
            prop_assert_eq!(&found, &columns.find(0, id));
            prop_assert_eq!(found, (0..count as u32).filter(|row| id != 0 && ids[*row as usize] == id).collect::<Vec<_>>());
        }
    }

    #[test]
    fn tables_are_put_together(seed: u64, first in 0usize..60, second in 0usize..60, variety in 1u64..50) {
        for definition in [&SPANS, &LOGS] {
            let (mut columns, other) = (table(definition, seed, first, variety), table(definition, seed ^ 1, second, variety));
            let before = columns.clone();
            columns.extend(&other);
            prop_assert_eq!(columns.rows, first + second);
            for (place, column) in columns.flat.iter().enumerate() {
                for at in 0..columns.rows {
                    let (from, at_from) = if at < first { (&before, at) } else { (&other, at - first) };
                    let expected = from.column(&column.name).map_or(Cell::Null, |column| cell(column, at_from));
                    prop_assert_eq!(cell(column, at), expected, "column {}", place);
                }
            }
            let lists = |columns: &Columns| -> Vec<Vec<Cell>> {
                rows(columns).into_iter().map(|row| row[columns.flat.len()..].to_vec()).collect()
            };
            prop_assert_eq!(lists(&columns), [lists(&before), lists(&other)].concat());
        }
    }
}

#[test]
fn only_what_is_asked_for_is_read() {
    let columns = table(&SPANS, 7, 200, 30);
    let sorted = columns.take(&columns.sort().rows);
    let segment = opened(&SPANS, &written(&columns, 64));
    let read =
        segment.read(std::slice::from_ref(&(10..150)), Some(&["service", "parent", "rest", "absent"])).expect("read");
    assert_eq!((read.rows, read.attributes().len()), (140, 0));
    for at in 0..140 {
        for name in ["service", "parent"] {
            let column = |columns: &Columns, at| cell(columns.column(name).expect("fixed"), at);
            assert_eq!(column(&read, at), column(&sorted, at + 10));
        }
        assert!(read.flat[0].data.is_null(at) && read.flat[3].data.is_null(at) && read.lists[0].range(at).is_empty());
        assert_eq!(read.lists[1].range(at).len(), sorted.lists[1].range(at + 10).len());
    }
    let texts = segment.texts("service").expect("read").expect("a text column");
    let Data::Text(expected) = &sorted.flat[5].data else { unreachable!("as defined") };
    let in_order = |texts: &mut Vec<Vec<u8>>| texts.sort();
    let mut found: Vec<Vec<u8>> = texts.iter().map(<[u8]>::to_vec).collect();
    let mut wanted: Vec<Vec<u8>> = expected.dictionary.iter().map(<[u8]>::to_vec).collect();
    in_order(&mut found);
    in_order(&mut wanted);
    assert_eq!(found, wanted);
    assert!(segment.texts("start").expect("read").is_none() && segment.texts("absent").expect("read").is_none());
}

/// Counts what is read.
struct Counted {
    bytes: Bytes,
    reads: AtomicU64,
    largest: AtomicU64,
}

impl Counted {
    fn new(bytes: Bytes) -> Arc<Self> {
        Arc::new(Self { bytes, reads: AtomicU64::new(0), largest: AtomicU64::new(0) })
    }

    fn reads(&self) -> u64 {
        self.reads.swap(0, Ordering::Relaxed)
    }
}

impl Source for Counted {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.largest.fetch_max(length as u64, Ordering::Relaxed);
        self.bytes.read(offset, length)
    }
}

#[test]
fn what_is_not_there_costs_no_pages() {
    let files = merged(&table(&SPANS, 3, 3000, 1 << 40), 64);
    let source = Counted::new(files.segment.clone());
    let segment = Segment::open(&SPANS, source.clone(), files.index).expect("a segment");
    let text =
        |column: &str, text: &str| Filter::Text { column: column.to_owned(), test: TextTest::Equal(text.to_owned()) };
    source.reads();
    let absent = (1..1000u128).filter(|id| !segment.find(id << 64).expect("read").is_empty()).count();
    assert_eq!(absent, 0);
    assert!(source.reads() < 200, "most of 1000 absent ids are known by the index alone");
    assert!(segment.matching(&text("attr.absent", "x"), 0..3000).expect("read").is_empty());
    assert_eq!(source.reads(), 0, "there is no such column");
    assert!(segment.matching(&text("service", "no such text"), 0..3000).expect("read").is_empty());
    assert!(source.reads() <= 1, "the dictionary says so");
    let (first, last) = (segment.time_pages()[0].min, segment.time_pages()[0].max);
    let early = Filter::Int { column: "start".to_owned(), min: i64::MIN, max: first - 1 };
    assert!(segment.matching(&Filter::All(vec![early, text("service", "text 1")]), 0..64).expect("read").is_empty());
    assert_eq!(source.reads(), 0, "the page's times say so");
    let whole = Filter::Int { column: "start".to_owned(), min: first, max: last };
    assert_eq!(segment.matching(&whole, 0..64).expect("read").len(), 64);
    assert_eq!(source.reads(), 0, "the page's times say so");
    let held = segment.held_bytes();
    segment.forget();
    assert!(segment.held_bytes() < held);
}

/// Log records with these texts in an attribute.
fn with_attribute(rows: usize, text: impl Fn(usize) -> Option<String>) -> Columns {
    let mut columns = Columns::new(&LOGS);
    let mut attribute = Column::new("attr.a", Kind::Text, true);
    for number in 0..rows {
        let Data::Text(texts) = &mut attribute.data else { unreachable!("as made") };
        let code = text(number).map_or(NULL_CODE, |text| texts.dictionary.intern(text.as_bytes()));
        texts.codes.push(code);
        let Data::Int(times) = &mut columns.flat[2].data else { unreachable!("as defined") };
        times.push(number as i64);
        columns.lists.iter_mut().for_each(|list| list.offsets.push(0));
    }
    columns.rows = rows;
    columns.flat.push(attribute);
    columns.fill();
    columns
}

#[test]
fn bloom_filters_spare_dictionaries() {
    let columns = with_attribute(20_000, |number| Some(format!("text {}", number % 100)));
    let files = merged(&columns, 1000);
    let source = Counted::new(files.segment);
    let segment = Segment::open(&LOGS, source.clone(), files.index).expect("a segment");
    let filter = |text: &str, min| {
        let test = TextTest::Equal(text.to_owned());
        let text = Filter::Text { column: "attr.a".to_owned(), test };
        Filter::All(vec![text, Filter::Int { column: "time".to_owned(), min, max: i64::MAX }])
    };
    let held = segment.held_bytes();
    source.reads();
    let absent = (100..200).filter(|number| {
        let filter = filter(&format!("text {number}"), 0);
        assert!(segment.matching(&filter, 0..20_000).expect("read").is_empty());
        let spared = segment.held_bytes() == held;
        segment.forget();
        spared
    });
    assert!(absent.count() > 50, "dictionaries are read although bloom filters say no");
    segment.forget();
    source.reads();
    assert!(segment.matching(&filter("text 1", 20_000), 0..20_000).expect("read").is_empty());
    assert_eq!(source.reads(), 0, "the times of all pages say no");
    assert_eq!(segment.matching(&filter("text 1", 0), 0..20_000).expect("read").len(), 200);
}

#[test]
fn texts_without_a_dictionary_are_read_and_searched() {
    let text =
        |number: usize| (!number.is_multiple_of(7)).then(|| format!("text {number} {}", "x".repeat(number % 50)));
    let columns = with_attribute(12_000, text);
    for files in [written(&columns, 1000), merged(&columns, 1000)] {
        let segment = opened(&LOGS, &files);
        let all = all(&segment);
        assert_eq!(rows(&all), rows(&columns));
        let taken: Vec<u32> = (990..1010).chain(5..6).chain(11_000..11_500).collect();
        let read = segment.read(&[990..1010, 5..6, 11_000..11_500], Some(&["attr.a", "time"])).expect("read");
        let column = read.column("attr.a").expect("asked for");
        for (at, row) in taken.iter().enumerate() {
            assert_eq!(cell(column, at), text(*row as usize).map_or(Cell::Null, Cell::Text));
        }
        let filter = |test| Filter::Text { column: "attr.a".to_owned(), test };
        let equal = filter(TextTest::Equal(text(4321).expect("not every seventh")));
        assert_eq!(segment.matching(&equal, 0..12_000).expect("read"), [4321]);
        let nines = filter(TextTest::Where(Arc::new(|text| text.contains("999 "))));
        assert_eq!(segment.matching(&nines, 0..12_000).expect("read"), columns.matching(&nines, 0..12_000));
        let texts = segment.texts("attr.a").expect("read").expect("a text column");
        assert_eq!(texts.len(), (0..12_000).filter_map(text).count());
    }
}

#[test]
fn segments_are_read_from_files() {
    let columns = table(&LOGS, 5, 100, 20);
    let files = written(&columns, 32);
    let path = std::env::temp_dir().join(format!("vitrine-columns-{}.parquet", std::process::id()));
    std::fs::write(&path, &files.segment).expect("written");
    let source = FileSource::open(&path).expect("opened");
    std::fs::remove_file(&path).expect("removed");
    assert!(source.read(files.segment.len() as u64 - 3, 4).is_err() && source.read(u64::MAX, 4).is_err());
    let segment = Segment::open(&LOGS, Arc::new(source), files.index).expect("a segment");
    assert_eq!(rows(&all(&segment)), rows(&columns.take(&columns.sort().rows)));
    assert!(matches!(Segment::open(&SPANS, Arc::new(files.segment), None), Err(Error::Damaged(_))));
}

/// Everything that can be asked of a segment.
fn everything(
    definition: &'static Definition,
    files: &Files,
    filters: &[Filter],
    ids: &[u128],
) -> Result<Results, Error> {
    let source = Counted::new(files.segment.clone());
    let segment = Segment::open(definition, source.clone(), files.index.clone())?;
    let matching =
        filters.iter().map(|filter| segment.matching(filter, 0..segment.rows())).collect::<Result<_, _>>()?;
    segment.forget();
    let found = ids.iter().map(|id| segment.find(*id)).collect::<Result<_, _>>()?;
    let read = segment.read(std::slice::from_ref(&(0..segment.rows())), None)?;
    assert!(source.largest.load(Ordering::Relaxed) <= MAX_READ.max(files.segment.len() as u64));
    Ok((rows(&read), matching, found))
}

type Results = (Vec<Vec<Cell>>, Vec<Vec<u32>>, Vec<Vec<Range<usize>>>);

/// Cuts off, overwrites or flips something.
fn change(rng: &mut SplitMix, mut file: Vec<u8>) -> Vec<u8> {
    let at = rng.below(file.len() as u64) as usize;
    match rng.below(5) {
        0 => file.truncate(at),
        1 => {
            let end = (at + rng.below(64) as usize).min(file.len());
            file[at..end].fill(rng.next() as u8);
        }
        _ => file[at] ^= 1 << rng.below(8),
    }
    file
}

#[test]
fn what_was_changed_is_found_out() {
    for (definition, seed) in [(&SPANS, 1), (&LOGS, 2)] {
        let columns = table(definition, seed, 150, 40);
        for files in [written(&columns, 40), merged(&columns, 40)] {
            let mut rng = SplitMix(seed);
            let filters: Vec<Filter> = (0..20).map(|_| filters::filter(&mut rng, &columns, 2)).collect();
            let Data::Id16(ids) = &columns.flat[0].data else { unreachable!("as defined") };
            let right = everything(definition, &files, &filters, &ids[..20]).expect("whole");
            let mut found_out = 0;
            for _ in 0..600 {
                let mut changed = files.clone();
                let in_index = rng.below(5) == 0;
                let file = if in_index { changed.index.as_ref().expect("an index") } else { &changed.segment };
                let file = Bytes::from(change(&mut rng, file.to_vec()));
                if in_index {
                    changed.index = Some(file);
                } else {
                    changed.segment = file;
                }
                match everything(definition, &changed, &filters, &ids[..20]) {
                    Ok(answers) => assert_eq!(answers, right),
                    Err(_) => found_out += 1,
                }
            }
            assert!(found_out > 300, "only {found_out} of 600 changes were found out");
        }
    }
}
