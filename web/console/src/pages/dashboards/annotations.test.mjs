// When annotations say that something happened, and what they say. Run by `node --test`; Vite takes the types away.
import { deepStrictEqual, strictEqual, throws } from 'node:assert'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const load = async (name) => (await runnerImport(fileURLToPath(new URL(name, import.meta.url)), { logLevel: 'error' })).module
const { isShown, marksOf, MOST_MARKS, queryOf, risesOf } = await load('./annotations.ts')
const { readDashboard } = await load('./document.ts')
const { merged } = await load('./differences.ts')

const annotation = (spec, kind = 'PrometheusPromQLAnnotation') => ({ display: { name: 'Deploys' }, plugin: { kind, spec } })
/** A sample each 10 seconds, from 100 s on; `_` is none. */
const series = (samples, labels = {}) => {
  const all = samples.map((value, place) => [100_000 + place * 10_000, value]).filter(([, value]) => value !== '_')
  return { name: '', labels, times: all.map(([time]) => time), values: all.map(([, value]) => value) }
}
const rises = (...samples) => risesOf(series(samples), 103_000, 10_000).map((time) => (time - 100_000) / 10_000)

test('a moment is where a series appears or rises, and not what was there before', () => {
  deepStrictEqual(rises(0, 0, 1, 1, 0, 1), [2, 5])
  deepStrictEqual(rises(1, 1, 1), [])
  deepStrictEqual(rises('_', 1, 1), [1])
  deepStrictEqual(rises('_', '_', 1, '_', 1, 1), [2, 4])
  deepStrictEqual(rises(3, 4, 4, 2, 6), [1, 4])
  deepStrictEqual(rises(0, Number.NaN, 0, -1), [])
})

test('marks say their title, their text and their labels', () => {
  const said = (spec, labels) => marksOf(annotation(spec), { kind: 'series', series: [series([0, 1], labels)] }, 100_000, 10).marks.map(({ text }) => text)
  const labels = { __name__: 'up', job: 'shop', env: 'live' }
  deepStrictEqual(said({}, labels), ['Deploys: job=shop env=live'])
  deepStrictEqual(said({}, {}), ['Deploys'])
  deepStrictEqual(said({ title: 'of {{job}}', legend: 'in {{env}}', tags: ['env', 'gone'] }, labels), ['Deploys: of shop – in live – env=live'])
  const line = (time, message) => ({ time, message, level: 'info', service: 'deployer', key: '', attributes: { version: '7' } })
  const lines = (spec) => marksOf(annotation(spec, 'VitrineLogAnnotation'), { kind: 'logs', lines: [line(5, 'one\n  two'), line(5, 'one\n  two'), line(9, 'x')] }, 0, 10).marks
  deepStrictEqual(lines({}), [{ time: 9, text: 'Deploys: x' }, { time: 5, text: 'Deploys: one two' }])
  deepStrictEqual(lines({ title: '{{service}} {{version}}' }).map(({ text }) => text), ['Deploys: deployer 7', 'Deploys: deployer 7'])
})

test('only the newest are marked, and that is said', () => {
  const many = { kind: 'series', series: [series(Array.from({ length: 500 }, (_, place) => place))] }
  const { marks, isCut } = marksOf(annotation({}), many, 100_000, 10)
  deepStrictEqual([marks.length, isCut, marks[0].time], [MOST_MARKS, true, 100_000 + 499 * 10_000])
  deepStrictEqual(marksOf(annotation({}), null, 0, 10), { marks: [], isCut: false })
})

test('each kind is asked in its own language, and a kind that is not known says so', () => {
  deepStrictEqual(queryOf(annotation({ expr: 'up' })).spec.plugin, { kind: 'PrometheusTimeSeriesQuery', spec: { query: 'up' } })
  deepStrictEqual(queryOf(annotation({ query: 'a' }, 'VitrineLogAnnotation')), { kind: 'LogQuery', spec: { plugin: { kind: 'VitrineLogQuery', spec: { query: 'a' } } } })
  throws(() => queryOf(annotation({}, 'Other')), /cannot ask for annotations of the kind Other/)
})

test('hidden ones are shown when they are switched, and others hidden', () => {
  const hidden = { ...annotation({}), display: { name: 'H', hidden: true } }
  deepStrictEqual([isShown(annotation({}), []), isShown(annotation({}), ['Deploys']), isShown(hidden, []), isShown(hidden, ['H'])], [true, false, false, true])
})

test('they are read with a dashboard, and kept when two change it', () => {
  const read = (annotations) => readDashboard({ kind: 'Dashboard', metadata: { name: 'a' }, spec: { annotations } })
  throws(() => read([{ plugin: { kind: 'X', spec: {} } }]), /spec\.annotations\[0\] has no display\.name/)
  const [base, mine] = [read([]), read([annotation({ expr: 'up' })])]
  const theirs = { ...base, spec: { ...base.spec, display: { name: 'B' } } }
  strictEqual(merged(base, mine, theirs).spec.annotations[0].display.name, 'Deploys')
})
