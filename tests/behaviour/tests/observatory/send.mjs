// Sends a trace with the stock OpenTelemetry SDK for Node, and prints as JSON what was sent.
//
// Usage: node send.mjs grpc|http ENDPOINT, with NODE_MODULES saying where the packages are.

import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_MODULES + "/");
const { SpanKind, SpanStatusCode, trace } = require("@opentelemetry/api");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BasicTracerProvider, BatchSpanProcessor, InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");

const [protocol, endpoint] = process.argv.slice(2);
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${protocol}`);
const exporter = new OTLPTraceExporter({ url: protocol === "grpc" ? endpoint : `${endpoint}/v1/traces` });

const kept = new InMemorySpanExporter();
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": `node-${protocol}`, "deployment.environment.name": "test" }),
  spanProcessors: [new SimpleSpanProcessor(kept), new BatchSpanProcessor(exporter)],
});
const tracer = provider.getTracer("glass.blower", "4.5.6");
const { ROOT_CONTEXT } = require("@opentelemetry/api");

const attributes = { text: "grüße", answer: 42, ratio: 0.5, glass: true, words: ["a", "b"] };
const root = tracer.startSpan("GET /bowl", { kind: SpanKind.SERVER, attributes }, ROOT_CONTEXT);
root.addEvent("poured", { ml: 250 });
const child = tracer.startSpan("SELECT", { kind: SpanKind.CLIENT }, trace.setSpan(ROOT_CONTEXT, root));
child.setStatus({ code: SpanStatusCode.ERROR, message: "table is locked" });
child.end();
root.end();
await provider.forceFlush();

const nanos = ([seconds, rest]) => (BigInt(seconds) * 1_000_000_000n + BigInt(rest)).toString();
const described = (span) => ({
  trace_id: span.spanContext().traceId,
  span_id: span.spanContext().spanId,
  parent: span.parentSpanContext?.spanId ?? null,
  trace_state: "",
  name: span.name,
  kind: span.kind + 1,
  start: nanos(span.startTime),
  end: nanos(span.endTime),
  status: span.status.code,
  status_message: span.status.message ?? "",
  attributes: span.attributes,
  events: span.events.map((event) => ({ name: event.name, time: nanos(event.time), attributes: event.attributes ?? {} })),
  links: [],
  resource: span.resource.attributes,
  scope: { name: span.instrumentationScope.name, version: span.instrumentationScope.version ?? "" },
});
console.log(JSON.stringify(kept.getFinishedSpans().map(described)));
await provider.shutdown();
