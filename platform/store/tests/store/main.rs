//! What a store promises. Most of it holds for every engine: these cases are written once and run on each.

mod database;

mod behaviour;
mod changes;
mod contention;
mod faults;
mod figures;
mod opening;
mod paging;

mod logged;
#[cfg(feature = "mongodb")]
mod mongodb;
mod postgres;
mod sqlite;

use std::borrow::Cow;
use std::cell::Cell;

use database::TestDatabase;
use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Error, Index, Keys, NewEvent, Schema, Store, Stored, Tx, retry_conflicts};

/// A thing with a number of itself in stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Item {
    id: String,
    stock: i64,
    text: String,
}

impl Item {
    fn new(id: &str, stock: i64, text: &str) -> Self {
        Self { id: id.to_owned(), stock, text: text.to_owned() }
    }
}

impl Document for Item {
    const COLLECTION: &'static str = "items";
    const INDEXES: &'static [Index] = &[Index::ordered("stock"), Index::ordered("label"), Index::text("text")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("stock", self.stock);
        out.put("label", self.text.as_str());
        out.put("text", self.text.as_str());
    }
}

fn schema() -> Schema {
    Schema::new().with::<Item>()
}

async fn commit(store: &Store, fill: impl FnOnce(&mut Tx)) -> Result<(), Error> {
    let mut tx = store.begin();
    fill(&mut tx);
    tx.commit().await
}

async fn read(store: &Store, id: &str) -> Stored<Item> {
    store.get(id).await.expect("read").expect("there")
}

fn event(id: &str, occurred_at_ms: i64) -> NewEvent {
    NewEvent {
        id: id.to_owned(),
        topic: "test.item.made".to_owned(),
        key: id.to_owned(),
        occurred_at_ms,
        payload: Vec::new(),
        traceparent: String::new(),
        baggage: String::new(),
    }
}

fn topics() -> [String; 1] {
    ["test.item.made".to_owned()]
}

#[tokio::test]
async fn a_change_that_always_conflicts_is_given_up() {
    let tries = Cell::new(0);
    let conflict = || Error::Conflict { collection: "items", id: "i".to_owned() };
    let outcome: Result<(), Error> = retry_conflicts(async || {
        tries.set(tries.get() + 1);
        Err(conflict())
    })
    .await;
    assert!(matches!(outcome, Err(Error::Conflict { .. })));
    assert_eq!(tries.get(), 16);
    // What no repetition mends is not repeated.
    tries.set(0);
    let outcome: Result<(), Error> = retry_conflicts(async || {
        tries.set(tries.get() + 1);
        Err(Error::Duplicate { collection: "items", index: "label".to_owned() })
    })
    .await;
    assert!(matches!(outcome, Err(Error::Duplicate { .. })) && tries.get() == 1);
}

database::on_every_engine! {
    behaviour:
        versions_keep_writers_apart,
        a_batch_is_all_or_nothing_and_harms_no_other,
        unique_keys_are_unique,
        of_many_who_want_one_key_one_has_it_and_the_others_are_told,
        no_change_is_lost_among_many,
        pages_lose_nothing_while_rows_come_and_go,
        search_finds_words_and_survives_anything_typed,
        all_is_there_after_opening_again,
        any_text_comes_back_as_it_was;
    changes:
        changes_of_one_batch_see_each_other,
        a_change_that_is_taken_out_leaves_nothing,
        a_change_says_when_it_cannot_share_a_batch;
    contention:
        the_last_pieces_are_sold_once,
        a_failed_batch_leaves_nothing_of_it_in_any_index,
        a_batch_that_was_refused_is_in_nobodys_way,
        whoever_is_told_of_an_event_can_read_it;
    figures:
        operations_are_measured;
    opening:
        an_index_that_is_declared_later_is_filled,
        an_index_that_changes_its_kind_is_made_anew,
        a_document_that_cannot_be_read_is_named,
        what_is_pruned_is_gone_and_places_are_never_given_twice;
    paging:
        a_cursor_that_was_given_is_taken_however_long_the_keys,
        a_cursor_of_another_query_is_refused,
        bounds_include_their_ends_and_conditions_add_up,
        keys_of_both_kinds_have_one_order,
        a_page_is_never_larger_than_the_largest,
        what_fits_best_comes_first_and_pages_do_not_repeat,
        words_are_words_in_every_writing;
}

#[test]
fn a_batch_on_sqlite_is_its_changes_one_by_one() {
    changes::a_batch_is_its_changes_one_by_one(TestDatabase::folder, 24);
}

#[test]
fn a_store_on_sqlite_is_a_sorted_map_with_indexes() {
    behaviour::it_is_a_sorted_map_with_indexes(TestDatabase::folder, 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_cases_hold_where_databases_share_a_log() {
    all_cases(TestDatabase::logged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_cases_hold_on_postgresql() {
    let server = vitrine_tests_engines::postgres(&[]).expect("PostgreSQL");
    all_cases(|| TestDatabase::postgres(&server)).await;
    opening::two_openings_see_each_other_and_lose_nothing(&TestDatabase::postgres(&server)).await;
}

#[test]
fn a_store_on_postgresql_is_a_sorted_map_with_indexes() {
    let server = vitrine_tests_engines::postgres(&[("fsync", "off")]).expect("PostgreSQL");
    behaviour::it_is_a_sorted_map_with_indexes(|| TestDatabase::postgres(&server), 8);
}

/// Runs where someone names a replica set.
#[cfg(feature = "mongodb")]
#[tokio::test(flavor = "multi_thread")]
async fn all_cases_hold_on_mongodb() {
    if TestDatabase::mongodb().is_none() {
        println!("VITRINE_TEST_MONGODB_URL names no replica set: nothing was tried");
        return;
    }
    let place = || TestDatabase::mongodb().expect("still named");
    all_cases(place).await;
    opening::two_openings_see_each_other_and_lose_nothing(&place()).await;
}
