// Queries of metrics: written again out of their trees, said in words, offered for a metric, and drawn.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from '../../load.mjs'

const { childrenOf, headOf, promDuration, textOf } = await load('./promql.ts', import.meta.url)
const { wordsOf } = await load('./words.ts', import.meta.url)
const { byLabel, metricsOf, suggestionsFor } = await load('./suggestions.ts', import.meta.url)
const { linesOf, unitOf } = await load('./series.ts', import.meta.url)
const { readInstant } = await load('./instant.ts', import.meta.url)
const { askedOf, letterOf } = await load('./state.ts', import.meta.url)

const selector = (name, matchers = [], more) => ({ type: 'vectorSelector', name, matchers, offset: 0, timestamp: null, startOrEnd: null, ...more })
const number = (val) => ({ type: 'numberLiteral', val })
const binary = (lhs, op, rhs, more) => ({ type: 'binaryExpr', op, lhs, rhs, bool: false, matching: null, ...more })

test('a tree is written as the query that it is', () => {
  const check = (node, expected) => strictEqual(textOf(node), expected)
  check(selector('up'), 'up')
  check(selector('', [{ name: '__name__', type: '=~', value: 'a|b' }]), '{__name__=~"a|b"}')
  check(selector('odd.name', [{ name: 'a.b', type: '!=', value: '"\\' }]), '{"odd.name", "a.b"!="\\"\\\\"}')
  check(selector('up', [{ name: '__name__', type: '=', value: 'up' }, { name: 'job', type: '=', value: 'x' }], { offset: -90_000, startOrEnd: 'end' }), 'up{job="x"} @ end() offset -1m30s')
  const rate = { type: 'call', func: { name: 'rate', returnType: 'vector' }, args: [{ ...selector('x'), type: 'matrixSelector', range: 300_000, timestamp: 1500 }] }
  check(rate, 'rate(x[5m] @ 1.5)')
  const sum = { type: 'aggregation', op: 'topk', expr: rate, param: number('3'), grouping: ['a', 'b'], without: true }
  check(sum, 'topk without (a, b) (3, rate(x[5m] @ 1.5))')
  check(binary(sum, '>', number('1'), { bool: true, matching: { card: 'many-to-one', labels: ['a'], on: true, include: ['c'] } }), 'topk without (a, b) (3, rate(x[5m] @ 1.5)) > bool on (a) group_left (c) 1')
  check({ type: 'unaryExpr', op: '-', expr: { type: 'parenExpr', expr: { type: 'subquery', expr: rate, range: 3_600_000, step: 0, offset: 0, timestamp: null, startOrEnd: null } } }, '-(rate(x[5m] @ 1.5)[1h:])')
  deepStrictEqual([headOf(sum), headOf(rate), childrenOf(sum).length, childrenOf(number('1')).length], ['topk without (a, b) (…)', 'rate(…)', 2, 0])
  deepStrictEqual([0, 1500, 5_400_000, 694_800_000].map(promDuration), ['0s', '1s500ms', '1h30m', '1w1d1h'])
})

test('a part is said in words', () => {
  const check = (node, expected) => strictEqual(wordsOf(node), expected)
  check(selector('up', [{ name: '__name__', type: '=', value: 'up' }, { name: 'job', type: '!~', value: 'a' }, { name: 'x', type: '=', value: '' }]), 'The newest sample of each series whose job does not match a and x is empty.')
  check({ type: 'aggregation', op: 'sum', expr: selector('a'), param: null, grouping: [], without: false }, 'The sum of all.')
  check({ type: 'aggregation', op: 'avg', expr: selector('a'), param: null, grouping: ['job'], without: true }, 'The mean of what differs only in job.')
  check(binary(selector('a'), '>', number('1')), 'Series of the first that are greater than the second.')
  check(binary(selector('a'), '/', selector('b'), { matching: { card: 'one-to-one', labels: ['le'], on: false, include: [] } }), 'The first divided by the second, whatever le is.')
  check(binary(selector('a'), 'unless', selector('b'), { matching: { card: 'many-to-many', labels: [], on: false, include: [] } }), 'Series of the first that the second lacks.')
  check({ type: 'call', func: { name: 'mad_over_time', returnType: 'vector' }, args: [] }, 'A value of each series over the window.')
})

