//! Reading: by id, by keys, by words, and the outbox.

use std::collections::HashMap;

use ::mongodb::bson::{Document as Bson, doc};
use ::mongodb::error::Error as MongoError;
use ::mongodb::{Collection, Database};
use futures::TryStreamExt;

use super::{MongoInner, OUTBOX, STATE, int, key_of, text_of};
use crate::engine::{CollectionSchema, Event, NewEvent, Raw, RawPage};
use crate::error::Error;
use crate::query::{MAX_PAGE, Query, read_cursor, write_cursor};
use crate::text_index::{MAX_DEPTH, MAX_WORDS, folded};

fn text(document: &Bson, field: &str) -> String {
    document.get_str(field).unwrap_or_default().to_owned()
}

fn raw(document: &Bson) -> Raw {
    Raw {
        id: text(document, "_id"),
        version: document.get_i64("version").unwrap_or_default().unsigned_abs(),
        body: text(document, "body").into_bytes(),
    }
}

pub(crate) async fn get(shared: &MongoInner, collection: &str, ids: &[&str]) -> Result<Vec<Raw>, Error> {
    shared.schema.collection(collection)?;
    let documents = shared.documents(collection)?;
    let wanted = doc! { "_id": { "$in": ids } };
    let found: Vec<Bson> = shared.within(async { documents.find(wanted).await?.try_collect().await }).await?;
    let found: HashMap<String, Raw> = found.iter().map(|d| (text(d, "_id"), raw(d))).collect();
    Ok(ids.iter().filter_map(|id| found.get(*id).cloned()).collect())
}

/// The filter of a query without its cursor.
fn filter(schema: &CollectionSchema, query: &Query) -> Result<Vec<Bson>, Error> {
    let mut all = Vec::new();
    for (index, key) in &query.equal {
        schema.has_keys(index)?;
        all.push(doc! { format!("keys.{index}"): text_of(key) });
    }
    if let Some((index, range)) = &query.range {
        schema.has_keys(index)?;
        all.push(doc! { format!("keys.{index}"): { "$gte": text_of(range.start()), "$lte": text_of(range.end()) } });
    }
    Ok(all)
}

fn all_of(filters: Vec<Bson>) -> Bson {
    if filters.is_empty() {
        Bson::new()
    } else {
        doc! { "$and": filters }
    }
}

pub(crate) async fn find(shared: &MongoInner, collection: &str, query: Query) -> Result<RawPage, Error> {
    let schema = shared.schema.collection(collection)?;
    let mut filters = filter(schema, &query)?;
    let (compare, order) = if query.descending { ("$lt", -1) } else { ("$gt", 1) };
    let order_key = query.order().map(|index| format!("keys.{index}"));
    if let Some((key, id)) = query.resumed()? {
        filters.push(match order_key.as_ref().zip(key) {
            Some((field, key)) => {
                let key = text_of(&key);
                doc! { "$or": [
                    { field: { compare: &key } },
                    { field: &key, "_id": { compare: id } },
                ] }
            }
            None => doc! { "_id": { compare: id } },
        });
    }
    if query.limit == 0 {
        return Ok(RawPage { items: Vec::new(), next_cursor: None });
    }
    let mut sort = Bson::new();
    sort.extend(order_key.map(|field| (field, order.into())));
    sort.insert("_id", order);
    let documents = shared.documents(collection)?;
    let found =
        async { documents.find(all_of(filters)).sort(sort).limit(int(query.limit + 1)).await?.try_collect().await };
    let found: Vec<Bson> = shared.within(found).await?;
    let items: Vec<Raw> = found.iter().take(query.limit).map(raw).collect();
    let mut next_cursor = None;
    if found.len() > items.len()
        && let Some(last) = found.get(items.len().saturating_sub(1))
    {
        let key_in = |index: &str| last.get_document("keys").ok()?.get_str(index).ok().and_then(key_of);
        next_cursor = Some(query.cursor_at(query.order().and_then(key_in), text(last, "_id"))?);
    }
    Ok(RawPage { items, next_cursor })
}

pub(crate) async fn count(shared: &MongoInner, collection: &str, query: Query) -> Result<u64, Error> {
    let filters = filter(shared.schema.collection(collection)?, &query)?;
    let documents = shared.documents(collection)?;
    shared.within(documents.count_documents(all_of(filters)).into_future()).await
}

