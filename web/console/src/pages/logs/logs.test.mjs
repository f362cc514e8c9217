// Records of logs: what of them is shown, how they are counted, and how a query of them is a statement.
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from '../../load.mjs'

const { logSql } = await load('./log-sql.ts', import.meta.url)
const { flattened, lineOf, messageOf, pieces, valueText } = await load('./message.ts', import.meta.url)
const { barsOf } = await load('./bars.ts', import.meta.url)
const { scopeOf, timeOf } = await load('./log-api.ts', import.meta.url)
const { inTurn } = await load('./turns.ts', import.meta.url)

test('a query is a statement, and what cannot be one is a comment', () => {
  const tests = (query) => logSql({ query, from: 0, to: 1000 }).split('\nWHERE ')[1].split('\nORDER')[0].split('\n  AND ').slice(2)
  const check = (query, ...expected) => deepStrictEqual(tests(query), expected, query)
  check('*')
  check("service:o'hara -level:>=warn", "service = 'o''hara'", '(severity >= 13) IS NOT TRUE')
  check('level:error severity:<info template:-7', 'severity BETWEEN 17 AND 20', 'severity < 9', 'template = -7')
  check('status:error status:ok', 'severity >= 17', '(severity < 17) IS NOT FALSE')
  check('declined "two \\"words\\""', "has_words(body, 'declined')", "has_words(body, 'two \"words\"')")
  check("message:/it's a\\/b/", "body ~ 'it''s a/b'")
  check('resource.host.name:a attributes.service:b "service":c x:*', "attr(resource, 'host.name') = 'a'", "attr(attributes, 'service') = 'b'", "coalesce(attr(attributes, 'service'), attr(resource, 'service')) = 'c'", "coalesce(attr(attributes, 'x'), attr(resource, 'x')) IS NOT NULL")
  check('trace:a_b* trace_id:ab service.name:c scope.x:y', "trace_id LIKE 'a\\_b%'", "trace_id = 'ab'", "service = 'c'")
  check('n:>=1.5', "try_cast(coalesce(attr(attributes, 'n'), attr(resource, 'n')) AS double) >= 1.5")
  check('a OR b')
  match(logSql({ query: 'a OR b', from: 0, to: 1 }), /^-- not written as SQL: \(a OR b\)\nSELECT/)
  // Nothing of a query gets out of its comment.
  ok(logSql({ query: 'x:1..\n2', from: 0, to: 1 }).split('\n').filter((line) => line.startsWith('2')).length === 0)
})

test('a message is shown by its first line, and a structured one by what it says', () => {
  const said = (message) => { const { said, fields, more } = messageOf({ message }); return [said, fields, more] }
  deepStrictEqual(said('one\ntwo\n'), ['one\ntwo\n', null, 1])
  deepStrictEqual(said('{"msg":"sent","n":1}'), ['sent', { n: 1 }, 0])
  deepStrictEqual(said('{"n":1}'), ['{"n":1}', { n: 1 }, 0])
  deepStrictEqual(said('{broken}'), ['{broken}', null, 0])
  deepStrictEqual(said({ message: '', text: 'b' }), ['b', { message: '' }, 0])
  deepStrictEqual(said([1, 2]), ['[1,2]', null, 0])
  const line = (text, isWrapped) => lineOf({ said: text }, isWrapped)
  deepStrictEqual([line('a\nb', false), line('a\nb', true), line('x'.repeat(1001), false).length], ['a', 'a\nb', 1001])
  deepStrictEqual(flattened({ a: { b: 1, c: {} }, d: [1] }), [['a.b', 1], ['a.c', {}], ['d', [1]]])
  strictEqual(valueText({ a: 1 }), '{"a":1}')
})

test('what matched is marked, by characters and not by halves of them', () => {
  const check = (text, ranges, expected) => strictEqual(pieces(text, ranges).map(({ text, isMarked }) => (isMarked ? `[${text}]` : text)).join(''), expected)
  check('abc', undefined, 'abc')
  check('abcdef', [[1, 2], [4, 6]], 'a[b]cd[ef]')
  check('😀ab😀', [[0, 1], [2, 4]], '[😀]a[b😀]')
  check('abcd', [[0, 3], [1, 4]], '[abc][d]')
  check('', [[0, 5]], '')
})

test('counts are bars, one for each step', () => {
  const at = (seconds) => new Date(seconds * 1000).toISOString()
  const bars = barsOf([{ time: at(0), by: { level: 'error' }, records: 2 }, { time: at(20), by: { level: null }, records: 3 }, { time: at(20), by: {}, records: 1 }, { time: at(-10), by: {}, records: 9 }, { time: at(40), by: {}, records: 9 }], { query: '', from: 0, to: 25_000 }, 10_000)
  deepStrictEqual(bars.map(({ total }) => total), [2, 0, 4])
  deepStrictEqual([bars[0].byLevel, bars[2].byLevel, bars[2].until], [{ error: 2 }, { none: 4 }, 25_000])
  deepStrictEqual(scopeOf('q', { from: 1500, to: 31_000, step: 15 }), { query: 'q', from: 0, to: 45_000 })
  strictEqual(timeOf({ time: '1970-01-01T00:00:01.234567891Z' }), 1234)
})

test('few questions are asked at a time, and one that fails lets the next one go', async () => {
  const asked = []
  const ask = (name) => inTurn(() => new Promise((resolve, reject) => asked.push({ name, resolve, reject })))
  const turns = ['a', 'b', 'c', 'd', 'e'].map(ask)
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  await settle()
  strictEqual(asked.length, 3)
  asked[0].reject(new Error('no'))
  await turns[0].catch(() => {})
  await settle()
  deepStrictEqual(asked.map(({ name }) => name), ['a', 'b', 'c', 'd'])
  asked[1].resolve(1)
  strictEqual(await turns[1], 1)
  await settle()
  strictEqual(asked.at(-1).name, 'e')
})
