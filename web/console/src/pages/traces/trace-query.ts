// The query text as far as it can be asked of traces, and what a drawn box is in it.
import { conditionsOf, knownKey } from '../../data/query-text'
import { readDuration } from '../../durations'

export interface TraceQuery {
  service?: string
  operation?: string
  isFailed: boolean
  attributes: Record<string, string>
  /** Nanoseconds, both inclusive. */
  min?: number
  max?: number
}

/** Returns what a query asks of traces; a text that names the part which cannot be asked, as the observatory's own answer explains it. */
export function readTraceQuery(text: string): TraceQuery | { cannot: string } {
  const query: TraceQuery = { isFailed: false, attributes: {} }
  const conditions = conditionsOf(text)
  if (conditions === null) return { cannot: text }
  for (const condition of conditions) if (condition !== '*' && !add(query, condition)) return { cannot: condition }
  return query
}

/** A key, maybe in quotes, and a value, maybe in quotes. */
const CONDITION = /^(?:"((?:[^"\\]|\\.)*)"|([^\s":()/<>-][^\s":()]*)):(?:"((?:[^"\\]|\\.)*)"|([^\s"()]+))$/
/** Keys that only log records have. */
const OF_LOGS = new Set(['level', 'severity_text', 'message', 'template', 'event', 'trace', 'span', 'scope', 'scope_version', 'time', 'observed_time'])

const unescaped = (text: string) => text.replace(/\\(.)/g, '$1')

function add(query: TraceQuery, condition: string): boolean {
  const parts = CONDITION.exec(condition)
  if (parts === null) return false
  const [, quotedKey, plainKey = '', quoted, plain = ''] = parts
  const value = unescaped(quoted ?? plain)
  if (quotedKey === undefined && plainKey === 'duration') return quoted === undefined && addDuration(query, plain)
  if (quoted === undefined && /\*|^[<>]|^\/.+\/$|\.\./.test(plain)) return false
  if (quotedKey !== undefined || plainKey.startsWith('attributes.')) {
    query.attributes[unescaped(quotedKey ?? plainKey.slice('attributes.'.length))] = value
    return true
  }
  return addNamed(query, knownKey(unescaped(plainKey)), value)
}

function addNamed(query: TraceQuery, key: string, value: string): boolean {
  if (OF_LOGS.has(key) || key.startsWith('resource.') || key.startsWith('scope.')) return false
  if (key === 'service') {
    if (query.service !== undefined) return false
    query.service = value
  } else if (key === 'name' || key === 'operation') {
    if (query.operation !== undefined) return false
    query.operation = value
  } else if (key === 'status') {
    if (value !== 'error') return false
    query.isFailed = true
  } else query.attributes[key] = value
  return true
}

function addDuration(query: TraceQuery, text: string): boolean {
  const range = /^(.+)\.\.(.+)$/.exec(text)
  const compared = /^(>=|<=|>|<)(.+)$/.exec(text)
  const [low, high] = range ? [readDuration(range[1]!), readDuration(range[2]!)] : [compared && readDuration(compared[2]!), null]
  if (low === null || (range && high === null)) return false
  if (range) {
    query.min = low
    query.max = high!
  } else if (compared![1]!.startsWith('>')) query.min = compared![1] === '>' ? low + 1 : low
  else query.max = compared![1] === '<' ? low - 1 : low
  return true
}

/** Returns a duration as a query has it, with three figures: rounded down or up, so that a range keeps what it had. */
function writtenDuration(ns: number, way: 'down' | 'up'): string {
  const [unit, size] = ns >= 1e9 ? ['s', 1e9] : ns >= 1e6 ? ['ms', 1e6] : ns >= 1e3 ? ['us', 1e3] : (['ns', 1] as const)
  const value = ns / Number(size)
  const step = 10 ** (Math.floor(Math.log10(Math.max(value, 1))) - 2)
  const rounded = way === 'down' ? Math.floor(value / step) * step : Math.ceil(value / step) * step
  return `${Number(rounded.toPrecision(6))}${unit}`
}

/** Returns a query whose durations are these. */
export function withDuration(query: string, min: number, max: number): string {
  const others = (conditionsOf(query) ?? []).filter((condition) => !condition.startsWith('duration:') && condition !== '*')
  return [...others, `duration:${writtenDuration(min, 'down')}..${writtenDuration(max, 'up')}`].join(' ')
}

/** A box drawn in time and duration: nanoseconds since 1970, `end` not included; nanoseconds, both included. */
export interface Box {
  start: bigint
  end: bigint
  min: number
  max: number
}

export const boxText = ({ start, end, min, max }: Box): string => [start, end, min, max].join('-')

export function readBox(text: string): Box | null {
  const parts = /^(\d{16,20})-(\d{16,20})-(\d{1,16})-(\d{1,16})$/.exec(text)
  if (parts === null) return null
  return { start: BigInt(parts[1]!), end: BigInt(parts[2]!), min: Number(parts[3]), max: Number(parts[4]) }
}
