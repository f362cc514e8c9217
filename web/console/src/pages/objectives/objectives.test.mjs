// Objectives out of their rules, how far visits came, which targets are shown, and where one goes after signing in.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from '../../load.mjs'

const { burnText, lasting, objectivesOf, promise } = await load('./objective-data.ts', import.meta.url)
const { extremes, groupsOf, onward, shareOf } = await load('../visits/funnel-data.ts', import.meta.url)
const { activeOf, changesOf, droppedOf, jobsOf, selectorOf } = await load('../targets/target-data.ts', import.meta.url)
const { safeBack } = await load('../sign-in/back.ts', import.meta.url)

const recorded = (name, query) => ({ type: 'recording', name, query, health: 'ok', lastEvaluation: '' })

test('an objective says what is left, and how fast it burns', () => {
  const alert = { type: 'alerting', name: 'Fast', state: 'pending', query: '(slo:error_ratio:rate1h{slo="a\\"b"} > 0.144 and slo:error_ratio:rate5m{slo="a\\"b"} > 0.144)', health: 'ok', lastEvaluation: '' }
  const group = (name, ...rules) => ({ name, file: 'f', rules })
  const now = Object.entries({ 'slo:error_budget_left:ratio': 0.5, 'slo:error_ratio:rate1h': 0.02, 'slo:error_ratio:rate6h': 0.01 }).map(([__name__, value]) => ({ labels: { __name__, slo: 'a' }, times: [0], values: [value] }))
  const found = objectivesOf([group('other'), group('slo:new'), group('slo:a', recorded('slo:objective:ratio', 'vector(0.99)'), recorded('slo:error_budget_left:ratio', '1 - sum_over_time(x[30d]) / 0.01'), alert)], now)
  deepStrictEqual(found.map(({ name, state, left }) => [name, state, left]), [['a', 'pending', 0.5], ['new', 'unknown', null]])
  const [{ burns: [burn], lately, lastsS, window }] = found
  deepStrictEqual([burn.long, burn.short, burnText(burn.longBurn), burnText(burn.shortBurn), burnText(burn.limit), burnText(lately.sixHours), window], ['1h', '5m', '2×', 'no events', '14×', '1×', '30d'])
  strictEqual(lasting(lastsS), '15 days')
  deepStrictEqual([59, 3600, 2 * 86_400, 366 * 86_400].map(lasting), ['1 min', '1 h', '2 days', 'more than a year'])
  deepStrictEqual([0.9995, 0.99999, 1, null].map(promise), ['99.95%', '99.999%', '100%', '–'])
})

test('visits are told from the quickest on, after all together', () => {
  const row = (answered, ...counts) => ({ answered, page: counts[0], product: counts[1], cart: counts[2], paid: counts[3] })
  const groups = groupsOf([row('slower', 20, 5, 1, 0), row('not traced', 90, 0, 0, 0), row('below 100 ms', 40, 30, 20, 10)])
  deepStrictEqual(groups.map(({ title, counts }) => [title, counts[0]]), [['All visits', 150], ['within 100 ms', 40], ['in 500 ms or more', 20], ['not traced', 90]])
  deepStrictEqual([shareOf(groups[1], 3), onward(groups[1], 3), onward(groups[3], 2), onward(groups[1], 0)], [0.25, 0.5, Number.NaN, Number.NaN])
  deepStrictEqual(extremes(groups).map(({ answered }) => answered), ['below 100 ms', 'slower'])
  strictEqual(extremes(groupsOf([row('slower', 19, 0, 0, 0), row('below 100 ms', 99, 0, 0, 0)])), null)
})

test('targets that do not answer come first', () => {
  const target = (job, health, instance, lastError = '') => ({ scrapePool: job, health, lastError, scrapeUrl: `http://${instance}/metrics`, labels: { job, instance } })
  const all = { activeTargets: [target('a', 'up', 'x:1'), target('b', 'down', 'y:1', 'Refused'), target('a', 'unknown', 'z:1')], droppedTargets: [{ scrapePool: 'c', discoveredLabels: { __address__: 'w:1' } }], droppedTargetCounts: { c: 4, a: 1 } }
  const shown = (more) => activeOf(all, { job: '', health: 'all', q: '', ...more }).map(({ labels }) => labels.instance)
  deepStrictEqual([shown({}), shown({ q: 'refused' }), shown({ job: 'a', health: 'up' }), shown({ q: 'nowhere' })], [['y:1', 'z:1', 'x:1'], ['y:1'], ['x:1'], []])
  deepStrictEqual([droppedOf(all, { job: '', q: 'W:1' }).length, droppedOf(all, { job: 'a', q: '' }).length], [1, 0])
  deepStrictEqual(jobsOf(all).map(({ job, up, all, dropped }) => [job, up, all, dropped]), [['a', 1, 2, 1], ['b', 0, 1, 0], ['c', 0, 0, 4]])
  strictEqual(selectorOf(target('a"', 'up', 'x'), 'up|down'), '{__name__=~"up|down",job="a\\"",instance="x"}')
  deepStrictEqual(changesOf({ a: '1', b: '2' }, { output: { a: '1', c: '3' }, keep: true }), ['c=3', 'without b'])
  deepStrictEqual(changesOf({ a: '1' }, { output: {}, keep: false }), [])
})

test('nobody is sent elsewhere after signing in', () => {
  const check = (asked, expected) => strictEqual(safeBack(asked, 'http://console.test'), expected, asked)
  check('/traces?q=a&v=1', '/traces?q=a&v=1')
  for (const wrong of ['', 'traces', '//evil.test/', '/\\evil.test', '/\t/evil.test', '/.//evil.test', 'http://evil.test/', 'javascript:alert(1)', '/sign-in?back=/', '/\n/evil.test']) check(wrong, '/')
})
