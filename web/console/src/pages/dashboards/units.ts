// Perses's formats of numbers, as the console writes them.
import { bytes, duration, figures, moment, percent, short, type Unit } from '../../format'

export interface Format {
  unit?: string
  decimalPlaces?: number
  shortValues?: boolean
}

const SECONDS: Record<string, number> = { nanoseconds: 1e-9, microseconds: 1e-6, milliseconds: 1e-3, seconds: 1, minutes: 60, hours: 3600, days: 86400, weeks: 7 * 86400, months: 30.4375 * 86400, years: 365.25 * 86400 }

/** What the panel editor offers: unit, and what it is called. */
export const UNITS: [string, string][] = [
  ['', 'As it is'],
  ['decimal', 'Number, shortened'],
  ['percent', 'Percent (0 to 100)'],
  ['percent-decimal', 'Percent (0 to 1)'],
  ['seconds', 'Seconds'],
  ['milliseconds', 'Milliseconds'],
  ['microseconds', 'Microseconds'],
  ['nanoseconds', 'Nanoseconds'],
  ['minutes', 'Minutes'],
  ['hours', 'Hours'],
  ['days', 'Days'],
  ['bytes', 'Bytes'],
  ['bits', 'Bits'],
  ['bytes/sec', 'Bytes a second'],
  ['bits/sec', 'Bits a second'],
  ['counts/sec', 'A second'],
  ['requests/sec', 'Requests a second'],
  ['events/sec', 'Events a second'],
  ['ops/sec', 'Operations a second'],
  ['eur', 'Euro'],
  ['usd', 'US dollars'],
  ['celsius', 'Degrees Celsius'],
  ['datetime-local', 'Date and time'],
]

/** Returns the unit of a chart's axis, and what values are multiplied with for it. */
export function chartUnit(format: Format | undefined): { unit: Unit; scale: number } {
  const unit = format?.unit ?? ''
  if (unit in SECONDS) return { unit: 'seconds', scale: SECONDS[unit] ?? 1 }
  if (unit === 'percent') return { unit: 'percent', scale: 0.01 }
  if (unit === 'percent-decimal') return { unit: 'percent', scale: 1 }
  if (unit === 'bytes' || unit === 'decbytes') return { unit: 'bytes', scale: 1 }
  if (unit === 'bytes/sec' || unit === 'decbytes/sec') return { unit: 'bytes-per-second', scale: 1 }
  if (unit === 'counts/sec' || /^(events|messages|ops|packets|reads|records|requests|rows|writes)\/sec$/.test(unit)) return { unit: 'per-second', scale: 1 }
  if (unit === 'decimal' || unit.endsWith('bits') || unit.endsWith('bits/sec')) return { unit: 'short', scale: 1 }
  return { unit: 'none', scale: 1 }
}

/** Returns a value as a format says. */
export function written(value: number | null | undefined, format: Format | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–'
  const unit = format?.unit ?? ''
  const places = format?.decimalPlaces
  const plain = (number: number) => (places === undefined ? figures(number) : number.toLocaleString('en', { minimumFractionDigits: places, maximumFractionDigits: places }))
  if (unit in SECONDS) return withPlaces(duration(value * (SECONDS[unit] ?? 1) * 1e9), value * (SECONDS[unit] ?? 1), places)
  if (unit === 'percent' || unit === 'percent-decimal') {
    const share = unit === 'percent' ? value / 100 : value
    return places === undefined ? percent(share) : `${plain(share * 100)}%`
  }
  if (unit === 'bytes' || unit === 'decbytes') return bytes(value)
  if (unit === 'bytes/sec' || unit === 'decbytes/sec') return `${bytes(value)}/s`
  if (unit === 'bits' || unit === 'decbits') return `${short(value)}b`
  if (unit === 'bits/sec' || unit === 'decbits/sec') return `${short(value)}b/s`
  if (unit.endsWith('/sec')) return `${plain(value)}/s`
  if (unit === 'celsius' || unit === 'fahrenheit') return `${plain(value)} °${unit === 'celsius' ? 'C' : 'F'}`
  if (unit.startsWith('date') || unit.startsWith('time')) return moment(value)
  if (unit === 'unix-timestamp') return moment(value * 1000)
  if (/^[a-z]{3}$/.test(unit)) return `${plain(value)} ${unit.toUpperCase()}`
  if (unit === 'decimal' && format?.shortValues !== false && places === undefined) return short(value)
  return plain(value)
}

function withPlaces(text: string, seconds: number, places: number | undefined): string {
  if (places === undefined) return text
  const unit = text.replace(/^[-\d.,]+\s*/, '')
  const scale = { ns: 1e9, 'µs': 1e6, ms: 1e3, s: 1, min: 1 / 60, h: 1 / 3600 }[unit]
  return scale === undefined ? text : `${(seconds * scale).toFixed(places)} ${unit}`
}
