//! Pages, their cursors, and words.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Error, Index, Key, Keys, MAX_PAGE, Query, Schema, Store};

use crate::database::TestDatabase;
use crate::{Item, commit, schema};

async fn ids(store: &Store, query: Query) -> Vec<String> {
    store.find::<Item>(query).await.expect("found").items.into_iter().map(|s| s.doc.id).collect()
}

async fn search(store: &Store, text: &str) -> Vec<String> {
    let page = store.search::<Item>("text", text, 10, None).await.expect(text);
    page.items.into_iter().map(|s| s.doc.id).collect()
}

pub async fn a_cursor_that_was_given_is_taken_however_long_the_keys(place: &TestDatabase) {
    let store = place.open(schema()).await;
    let long = |n: i64| Item::new(&format!("{}{n}", "ü\u{1}".repeat(300)), n, &format!("{}{n}", "y".repeat(2000)));
    commit(&store, |tx| (0..3).for_each(|n| tx.insert(&long(n)))).await.expect("inserted");
    for query in [Query::all(), Query::range("stock", 0_i64..=9), Query::range("label", ""..="z")] {
        let (mut walked, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = store.find::<Item>(query.clone().limit(1).cursor(cursor.as_deref())).await.expect("a page");
            walked.extend(page.items.iter().map(|i| i.stock));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(walked, [0, 1, 2]);
    }
}

pub async fn a_cursor_of_another_query_is_refused(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| (0..5).for_each(|n| tx.insert(&Item::new(&format!("i{n}"), n, "bowl"))))
        .await
        .expect("inserted");
    let by_id = store.find::<Item>(Query::all().limit(2)).await.expect("found").next_cursor.expect("more");
    let by_stock = Query::range("stock", 0_i64..=9);
    let stocked = store.find::<Item>(by_stock.clone().limit(2)).await.expect("found").next_cursor.expect("more");
    let found = store.search::<Item>("text", "bowl", 2, None).await.expect("found").next_cursor.expect("more");
    for (query, cursor) in [
        (Query::all(), &stocked),
        (Query::all(), &found),
        (by_stock.clone(), &by_id),
        (by_stock.clone(), &found),
        (Query::range("label", "a"..="z"), &stocked),
    ] {
        let answer = store.find::<Item>(query.cursor(Some(cursor))).await;
        assert!(matches!(answer, Err(Error::Cursor)), "{answer:?}");
    }
    for cursor in [&by_id, &stocked, &"-1".to_owned(), &"LTE".to_owned()] {
        let answer = store.search::<Item>("text", "bowl", 2, Some(cursor)).await;
        assert!(matches!(answer, Err(Error::Cursor)), "{cursor}: {answer:?}");
    }
    // An empty one is none.
    assert_eq!(ids(&store, Query::all().limit(1).cursor(Some(""))).await, ["i0"]);
}

pub async fn bounds_include_their_ends_and_conditions_add_up(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| {
        for n in -3..=3 {
            tx.insert(&Item::new(&format!("i{n}"), n, if n % 2 == 0 { "even" } else { "odd" }));
        }
    })
    .await
    .expect("inserted");
    assert_eq!(ids(&store, Query::range("stock", -1_i64..=1)).await, ["i-1", "i0", "i1"]);
    assert_eq!(ids(&store, Query::range("stock", -1_i64..=1).descending()).await, ["i1", "i0", "i-1"]);
    assert_eq!(
        ids(&store, Query::range("stock", i64::MIN..=i64::MAX).and_eq("label", "even")).await,
        ["i-2", "i0", "i2"]
    );
    assert_eq!(ids(&store, Query::eq("label", "odd").and_eq("stock", 3_i64)).await, ["i3"]);
    #[expect(clippy::reversed_empty_ranges, reason = "a caller may ask for it")]
    let none = ids(&store, Query::range("stock", 2_i64..=1)).await;
    assert!(none.is_empty());
    assert!(ids(&store, Query::eq("stock", "3")).await.is_empty(), "text is no number");
    assert!(ids(&store, Query::all().limit(0)).await.is_empty());
    let unknown = store.find::<Item>(Query::eq("colour", "red")).await;
    assert!(matches!(&unknown, Err(Error::NoIndex { index, .. }) if index == "colour"), "{unknown:?}");
    // Words are searched, not compared.
    let words = store.count::<Item>(Query::eq("text", "odd")).await;
    assert!(matches!(words, Err(Error::NoIndex { .. })), "{words:?}");
}

/// Something whose key is a number or a text.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Either(String, Key);

impl Document for Either {
    const COLLECTION: &'static str = "eithers";
    const INDEXES: &'static [Index] = &[Index::ordered("key")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("key", self.1.clone());
    }
}

