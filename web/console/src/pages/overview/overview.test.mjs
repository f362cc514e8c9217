// The service map and what changed, out of series and of what flags and faults tell; failures and exemplars of a service.
import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from '../../load.mjs'

const { failedShare, mapOf, toneOf, widthOf } = await load('./map-data.ts', import.meta.url)
const { appeared, faultChanges, flagChanges, newestFirst, rises } = await load('./changes.ts', import.meta.url)
const { failuresStatement, groupsOf } = await load('../../failures/failure-data.ts', import.meta.url)
const { readExemplars, spread } = await load('../service/exemplars.ts', import.meta.url)

const one = (labels, value) => ({ labels, times: [0], values: [value] })

test('the map has who calls whom, and who is only told of', () => {
  const edge = (is, client, server, value, more) => one({ is, client, server, ...more }, value)
  const { nodes, edges } = mapOf([
    edge('calls', 'shop', 'carts', 2),
    edge('failed', 'shop', 'carts', 0.5),
    edge('p95', 'shop', 'carts', 0.2),
    edge('calls', 'carts', 'postgres', 4, { connection_type: 'database' }),
    edge('calls', 'user', 'shop', 1, { connection_type: 'virtual_node' }),
    one({ is: 'service_calls', service: 'carts' }, 2),
    one({ is: 'service_p95', service: 'carts' }, Number.NaN),
    one({ is: 'calls' }, 9),
  ])
  deepStrictEqual(nodes.map(({ service, isOuter, rate }) => [service, isOuter, rate]), [['carts', false, 2], ['postgres', true, 4], ['shop', false, 1], ['user', true, 0]])
  deepStrictEqual(edges.map(({ client, server, rate, failed, p95, type }) => [client, server, rate, failed, p95, type]), [['carts', 'postgres', 4, 0, Number.NaN, 'database'], ['shop', 'carts', 2, 0.5, 0.2, ''], ['user', 'shop', 1, 0, Number.NaN, 'virtual_node']])
  deepStrictEqual(mapOf([]), { nodes: [], edges: [] })
  const tones = [[0, 5], [100, 0.9], [100, 1], [100, 5], [1, 9]].map(([rate, failed]) => toneOf({ rate, failed, p95: 0 }))
  deepStrictEqual(tones, [undefined, undefined, 'warn', 'bad', 'bad'])
  strictEqual(failedShare({ rate: 1, failed: 9, p95: 0 }), 1)
  deepStrictEqual([0, 1 / 60, 1, 1e9].map(widthOf), [1, 1, 3, 9])
})

test('what appears is a change, what was there is none', () => {
  const series = (labels, ...times) => ({ labels, times, values: times.map(() => 1) })
  deepStrictEqual(rises([series({}, 0, 10, 20, 50)], 0, 10).map(({ time }) => time), [50])
  deepStrictEqual(rises([series({}, 20, 30)], 0, 10).map(({ time }) => time), [20])
  const found = [series({ job: 'shop/carts', service_version: '2' }, 50), series({ alertname: 'Slow', severity: 'page', service: 'carts' }, 60), series({ job: 'shop/carts', service_version: '1' }, 0)]
  deepStrictEqual(appeared(found, 0, 10).map(({ kind, time, text }) => [kind, time, text]), [['alert', 60, 'Alert Slow'], ['version', 50, 'carts began: 2']])
  strictEqual(appeared(found, 0, 10, 'orders').length, 0)
  const all = ['a', 'b', 'c', 'd'].map((name) => series({ job: `x/${name}` }, 50))
  deepStrictEqual(appeared(all, 0, 10).map(({ text, detail }) => [text, detail]), [['4 services began: without a version', 'a, b, c, d']])
})

test('flags and faults are changes, of a service if one is asked for', () => {
  const owned = (owner) => ({ metadata: { owner } })
  const entries = [{ atMs: 5, action: 'set', who: 'ada', why: 'sale', changes: [{ key: 'a/b', before: owned('carts'), after: owned('shop') }] }, { atMs: 6, action: 'delete', who: 'bob', why: '', changes: [{ key: 'c', before: owned('carts'), after: null }, { key: null, before: null, after: null }] }]
  deepStrictEqual(flagChanges(entries).map(({ text, to }) => [text, to]), [['Flag a/b changed', '/flags/a%2Fb'], ['2 flags deleted', '/flags']])
  deepStrictEqual(flagChanges(entries, 'carts').map(({ text }) => text), ['Flag c deleted'])
  const fault = (service, ended = null) => ({ id: 3, effect: 'delay', committedNs: 2e6, who: 'ada', why: 'drill', ended, fault: { where: { service } } })
  deepStrictEqual(faultChanges([fault(['pay*'], { atNs: 9e6, by: 'its end', why: null })], 'payments').map(({ time, text, detail }) => [time, text, detail]), [[2, 'Fault 3 began at pay*: delay', 'ada: drill'], [9, 'Fault 3 ended at pay*', 'its end']])
  deepStrictEqual(faultChanges([fault(['pay']), fault(undefined)], 'payments'), [])
  deepStrictEqual(newestFirst([1, 5, 3, 9].map((time) => ({ time })), 2, 5).map(({ time }) => time), [5, 3])
})

test('failures are grouped by what they said', () => {
  const row = (alike, message, failures) => ({ alike, message, failures, service: 's', trace: 't', span: message, ms: '1.5', time: '2026-01-01T00:00:00Z', status: 'error' })
  const groups = groupsOf([row('a #', 'a 2', 9), row('a #', 'a 1', 9), row('b', 'b', 1)])
  deepStrictEqual(groups.map(({ message, count, newest }) => [message, count, newest.length]), [['a 2', 9, 2], ['b', 1, 1]])
  deepStrictEqual([groups[0].newest[0].ms, groups[0].newest[0].isBad, groups[0].newest[0].kind], [1.5, true, ''])
  ok(failuresStatement({ client: "o'hara", server: 'b' }, { from: 0, to: 1 }).includes("service = 'o''hara'"))
  const exemplars = readExemplars({ data: [{ exemplars: [{ labels: { trace_id: 'a', span_id: 'b' }, value: '0.5', timestamp: 1 }, { labels: {}, value: '9', timestamp: 1 }] }] })
  deepStrictEqual(exemplars, [{ trace: 'a', span: 'b', value: 0.5, time: 1000 }])
  // The slowest of each of 24 parts; what is outside of the time is left out.
  const at = (time, value) => ({ trace: 't', span: '', time, value })
  deepStrictEqual(spread([at(1, 1), at(0, 2), at(23, 0), at(24, 5), at(-1, 5)], 0, 24).map(({ time }) => time), [0, 1, 23])
})
