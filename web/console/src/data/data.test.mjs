// Queries in people's text, series on common times, and what requests and answers are.
import { deepStrictEqual, rejects, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from '../load.mjs'

const { attributeKey, conditionsOf, quotedValue, withCondition, withoutOne, withWritten } = await load('./query-text.ts', import.meta.url)
const { aligned, greatest, named } = await load('./series.ts', import.meta.url)
const { promText, rangeRequest, readSeries } = await load('./prometheus.ts', import.meta.url)
const { rowsOf, sqlText, sqlTime } = await load('./sql.ts', import.meta.url)
const { ApiError, asCurl, send, setTenant, withParameters } = await load('./http.ts', import.meta.url)
const { msOf, shortOperation } = await load('./traces.ts', import.meta.url)
const { proposalsFor } = await load('../parts/query-proposals.ts', import.meta.url)

test('a query is taken apart where its own grammar does it', () => {
  const check = (query, expected) => deepStrictEqual(conditionsOf(query), expected, query)
  check('', [])
  check('  a   b ', ['a', 'b'])
  check('service:a AND "two words" NOT level:debug -x', ['service:a', '"two words"', '-level:debug', '-x'])
  check('name:"a \\" b" (c d) key:(e OR f)', ['name:"a \\" b"', '(c d)', 'key:(e OR f)'])
  check('a OR b', null)
  check('a OR(b)', null)
  check('"a OR b" ORDER', ['"a OR b"', 'ORDER'])
  check('message:/a b\\/ [(]/ c', ['message:/a b\\/ [(]/', 'c'])
  // One slash, or one that goes on, begins no regular expression.
  check('http.route:/cart status:error', ['http.route:/cart', 'status:error'])
  check('http.route:/a/b x:/', ['http.route:/a/b', 'x:/'])
  check('a\\ b "unclosed c', ['a\\ b', '"unclosed c'])
})

test('conditions are added and taken away', () => {
  const check = (query, condition, expected) => strictEqual(withWritten(query, condition), expected)
  check('', 'a:b', 'a:b')
  check('*', 'a:b', 'a:b')
  check('a:b c', 'a:b', 'c a:b')
  check('a:b c', '-a:b', 'c -a:b')
  check('-a:b c', 'a:b', 'c a:b')
  check('a OR b', 'c', '(a OR b) c')
  strictEqual(withCondition('x', 'http.route', '/a b', true), 'x -http.route:"/a b"')
  strictEqual(withoutOne(['a', 'b', 'c'], 1), 'a c')
  deepStrictEqual(['a.b/c', '', '1..5', '10:30', 'say "x\\y"', '<b>', 'a*'].map(quotedValue), ['a.b/c', '""', '"1..5"', '"10:30"', '"say \\"x\\\\y\\""', '"<b>"', '"a*"'])
  deepStrictEqual(['http.route', 'status', 'trace.id', 'resource.x', 'a b"'].map(attributeKey), ['http.route', 'attributes.status', 'attributes.trace.id', 'attributes.resource.x', '"a b\\""'])
})

test('a query is completed by what is stored', () => {
  const fields = { fields: [{ name: 'level', values: [{ value: 'error', records: 7 }, { value: 'info', records: 9 }] }, { name: 'http.status', values: [{ value: 500, records: 2 }, { value: 503, records: 1 }] }, { name: 'path', values: [{ value: 'a b', records: 1 }] }] }
  const check = (typed, expected) => deepStrictEqual(proposalsFor(typed, ['service', 'level'], fields, ['newest']).map(({ value }) => value), expected)
  check('', ['newest'])
  check('le', ['level:'])
  check('a -(lev', ['a -(level:'])
  check('x -LEVEL', ['x -level:'])
  check('level:', ['level:error ', 'level:info '])
  check('-level:E', ['-level:error '])
  check('level:error', [])
  check('http.status:50', ['http.status:500 ', 'http.status:503 '])
  check('path:a', ['path:"a b" '])
  check('a ', [])
  strictEqual(proposalsFor('s', ['service'], undefined, []).length, 1)
})

test('series stand on the times of all of them', () => {
  const series = (name, times, values) => ({ name, times, values })
  deepStrictEqual(aligned([series('a', [10, 30], [1, Number.NaN]), series('a', [20, 10], [2, Infinity])], 100), {
    times: [10, 20, 30],
    lines: [
      { name: 'a', values: [100, null, null] },
      { name: 'a (2)', values: [null, 200, null] },
    ],
  })
  deepStrictEqual(aligned([]), { times: [], lines: [] })
  deepStrictEqual(named([{ labels: { s: 'b' }, times: [1], values: [2] }, { labels: {}, times: [], values: [] }], ({ s }) => s ?? 'a').map(({ name }) => name), ['a', 'b'])
  const all = [series('low', [], [1]), series('high', [], [0, 9]), series('none', [], [Number.NaN])]
  deepStrictEqual(greatest(all, 2).map(({ name }) => name), ['high', 'low'])
  strictEqual(greatest(all, 3), all)
})

test('values cannot leave their quotes', () => {
  strictEqual(sqlText("a'; DROP"), "'a''; DROP'")
  strictEqual(sqlTime(0), "TIMESTAMP '1970-01-01T00:00:00.000Z'")
  strictEqual(promText('a"\\\n'), '"a\\"\\\\\\n"')
  strictEqual(withParameters('/a', { q: 'b&c d', none: undefined, empty: '', list: ['x', 'y'], zero: 0 }), '/a?q=b%26c+d&list=x&list=y&zero=0')
  strictEqual(asCurl({ method: 'POST', path: '/api/sql', body: "SELECT 'x'" }), "curl -sS -X POST --data 'SELECT '\\''x'\\''' 'http://console.test/api/sql'")
  strictEqual(asCurl({ method: 'PUT', path: '/a', body: { b: 1 } }), `curl -sS -X PUT -H 'Content-Type: application/json' --data '{"b":1}' 'http://console.test/a'`)
  setTenant('t')
  strictEqual(asCurl({ path: '/a' }), "curl -sS -H 'X-Scope-OrgID: t' 'http://console.test/a'")
  setTenant(null)
})

test('answers are read', async () => {
  const matrix = (result) => ({ data: { result } })
  deepStrictEqual(readSeries(matrix([{ metric: { a: 'b' }, values: [[1, '2'], [2.5, 'NaN']] }, { metric: {}, value: [3, '+Inf'] }, { metric: {} }])), [
    { labels: { a: 'b' }, times: [1000, 2500], values: [2, Number.NaN] },
    { labels: {}, times: [3000], values: [Infinity] },
    { labels: {}, times: [], values: [] },
  ])
  strictEqual(rangeRequest('up', { from: 1_000_500, to: 1_061_000, step: 30 }).path, '/prometheus/api/v1/query_range?query=up&start=990&end=1080&step=30')
  deepStrictEqual(await rowsOf(new Response('{"a":1}\n{"a":2}\n\n')), [{ a: 1 }, { a: 2 }])
  strictEqual(msOf('1767225600123456789'), 1_767_225_600_123.456)
  deepStrictEqual(['shop.carts.v1.Carts/Add', 'GET /a/b', 'Carts/Add'].map(shortOperation), ['Carts/Add', 'GET /a/b', 'Carts/Add'])
})

test('what an API refuses is told in its own words', async () => {
  const check = async (status, body, message, headers) => {
    globalThis.fetch = async () => new Response(body, { status, headers })
    await rejects(send({ path: '/a' }), (error) => {
      deepStrictEqual([error instanceof ApiError, error.status, error.message], [true, status, message])
      return true
    })
  }
  await check(400, '{"detail":"no such field"}', 'no such field')
  await check(400, '{"error":{"reason":"deep"}}', 'deep')
  await check(422, '{"errors":[{"msg":"one"},"two"]}', 'one; two')
  await check(400, 'plain words', 'plain words')
  await check(502, '<html>', 'It was answered with 502.')
  await check(429, '', 'Too many ask at once: try again in a moment.')
  globalThis.fetch = async () => new Response('', { status: 500, headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } })
  await rejects(send({ path: '/a' }), { traceId: 'a'.repeat(32) })
})
