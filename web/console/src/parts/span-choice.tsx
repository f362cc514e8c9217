// How long a time a panel looks back: what tells little within minutes has lengths of its own, and can follow the page's time.
import { oneOf } from '../router'
import type { TimeRange } from '../time'
import { Select } from './controls'

const HOUR_MS = 3600e3
/** Lengths and steps of their charts, in hours. */
const SPANS = { '1d': [24, 0.25, 'Last day'], '7d': [168, 1, 'Last week'], '30d': [720, 4, 'Last 30 days'] } as const
const NAMES = ['1d', '7d', '30d', 'time'] as const

export type Span = (typeof NAMES)[number]

/** A span in the address. */
export const spanField = (fallback: Span) => oneOf(NAMES, fallback)

/** Returns the time of a span: it ends where the page's time ends. */
export function timeOfSpan(span: Span, time: TimeRange): TimeRange {
  if (span === 'time') return time
  const [hours, stepHours] = SPANS[span]
  return { ...time, from: time.to - hours * HOUR_MS, step: stepHours * 3600 }
}

export function SpanChoice({ label, span, onChoose }: { label: string; span: Span; onChoose: (span: Span) => void }) {
  return (
    <Select aria-label={label} value={span} onChange={(event) => onChoose(event.target.value as Span)}>
      {NAMES.map((name) => (
        <option key={name} value={name}>
          {name === 'time' ? 'The time above' : SPANS[name][2]}
        </option>
      ))}
    </Select>
  )
}
