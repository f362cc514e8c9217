// Sends documents with Elasticsearch's client for Node and searches them.
// Usage: search.mjs OBSERVE

import assert from "node:assert/strict";
import { Client } from "@elastic/elasticsearch";

const client = new Client({ node: `${process.argv[2]}/elastic` });
const index = "search-js";
const count = 300;
const documents = Array.from({ length: count }, (_, n) => ({
  "@timestamp": new Date(Date.UTC(2026, 7, 1, 12) + n * 1000).toISOString(),
  message: `line ${n}`,
  n,
}));
const sent = await client.helpers.bulk({ datasource: documents, onDocument: () => ({ create: { _index: index } }) });
assert.equal(sent.successful, count);

const found = await client.search({ index, query: { match_phrase: { message: "line 7" } } });
assert.deepEqual(found.hits.hits.map((hit) => hit._source.n), [7]);
// The place of the last hit survives being a number of JavaScript's.
const seen = [];
let after;
for (;;) {
  const page = await client.search({ index, size: 70, sort: [{ "@timestamp": "desc" }], search_after: after });
  if (page.hits.hits.length === 0) break;
  seen.push(...page.hits.hits.map((hit) => hit._source.n));
  after = page.hits.hits.at(-1).sort;
}
assert.deepEqual(seen, documents.map(({ n }) => n).reverse());
const scrolled = [];
for await (const document of client.helpers.scrollDocuments({ index, size: 100, query: { match_all: {} } })) {
  scrolled.push(document.n);
}
assert.equal(new Set(scrolled).size, count);
const { aggregations } = await client.search({ index, size: 0, aggs: { n: { stats: { field: "n" } } } });
assert.equal(aggregations.n.max, count - 1);
await assert.rejects(client.search({ index: "never" }), { statusCode: 404 });
console.log("found");
