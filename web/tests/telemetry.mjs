// Telemetry of services that do not exist.
import { strictEqual } from 'node:assert'
import { randomBytes } from 'node:crypto'

export const string = (key, stringValue) => ({ key, value: { stringValue } })
export const id = (bytes) => randomBytes(bytes).toString('hex')

export async function post(observe, path, body) {
  const answer = await fetch(observe + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  strictEqual(answer.status, 200)
}

/** Sends a call of one service to another, which failed, with what was logged then; returns the trace's id. */
export async function fail(observe, client, server, message) {
  const [traceId, asking, answering] = [id(16), id(8), id(8)]
  const now = BigInt(Date.now()) * 1_000_000n
  const span = (spanId, parentSpanId, kind, ms) => ({ traceId, spanId, parentSpanId, kind, name: 'Furnace/Heat', startTimeUnixNano: String(now - BigInt(ms) * 1_000_000n), endTimeUnixNano: String(now), status: { code: 2, message } })
  const of = (service, spans) => ({ resource: { attributes: [string('service.name', service), string('service.version', '7.1')] }, scopeSpans: [{ spans }] })
  await post(observe, '/v1/traces', { resourceSpans: [of(client, [span(asking, '', 3, 40)]), of(server, [span(answering, asking, 2, 30)])] })
  const record = { timeUnixNano: String(now), severityNumber: 17, body: { stringValue: `${message}: no gas` }, traceId, spanId: answering }
  await post(observe, '/v1/logs', { resourceLogs: [{ resource: of(server, []).resource, scopeLogs: [{ logRecords: [record] }] }] })
  return traceId
}