test('a metric is asked for what it has', () => {
  const known = (type) => [{ type, help: '', unit: '' }]
  const [bucket, counter, gauge, odd, native] = metricsOf(['took_seconds_bucket', 'calls_total', 'heap', 'a.b', 'took'], { took_seconds: known('histogram'), calls_total: known('counter'), heap: known('gauge'), took: known('histogram') })
  deepStrictEqual([bucket.family, bucket.known.type, counter.family, odd.known], ['took_seconds', 'histogram', 'calls_total', undefined])
  const first = (metric) => suggestionsFor(metric)[0].query
  deepStrictEqual([bucket, counter, gauge, odd, native].map(first), ['histogram_quantile(0.95, sum by (le) (rate(took_seconds_bucket[5m])))', 'sum(rate(calls_total[5m]))', 'heap', '{"a.b"}', 'histogram_quantile(0.95, sum(rate(took[5m])))'])
  deepStrictEqual([bucket, counter, gauge].map((metric) => byLabel(metric, 'job')), ['histogram_quantile(0.95, sum by (le, job) (rate(took_seconds_bucket[5m])))', 'sum by (job) (rate(calls_total[5m]))', 'avg by (job) (heap)'])
})

test('lines are called by what tells them apart', () => {
  const series = (labels, values = [1]) => ({ labels, times: values.map((_, place) => place), values })
  const names = (...found) => linesOf(found).lines.map(({ name }) => name)
  const one = (...all) => ({ letter: '', series: all })
  deepStrictEqual(names(one(series({ __name__: 'up', job: 'a' }))), ['up{job="a"}'])
  deepStrictEqual(names(one(series({ job: 'a', x: '1' }), series({ job: 'b', x: '1' }), series({ x: '1' }))), ['a', 'b', '(none)'])
  deepStrictEqual(names(one(series({ __name__: 'a', job: 'j' }), series({ __name__: 'b', job: 'j' }))), ['a', 'b'])
  deepStrictEqual(names({ letter: 'A', series: [series({})] }, { letter: 'B', series: [series({})] }), ['A value', 'B value'])
  const many = linesOf([one(...Array.from({ length: 61 }, (_, place) => series({ n: String(place) }, [place])))])
  deepStrictEqual([many.all, many.lines.length, many.lines[0].name], [61, 60, '60'])
  const units = { 'histogram_quantile(0.9, rate(a_seconds_bucket[5m]))': 'seconds', 'rate(a_seconds_sum[5m])': 'short', 'rate(a_seconds_sum[5m]) / rate(a_seconds_count[5m])': 'seconds', a_seconds: 'seconds', 'rate(a_bytes_total[5m])': 'bytes', up: 'short' }
  deepStrictEqual(Object.keys(units).map(unitOf), Object.values(units))
})

test('an instant is read, whatever it is', () => {
  const read = (resultType, result) => readInstant({ data: { resultType, result } }).map(({ value, text }) => [value, text])
  deepStrictEqual(read('scalar', [0, '1.50']), [[1.5, '1.50']])
  deepStrictEqual(read('string', [0, 'a']), [[null, 'a']])
  deepStrictEqual(read('vector', [{ metric: {}, value: [0, '-Inf'] }, { metric: {}, histogram: [0, { count: '3', sum: '4.5' }] }]), [[-Infinity, '-Inf'], [null, '3 observations, sum 4.5']])
  deepStrictEqual(read('matrix', [{ metric: {}, values: [[0, '1'], [1, '2']] }]), [[null, '2 samples, the last 2']])
  deepStrictEqual(askedOf(['up', ' ', 'down'], ['C']), [{ letter: 'A', text: 'up' }])
  deepStrictEqual([0, 25, 26].map(letterOf), ['A', 'Z', 'A'])
})
