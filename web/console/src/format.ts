// Numbers, durations, sizes and times as people read them.

type Scale = [size: number, unit: string][]

/** Returns a number in the largest unit of which it has one: by what is shown, so that it is never "1000 ms". */
function scaled(value: number, scale: Scale): string {
  if (!Number.isFinite(value)) return String(value)
  const [size, unit] = scale.find(([size]) => Number(Math.abs(value / size).toPrecision(3)) >= 1) ?? scale.at(-1)!
  return figures(value / size) + unit
}

const SECOND_NS = 1e9
const DURATIONS: Scale = [
  [3600 * SECOND_NS, ' h'],
  [60 * SECOND_NS, ' min'],
  [SECOND_NS, ' s'],
  [1e6, ' ms'],
  [1e3, ' µs'],
  [1, ' ns'],
]

/** Returns "12.3 ms" for nanoseconds. */
export const duration = (ns: number): string => (ns === 0 ? '0' : scaled(ns, DURATIONS))

/** Returns a duration that is given in seconds. */
export const seconds = (s: number): string => duration(s * SECOND_NS)

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** Returns a number with three figures: "1.23", "12.3", "123", "1,234". */
export function figures(value: number): string {
  const size = Math.abs(value)
  if (!Number.isFinite(value)) return String(value)
  if (size >= 1000) return WHOLE.format(value)
  if (size >= 100) return String(Math.round(value))
  return String(Number(value.toPrecision(3)))
}

const COUNTS: Scale = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
  [1, ''],
]

/** Returns "12.3k" for a count. */
export const short = (value: number): string => scaled(value, COUNTS)

/** Returns "4.2%" for a share of 1. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return '–'
  const value = share * 100
  return `${value !== 0 && Math.abs(value) < 0.1 ? value.toPrecision(1) : figures(value)}%`
}

const SIZES: Scale = ['TiB', 'GiB', 'MiB', 'KiB', 'B'].map((unit, place) => [1024 ** (4 - place), ` ${unit}`])

/** Returns "1.2 MiB" for bytes. */
export const bytes = (count: number): string => scaled(count, SIZES)

/** How values of a chart or a table are written. */
export type Unit = 'none' | 'short' | 'percent' | 'seconds' | 'ns' | 'ms' | 'bytes' | 'bytes-per-second' | 'per-second'

/** Returns a value in its unit. */
export function inUnit(value: number | null, unit: Unit = 'none'): string {
  if (value === null || Number.isNaN(value)) return '–'
  switch (unit) {
    case 'short':
      return short(value)
    case 'percent':
      return percent(value)
    case 'seconds':
      return seconds(value)
    case 'ns':
      return duration(value)
    case 'ms':
      return duration(value * 1e6)
    case 'bytes':
      return bytes(value)
    case 'bytes-per-second':
      return `${bytes(value)}/s`
    case 'per-second':
      return `${figures(value)}/s`
    case 'none':
      return figures(value)
  }
}

const pad = (value: number, length = 2) => String(value).padStart(length, '0')

/** Returns "14:03:27.123" in local time for milliseconds since 1970. */
export function clock(ms: number, { fraction = true } = {}): string {
  const time = new Date(ms)
  const text = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`
  return fraction ? `${text}.${pad(time.getMilliseconds(), 3)}` : text
}

/** Returns "2026-11-28 14:03:27" in local time. */
export function moment(ms: number, options: { fraction?: boolean } = {}): string {
  const time = new Date(ms)
  return `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())} ${clock(ms, { fraction: options.fraction ?? false })}`
}

/** Returns "3 min ago" for milliseconds since 1970. */
export function ago(ms: number, now = Date.now()): string {
  const past = now - ms
  if (Math.abs(past) < 1000) return 'now'
  const text = duration(Math.abs(past) * 1e6).replace(/^(\d+)\.\d+ (s|min|h)$/, '$1 $2')
  return past < 0 ? `in ${text}` : `${text} ago`
}
