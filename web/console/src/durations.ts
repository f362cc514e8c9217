// Durations as people and Prometheus write them.

const UNITS_NS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86_400e9, w: 7 * 86_400e9, y: 365 * 86_400e9 }
const PART = /(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|[smhdwy])/g

/** Returns nanoseconds for "200ms" or "1h30m"; null if it is no duration. */
export function readDuration(text: string): number | null {
  if (text === '' || text.replace(PART, '') !== '') return null
  return [...text.matchAll(PART)].reduce((sum, [, count, unit]) => sum + Number(count) * UNITS_NS[unit!]!, 0)
}
