// Where nothing was measured there is a gap, and no line across it.

interface Values {
  values: (number | null)[]
}

/** How much longer than usual the time between two points is where there is a gap. */
const TOO_LONG = 1.5

/** Returns times and lines with a point without values in each gap. Times are milliseconds, ascending. */
export function withGaps<Line extends Values>(times: number[], lines: Line[]): { times: number[]; lines: Line[] } {
  const usual = times.slice(1).reduce((least, time, place) => Math.min(least, time - times[place]!), Infinity)
  const before = times.flatMap((time, place) => (place > 0 && time - times[place - 1]! > usual * TOO_LONG ? [place] : []))
  if (before.length === 0) return { times, lines }
  return {
    times: spread(times, before, (place) => times[place - 1]! + usual),
    lines: lines.map((line) => ({ ...line, values: spread(line.values, before, () => null) })),
  }
}

/** Returns a list with one more item before each of these places. */
function spread<Item>(items: Item[], before: number[], item: (place: number) => Item): Item[] {
  let next = 0
  return items.flatMap((each, place) => {
    if (before[next] !== place) return [each]
    next += 1
    return [item(place), each]
  })
}
