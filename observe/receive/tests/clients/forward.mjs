// @fluent-org/logger sends numbered records in every mode, over TCP and TLS, and waits for acknowledgements:
// forward.mjs PORT TLS_PORT AUTHORITY COUNT, where AUTHORITY is the file of a certificate.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/package.json`);
const { FluentClient } = require("@fluent-org/logger");
const [port, tlsPort, authority, count] = process.argv.slice(2);
const tls = { ca: readFileSync(authority), servername: "server" };

for (const [eventMode, socket] of [
  ["Message", { port: Number(port) }],
  ["Forward", { port: Number(port) }],
  ["PackedForward", { port: Number(tlsPort), tls }],
  ["CompressedPackedForward", { port: Number(tlsPort), tls }],
]) {
  const client = new FluentClient("node", {
    eventMode,
    ack: { ackTimeout: 30_000 },
    socket: { host: "127.0.0.1", timeout: 30_000, ...socket },
    security: { clientHostname: "client", sharedKey: "open sesame", username: "ada", password: "hunter2" },
  });
  const sent = [];
  for (let number = 0; number < Number(count); number += 1) {
    const record = { message: `${eventMode} ${number}`, severity: "error", number };
    sent.push(client.emit("web", record, new Date(1795867200_000 + number)));
  }
  // Each is fulfilled when its acknowledgement has come.
  await Promise.all(sent);
  await client.disconnect();
}
