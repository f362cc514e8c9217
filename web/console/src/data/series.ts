// Series as a chart wants them: all on the same times, each under a name of its own.
import type { Line } from '../parts/time-chart'
import type { Series } from './prometheus'

type Named = Omit<Series, 'labels'> & { name: string }

/** Returns series in the order of the names that their labels give them. */
export const named = (series: Series[], name: (labels: Record<string, string>) => string): Named[] =>
  series.map(({ labels, times, values }) => ({ name: name(labels), times, values })).toSorted((a, b) => a.name.localeCompare(b.name))

/** Returns series on the times of all of them, times a factor; null where one has no value, or none that can be drawn. */
export function aligned(series: Named[], scale = 1): { times: number[]; lines: Line[] } {
  const times = [...new Set(series.flatMap((each) => each.times))].toSorted((a, b) => a - b)
  const places = new Map(times.map((time, place) => [time, place]))
  const taken = new Map<string, number>()
  const lines = series.map(({ name, times: own, values: found }) => {
    const values: (number | null)[] = times.map(() => null)
    for (const [at, time] of own.entries()) values[places.get(time)!] = Number.isFinite(found[at]) ? found[at]! * scale : null
    // Lines are known by their names.
    const count = (taken.get(name) ?? 0) + 1
    taken.set(name, count)
    return { name: count === 1 ? name : `${name} (${count})`, values }
  })
  return { times, lines }
}

/** Returns of too many series those with the greatest values. */
export function greatest<Each extends { values: number[] }>(series: Each[], most: number): Each[] {
  if (series.length <= most) return series
  const tops = new Map(series.map((each) => [each, each.values.reduce((top, value) => (value > top ? value : top), -Infinity)]))
  return series.toSorted((a, b) => tops.get(b)! - tops.get(a)!).slice(0, most)
}
