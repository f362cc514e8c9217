// @fluent-org/logger sends numbered records in every mode, and waits for acknowledgements: forward.mjs PORT COUNT.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/package.json`);
const { FluentClient } = require("@fluent-org/logger");
const [port, count] = process.argv.slice(2).map(Number);

for (const eventMode of ["Message", "Forward", "PackedForward", "CompressedPackedForward"]) {
  const client = new FluentClient("node", {
    eventMode,
    ack: { ackTimeout: 30_000 },
    socket: { host: "127.0.0.1", port, timeout: 30_000 },
    security: { clientHostname: "client", sharedKey: "open sesame", username: "ada", password: "hunter2" },
  });
  const sent = [];
  for (let number = 0; number < count; number += 1) {
    const record = { message: `${eventMode} ${number}`, severity: "error", number };
    sent.push(client.emit("web", record, new Date(1795867200_000 + number)));
  }
  // Each is fulfilled when its acknowledgement has come.
  await Promise.all(sent);
  await client.disconnect();
}