pub async fn keys_of_both_kinds_have_one_order(place: &TestDatabase) {
    let store = place.open(Schema::new().with::<Either>()).await;
    let int = |n: i64| Key::Int(n);
    let text = |s: &str| Key::Str(s.to_owned());
    // Bytes, not letters, order texts; numbers come first.
    let sorted = [
        int(i64::MIN),
        int(-256),
        int(-1),
        int(0),
        int(1),
        int(255),
        int(256),
        int(i64::MAX),
        text(""),
        text("-1"),
        text("10"),
        text("9"),
        text("A"),
        text("B"),
        text("a"),
        text("aa"),
        text("b"),
        text("ä"),
        text("切"),
        text("😀"),
    ];
    commit(&store, |tx| {
        for (n, key) in sorted.iter().enumerate().rev() {
            tx.insert(&Either(format!("e{}", n % 7 * 100 + n), key.clone()));
        }
    })
    .await
    .expect("inserted");
    let (mut walked, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let all = Query::range("key", int(i64::MIN)..=text("\u{10ffff}"));
        let page = store.find::<Either>(all.limit(3).cursor(cursor.as_deref())).await.expect("found");
        walked.extend(page.items.into_iter().map(|e| e.doc.1));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(walked, sorted);
    for (range, expected) in [(int(-1)..=int(1), 3), (text("A")..=text("a"), 3), (int(256)..=text("-1"), 4)] {
        assert_eq!(store.count::<Either>(Query::range("key", range)).await.expect("counted"), expected);
    }
}

pub async fn a_page_is_never_larger_than_the_largest(place: &TestDatabase) {
    let store = place.open(schema()).await;
    let many = MAX_PAGE + 5;
    commit(&store, |tx| {
        for n in 0..many {
            tx.insert(&Item::new(&format!("i{n:05}"), 0, "bowl"));
        }
    })
    .await
    .expect("inserted");
    let page = store.find::<Item>(Query::all().limit(usize::MAX)).await.expect("found");
    assert_eq!((page.items.len(), page.next_cursor.is_some()), (MAX_PAGE, true));
    let rest = store.find::<Item>(Query::all().cursor(page.next_cursor.as_deref())).await.expect("found");
    assert_eq!((rest.items.len(), rest.next_cursor), (5, None));
    let (mut found, mut cursor) = (BTreeSet::new(), None::<String>);
    loop {
        let page = store.search::<Item>("text", "bowl", usize::MAX, cursor.as_deref()).await.expect("found");
        found.extend(page.items.into_iter().map(|i| i.doc.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), many);
}

pub async fn what_fits_best_comes_first_and_pages_do_not_repeat(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| {
        tx.insert(&Item::new("once", 0, "a long story about a lamp among many other things on the table"));
        tx.insert(&Item::new("twice", 0, "lamp, a lamp"));
        tx.insert(&Item::new("short", 0, "small lamp here"));
        tx.insert(&Item::new("never", 0, "nothing of the kind"));
    })
    .await
    .expect("inserted");
    assert_eq!(search(&store, "lamp").await, ["twice", "short", "once"]);
    let (mut walked, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = store.search::<Item>("text", "lamp", 1, cursor.as_deref()).await.expect("found");
        walked.extend(page.items.into_iter().map(|i| i.doc.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(walked, ["twice", "short", "once"]);
    let nothing = store.search::<Item>("text", "lamp", 0, None).await.expect("found");
    assert_eq!((nothing.items.len(), nothing.next_cursor), (0, None), "nothing was asked for, nothing more is to come");
    commit(&store, |tx| tx.delete::<Item>("twice")).await.expect("deleted");
    assert_eq!(search(&store, "lamp").await, ["short", "once"]);
}

pub async fn words_are_words_in_every_writing(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| {
        tx.insert(&Item::new("sv", 0, "Glasögon från Orrefors"));
        tx.insert(&Item::new("ru", 0, "Стеклянная ваза"));
        tx.insert(&Item::new("ja", 0, "切子 グラス"));
        tx.insert(&Item::new("op", 0, "this AND that OR NEAR not NOT"));
    })
    .await
    .expect("inserted");
    assert_eq!(search(&store, "glasogon").await, ["sv"], "marks may be left out");
    assert_eq!(search(&store, "glaso\u{308}gon").await, ["sv"], "marks may be written apart");
    assert_eq!(search(&store, "ВАЗА").await, ["ru"]);
    assert_eq!(search(&store, "グラ").await, ["ja"], "the last word may be a beginning");
    assert_eq!(search(&store, "NEAR OR").await, ["op"], "operators are words");
    assert!(search(&store, "glas vaza").await.is_empty(), "all words must be there");
    for odd in [
        "\"\"",
        "a\"b",
        "x:y",
        "text:lamp",
        "^a",
        "{a}",
        "(",
        ")",
        "a*b*",
        "+",
        "NEAR(a, 2)",
        "a AND",
        "\u{301}",
        "\u{1E900}",
        "𝔤𝔩𝔞𝔰𝔰",
        "½",
        "\u{10FFFF}",
        "ﷺ",
        "\\",
        "%_",
        "👩‍👩‍👧",
    ] {
        search(&store, odd).await;
    }
    search(&store, &"word ".repeat(10_000)).await;
    search(&store, &"w".repeat(100_000)).await;
}
