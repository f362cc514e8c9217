// What the editor of SQL knows, where a mistake is, and what becomes of rows.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from '../../load.mjs'

const { tablesOf } = await load('./schema.ts', import.meta.url)
const { mistakesOf } = await load('./mistake.ts', import.meta.url)
const { lines } = await load('./lines.ts', import.meta.url)
const { cellText, inOrder, isTraceId, widthsOf } = await load('./cells.ts', import.meta.url)
const { chartOf } = await load('./chart.ts', import.meta.url)
const { sql } = await load('../../parts/editor-sql.ts', import.meta.url)
const { CompletionContext } = await import('@codemirror/autocomplete')
const { EditorState } = await import('@codemirror/state')

test('tables of telemetry come first, with types as people call them', () => {
  const row = (table_name, column_name, data_type, is_nullable = 'NO') => ({ table_name, column_name, data_type, is_nullable })
  const found = tablesOf([row('orders', 'id', 'Utf8View'), row('logs', 'time', 'Timestamp(ns, "UTC")'), row('spans', 'attributes', 'Map(…)', 'YES'), row('spans', 'service', 'Dictionary(UInt32, Utf8)'), row('spans', 'id', 'FixedSizeBinary(8)'), row('spans', 'n', 'UInt64'), row('spans', 'x', 'Float64'), row('spans', 'odd', 'Struct<a>')])
  deepStrictEqual(found.map(({ name }) => name), ['spans', 'logs', 'orders'])
  deepStrictEqual(found.flatMap(({ columns }) => columns.map(({ type }) => type)), ['map', 'text', 'bytes', 'whole', 'number', 'struct', 'time', 'text'])
  strictEqual(found[0].columns[0].isNullable, true)
})

test('tables, columns and functions are completed', async () => {
  const state = (doc) => EditorState.create({ doc, extensions: sql({ tables: { spans: ['service', 'time'] }, functions: [{ name: 'time_bucket' }] }) })
  const offered = async (doc) => {
    const of = state(doc)
    const context = new CompletionContext(of, doc.length, true)
    const results = await Promise.all(of.languageDataAt('autocomplete', doc.length).map((source) => source(context)))
    return results.flatMap((result) => result?.options.map(({ label, apply }) => apply ?? label) ?? [])
  }
  const all = await offered('SELECT ')
  deepStrictEqual(['spans', 'time_bucket(', 'FROM'].map((name) => all.includes(name)), [true, true, true])
  deepStrictEqual((await offered('SELECT spans.')).filter((name) => /^(service|time)$/.test(name)), ['service', 'time'])
})

test('a mistake is shown where it is', () => {
  const statement = "SELECT nam, 'nam'\nFROM spans s WHERE s.nam = 1 GRUP BY 1"
  const check = (message, expected) => deepStrictEqual(mistakesOf(statement, message).map(({ from, to }) => statement.slice(from, to)), expected)
  check('sql parser error: Expected: end, found: GRUP at Line: 2, Column: 30', ['GRUP'])
  check('No field named nam. Did you mean name?', ['nam', 'nam'])
  check("table 'datafusion.public.spans' not found", ['spans'])
  check('Expected: an expression, found: EOF', ['1'])
  check('it took too long', [])
  strictEqual(mistakesOf('x', 'at Line: 9, Column: 9')[0].from, 1)
})

test('an answer is read line by line, however it is cut', async () => {
  const bytes = new TextEncoder().encode('{"a":"é"}\n\n[1]\n[2]')
  const pieces = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, place) => bytes.slice(place * 3, place * 3 + 3))
  const found = []
  for await (const line of lines(ReadableStream.from(pieces))) found.push(line)
  deepStrictEqual(found, ['{"a":"é"}', '[1]', '[2]'])
  let isEnded = false
  const endless = new ReadableStream({ pull: (to) => to.enqueue(bytes), cancel: () => { isEnded = true } })
  for await (const line of lines(endless)) if (line !== '') break
  strictEqual(isEnded, true)
})

test('cells have texts, widths and an order', () => {
  deepStrictEqual([null, undefined, 'a', 1.5, { a: [1] }, false].map(cellText), ['null', 'null', 'a', '1.5', '{"a":[1]}', 'false'])
  const columns = [{ name: 'n', type: 'Int64', number: true }, { name: 'text', type: 'Utf8', number: false }]
  const rows = [[10, 'b'], [null, 'a'.repeat(99)], ['9', null], [2, 'B']]
  strictEqual(widthsOf(columns, rows), '6ch minmax(60ch, 1fr)')
  deepStrictEqual(inOrder(rows, null, columns), [0, 1, 2, 3])
  deepStrictEqual(inOrder(rows, { column: 0, isDescending: false }, columns), [3, 2, 0, 1])
  deepStrictEqual(inOrder(rows, { column: 0, isDescending: true }, columns), [0, 2, 3, 1])
  deepStrictEqual(inOrder(rows, { column: 1, isDescending: false }, columns), [3, 1, 0, 2])
  deepStrictEqual([isTraceId({ name: 'trace_id' }, 'a'.repeat(32)), isTraceId({ name: 'trace_id' }, 'a'.repeat(31)), isTraceId({ name: 'id' }, 'a'.repeat(32))], [true, false, false])
})

test('rows with a time are lines', () => {
  const column = (name, type, number = false) => ({ name, type, number })
  const [time, service, n, m] = [column('t', 'Timestamp(ns)'), column('service', 'Utf8'), column('n', 'Int64', true), column('m', 'Float64', true)]
  const check = (columns, rows, expected) => deepStrictEqual(chartOf({ columns, rows, isCut: false, ms: 0 }), expected)
  check([n], [[1]], "A chart needs a column of times, such as time_bucket('1 minute', time).")
  check([time, service], [], 'A chart needs a column of numbers beside the time, such as count(*).')
  check([time, service, n], [['1970-01-01T00:00:02.000000001Z', 'a', 1], ['1970-01-01T00:00:01Z', 'a', 2], ['1970-01-01T00:00:01Z', null, null], ['never', 'b', 1]], { times: [1000, 2000], lines: [{ name: 'a', values: [2, 1] }, { name: 'null', values: [null, null] }], left: 0 })
  check([time, n, m], [['1970-01-01 00:00:01Z', 1, 0.5]], { times: [1000], lines: [{ name: 'n', values: [1] }, { name: 'm', values: [0.5] }], left: 0 })
  const many = chartOf({ columns: [time, service, n], rows: Array.from({ length: 42 }, (_, place) => ['1970-01-01T00:00:01Z', `s${place}`, place]), isCut: false, ms: 0 })
  deepStrictEqual([many.lines.length, many.left, many.lines[0].name], [40, 2, 's41'])
})
