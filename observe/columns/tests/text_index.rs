//! Texts that are searched: with an index and without, the same rows are found.

use std::sync::Arc;

use bytes::Bytes;
use vitrine_observe_columns::{
    Column, Columns, Data, Definition, Filter, Fixed, FixedList, Kind, ListShape, NULL_CODE, Order, Segment, TextTest,
    WriteOptions, Written, merge, write,
};
use vitrine_observe_text::TextMatch;

const fn column(name: &'static str, kind: Kind, optional: bool) -> Fixed {
    Fixed { name, kind, optional }
}

static LINES: Definition = Definition {
    name: "lines",
    columns: &[column("time", Kind::Time, false), column("body", Kind::Text, true)],
    lists: &[FixedList {
        name: "rest",
        shape: ListShape::Map,
        children: &[column("key", Kind::Text, false), column("value", Kind::Text, true)],
    }],
    order: Order::By(&[0]),
    time: 0,
    indexed: None,
    searched: Some(1),
};

const ROWS: usize = 3000;
const WORDS: [&str; 12] = [
    "payment",
    "declined",
    "Card",
    "TIMEOUT",
    "insufficient_funds",
    "größe",
    "order",
    "retry",
    "gateway",
    "503",
    "closed",
    "東京都",
];

/// Numbers of chance (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 11) as usize % most
    }

    /// A line of some words, ids and noise; words that few lines have are rarer the greater their number.
    fn line(&mut self) -> String {
        let mut line = String::new();
        for _ in 0..60 {
            let separator = [" ", " ", "-", ": ", "=\"", "_"][self.below(6)];
            line.push_str(separator);
            match self.below(8) {
                0 => line.push_str(&format!("{:08x}", self.below(1 << 32))),
                1 => line.push_str(&self.below(100_000).to_string()),
                2 => {
                    let (most, letters) = (self.below(40) + 1, ["k", "m", "w", "y", "z"]);
                    let rare = self.below(most);
                    line.push_str(&format!("rare{}", letters[rare % 5].repeat(1 + rare / 5)));
                }
                _ => line.push_str(WORDS[self.below(WORDS.len())]),
            }
        }
        line
    }
}

fn push(column: &mut Column, text: Option<&str>) {
    let Data::Text(texts) = &mut column.data else { unreachable!("it holds texts") };
    let code = text.map_or(NULL_CODE, |text| texts.dictionary.intern(text.as_bytes()));
    texts.codes.push(code);
}

fn lines(seed: u64) -> Columns {
    let mut chance = Chance(seed);
    let mut columns = Columns::new(&LINES);
    for row in 0..ROWS {
        let Data::Int(times) = &mut columns.flat[0].data else { unreachable!("it holds times") };
        times.push(((row * 7919) % ROWS) as i64);
        let line = chance.line();
        push(&mut columns.flat[1], (row % 50 > 0).then_some(line.as_str()));
        for element in 0..4 {
            push(&mut columns.lists[0].children[0], Some(["user", "trace"][element % 2]));
            push(
                &mut columns.lists[0].children[1],
                Some(&format!("{} {}", WORDS[chance.below(12)], row * 4 + element)),
            );
        }
        let end = columns.lists[0].children[0].data.len() as u32;
        columns.lists[0].offsets.push(end);
        columns.rows += 1;
    }
    columns
}

struct Files {
    rows: Bytes,
    text_index: Bytes,
}

const OPTIONS: WriteOptions = WriteOptions { zstd_level: 1, page_rows: 200 };

fn files(made: impl FnOnce(&mut Vec<u8>) -> Written) -> Files {
    let mut file = Vec::new();
    let written = made(&mut file);
    Files { rows: file.into(), text_index: written.text_index.expect("an index").into() }
}

fn written(columns: &Columns) -> Files {
    files(|file| write(columns, &columns.sort(), &OPTIONS, file).expect("written"))
}

fn open(files: &Files) -> Segment {
    Segment::open(&LINES, Arc::new(files.rows.clone()), None).expect("a segment")
}

fn indexed(files: &Files) -> Segment {
    let segment = open(files);
    segment.index_texts(Arc::new(files.text_index.clone())).expect("its index");
    segment
}

/// What is asked: words of all frequencies, and parts of lines.
fn asked(columns: &Columns, seed: u64) -> Vec<TextMatch> {
    let mut chance = Chance(seed);
    let Data::Text(bodies) = &columns.flat[1].data else { unreachable!("it holds texts") };
    let words = ["rarez", "rarezzzz", "rarekkkkkkk", "nowhere", "insufficient_funds", "funds", "503", "東京都", "京都"];
    let mut all: Vec<TextMatch> = words.iter().map(|word| TextMatch::phrase(word)).collect();
    all.extend(["rarek", "rarezzzzzz", "cl"].map(|start| TextMatch::WordPrefix(start.to_owned())));
    for number in 0..12 {
        let line: Vec<char> = bodies.get(1 + chance.below(40)).unwrap_or_default().chars().collect();
        let from = chance.below(line.len());
        let part: String = line[from..].iter().take(1 + chance.below(25)).collect();
        all.push(match number % 4 {
            0 => TextMatch::Contains(part),
            1 => TextMatch::ContainsFolded(part.to_uppercase()),
            2 => TextMatch::phrase(&part),
            _ => TextMatch::pattern(&format!("(?i){}.*(rare[yz]+|closed)", regex::escape(&part))).expect("a pattern"),
        });
    }
    all
}

