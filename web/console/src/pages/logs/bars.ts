// Counts by time and level as bars, one for each step, also where there was nothing.
import { type CountsAnswer, type Level, type Scope } from './log-api'

export interface Bar {
  /** Milliseconds since 1970. */
  time: number
  until: number
  total: number
  byLevel: Partial<Record<Level | 'none', number>>
}

const MOST = 500

export function barsOf(counts: CountsAnswer['counts'], { from, to }: Scope, stepMs: number): Bar[] {
  // Steps begin at whole multiples; the first and the last are cut.
  const first = Math.floor(from / stepMs) * stepMs
  const count = Math.max(1, Math.min(MOST, Math.ceil((to - first) / stepMs)))
  const bars: Bar[] = Array.from({ length: count }, (_, place) => ({ time: Math.max(from, first + place * stepMs), until: Math.min(to, first + (place + 1) * stepMs), total: 0, byLevel: {} }))
  for (const { time, by, records } of counts) {
    const bar = bars[Math.floor((Date.parse(time) - first) / stepMs)]
    if (bar === undefined) continue
    const level = by.level ?? 'none'
    bar.total += records
    bar.byLevel[level] = (bar.byLevel[level] ?? 0) + records
  }
  return bars
}
