"use strict";

const INTROSPECTION = `query Explorer { __schema { queryType { name } mutationType { name } subscriptionType { name }
  types { kind name description enumValues(includeDeprecated: true) { name description } possibleTypes { name }
    inputFields { name description defaultValue type { ...Ref } }
    fields(includeDeprecated: true) { name description type { ...Ref } args { name description defaultValue type { ...Ref } } } } } }
fragment Ref on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`;

const EXAMPLES = [
  ["Products with prices", "query Products($in: CurrencyCode) {\n  products(first: 5, sort: PRICE_ASC, filter: { available: true }) {\n    nodes { id name available price(in: $in) { text } category { name } }\n    pageInfo { hasNextPage endCursor }\n  }\n}", { in: "USD" }],
  ["A search with facets", "query Search($query: String!) {\n  products(query: $query, first: 5) {\n    totalCount\n    facets { categories { category { name } count } minPrice { text } maxPrice { text } }\n    nodes { name price { text } }\n  }\n}", { query: "glass" }],
  ["Workshops to come", "{\n  products(sort: STARTS_AT, first: 5) {\n    nodes { name event { text venue seats seatsLeft } price { text } }\n  }\n}", {}],
  ["Sign in", "mutation SignIn($input: SignInInput!) {\n  signIn(input: $input) {\n    session { accessToken refreshToken expiresInS }\n    errors { code message field }\n  }\n}", { input: { email: "demo@vitrine.example", password: "" } }],
  ["My orders", "{\n  me {\n    displayName\n    orders(first: 5) {\n      nodes { id state total { text } placedAt shipment { state trackingNumber } lines { name quantity product { available } } }\n    }\n  }\n}", {}],
  ["Begin a cart", "mutation Add($input: AddToCartInput!) {\n  addToCart(input: $input) {\n    guest\n    cart { subtotal { text } lines { quantity product { name } } problems { message } }\n    errors { code message }\n  }\n}", { input: { productId: "prd_", quantity: 1 } }],
  ["Stock, as it changes", "subscription Stock($ids: [ID!]!) {\n  stockChanged(ids: $ids) { product { name available } resync }\n}", { ids: ["prd_"] }],
];

const byId = (id) => document.getElementById(id);
const make = (tag, text, className) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};

const types = new Map();
let roots = [];
let path = [];
let socket;

const named = (ref) => (ref.ofType ? named(ref.ofType) : ref.name);
const written = (ref) => (ref.kind === "NON_NULL" ? `${written(ref.ofType)}!` : ref.kind === "LIST" ? `[${written(ref.ofType)}]` : ref.name);

function link(ref) {
  const button = make("button", written(ref), "link");
  button.type = "button";
  button.addEventListener("click", () => show([...path, named(ref)]));
  return button;
}

function entry(field) {
  const item = make("li");
  item.append(make("code", field.name));
  if (field.args && field.args.length) {
    item.append("(");
    field.args.forEach((arg, i) => {
      if (i) item.append(", ");
      item.append(`${arg.name}: `, link(arg.type), arg.defaultValue ? ` = ${arg.defaultValue}` : "");
    });
    item.append(")");
  }
  if (field.type) item.append(": ", link(field.type), field.defaultValue ? ` = ${field.defaultValue}` : "");
  if (field.description) item.append(make("p", field.description));
  return item;
}

function show(next) {
  path = next;
  const crumbs = byId("crumbs");
  const box = byId("types");
  crumbs.replaceChildren();
  path.forEach((name, i) => {
    const button = make("button", i ? `› ${name}` : name, "link");
    button.type = "button";
    button.addEventListener("click", () => show(path.slice(0, i + 1)));
    crumbs.append(button);
  });
  const type = types.get(path[path.length - 1]);
  box.replaceChildren();
  if (!type) {
    const list = make("ul");
    roots.forEach((name) => {
      const item = make("li");
      item.append(link({ name }));
      list.append(item);
    });
    box.append(make("h2", "Where to start"), list);
    return;
  }
  box.append(make("h2", type.name));
  if (type.description) box.append(make("p", type.description));
  const list = make("ul");
  (type.fields || type.inputFields || []).forEach((field) => list.append(entry(field)));
  (type.enumValues || []).forEach((value) => list.append(entry(value)));
  (type.possibleTypes || []).forEach((possible) => {
    const item = make("li");
    item.append(link(possible));
    list.append(item);
  });
  box.append(list);
}

