// Grafana's units as Perses names them.
import type { Format } from '../units'

const UNITS: Record<string, string> = {
  short: 'decimal',
  none: '',
  percent: 'percent',
  percentunit: 'percent-decimal',
  bytes: 'bytes',
  decbytes: 'decbytes',
  bits: 'bits',
  decbits: 'decbits',
  Bps: 'decbytes/sec',
  binBps: 'bytes/sec',
  bps: 'decbits/sec',
  binbps: 'bits/sec',
  ns: 'nanoseconds',
  'µs': 'microseconds',
  us: 'microseconds',
  ms: 'milliseconds',
  s: 'seconds',
  m: 'minutes',
  h: 'hours',
  d: 'days',
  dtdurations: 'seconds',
  dtdurationms: 'milliseconds',
  clocks: 'seconds',
  clockms: 'milliseconds',
  reqps: 'requests/sec',
  rps: 'reads/sec',
  wps: 'writes/sec',
  iops: 'ops/sec',
  ops: 'ops/sec',
  cps: 'counts/sec',
  eps: 'events/sec',
  mps: 'messages/sec',
  pps: 'packets/sec',
  celsius: 'celsius',
  fahrenheit: 'fahrenheit',
  currencyUSD: 'usd',
  currencyEUR: 'eur',
  currencyGBP: 'gbp',
  dateTimeAsIso: 'datetime-local',
  dateTimeFromNow: 'relative-time',
  locale: 'decimal',
  bool_yes_no: '',
  bool: '',
  bool_on_off: '',
}

/** Returns a format; a unit that is not known is told to `lose`. */
export function formatOf(unit: string, decimals: number | undefined, lose: (why: string) => void): Format | undefined {
  const known = UNITS[unit]
  if (unit !== '' && known === undefined) lose(`its unit “${unit}”: values are shown as they are`)
  const name = known ?? ''
  if (name === '') return decimals === undefined ? undefined : { unit: 'decimal', decimalPlaces: decimals, shortValues: false }
  return decimals === undefined ? { unit: name } : { unit: name, decimalPlaces: decimals }
}
