// What a query asks of traces, what a box on the heat-map has in it, and what a search is answered with.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from '../../load.mjs'

const { boxText, readBox, readTraceQuery, withDuration } = await load('./trace-query.ts', import.meta.url)
const { boxOf, countIn, heatOf, placeOf, rowsOf } = await load('./heat-cells.ts', import.meta.url)
const { readFound, tracesRequest } = await load('./found.ts', import.meta.url)

test('a query is asked of traces as far as it can be', () => {
  const check = (text, expected) => deepStrictEqual(readTraceQuery(text), 'cannot' in expected ? expected : { isFailed: false, attributes: {}, ...expected }, text)
  check('', {})
  check('*', {})
  check('service.name:checkout name:"GET /a" status:error http.route:/api/v1/orders', { service: 'checkout', operation: 'GET /a', isFailed: true, attributes: { 'http.route': '/api/v1/orders' } })
  check('"odd key":"a \\"b\\"" attributes.status:ok', { attributes: { 'odd key': 'a "b"', status: 'ok' } })
  check('duration:>200ms duration:<=1m30s', { min: 200e6 + 1, max: 90e9 })
  check('duration:1.5s..2s', { min: 1.5e9, max: 2e9 })
  for (const cannot of ['a OR b', 'words', '-service:a', 'service:a*', 'route:/a.*/', 'level:error', 'severity:error', 'trace_id:ab', 'resource.x:y', 'status:ok', 'duration:200', 'duration:"200ms"', 'duration:1s..soon', 'n:1..5', 'n:>5', '(service:a)']) check(cannot, { cannot })
  check('service:a service:b', { cannot: 'service:b' })
})

test('a box is written into the query so that it keeps what it had', () => {
  strictEqual(withDuration('service:a duration:>1s', 123_456, 9_876_543_210), 'service:a duration:123us..9.88s')
  strictEqual(withDuration('*', 0, 999), 'duration:0ns..999ns')
  const box = { start: 1767225600000000001n, end: 1767225660000000000n, min: 1, max: 5 }
  deepStrictEqual(readBox(boxText(box)), box)
  for (const wrong of ['', '1-2-3-4', 'a', `${boxText(box)}-1`, '-1767225600000000001-1767225660000000000-1-5']) strictEqual(readBox(wrong), null)
})

const START = 1767225600000000000n
/** Three columns of 10 s, the last cut short, and three rows of octaves. */
const MAP = { query: '', start_ns: `${START}`, end_ns: `${START + 25_000_000_000n}`, column_ns: 10e9, columns: 3, row_bounds_ns: [1024, 2048, 4096, 8192], cells: { column: [0, 1, 1, 2], row: [0, 0, 2, 1], count: [5, 7, 2, 1], errors: [0, 3, 2, 0] }, spans: 15, errors: 5, max_count: 7 }

test('boxes and cells of the heat-map are where each other is', () => {
  strictEqual(rowsOf(MAP), 3)
  strictEqual(rowsOf({ ...MAP, row_bounds_ns: [] }), 0)
  const box = boxOf(MAP, { column: 1, lastColumn: 1, row: 0, lastRow: 1 })
  deepStrictEqual(box, { start: START + 10_000_000_000n, end: START + 20_000_000_000n, min: 1024, max: 4095 })
  deepStrictEqual(placeOf(MAP, box), { left: 1, right: 2, bottom: 0, top: 2 })
  deepStrictEqual(countIn(MAP, box), { count: 7, errors: 3, isExact: true })
  // A box does not reach beyond what was counted.
  strictEqual(boxOf(MAP, { column: 2, lastColumn: 2, row: 0, lastRow: 2 }).end, START + 25_000_000_000n)
  deepStrictEqual(countIn(MAP, boxOf(MAP, { column: 0, lastColumn: 2, row: 0, lastRow: 2 })), { count: 15, errors: 5, isExact: true })
  // Time went on: the same box lies between columns, and durations are out of sight.
  const later = { ...MAP, start_ns: `${START + 5_000_000_000n}` }
  deepStrictEqual(placeOf(later, { ...box, min: 1, max: 1e9 }), { left: 0.5, right: 1.5, bottom: 0, top: 3 })
  strictEqual(countIn(later, box).isExact, false)
  strictEqual(placeOf(MAP, { ...box, min: Math.round(2048 * Math.SQRT2) }).bottom.toFixed(2), '1.50')
  deepStrictEqual([[1, 1], [1, 1000], [1000, 1000], [30, 1000]].map(([count, most]) => heatOf(count, most)), [8, 1, 8, 4])
})

test('traces are asked for, and told', () => {
  const asked = (query, box) => Object.fromEntries(new URL(tracesRequest({ isFailed: false, attributes: {}, ...query }, { from: 0, to: 1000 }, box, 5).path, 'http://x').searchParams)
  deepStrictEqual(asked({}, null), { 'query.startTimeMin': '1970-01-01T00:00:00.000Z', 'query.startTimeMax': '1970-01-01T00:00:01.000Z', 'query.searchDepth': '5' })
  deepStrictEqual(asked({ service: 'a', isFailed: true, attributes: { k: 'v' }, min: 100, max: 900 }, { start: START + 1n, end: START + 10n, min: 200, max: 1000 }), {
    'query.startTimeMin': '2026-01-01T00:00:00.000000001Z',
    'query.startTimeMax': '2026-01-01T00:00:00.000000010Z',
    'query.serviceName': 'a',
    'query.attributes': '{"k":"v","error":"true"}',
    'query.durationMin': '200ns',
    'query.durationMax': '900ns',
    'query.searchDepth': '5',
  })
  deepStrictEqual(readFound({}), [])
  const [found] = readFound({ summaries: [{ traceId: 'ab', minStartTimeUnixNano: '1767225600000999999', maxEndTimeUnixNano: '1767225600001999999', services: [{ name: 'a', errorSpanCount: 1 }] }] })
  deepStrictEqual(found, { id: 'ab', service: 'a', operation: '', spans: 0, errors: 0, services: [{ name: 'a', errors: 1 }], start: 1767225600000, duration: 1_000_000 })
})
