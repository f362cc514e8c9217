// Sends documents with Elasticsearch's own client, pino's and winston's transports. Usage: bulk.mjs URL

import { once } from "node:events";
import { Client } from "@elastic/elasticsearch";
import pino from "pino";
import pinoElastic from "pino-elasticsearch";
import winston from "winston";
import { ElasticsearchTransport } from "winston-elasticsearch";
import LokiTransport from "winston-loki";

const [url] = process.argv.slice(2);
const elastic = `${url}/elastic`;

const client = new Client({ node: elastic, compression: true });
const documents = Array.from({ length: 500 }, (_, n) => ({ "@timestamp": "2026-08-01T12:00:00Z", message: `line ${n}`, service: "js" }));
const result = await client.helpers.bulk({
  datasource: documents,
  onDocument: () => ({ create: { _index: "js" } }),
  onDrop: (dropped) => { throw new Error(JSON.stringify(dropped)); },
});
if (result.successful !== 500 || result.failed !== 0) throw new Error(JSON.stringify(result));

const stream = pinoElastic({ node: elastic, index: "pino", esVersion: 8, flushBytes: 10 });
for (const event of ["insertError", "error"]) stream.on(event, (error) => { throw new Error(JSON.stringify(error)); });
const logger = pino({ base: { service: "pino" } }, stream);
for (let n = 0; n < 20; n += 1) logger.error({ n }, `line ${n}`);
// Said when all of it has been answered.
const inserted = once(stream, "insert");
stream.end();
await inserted;

const transport = new ElasticsearchTransport({
  clientOpts: { node: elastic },
  index: "winston",
  flushInterval: 50,
  transformer: ({ message, level, meta }) => ({ "@timestamp": new Date().toISOString(), message, level, ...meta }),
});
transport.on("error", (error) => { throw error; });
const winstonLogger = winston.createLogger({ transports: [transport] });
for (let n = 0; n < 20; n += 1) winstonLogger.warn(`line ${n}`, { service: "winston" });
await transport.flush();
winstonLogger.end();

for (const json of [true, false]) {
  const loki = new LokiTransport({ host: url, labels: { app: json ? "winston-loki-json" : "winston-loki" }, json, batching: true, interval: 1, onConnectionError: (error) => { throw error; } });
  const lokiLogger = winston.createLogger({ transports: [loki] });
  for (let n = 0; n < 20; n += 1) lokiLogger.info(`line ${n}`);
  await loki.flush();
  lokiLogger.close();
}
console.log("taken");
process.exit(0);
