//! What the shop starts with.

use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::Kind;
use vitrine_kit::money::Currency;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Stored, Tx, retry_conflicts};

use crate::Config;
use crate::content::{Piece, pieces};
use crate::domain::Stock;
use crate::generate::{Generated, generate};
use crate::store::{EventDoc, ProductDoc, Products, SeededDoc, StockDoc};

/// Generated products of one commit.
const BATCH: u64 = 2_000;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Puts in what is missing: the hand-written pieces once, then generated products up to the wished number.
pub(crate) async fn seed(products: &Products, config: &Config, seed: u64) -> Result<(), Problem> {
    put_in(products, config, seed).await.map_err(|e| {
        tracing::error!(error = %e, "the catalog could not be filled");
        Problem::internal()
    })
}

async fn put_in(products: &Products, config: &Config, seed: u64) -> Result<(), Failure> {
    let mut written = 0;
    loop {
        // A replica may do the same at the same time: a caller that commits first has put a batch in, and the other
        // looks again.
        match retry_conflicts(async || put_batch(products, config, seed).await).await? {
            0 => break,
            more => written += more,
        }
    }
    if written > 0 {
        tracing::info!(products = written, "the catalog was filled");
    }
    Ok(())
}

/// Puts in the next that is missing; returns how many products that were.
async fn put_batch(products: &Products, config: &Config, seed: u64) -> Result<u64, Failure> {
    let now = products.clock.now_ms();
    let stored = products.store.get::<SeededDoc>(SeededDoc::ID).await?;
    let mut seeded = stored.as_ref().map(|s| s.doc.clone()).unwrap_or_default();
    let by_hand = u64::try_from(pieces().count()).unwrap_or(0);
    let wanted = config.products.saturating_sub(by_hand);
    let mut tx = products.store.begin();
    let written = if !seeded.pieces {
        for piece in pieces() {
            put(&mut tx, piece_doc(piece, config, now), piece.stock);
        }
        seeded.pieces = true;
        by_hand
    } else {
        let begin = seeded.generated;
        let end = wanted.min(begin.saturating_add(BATCH)).max(begin);
        for index in begin..end {
            let generated = generate(seed, index);
            let stock = generated.stock;
            put(&mut tx, generated_doc(generated, now), stock);
        }
        seeded.generated = end;
        end - begin
    };
    if written > 0 {
        match stored {
            Some(stored) => tx.update(&Stored { doc: seeded, version: stored.version }),
            None => tx.insert(&seeded),
        }
        tx.commit().await?;
    }
    Ok(written)
}

fn put(tx: &mut Tx, doc: ProductDoc, available: u32) {
    tx.put(&StockDoc { product_id: doc.id.clone(), stock: Stock { available, reserved: 0, sold: 0 } });
    tx.put(&doc);
}

fn piece_doc(piece: &Piece, config: &Config, now: i64) -> ProductDoc {
    let midnight = now - now.rem_euclid(DAY_MS);
    let event = piece.workshop.as_ref().map(|w| EventDoc {
        starts_at: midnight + i64::from(w.days_ahead) * DAY_MS + i64::from(w.start_minute) * 60_000,
        duration_min: w.duration_min,
        venue: w.venue.to_owned(),
    });
    let promoter_id =
        if piece.workshop.as_ref().is_some_and(|w| w.promoter) { config.promoter_id.clone() } else { String::new() };
    ProductDoc {
        id: format!("prd_{}", piece.slug),
        kind: if event.is_some() { Kind::Event } else { Kind::Goods }.into(),
        name: piece.name.to_owned(),
        description: piece.description.to_owned(),
        category: piece.category.to_owned(),
        tags: piece.tags.iter().map(|t| (*t).to_owned()).collect(),
        currency: Currency::EUR.code().to_owned(),
        price_minor: piece.price_minor,
        weight_g: piece.weight_g,
        event,
        promoter_id,
        created_at: now,
        comparable_minor: None,
    }
}

fn generated_doc(generated: Generated, now: i64) -> ProductDoc {
    ProductDoc {
        id: generated.id,
        kind: Kind::Goods.into(),
        name: generated.name,
        description: generated.description,
        category: generated.category.to_owned(),
        tags: generated.tags,
        currency: Currency::EUR.code().to_owned(),
        price_minor: generated.price_minor,
        weight_g: generated.weight_g,
        event: None,
        promoter_id: String::new(),
        created_at: now,
        comparable_minor: None,
    }
}
