// Single measurements with the spans that they were taken from.
export interface Exemplar {
  trace: string
  span: string
  /** Seconds. */
  value: number
  /** Milliseconds since 1970. */
  time: number
}

interface Found {
  exemplars: { labels: Record<string, string>; value: string; timestamp: number }[]
}

/** Returns the exemplars of an answer that name a trace. */
export function readExemplars(answer: unknown): Exemplar[] {
  return (answer as { data: Found[] }).data.flatMap(({ exemplars }) =>
    exemplars.flatMap(({ labels, value, timestamp }) => (labels.trace_id ? [{ trace: labels.trace_id, span: labels.span_id ?? '', value: Number(value), time: timestamp * 1000 }] : [])),
  )
}

const SLOTS = 24

/** Returns the slowest exemplar of each of a few parts of a time: as many as a chart can show apart. */
export function spread(exemplars: Exemplar[], from: number, to: number): Exemplar[] {
  const slowest = new Map<number, Exemplar>()
  for (const exemplar of exemplars) {
    const slot = Math.floor(((exemplar.time - from) / (to - from)) * SLOTS)
    if (slot < 0 || slot >= SLOTS) continue
    if (exemplar.value > (slowest.get(slot)?.value ?? -1)) slowest.set(slot, exemplar)
  }
  return [...slowest.values()].toSorted((a, b) => a.time - b.time)
}
