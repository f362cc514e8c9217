// What a chart over time draws of its lines, at which axis, and which marks belong to which point.
import type { Line, Mark } from './time-chart'

/** Returns the values that are drawn: in a stack each line stands upon those before it at the same axis, and hidden ones take no room. */
export function drawnValues(lines: Line[], isStacked: boolean, hidden: ReadonlySet<string>): (number | null)[][] {
  if (!isStacked) return lines.map(({ values }) => values)
  const sums: Record<string, number[]> = {}
  return lines.map(({ name, axis = 'left', values }) => {
    if (hidden.has(name)) return values.map(() => null)
    const sum = (sums[axis] ??= values.map(() => 0))
    return values.map((value, place) => (sum[place]! += value ?? 0))
  })
}

/** Returns between which lines of a stack there is colour, by their places: each and the one below it at its axis. */
export function stackedPairs(lines: Line[]): [upper: number, lower: number][] {
  return lines.flatMap(({ axis }, upper): [number, number][] => {
    const lower = lines.slice(0, upper).findLastIndex((other) => other.axis === axis)
    return lower < 0 ? [] : [[upper, lower]]
  })
}

/** Returns the ends of an axis of values: zero is on it, and there is room above the highest. */
export function axisEnds(min: number | null, max: number | null, threshold = 0, range: { min?: number; max?: number } = {}): [number, number] {
  const low = range.min ?? Math.min(0, min ?? 0)
  const high = Math.max(max ?? 0, threshold)
  const end = range.max ?? (high > low ? high * 1.08 : low + 1)
  return [low, end > low ? end : low + 1]
}

/** Returns marks by the place of the point that they are nearest to, both ascending; those outside of what is shown are left out. */
export function marksByPoint(marks: Mark[], times: number[], from = -Infinity, to = Infinity): Map<number, Mark[]> {
  const found = new Map<number, Mark[]>()
  if (times.length === 0) return found
  for (const mark of marks.toSorted((a, b) => a.time - b.time)) {
    if (mark.time < from || mark.time > to) continue
    const place = nearest(times, mark.time)
    const others = found.get(place)
    if (others === undefined) found.set(place, [mark])
    else others.push(mark)
  }
  return found
}

function nearest(times: number[], time: number): number {
  const after = times.findIndex((each) => each >= time)
  if (after === 0) return 0
  if (after < 0) return times.length - 1
  return time - times[after - 1]! < times[after]! - time ? after - 1 : after
}

/** Returns the next place with a mark in a direction; the place itself where there is none. */
export function nextMarked(marked: Map<number, Mark[]>, at: number, step: number): number {
  const places = [...marked.keys()]
  return (step > 0 ? places.find((place) => place > at) : places.findLast((place) => place < at)) ?? at
}
