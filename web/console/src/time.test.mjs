// Which time an address says, and how times and numbers are written.
import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { test } from 'node:test'
import { load } from './load.mjs'

const { rangeOf, readTime, setTime } = await load('./time.ts', import.meta.url)
const { ago, bytes, clock, duration, figures, inUnit, moment, percent, seconds, short } = await load('./format.ts', import.meta.url)
const { colourAt, colourOf, resolved } = await load('./colour.ts', import.meta.url)

const NOW = Date.parse('2026-03-01T12:00:00Z')

test('moments are read as people write them', () => {
  const check = (text, ms) => strictEqual(readTime(text, NOW), ms)
  check('now', NOW)
  check(' now-90s ', NOW - 90_000)
  check('now-1.5h', NOW - 5_400_000)
  check('now-2w', NOW - 14 * 86_400_000)
  check('now-1h30m', NOW - 5_400_000)
  check('1767225600000', 1_767_225_600_000)
  check('2026-01-01T00:00:00Z', 1_767_225_600_000)
  check('2026-01-01T01:00:00+01:00', 1_767_225_600_000)
  strictEqual(readTime('2026-01-01 00:00:00', NOW), new Date(2026, 0, 1).getTime())
  // Browsers would make days of 2001 out of some of these.
  for (const wrong of ['', '12', 'now-5', 'now-5mo', 'now+5m', 'nowhere', 'yesterday', 'May 5', '2026-13-01', 'now-']) check(wrong, null)
})

test('a range is never empty, and has a step for about 120 points', () => {
  const check = (search, from, to, more) => {
    const range = rangeOf(search, NOW)
    deepStrictEqual([range.from - NOW, range.to - NOW], [from, to], search)
    for (const [name, value] of Object.entries(more ?? {})) strictEqual(range[name], value, `${search} ${name}`)
  }
  check('', -1_800_000, 0, { step: 15, isRelative: true, isLive: false })
  check('?from=now-1h&live=1', -3_600_000, 0, { step: 30, isLive: true })
  check(`?from=${NOW - 60_000}&to=${NOW - 30_000}&live=1`, -60_000, -30_000, { step: 1, isRelative: false, isLive: false })
  check('?from=now-365d', -365 * 86_400_000, 0, { step: 4 * 86_400 })
  check(`?from=${NOW}&to=${NOW - 5000}`, -6000, 0)
  check(`?from=soon&to=${NOW - 3_600_000}`, -5_400_000, -3_600_000)
  check('?from=now-0s&to=never', -1000, 0)
})

test('a time that is chosen stands in the address', () => {
  setTime(1000.4, 2000.6)
  strictEqual(location.search, '?from=1000&to=2001&v=1')
  setTime('now-1h')
  strictEqual(location.search, '?from=now-1h&v=1')
})

test('numbers have three figures and the largest unit of which there is one', () => {
  const check = (write, cases) => deepStrictEqual(Object.keys(cases).map((value) => write(Number(value))), Object.values(cases))
  check(figures, { 0: '0', 0.00012345: '0.000123', 1.005: '1', 12.34: '12.3', 123.4: '123', 1234.5: '1,235', '-5678': '-5,678', Infinity: 'Infinity' })
  check(duration, { 0: '0', 0.5: '0.5 ns', 1: '1 ns', 999.9: '1 µs', 1500: '1.5 µs', 12_345_678: '12.3 ms', 999_999_999: '1 s', 59_999_999_999: '1 min', 90e9: '1.5 min', 7.2e12: '2 h', '-2e6': '-2 ms' })
  check(seconds, { 0.25: '250 ms', 3600: '1 h' })
  check(short, { 0: '0', 999: '999', 999_950: '1M', 12_345: '12.3k', '-1e9': '-1G', NaN: 'NaN', Infinity: 'Infinity' })
  check(bytes, { 0: '0 B', 1023.9: '1 KiB', 1024: '1 KiB', 1_572_864: '1.5 MiB', 2e15: '1,819 TiB', '-2048': '-2 KiB' })
  check(percent, { 0: '0%', 0.000123: '0.01%', 0.0425: '4.25%', 1: '100%', 12: '1,200%', NaN: '–' })
  deepStrictEqual(['none', 'short', 'percent', 'seconds', 'ns', 'ms', 'bytes', 'bytes-per-second', 'per-second'].map((unit) => inUnit(1500, unit)), ['1,500', '1.5k', '150,000%', '25 min', '1.5 µs', '1.5 s', '1.46 KiB', '1.46 KiB/s', '1,500/s'])
  deepStrictEqual([inUnit(null, 'ms'), inUnit(Number.NaN)], ['–', '–'])
})

test('times are local, and past or to come', () => {
  const at = new Date(2026, 0, 2, 3, 4, 5, 6).getTime()
  deepStrictEqual([clock(at), clock(at, { fraction: false }), moment(at), moment(at, { fraction: true })], ['03:04:05.006', '03:04:05', '2026-01-02 03:04:05', '2026-01-02 03:04:05.006'])
  deepStrictEqual([0, 900, 90_000, 7_300_000, -90_000].map((past) => ago(NOW - past, NOW)), ['now', 'now', '1 min ago', '2 h ago', 'in 1 min'])
})

test('a name has its colour for ever, and names spread over all colours', () => {
  deepStrictEqual(['checkout', 'carts', 'payments', ''].map(colourOf), ['var(--series-4)', 'var(--series-1)', 'var(--series-6)', 'var(--series-5)'])
  const counts = new Map()
  for (let name = 0; name < 800; name++) counts.set(colourOf(`service-${name}`), (counts.get(colourOf(`service-${name}`)) ?? 0) + 1)
  deepStrictEqual([...counts.keys()].toSorted(), [1, 2, 3, 4, 5, 6, 7, 8].map((colour) => `var(--series-${colour})`))
  ok(Math.min(...counts.values()) > 50, `${[...counts]}`)
  deepStrictEqual([0, 7, 8].map(colourAt), ['var(--series-1)', 'var(--series-8)', 'var(--series-1)'])
  strictEqual(resolved('#123456', null), '#123456')
})
