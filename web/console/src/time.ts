// The time range that is looked at: in the address, as people write it (`now-1h`) or as milliseconds since 1970.
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { readDuration } from './durations'
import { navigate, changedAddress, useLocation } from './router'

export interface TimeRange {
  /** Milliseconds since 1970. */
  from: number
  to: number
  /** As the address has it. */
  fromText: string
  toText: string
  /** Whether its ends move with the clock. */
  isRelative: boolean
  /** Whether it is looked at again by itself. */
  isLive: boolean
  /** A step that gives about 120 points, in seconds. */
  step: number
}

const DEFAULT_FROM = 'now-30m'
/** How often a live page looks again. */
const LIVE_MS = 5000
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400]
const POINTS = 120

/** Returns milliseconds since 1970 for `now`, `now-15m`, milliseconds or a time; null if it is none. */
export function readTime(text: string, now: number): number | null {
  const back = /^now(?:-(.+))?$/.exec(text.trim())
  if (back) {
    const ns = readDuration(back[1] ?? '0s')
    return ns === null ? null : now - ns / 1e6
  }
  if (/^\d{10,}$/.test(text.trim())) return Number(text)
  // Without a year at the front, browsers make a day of 2001 out of nearly anything.
  const parsed = /^\s*\d{4}-/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(parsed) ? null : parsed
}

let now = Date.now()
const listeners = new Set<() => void>()

/** Looks again: relative ranges end now. */
export function refresh() {
  now = Date.now()
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Returns the time range that an address says. */
export function rangeOf(search: string, now: number): TimeRange {
  const parameters = new URLSearchParams(search)
  const fromText = parameters.get('from') ?? DEFAULT_FROM
  const toText = parameters.get('to') ?? 'now'
  let to = readTime(toText, now) ?? now
  let from = readTime(fromText, now) ?? readTime(DEFAULT_FROM, to)!
  if (from >= to) [from, to] = [Math.min(from, to) - 1000, Math.max(from, to)]
  const wanted = (to - from) / 1000 / POINTS
  const step = STEPS.find((step) => step >= wanted) ?? Math.ceil(wanted / 86400) * 86400
  const isRelative = toText.startsWith('now')
  return { from, to, fromText, toText, isRelative, isLive: isRelative && parameters.get('live') === '1', step }
}

/** Returns the time range that is looked at. */
export function useTime(): TimeRange {
  const { search } = useLocation()
  const moment = useSyncExternalStore(subscribe, () => now)
  return useMemo(() => rangeOf(search, moment), [search, moment])
}

/** Looks at another time range. Milliseconds are written as such. */
export function setTime(from: string | number, to: string | number = 'now') {
  const written = (time: string | number) => (typeof time === 'number' ? Math.round(time) : time)
  navigate(changedAddress({ from: written(from), to: to === 'now' ? undefined : written(to), live: to === 'now' ? undefined : false }))
}

/** Has the page look again every few seconds, as long as it is seen. */
export function useLive(isLive: boolean) {
  useEffect(() => {
    if (!isLive) return
    const timer = setInterval(() => document.visibilityState === 'visible' && refresh(), LIVE_MS)
    return () => clearInterval(timer)
  }, [isLive])
}