function find(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return show([]);
  const box = byId("types");
  const list = make("ul");
  let found = 0;
  for (const type of types.values()) {
    const hits = [...(type.fields || []), ...(type.inputFields || [])].filter((field) => field.name.toLowerCase().includes(wanted));
    if (!type.name.toLowerCase().includes(wanted) && !hits.length) continue;
    if (++found > 40) break;
    const item = make("li");
    const button = make("button", type.name, "link");
    button.type = "button";
    button.addEventListener("click", () => show([type.name]));
    item.append(button, hits.length ? `: ${hits.map((field) => field.name).join(", ")}` : "");
    list.append(item);
  }
  byId("crumbs").replaceChildren();
  box.replaceChildren(make("p", found ? (found > 40 ? "The first 40" : `${found} found`) : "Nothing has that name."), list);
}

function read(id) {
  const text = byId(id).value.trim();
  if (!text) return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${id} are not JSON: ${error.message}`);
  }
}

function say(text, kind) {
  const status = byId("status");
  status.textContent = text;
  status.className = `status ${kind || ""}`;
}

async function post(body, headers) {
  const response = await fetch("/graphql", { method: "POST", headers: { "content-type": "application/json", accept: "application/graphql-response+json, application/json", ...headers }, body: JSON.stringify(body) });
  return { response, answer: await response.json() };
}

function follow(body, headers) {
  const lower = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]));
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`, "graphql-transport-ws");
  let count = 0;
  socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "connection_init", payload: { authorization: lower.authorization, guest: lower["vitrine-guest"] } })));
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "ping") socket.send(JSON.stringify({ type: "pong" }));
    if (message.type === "connection_ack") {
      socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: body }));
      say("Waiting for changes. Run again to stop.", "ok");
    }
    if (message.type === "next" || message.type === "error") {
      count += 1;
      const shown = JSON.stringify(message.payload, null, 2);
      byId("answer").textContent = `${shown}\n\n${byId("answer").textContent}`.slice(0, 200000);
      say(`${count} told`, message.type === "next" ? "ok" : "bad");
    }
  });
  socket.addEventListener("close", ({ code, reason }) => {
    say(`The socket is closed: ${code} ${reason}`);
    socket = undefined;
    byId("run").textContent = "Run";
  });
  byId("run").textContent = "Stop";
}

async function run() {
  if (socket) return socket.close(1000);
  const button = byId("run");
  const query = byId("query").value;
  try {
    const [variables, headers] = [read("variables"), read("headers")];
    byId("answer").textContent = "";
    sessionStorage.setItem("graphql-query", query);
    sessionStorage.setItem("graphql-variables", byId("variables").value);
    if (/^\s*subscription\b/m.test(query)) return follow({ query, variables }, headers);
    button.disabled = true;
    say("Running…");
    const began = performance.now();
    const { response, answer } = await post({ query, variables }, headers);
    const took = Math.round(performance.now() - began);
    const cost = answer.extensions && answer.extensions.cost;
    const trace = response.headers.get("x-trace-id");
    const parts = [`${response.status}`, `${took} ms`, cost && `cost ${cost.requested} of ${cost.maximum}`, trace && `trace ${trace}`];
    say(parts.filter(Boolean).join(" · "), answer.errors ? "bad" : "ok");
    byId("answer").textContent = JSON.stringify(answer, null, 2);
  } catch (error) {
    say(error.message, "bad");
  } finally {
    button.disabled = false;
  }
}

async function begin() {
  const examples = byId("examples");
  EXAMPLES.forEach(([name], i) => examples.append(new Option(name, i)));
  const take = (i) => {
    byId("query").value = EXAMPLES[i][1];
    byId("variables").value = JSON.stringify(EXAMPLES[i][2], null, 2);
  };
  examples.addEventListener("change", () => take(examples.value));
  const kept = sessionStorage.getItem("graphql-query");
  if (kept) {
    byId("query").value = kept;
    byId("variables").value = sessionStorage.getItem("graphql-variables") || "{}";
  } else take(0);
  byId("run").addEventListener("click", run);
  byId("find").addEventListener("input", (event) => find(event.target.value));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
  });
  if (document.body.dataset.introspection !== "on") {
    byId("types").replaceChildren(make("p", "The schema is told in demos only. It stands in the source, and in the guide."));
    byId("find").disabled = true;
    return;
  }
  const { answer } = await post({ query: INTROSPECTION });
  if (answer.errors) {
    byId("types").replaceChildren(make("p", answer.errors[0].message));
    return;
  }
  const schema = answer.data.__schema;
  schema.types.filter((type) => !type.name.startsWith("__")).forEach((type) => types.set(type.name, type));
  roots = [schema.queryType, schema.mutationType, schema.subscriptionType].filter(Boolean).map((type) => type.name);
  show([]);
}

begin();
