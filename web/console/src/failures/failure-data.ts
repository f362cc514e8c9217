// Which calls failed, grouped by what they said, and which were slow: as statements.
import { sqlText, sqlTime } from '../data/sql'

/** What the map shows that one can look into: a service, or the calls of one to another. */
export type Place = { service: string } | { client: string; server: string; outer?: 'client' | 'server' }

/** Newest traces of each group. */
const TRACES = 5
const MOST_ROWS = 100
const SLOW = 8
/** Statements of times that differ by less are the same, so that a page that looks again by itself does not ask again each time. */
const GRAIN_MS = 10_000

export interface Failure {
  message: string
  kind: string
  failures: number
  service: string
  name: string
  trace: string
  span: string
  ms: number
  at: number
  isBad: boolean
}

export interface FailureGroup {
  /** As the newest says it. */
  message: string
  count: number
  newest: Failure[]
}

export interface Moments {
  from: number
  to: number
}

/** Returns the condition that a time lies within others. */
export const within = ({ from, to }: Moments) => `time >= ${sqlTime(Math.floor(from / GRAIN_MS) * GRAIN_MS)} AND time < ${sqlTime(Math.ceil(to / GRAIN_MS) * GRAIN_MS)}`

/** What a client says of whom it calls, where that one says nothing itself. */
const called = (server: string, of: string) =>
  `${sqlText(server)} IN (${['peer.service', 'service.peer.name', 'server.address', 'net.peer.name', 'messaging.system', 'db.system', 'db.system.name', 'db.namespace', 'db.name'].map((key) => `coalesce(attr(${of}.attributes, '${key}'), '')`).join(', ')})`

const COLUMNS = 'trace_id, span_id, parent_span_id, service, name, kind, status, status_message, attributes, time, duration_ns'

const spans = (service: string, kinds: string[] | null, time: Moments) =>
  `(SELECT ${COLUMNS} FROM spans WHERE service = ${sqlText(service)}${kinds ? ` AND kind IN (${kinds.map(sqlText).join(', ')})` : ''} AND ${within(time)})`

const [ASKING, ANSWERING] = [
  ['client', 'producer'],
  ['server', 'consumer'],
]

/** Returns the spans of a place that fulfil a condition; those of a call that both sides tell are told once, by the client if it fulfils it. */
function spansOf(place: Place, time: Moments, isFailed: boolean): string {
  const failed = (of: string) => (isFailed ? `${of}.status = 'error'` : 'true')
  if ('service' in place) return `SELECT c.* FROM ${spans(place.service, isFailed ? null : ANSWERING, time)} c WHERE ${failed('c')}`
  const { client, server, outer } = place
  const [asked, answered] = [spans(client, ASKING, time), spans(server, ANSWERING, time)]
  const isAnswer = 's.trace_id = c.trace_id AND s.parent_span_id = c.span_id'
  if (outer === 'client') return `SELECT s.* FROM ${answered} s WHERE ${failed('s')} AND (s.parent_span_id IS NULL OR ${called(client, 's')})`
  if (outer === 'server') return `SELECT c.* FROM ${asked} c WHERE ${failed('c')} AND ${called(server, 'c')}`
  const byClient = `SELECT c.* FROM ${asked} c LEFT JOIN ${answered} s ON ${isAnswer} WHERE ${failed('c')} AND (s.span_id IS NOT NULL OR ${called(server, 'c')})`
  if (!isFailed) return byClient
  return `${byClient}
  UNION ALL
  SELECT s.* FROM ${answered} s JOIN ${asked} c ON ${isAnswer} WHERE s.status = 'error' AND c.status <> 'error'`
}

/** Returns the statement for failures of a place: by what they said, with numbers and ids left out of account, and the newest of each. */
export function failuresStatement(place: Place, time: Moments): string {
  return `WITH failed AS (
  ${spansOf(place, time, true)}
), exceptions AS (
  SELECT trace_id, span_id, max(coalesce(attr(attributes, 'exception.message'), attr(attributes, 'exception.type'))) AS said
  FROM span_events WHERE name = 'exception' AND ${within(time)} GROUP BY trace_id, span_id
), told AS (
  SELECT f.*, coalesce(nullif(e.said, ''), nullif(f.status_message, ''), attr(f.attributes, 'error.type'), attr(f.attributes, 'http.response.status_code'), f.name) AS message
  FROM failed f LEFT JOIN exceptions e ON e.trace_id = f.trace_id AND e.span_id = f.span_id
), grouped AS (
  SELECT *, regexp_replace(left(message, 1000), '[0-9a-fA-F-]{8,}|[0-9]+', '#', 'g') AS alike FROM told
), ranked AS (
  SELECT *, count(*) OVER (PARTITION BY alike) AS failures, row_number() OVER (PARTITION BY alike ORDER BY time DESC) AS nth FROM grouped
)
SELECT left(message, 1000) AS message, alike, failures, service, name, kind, trace_id_hex(trace_id) AS trace, span_id_hex(span_id) AS span, duration_ms(duration_ns) AS ms, time
FROM ranked WHERE nth <= ${TRACES} ORDER BY failures DESC, alike, time DESC LIMIT ${MOST_ROWS}`
}

/** Returns the statement for the slowest calls of a place. */
export function slowStatement(place: Place, time: Moments): string {
  return `SELECT service, name, kind, status, trace_id_hex(trace_id) AS trace, span_id_hex(span_id) AS span, duration_ms(duration_ns) AS ms, time
FROM (${spansOf(place, time, false)})
ORDER BY ms DESC LIMIT ${SLOW}`
}

/** Returns the groups of what the statement found, in its order. */
export function groupsOf(rows: Record<string, unknown>[]): FailureGroup[] {
  const groups = new Map<string, FailureGroup>()
  for (const row of rows) {
    const failure = failureOf(row)
    const group = groups.get(String(row.alike)) ?? { message: failure.message, count: failure.failures, newest: [] }
    group.newest.push(failure)
    groups.set(String(row.alike), group)
  }
  return [...groups.values()]
}

/** Returns a row as it is shown. */
export function failureOf(row: Record<string, unknown>): Failure {
  const text = (name: string) => (typeof row[name] === 'string' ? row[name] : '')
  return {
    message: text('message'),
    kind: text('kind'),
    failures: Number(row.failures ?? 0),
    service: text('service'),
    name: text('name'),
    trace: text('trace'),
    span: text('span'),
    ms: Number(row.ms),
    at: Date.parse(text('time')),
    isBad: row.status === 'error',
  }
}
