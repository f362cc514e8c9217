// What addresses say: paths, parameters and times, and what older ones meant.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from './load.mjs'

const { addressOf, changedAddress, flag, list, matchPath, navigate, number, oneOf, text } = await load('./router.ts', import.meta.url)
const { readDuration } = await load('./durations.ts', import.meta.url)
const { upgraded } = await load('./older-links.ts', import.meta.url)
const { ROUTES } = await load('./routes.ts', import.meta.url)

test('paths fit patterns', () => {
  const check = (pattern, path, expected) => deepStrictEqual(matchPath(pattern, path), expected)
  check('/', '/', {})
  check('/', '/traces', null)
  check('/traces', '/traces/', {})
  check('/traces', '/traces/diff', null)
  check('/trace/:id', '/trace/ab12', { id: 'ab12' })
  check('/trace/:id', '/trace/', null)
  check('/services/:service', '/services/a%2Fb%20c', { service: 'a/b c' })
  check('/services/:service', '/services/50%', { service: '50%' })
  const first = (path) => ROUTES.find(({ pattern }) => matchPath(pattern, path))?.title
  deepStrictEqual(['/', '/traces/diff', '/trace/1', '/logs', '/nowhere'].map(first), ['Overview', 'Two traces', 'Trace', 'Logs', undefined])
})

test('parameters are written once, and only what is not the default', () => {
  navigate('/logs?q=a+b&from=now-1h&live=1&tenant=t&v=1')
  const check = (address, expected) => strictEqual(address, expected)
  check(changedAddress({ q: undefined }), '/logs?from=now-1h&live=1&tenant=t&v=1')
  check(changedAddress({ q: 'c&d=é', from: undefined, live: false, tenant: '' }), '/logs?q=c%26d%3D%C3%A9&v=1')
  check(changedAddress({ show: ['x', 'y'], open: true, page: 0 }), '/logs?q=a+b&from=now-1h&live=1&tenant=t&show=x&show=y&open=1&page=0&v=1')
  // The time and the tenant go along to another page; nothing else does.
  check(addressOf('/traces', { q: 'x' }), '/traces?from=now-1h&live=1&tenant=t&q=x&v=1')
  check(addressOf('/traces', { from: 1, to: 2, live: false }), '/traces?tenant=t&from=1&to=2&v=1')
  navigate('/')
  check(addressOf('/metrics'), '/metrics')
})

test('what does not fit a field is as if it were not there', () => {
  const check = (field, values, expected) => deepStrictEqual(field.read(values), expected)
  check(text('a'), [], 'a')
  check(text('a'), ['', 'b'], '')
  check(flag(), ['true'], false)
  check(flag(), ['1'], true)
  check(list(), ['a', 'b'], ['a', 'b'])
  for (const wrong of ['', 'x', 'Infinity', 'NaN']) check(number(7), [wrong], 7)
  check(number(7), ['-1.5'], -1.5)
  check(oneOf(['a', 'b'], 'b'), ['A'], 'b')
})

test('durations are read', () => {
  const durations = { '200ms': 200e6, '1h30m': 5400e9, '1.5s': 1.5e9, '3µs': 3000, '3us': 3000, '1w2d': 9 * 86_400e9, '1y': 365 * 86_400e9, '0s': 0, '': null, '5': null, '1h 30m': null, soon: null, '-1s': null, '5mo': null }
  for (const [text, ns] of Object.entries(durations)) strictEqual(readDuration(text), ns, text)
})

test('older addresses lead to what they meant', () => {
  const check = (address, expected) => strictEqual(upgraded(...address.split(/(?=\?)/)), expected)
  check('/', null)
  check('/?v=1&service=a', null)
  check('/?service=a b"c', '/traces?q=service%3A%22a+b%5C%22c%22&v=1')
  check('/?service=cart', '/traces?q=service%3Acart&v=1')
  check('/logs', null)
  check('/logs?query=a&since=soon', '/logs?q=a&v=1')
  check('/logs?query=a&since=0s', '/logs?q=a&from=now-0s&v=1')
  check('/logs?query=a&since=1d12h', '/logs?q=a&from=now-1d12h&v=1')
  check('/logs?end=2026-01-01T00:00:00Z', '/logs?from=1767222000000&to=1767225600000&v=1')
  check('/logs?around=c1&view=patterns', '/logs?from=now-1h&view=patterns&at=c1&v=1')
  // Seconds, milliseconds, microseconds and nanoseconds.
  for (const start of ['1767225600', '1767225600000', '1767225600000000', '1767225600000000000']) check(`/logs?start=${start}`, '/logs?from=1767225600000&v=1')
  check('/explore', '/metrics')
  check('/explore?focus=a-b', `/metrics?q=${encodeURIComponent('sort_desc(count by ("a-b") ({"a-b"!=""}))').replaceAll('%20', '+').replaceAll('(', '%28').replaceAll(')', '%29').replaceAll('!', '%21')}&from=now-1h&v=1`)
  check('/graph?g0.expr=a&g1.expr=b&g0.range_input=30m', '/metrics?q=a&q=b&from=now-30m&v=1')
  check('/graph?g0.expr=a&g0.range_input=1h&g0.end_input=2026-01-01 00:00', '/metrics?q=a&from=1767222000000&to=1767225600000&v=1')
  check('/alerts/rule?file=f&group=g&rule=2', '/alerts?tab=rules&open=f%3Bg%3B2&v=1')
  check('/elsewhere?query=a', null)
})
