// Layout, variables, Markdown and what two people change at once. Run by `node --test`; Vite takes the types away.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const load = async (name) => (await runnerImport(fileURLToPath(new URL(name, import.meta.url)), { logLevel: 'error' })).module
const { interpolate, durationSeconds } = await load('./interpolate.ts')
const { moved, packed, stepped, freePlace } = await load('./layout.ts')
const { readMarkdown, readInline } = await load('./markdown.ts')
const { merged, differences } = await load('./differences.ts')
const { emptyDashboard } = await load('./document.ts')
const { heatOfBuckets, seriesOfRows } = await load('./results.ts')

const item = (key, x, y, width, height) => ({ x, y, width, height, content: { $ref: `#/spec/panels/${key}` } })
const places = (items) => Object.fromEntries(items.map(({ content, x, y }) => [content.$ref.at(-1), `${x},${y}`]))

test('variables are written as Perses writes them', () => {
  const values = { one: 'a.b', many: ['a.b', "c'd"] }
  const check = (text, expected) => strictEqual(interpolate(text, values), expected)
  check('$one ${one} $many', "a.b a.b (a.b|c'd)")
  check('${many:csv} ${many:pipe} ${many:glob}', "a.b,c'd a.b|c'd {a.b,c'd}")
  check('${many:sqlstring} ${many:regex}', "'a.b','c''d' (a\\.b|c'd)")
  check('${many:distributed} ${many:json}', 'a.b,many=c\'d ["a.b","c\'d"]')
  check('$unknown $oneness ${one}ness $1', '$unknown $oneness a.bness $1')
  strictEqual(interpolate('$toString', values), '$toString')
  strictEqual(durationSeconds('1h30m'), 5400)
  strictEqual(durationSeconds('soon'), null)
})

test('panels give way, fall up, and can pass each other', () => {
  const items = [item('a', 0, 0, 12, 8), item('b', 12, 0, 12, 4), item('c', 0, 8, 12, 4)]
  deepStrictEqual(places(moved(items, 'a', { x: 12, y: 0, width: 12, height: 8 })), { a: '12,0', b: '12,8', c: '0,0' })
  deepStrictEqual(places(moved(items, 'a', stepped(items, 'a', 0, 1))), { a: '0,4', b: '12,0', c: '0,0' })
  deepStrictEqual(places(moved(items, 'c', stepped(items, 'c', 0, -1))), { a: '0,4', b: '12,0', c: '0,0' })
  deepStrictEqual(places(packed([item('a', 0, 5, 12, 2), item('b', 0, 20, 24, 2), item('c', 12, 30, 12, 2)])), { a: '0,0', b: '0,2', c: '12,4' })
  deepStrictEqual(freePlace(items, 12, 8), { x: 12, y: 4, width: 12, height: 8 })
})

test('Markdown is read, HTML and script are text', () => {
  deepStrictEqual(readInline('[x](javascript:alert(1))')[0].kind, 'em')
  deepStrictEqual(readMarkdown('<img src=x onerror=alert(1)>'), [{ kind: 'paragraph', of: [{ kind: 'text', text: '<img src=x onerror=alert(1)>' }] }])
  deepStrictEqual(readMarkdown('# A *b*\n\n- one\n- two\n\n1. x\n\n```\n<b>\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |').map(({ kind }) => kind), ['heading', 'list', 'list', 'code', 'table'])
  deepStrictEqual(readInline('see [logs](/logs?q=a) and `x`').map(({ kind }) => kind), ['text', 'link', 'text', 'code'])
  strictEqual(readMarkdown('>'.repeat(5000)).length, 1)
})

test('what two people changed is joined where it does not touch', () => {
  const base = { ...emptyDashboard('A', 'a') }
  base.spec.panels = { p: { kind: 'Panel', spec: { display: { name: 'P' }, plugin: { kind: 'Markdown', spec: { text: '1' } } } } }
  const with_ = (text) => ({ ...base, spec: { ...base.spec, panels: { p: { kind: 'Panel', spec: { display: { name: 'P' }, plugin: { kind: 'Markdown', spec: { text } } } } } } })
  const titled = { ...base, spec: { ...base.spec, display: { name: 'B' } } }
  deepStrictEqual(merged(base, with_('2'), titled).spec.display, { name: 'B' })
  strictEqual(merged(base, with_('2'), with_('3')), null)
  deepStrictEqual(differences(base, with_('2')), ['The panel “P” changed.'])
})

test('rows are lines, and buckets are counts', () => {
  const rows = [{ t: '2026-01-01T00:01:00Z', s: 'b', n: 2 }, { t: '2026-01-01T00:00:00Z', s: 'b', n: 1 }, { t: '2026-01-01T00:00:00Z', s: 'a', n: null }]
  deepStrictEqual(seriesOfRows(['t', 's', 'n'], rows).map(({ name, values }) => [name, values]), [['b', [1, 2]], ['a', [Number.NaN]]])
  const bucket = (le, value) => ({ labels: { le }, times: [0, 60000], values: [value, value] })
  const heat = heatOfBuckets([bucket('+Inf', 9), bucket('0.1', 2), bucket('1', 5)])
  deepStrictEqual(heat.bounds, [0, 0.1, 1, 2])
  deepStrictEqual(heat.cells.filter(({ column }) => column === 0).map(({ row, count }) => [row, count]), [[0, 2], [1, 3], [2, 4]])
})
