//! The index of texts, asked as a reader asks it: whatever matches is on a page of the answer.

#[path = "index/corpora.rs"]
mod corpora;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use regex::RegexBuilder;
use vitrine_observe_text::{Ask, IndexError, IndexOwner, TextIndex, TextIndexWriter, TextMatch, TextScan, fold, words};

/// The file of an index of these pages, and what it is of.
fn written(pages: &[Vec<String>]) -> (Bytes, IndexOwner) {
    let mut writer = TextIndexWriter::default();
    let mut column = writer.column("body");
    for page in pages {
        page.iter().for_each(|text| column.add(text));
        column.end_page();
    }
    column.finish();
    let owner = IndexOwner { checksum: 0x1234_5678, rows: pages.iter().map(Vec::len).sum(), pages: pages.len() };
    (Bytes::from(writer.finish(owner).expect("a column")), owner)
}

fn open(file: &Bytes, owner: IndexOwner) -> Result<TextIndex, IndexError> {
    let file = file.clone();
    TextIndex::open(owner, file.len() as u64, move |at, bytes| {
        let range = at as usize..at as usize + bytes;
        file.get(range.clone()).map(|_| file.slice(range)).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    })
}

/// Which pages may have a match.
fn pages(index: &TextIndex, asked: &TextMatch) -> Vec<bool> {
    let all = || vec![true; 1 << 16];
    index.pages("body", &asked.ask()).expect("an answer").unwrap_or_else(all)
}

/// Pieces of texts that are cut, folded or listed each in its own way.
const PIECES: [&str; 44] = [
    "error",
    "ERROR",
    "Error",
    "myerror_17",
    "errors",
    "err",
    "7f3a91",
    "7F3A91",
    "dead",
    "DEAD",
    "beef1",
    "be",
    "ef",
    "insufficient_funds",
    "funds",
    "30s",
    "17",
    "2026",
    "20261",
    "1",
    "a",
    "A",
    "g",
    "_",
    "__",
    " ",
    " ",
    "-",
    ".",
    "=",
    "7f3ab9c2-d1e4-4f00-dead-0123456789ab",
    "d1e4",
    "é",
    "ß",
    "İstanbul",
    "\u{212A}elvin",
    "ſet",
    "Σίσυφος",
    "東京都",
    "京",
    "ไทย",
    "١٢٣٤٥",
    "\u{307}",
    "日本",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => (0..PIECES.len()).prop_map(|piece| PIECES[piece].to_owned()),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z]{60,70}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// A part of a text, from one character to another.
fn part(text: &str, from: usize, characters: usize) -> String {
    let skipped = text.chars().count().max(1);
    text.chars().skip(from % skipped).take(characters).collect()
}

/// All matches that a part of a text may be asked as.
fn matches(part: &str, slop: usize) -> Vec<TextMatch> {
    let mut all = vec![TextMatch::Contains(part.to_owned()), TextMatch::ContainsFolded(part.to_owned())];
    all.push(TextMatch::phrase(part));
    let found: Vec<String> = words(part).map(|word| fold(&part[word]).into_owned()).collect();
    all.extend(found.iter().flat_map(|word| [TextMatch::Word(word.clone()), TextMatch::WordPrefix(word.clone())]));
    let last_is_prefix = slop % 2 == 0;
    all.push(TextMatch::Phrase { words: found.clone(), slop, last_is_prefix });
    all.extend(found.first().map(|word| TextMatch::Fuzzy { word: word.clone(), distance: 1 }));
    let escaped = regex::escape(part);
    let start = regex::escape(&part.chars().take(2).collect::<String>());
    let patterns = [
        format!("(?i){escaped}"),
        format!("({escaped}|zzz)"),
        format!("^.*{escaped}+$"),
        format!(r"(?i)\b{start}\w*"),
        format!("{start}.?.?[a-z]*{start}?"),
    ];
    let built = |pattern, folded| RegexBuilder::new(pattern).case_insensitive(folded).build().expect("a pattern");
    let patterns = patterns.iter().flat_map(|pattern| [built(pattern, false), built(pattern, true)]);
    all.extend(patterns.flat_map(|regex| [TextMatch::Regex(regex.clone().into()), TextMatch::WordRegex(regex.into())]));
    all
}

