//! No operation asks services more often than it has types: however long its lists are, what belongs to their items is read at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use serde_json::{Value, json};

use super::world::{Caller, PASSWORD, PROMOTER, World, address, card};

/// The names of the types of all fields, by the names of their types.
struct Types(BTreeMap<String, BTreeMap<String, String>>);

impl Types {
    async fn ask(caller: &Caller) -> Result<Self> {
        let query = "{ __schema { types { name fields { name type { ...R } } } } } \
                     fragment R on __Type { name ofType { name ofType { name ofType { name } } } }";
        let told = caller.run(query, json!({})).await?;
        let mut types = BTreeMap::new();
        for known in told["__schema"]["types"].as_array().context("types")? {
            let mut fields = BTreeMap::new();
            for field in known["fields"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let mut of = &field["type"];
                while of["name"].is_null() {
                    of = &of["ofType"];
                }
                let text = |value: &Value| value.as_str().map(str::to_owned).context("a name");
                fields.insert(text(&field["name"])?, text(&of["name"])?);
            }
            types.insert(known["name"].as_str().context("a name")?.to_owned(), fields);
        }
        Ok(Self(types))
    }

    /// The types of objects that a selection reads.
    fn read(&self, document: &ExecutableDocument, set: &SelectionSet, of: &str, found: &mut BTreeSet<String>) {
        found.insert(of.to_owned());
        for item in &set.items {
            match &item.node {
                Selection::Field(field) if !field.node.selection_set.node.items.is_empty() => {
                    let to = &self.0[of][field.node.name.node.as_str()];
                    self.read(document, &field.node.selection_set.node, to, found);
                }
                Selection::Field(_) => {}
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map_or(of, |on| on.node.on.node.as_str());
                    self.read(document, &fragment.node.selection_set.node, on, found);
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = &document.fragments[&spread.node.fragment_name.node].node;
                    let on = fragment.type_condition.node.on.node.as_str();
                    self.read(document, &fragment.selection_set.node, on, found);
                }
            }
        }
    }
}

/// Someone who has bought several things several times, and has more in the cart.
async fn shopper(world: &World) -> Result<(Caller, String)> {
    let customer = world.anybody.sign_up("ada@test.vitrine.example").await?;
    let add = "mutation($p: ID!, $q: Int!) { addToCart(input: { productId: $p, quantity: $q }) { errors { code } } }";
    let place = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { ... on Order { id } ... on Refusal { code message } } }";
    let products = world
        .anybody
        .run("{ products(first: 12, filter: { available: true, kind: GOODS }) { nodes { id } } }", json!({}))
        .await?;
    let products = products["products"]["nodes"].as_array().context("products")?;
    let mut last = String::new();
    for (i, some) in products.chunks(4).enumerate() {
        for product in some {
            let told = customer.run(add, json!({ "p": product["id"], "q": 1 })).await?;
            ensure!(told["addToCart"]["errors"] == json!([]), "{told}");
        }
        if i == 2 {
            break;
        }
        let input = json!({
            "idempotencyKey": format!("k{i}"), "destination": { "address": address() },
            "payment": { "card": card("4242424242424242") }, "maxTotal": { "amount": "100000.00", "currency": "EUR" },
        });
        let placed = customer.run(place, json!({ "input": input })).await?;
        last = placed["placeOrder"]["id"].as_str().with_context(|| format!("an order: {placed}"))?.to_owned();
    }
    let letters = "{ me { letters { nodes { id } } } }";
    vitrine_tests_testkit::eventually("two receipts", async || {
        let told = customer.run(letters, json!({})).await?;
        Ok(told["me"]["letters"]["nodes"].as_array().filter(|nodes| nodes.len() == 2).map(drop))
    })
    .await?;
    Ok((customer, last))
}

/// Someone who sells, and a source of analytics of theirs.
async fn seller(world: &World) -> Result<(Caller, String)> {
    let promoter = world.anybody.sign_in(PROMOTER, PASSWORD).await?;
    let create = "mutation { createAnalyticsSource(input: { name: \"My pages\" }) { source { id } } }";
    let made = promoter.run(create, json!({})).await?;
    let id = made["createAnalyticsSource"]["source"]["id"].as_str().with_context(|| format!("a source: {made}"))?;
    Ok((promoter, id.to_owned()))
}

/// Calls that an operation makes while nothing else happens: what others do in between only adds to it.
async fn calls(world: &World, caller: &Caller, query: &str, variables: &Value) -> Result<u64> {
    let mut least = u64::MAX;
    for _ in 0..3 {
        let before = world.calls();
        caller.run(query, variables.clone()).await?;
        least = least.min(world.calls() - before);
    }
    Ok(least)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_makes_at_most_as_many_calls_as_it_has_types() -> Result<()> {
    let world = World::start().await?;
    let types = Types::ask(&world.anybody).await?;
    let (customer, order) = shopper(&world).await?;
    let (promoter, source) = seller(&world).await?;
    let variables = json!({
        "id": "prd_tall-vase", "in": "JPY", "slug": "vases", "sort": "PRICE_ASC", "query": "glass", "source": source,
    });
    let of_order = json!({ "id": order });
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/graph/operations");
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let query = std::fs::read_to_string(&path)?;
        let document = parse_query(&query)?;
        let (_, operation) = document.operations.iter().next().context("an operation")?;
        let mut read = BTreeSet::new();
        types.read(&document, &operation.node.selection_set.node, "Query", &mut read);
        let wanted = |name: &str| operation.node.variable_definitions.iter().any(|v| v.node.name.node == name);
        let name = path.file_stem().context("a name")?.to_string_lossy().into_owned();
        let given = if name.starts_with("order") { &of_order } else { &variables };
        let given: Value = given
            .as_object()
            .context("variables")?
            .iter()
            .filter(|(k, _)| wanted(k))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let caller = if name.starts_with("source") { &promoter } else { &customer };
        let made = calls(&world, caller, &query, &given).await.with_context(|| name.clone())?;
        if made > u64::try_from(read.len())? {
            wrong.push(format!("{name}: {made} calls for {} types: {read:?}", read.len()));
        }
        seen += 1;
    }
    ensure!(wrong.is_empty() && seen >= 7, "{seen}: {}", wrong.join("\n"));
    Ok(())
}