fn filters(asked: &TextMatch) -> [Filter; 4] {
    let of = |column: &str| {
        let test = TextTest::Match(Arc::new(asked.clone()));
        Filter::Text { column: column.to_owned(), test }
    };
    let element = || Filter::Element { list: "rest".to_owned(), filter: Box::new(of("value")) };
    let early = Filter::Int { column: "time".to_owned(), min: 0, max: 1500 };
    [
        of("body"),
        element(),
        Filter::Not(Box::new(of("body"))),
        Filter::All(vec![early, Filter::Any(vec![of("body"), element()])]),
    ]
}

/// That a segment, with its index, finds what is found without, and by looking at each row.
fn check(files: &Files, columns: &Columns, seed: u64) {
    let (with, without) = (indexed(files), open(files));
    let all = with.read(&[0..with.rows()], None).expect("rows");
    for asked in asked(columns, seed) {
        for (number, filter) in filters(&asked).iter().enumerate() {
            let found = with.matching(filter, 0..with.rows()).expect("rows");
            assert_eq!(found, without.matching(filter, 0..without.rows()).expect("rows"), "{asked:?}, filter {number}");
            assert_eq!(found, all.matching(filter, 0..all.rows), "{asked:?}, filter {number}");
        }
    }
}

#[test]
fn with_an_index_and_without_the_same_is_found_before_and_after_a_merge() {
    let tables = [lines(1), lines(2)];
    let inputs = tables.each_ref().map(written);
    for (files, columns) in inputs.iter().zip(&tables) {
        check(files, columns, 5);
    }
    let segments = inputs.each_ref().map(indexed);
    let merged = files(|file| merge(&LINES, &segments, &OPTIONS, file).expect("merged"));
    check(&merged, &tables[0], 6);
}

#[test]
fn a_word_that_is_nowhere_is_known_to_be_nowhere() {
    let files = written(&lines(3));
    for text in ["nowhere", "order 0123456789abcdef"] {
        let [body, ..] = filters(&TextMatch::phrase(text));
        assert!(indexed(&files).search(&body).expect("a search").is_empty());
        assert!(!open(&files).search(&body).expect("a search").is_empty());
    }
    let exactly = Filter::Text { column: "body".to_owned(), test: TextTest::Equal("nowhere".to_owned()) };
    assert!(indexed(&files).search(&exactly).expect("a search").is_empty());
}

#[test]
fn an_index_that_is_damaged_or_of_another_segment_changes_no_answer() {
    let columns = lines(4);
    let (files, other) = (written(&columns), written(&lines(5)));
    assert!(open(&files).index_texts(Arc::new(other.text_index)).is_err());
    let whole = indexed(&files);
    let [body, rest, ..] = filters(&TextMatch::phrase("rarezzz"));
    let expected = [&body, &rest].map(|filter| whole.matching(filter, 0..ROWS).expect("rows"));
    assert!(!expected[0].is_empty());
    for place in (0..files.text_index.len()).step_by(files.text_index.len() / 40) {
        let mut words = files.text_index.to_vec();
        words[place] ^= 0x20;
        let segment = open(&files);
        // Whether it is found out at once, or when that part is read.
        let _ = segment.index_texts(Arc::new(Bytes::from(words)));
        let found = [&body, &rest].map(|filter| segment.matching(filter, 0..ROWS).expect("rows"));
        assert_eq!(found, expected, "damaged at {place}");
    }
}

#[test]
fn long_texts_have_pages_of_fewer_rows_and_few_texts_a_dictionary() {
    let pages = |columns: &Columns| {
        let mut file = Vec::new();
        let options = WriteOptions::default();
        let written = write(columns, &columns.sort(), &options, &mut file).expect("written");
        let segment = Segment::open(&LINES, Arc::new(Bytes::from(file)), None).expect("a segment");
        (segment.time_pages().len(), written.text_index.is_some())
    };
    let mut long = Columns::new(&LINES);
    let mut chance = Chance(9);
    for row in 0..6000 {
        let Data::Int(times) = &mut long.flat[0].data else { unreachable!("it holds times") };
        times.push(row);
        push(&mut long.flat[1], Some(&chance.line().repeat(2)));
        long.lists[0].offsets.push(0);
        long.rows += 1;
    }
    // Some 900 bytes a line: a page has about a mebibyte of them.
    assert_eq!(pages(&long), (6, true));
    let mut few = long.clone();
    let Data::Text(texts) = &mut few.flat[1].data else { unreachable!("it holds texts") };
    texts.codes.fill(7);
    assert_eq!(pages(&few.take(&(0..6000).collect::<Vec<_>>())), (1, false));
}
