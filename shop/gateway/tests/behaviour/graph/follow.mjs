// Follows a subscription with a stock client, and prints a line of JSON for all that it is told.
import { createClient as overSocket } from "graphql-ws";
import { createClient as byEvents } from "graphql-sse";
import WebSocket from "ws";

const [how, url, token, query, variables] = process.argv.slice(2);
const authorization = token ? `Bearer ${token}` : undefined;
const print = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);

const client =
  how === "ws"
    ? overSocket({ url: `${url.replace("http", "ws")}/graphql`, webSocketImpl: WebSocket, connectionParams: { authorization }, retryAttempts: 0 })
    : byEvents({ url: `${url}/graphql/stream`, headers: authorization ? { authorization } : {}, retryAttempts: 0 });

client.subscribe(
  { query, variables: JSON.parse(variables) },
  { next: print, error: (error) => print({ error: error instanceof Error ? error.message : error }), complete: () => print({ complete: true }) },
);
