// What an expression compares, whom an alert is told to, and when a rule would have fired.
import { deepStrictEqual, strictEqual, throws } from 'node:assert'
import { test } from 'node:test'
import { load } from '../../load.mjs'

const { comparisonOf, firingsOf } = await load('./threshold.ts', import.meta.url)
const { readConfiguration, routesFor } = await load('./routing.ts', import.meta.url)
const { readMatcher, readMatchers, matcherText, meets } = await load('./matchers.ts', import.meta.url)
const { readYaml } = await load('./yaml.ts', import.meta.url)
const { alertsOf } = await load('./model.ts', import.meta.url)
const { timeText, readPairs } = await load('./rule-text.ts', import.meta.url)

test('the threshold of an expression is found outside of brackets', () => {
  const check = (text, expected) => deepStrictEqual(comparisonOf(text), expected && { left: expected[0], operator: expected[1], threshold: expected[2] })
  check('up == 0', ['up', '==', 0])
  check('a:ratio > 0.02 and a:rate > 0.05', ['a:ratio', '>', 0.02])
  check('(a / b > 1e-3) unless c', ['a / b', '>', 0.001])
  check('sum(rate(x{code=~"5..", path!="a>b"}[5m])) >= bool 0.5', ['sum(rate(x{code=~"5..", path!="a>b"}[5m]))', '>=', 0.5])
  check('a > b', null)
  check('absent(up)', null)
  check('min_over_time(x[2m]) > -1.5', ['min_over_time(x[2m])', '>', -1.5])
  check('a > 5 * b', null)
})

const CONFIG = 'route:\n  receiver: team\n  group_by:\n    - alertname\n  routes:\n    -\n      matchers:\n        - "severity=\\"page\\""\n      receiver: pager\n      continue: true\n      routes:\n        -\n          matchers:\n            - "job=~\\"shop/.*\\""\n          receiver: shop\n    -\n      match:\n        severity: page\n      receiver: all-pages\nreceivers:\n  -\n    name: team\n    email_configs:\n      -\n        to: "team@vitrine.example"\n  -\n    name: pager\n    webhook_configs:\n      -\n        url: <secret>\n'

test('routes are taken as Alertmanager takes them', () => {
  const { root, receivers } = readConfiguration(CONFIG)
  const told = (labels) => routesFor(root, labels).map(({ receiver }) => receiver)
  deepStrictEqual(told({ severity: 'info' }), ['team'])
  deepStrictEqual(told({ severity: 'page' }), ['pager', 'all-pages'])
  deepStrictEqual(told({ severity: 'page', job: 'shop/cart' }), ['shop', 'all-pages'])
  deepStrictEqual(root.routes[0].groupBy, ['alertname'])
  deepStrictEqual(receivers, [{ name: 'team', integrations: [{ kind: 'email', detail: 'team@vitrine.example' }] }, { name: 'pager', integrations: [{ kind: 'webhook', detail: '' }] }])
})

test('YAML of the ruler is read, too', () => {
  deepStrictEqual(readYaml('"mine":\n- name: "g1"\n  interval: 1m\n  rules:\n  - alert: "A"\n    expr: "vector(1) \\u003e 0"\n    labels:\n      "severity": "warning"\n'), { mine: [{ name: 'g1', interval: '1m', rules: [{ alert: 'A', expr: 'vector(1) > 0', labels: { severity: 'warning' } }] }] })
  deepStrictEqual(readYaml('a: []\nb: {}\nc:\nd: null'), { a: [], b: {}, c: null, d: null })
  throws(() => readYaml('a: 1\n  b'), /another form/)
})

test('matchers are read, written and met', () => {
  strictEqual(matcherText(readMatcher(' job =~ "a|b" ')), 'job=~"a|b"')
  strictEqual(matcherText(readMatcher('severity!=page')), 'severity!="page"')
  strictEqual(matcherText(readMatcher('x!~".*"')), 'x!~".*"')
  strictEqual(readMatcher('nothing'), null)
  deepStrictEqual(readMatchers('a="x,y", b=~"z"\nc').wrong, ['c'])
  strictEqual(meets(readMatcher('a=~"x.*"'), { a: 'xyz' }), true)
  strictEqual(meets(readMatcher('a=~"x"'), { a: 'xyz' }), false)
  strictEqual(meets(readMatcher('gone=""'), {}), true)
})

test('a rule fires when its condition holds for long enough', () => {
  const minutes = (...list) => list.map((minute) => minute * 60_000)
  const series = [{ labels: { a: '1' }, times: minutes(0, 1, 2, 3, 10, 11, 12, 13, 14, 15), values: [] }]
  deepStrictEqual(firingsOf(series, 60_000, 300_000).map(({ from, to }) => [from, to]), [minutes(15, 16)])
  strictEqual(firingsOf(series, 60_000, 0).length, 2)
  strictEqual(firingsOf(series, 60_000, 0, 600_000).length, 1)
})

test('the gravest stand first, and each says what keeps it quiet', () => {
  const alert = (name, severity, state = 'firing') => ({ labels: { alertname: name, severity }, annotations: {}, state, activeAt: '2026-01-01T00:00:00Z', value: '1' })
  const rules = [{ type: 'alerting', name: 'x', query: 'up', health: 'ok', alerts: [alert('low', 'info'), alert('quiet', 'page'), alert('grave', 'page'), alert('soon', 'page', 'pending')] }]
  const sent = [{ labels: { alertname: 'quiet', severity: 'page' }, annotations: {}, fingerprint: '1', startsAt: '', endsAt: '', receivers: [], status: { state: 'suppressed', silencedBy: ['s'], inhibitedBy: [] } }, { labels: { alertname: 'foreign', severity: 'ticket' }, annotations: {}, fingerprint: '2', startsAt: '2026-01-01T00:00:00Z', endsAt: '', receivers: [], status: { state: 'active', silencedBy: [], inhibitedBy: [] } }]
  deepStrictEqual(alertsOf([{ name: 'g', file: 'f', interval: 1, rules }], sent).map(({ name, state }) => `${name} ${state}`), ['grave firing', 'soon pending', 'quiet silenced', 'foreign firing', 'low firing'])
})

test('times and labels are written and read', () => {
  deepStrictEqual([90, 3600, 90061, 0].map(timeText), ['1m30s', '1h', '1d1h1m1s', '0s'])
  deepStrictEqual(readPairs('severity: page\nteam=shop\nno'), { pairs: { severity: 'page', team: 'shop' }, wrong: 'no' })
})
