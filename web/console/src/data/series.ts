// Series as a chart wants them: all on the same times.
import type { Series } from './prometheus'
import type { Line } from '../parts/time-chart'

/** Returns series on the times of all of them; where one has no value, it has null. */
export function aligned(series: Series[], name: (labels: Record<string, string>) => string): { times: number[]; lines: Line[] } {
  const times = [...new Set(series.flatMap(({ times }) => times))].toSorted((a, b) => a - b)
  const place = new Map(times.map((time, at) => [time, at]))
  const lines = series.map((each) => {
    const values: (number | null)[] = times.map(() => null)
    for (const [at, time] of each.times.entries()) values[place.get(time)!] = Number.isNaN(each.values[at]) ? null : each.values[at]!
    return { name: name(each.labels), values }
  })
  return { times, lines: lines.toSorted((a, b) => a.name.localeCompare(b.name)) }
}