pub(crate) async fn search(
    shared: &MongoInner,
    collection: &str,
    index: &str,
    text: &str,
    limit: usize,
    cursor: Option<&str>,
) -> Result<RawPage, Error> {
    let schema = shared.schema.collection(collection)?;
    schema.has_text_index(index)?;
    let skip: usize = cursor.filter(|c| !c.is_empty()).map_or(Ok(0), read_cursor)?;
    let limit = limit.min(MAX_PAGE);
    let mut words: Vec<String> = folded(text).take(MAX_WORDS).collect();
    let last = words.pop().filter(|_| limit > 0 && skip <= MAX_DEPTH);
    let Some(last) = last else { return Ok(RawPage { items: Vec::new(), next_cursor: None }) };
    let field = format!("keys.{index}");
    // Words are letters and digits: nothing in them is an operator of a regular expression.
    let mut filters = vec![doc! { &field: { "$regex": format!("^{last}") } }];
    filters.extend(words.iter().map(|word| doc! { &field: word }));
    // The more often, and the shorter the text, the better.
    let kept = format!("${field}");
    let counts = doc! { "$or": [{ "$in": ["$$this", words] }, { "$eq": [{ "$indexOfBytes": ["$$this", last] }, 0] }] };
    let often = doc! { "$size": { "$filter": { "input": &kept, "as": "this", "cond": counts } } };
    let length = doc! { "$add": [1, { "$ln": { "$add": [1, { "$size": &kept }] } }] };
    let pipeline = [
        doc! { "$match": { "$and": filters } },
        doc! { "$addFields": { "rank": { "$divide": [often, length] } } },
        doc! { "$sort": { "rank": -1, "_id": 1 } },
        doc! { "$skip": int(skip) },
        doc! { "$limit": int(limit + 1) },
        doc! { "$project": { "version": 1, "body": 1 } },
    ];
    let documents = shared.documents(collection)?;
    let found: Vec<Bson> = shared.within(async { documents.aggregate(pipeline).await?.try_collect().await }).await?;
    let items = found.iter().take(limit).map(raw).collect();
    let next_cursor = (found.len() > limit).then(|| write_cursor(&(skip + limit))).transpose()?;
    Ok(RawPage { items, next_cursor })
}

/// The position of the last event.
pub(crate) async fn last_position(shared: &MongoInner) -> Result<u64, Error> {
    let database = shared.database()?;
    shared.within(position(&database)).await
}

async fn position(database: &Database) -> Result<u64, MongoError> {
    let state: Collection<Bson> = database.collection(STATE);
    let found = state.find_one(doc! { "_id": STATE }).await?;
    Ok(found.and_then(|s| s.get_i64("position").ok()).unwrap_or_default().unsigned_abs())
}

pub(crate) async fn events(
    shared: &MongoInner,
    after: u64,
    topics: &[String],
    limit: usize,
) -> Result<(Vec<Event>, u64), Error> {
    let database = shared.database()?;
    let outbox: Collection<Bson> = database.collection(OUTBOX);
    let found = async {
        // First: what is not found up to here is not there.
        let last = position(&database).await?;
        let wanted = doc! { "_id": { "$gt": int(after), "$lte": int(last) }, "topic": { "$in": topics } };
        let found = outbox.find(wanted).sort(doc! { "_id": 1 }).limit(int(limit)).await?;
        Ok((last, found.try_collect::<Vec<_>>().await?))
    };
    let (last, found) = shared.within(found).await?;
    shared.publish_position(last);
    let events: Vec<Event> = found.iter().map(event).collect();
    let looked = if events.len() < limit { last } else { events.last().map_or(after, |e| e.position) };
    Ok((events, looked.max(after)))
}

fn event(document: &Bson) -> Event {
    Event {
        position: document.get_i64("_id").unwrap_or_default().unsigned_abs(),
        event: NewEvent {
            id: text(document, "id"),
            topic: text(document, "topic"),
            key: text(document, "key"),
            occurred_at_ms: document.get_i64("occurred_at_ms").unwrap_or_default(),
            payload: document.get_binary_generic("payload").cloned().unwrap_or_default(),
            traceparent: text(document, "traceparent"),
            baggage: text(document, "baggage"),
        },
    }
}
