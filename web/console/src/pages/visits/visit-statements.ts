// What is asked of visits: the statements of docs/guide/analytics.md, for any time.
import type { Span } from '../../parts/span-choice'
import { sqlTime } from '../../data/sql'
import type { TimeRange } from '../../time'

const INTERVALS: Record<Exclude<Span, 'time'>, string> = { '1d': '1 day', '7d': '7 days', '30d': '30 days' }

/** Says of a column that its time is within what is looked at. */
export type Within = (column: string) => string

/** Returns the condition of a span. One that ends now says so, so that the statement means the same tomorrow. */
export function within(span: Span, time: TimeRange): Within {
  if (span !== 'time' && time.toText === 'now') return (column) => `${column} > now() - interval '${INTERVALS[span]}'`
  return (column) => `${column} >= ${sqlTime(time.from)} AND ${column} < ${sqlTime(time.to)}`
}

/** Returns the statement for how far visits came, by how quickly the slowest of their pages was answered. */
export const funnelStatement = (within: Within) => `WITH steps AS (
  SELECT attr(attributes, 'session.id') AS session,
         max(CASE WHEN attr(attributes, 'analytics.type') = 'page' THEN 1 ELSE 0 END) AS page,
         max(CASE WHEN event_name = 'Product Viewed' THEN 1 ELSE 0 END) AS product,
         max(CASE WHEN event_name = 'Product Added' THEN 1 ELSE 0 END) AS cart,
         max(CASE WHEN event_name = 'Order Completed' THEN 1 ELSE 0 END) AS paid
  FROM logs WHERE service = 'analytics' AND event_name IS NOT NULL AND attr(attributes, 'session.id') IS NOT NULL
    AND ${within('time')}
  GROUP BY 1),
slowest AS (
  SELECT attr(e.attributes, 'session.id') AS session, max(s.duration_ns) / 1000000 AS ms
  FROM logs e JOIN spans s ON s.trace_id = e.trace_id
  WHERE e.service = 'analytics' AND e.event_name IS NOT NULL AND ${within('e.time')}
    AND s.parent_span_id IS NULL AND ${within('s.time')}
  GROUP BY 1)
SELECT CASE WHEN ms IS NULL THEN 'not traced' WHEN ms < 100 THEN 'below 100 ms' WHEN ms < 500 THEN 'below 500 ms' ELSE 'slower' END AS answered,
       sum(page) AS page, sum(product) AS product, sum(cart) AS cart, sum(paid) AS paid
FROM steps LEFT JOIN slowest ON steps.session = slowest.session GROUP BY 1 ORDER BY 1`

/** Nanoseconds of traces by how quickly they were answered. */
const BOUNDS: Record<string, string> = {
  'below 100 ms': 's.duration_ns < 100000000',
  'below 500 ms': 's.duration_ns >= 100000000 AND s.duration_ns < 500000000',
  slower: 's.duration_ns >= 500000000',
}
/** Traces that are listed. */
const MOST_TRACES = 20

/** Returns the statement for the slowest traces of visits: all, or those that were answered so quickly. */
export const tracesStatement = (within: Within, answered: string) => `SELECT e.trace_id AS trace_id, s.service AS service, s.name AS name, max(s.duration_ns) AS duration_ns, min(s.time) AS time,
       string_agg(DISTINCT e.event_name, ', ') AS events
FROM logs e JOIN spans s ON s.trace_id = e.trace_id
WHERE e.service = 'analytics' AND e.event_name IS NOT NULL AND ${within('e.time')}
  AND s.parent_span_id IS NULL AND ${within('s.time')}${BOUNDS[answered] === undefined ? '' : `\n  AND ${BOUNDS[answered]}`}
GROUP BY 1, 2, 3 ORDER BY duration_ns DESC LIMIT ${MOST_TRACES}`