proptest! {
    #[test]
    fn whatever_matches_is_on_a_page_of_the_answer(
        texts in prop::collection::vec(prop::collection::vec(text(), 0..4), 1..12),
        from: usize, characters in 1usize..20, which: usize, slop in 0usize..4,
    ) {
        let (file, owner) = written(&texts);
        let index = open(&file, owner).expect("an index");
        let all: Vec<&String> = texts.iter().flatten().collect();
        let asked = all.get(which % all.len().max(1)).map_or("error", |text| text.as_str());
        for asked in matches(&part(asked, from, characters), slop) {
            let answer = pages(&index, &asked);
            for (page, texts) in texts.iter().enumerate() {
                let found = texts.iter().any(|text| asked.matches(text));
                prop_assert!(!found || answer[page], "{asked:?} is asked as {:?} and not on page {page}: {texts:?}", asked.ask());
            }
        }
    }

    #[test]
    fn texts_that_lie_together_match_as_each_does_alone(
        texts in prop::collection::vec(prop::option::of(text()), 0..12), gap in 0usize..3,
        from: usize, characters in 1usize..8, which: usize, slop in 0usize..4,
    ) {
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        for text in &texts {
            let text = text.as_ref().map(|text| {
                bytes.extend(std::iter::repeat_n(b'e', gap));
                let start = bytes.len() as u32;
                bytes.extend_from_slice(text.as_bytes());
                (start, bytes.len() as u32)
            });
            places.push(text);
        }
        let asked = texts.get(which % texts.len().max(1)).cloned().flatten().unwrap_or_else(|| "error".to_owned());
        for asked in matches(&part(&asked, from, characters), slop) {
            let alone: Vec<bool> = texts.iter().map(|text| text.as_ref().is_some_and(|text| asked.matches(text))).collect();
            prop_assert_eq!(TextScan::new(Arc::new(asked.clone())).matching(&bytes, places.iter().copied()), alone, "{:?}", asked);
        }
    }

    #[test]
    fn what_was_changed_is_never_another_answer(
        place: usize, bit in 0u8..8, cut in prop_oneof![Just(0usize), 1usize..200],
    ) {
        let texts: Vec<Vec<String>> = corpora::access_lines(400).chunks(40).map(<[String]>::to_vec).collect();
        let (file, owner) = written(&texts);
        let whole = open(&file, owner).expect("an index");
        let mut changed = file.to_vec();
        changed.truncate(file.len() - cut.min(file.len()));
        if cut == 0 {
            changed[place % file.len()] ^= 1 << bit;
        }
        let Ok(index) = open(&Bytes::from(changed), owner) else { return Ok(()) };
        for asked in ["POST", "timeout", "10.0.0.1", "x"].map(TextMatch::phrase) {
            if let Ok(answer) = index.pages("body", &asked.ask()) {
                prop_assert_eq!(answer, whole.pages("body", &asked.ask()).expect("an answer"));
            }
        }
    }
}

#[test]
fn an_index_is_of_its_own_segment_only() {
    let (file, owner) = written(&[vec!["a".to_owned()], vec!["b".to_owned()]]);
    let others =
        [IndexOwner { checksum: 1, ..owner }, IndexOwner { rows: 3, ..owner }, IndexOwner { pages: 3, ..owner }];
    for other in others {
        assert!(matches!(open(&file, other), Err(IndexError::Damaged("is of another segment"))), "{other:?}");
    }
    let index = open(&file, owner).expect("an index");
    assert_eq!(index.pages("other", &Ask::Word("a".to_owned())).expect("an answer"), None);
}

#[test]
fn more_words_than_are_listed_are_found_all_the_same() {
    let word = |number: usize| -> String {
        let letters = std::iter::successors(Some(number), |rest| Some(rest / 26)).take(5);
        letters.map(|rest| char::from(b'a' + (rest % 26) as u8)).collect()
    };
    let texts: Vec<Vec<String>> = (0..90).map(|page| (page * 1000..(page + 1) * 1000).map(word).collect()).collect();
    let (file, owner) = written(&texts);
    let index = open(&file, owner).expect("an index");
    for number in (0..90_000).step_by(997) {
        let answer = pages(&index, &TextMatch::Word(word(number)));
        assert!(answer[number / 1000], "word {number}");
        assert!(answer[..90].iter().filter(|page| **page).count() < 10, "word {number} is nearly everywhere");
        let infix = pages(&index, &TextMatch::Contains(word(number)[1..].to_owned()));
        assert!(infix[number / 1000] && infix[89], "pages with words that are not listed may hold any part");
    }
}

#[test]
fn an_index_is_small_and_says_where_little_is() {
    let corpora: [(&str, fn(usize) -> Vec<String>); 3] = [
        ("messages", corpora::messages),
        ("access lines", corpora::access_lines),
        ("Kubernetes JSON", corpora::kubernetes_json),
    ];
    for (what, lines) in corpora {
        let mut lines = lines(60_000);
        let needle = " zyzzyva order 7f3a91b2c3";
        lines[40_000].push_str(needle);
        let bytes: usize = lines.iter().map(String::len).sum();
        let page_rows = ((1 << 20) * lines.len() / bytes).clamp(1024, 8192);
        let texts: Vec<Vec<String>> = lines.chunks(page_rows).map(<[String]>::to_vec).collect();
        let began = Instant::now();
        let (file, owner) = written(&texts);
        let seconds = began.elapsed().as_secs_f64();
        let index = open(&file, owner).expect("an index");
        println!(
            "{what}: {} bytes a line, the index {:.2} ({:.1} %), {} of it in memory; {:.0} MB/s",
            bytes / lines.len(),
            file.len() as f64 / lines.len() as f64,
            file.len() as f64 * 100.0 / bytes as f64,
            index.held_bytes(),
            bytes as f64 / 1e6 / seconds,
        );
        assert!(file.len() * 10 < bytes * 3, "{what}: {} bytes for {bytes}", file.len());
        for asked in ["zyzzyva", "order 7f3a91b2c3"] {
            let answer = pages(&index, &TextMatch::phrase(asked));
            assert!(answer[40_000 / page_rows] && answer.iter().filter(|page| **page).count() <= 2, "{what}: {asked}");
        }
        let absent = pages(&index, &TextMatch::phrase("quixotic"));
        assert!(!absent.contains(&true), "{what}");
    }
}
