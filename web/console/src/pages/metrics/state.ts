// What the address says of the page of metrics.
import { flag, list, number, oneOf, text } from '../../router'

export const METRIC_FIELDS = {
  /** The queries. */
  q: list(),
  /** The letters of queries that are not shown. */
  hide: list(),
  view: oneOf(['graph', 'table', 'explain'] as const, 'graph'),
  /** How lines are drawn. */
  draw: oneOf(['lines', 'stacked'] as const, 'lines'),
  /** The unit of the values; without it, as the metric's name says. */
  unit: oneOf(['', 'none', 'short', 'percent', 'seconds', 'ms', 'ns', 'bytes', 'per-second'] as const, ''),
  exemplars: flag(),
  /** Seconds from point to point; 0 for as many as fit. */
  step: number(0),
  /** The metric of which more is shown. */
  metric: text(),
}

export const letterOf = (place: number) => String.fromCharCode(65 + (place % 26))

export interface Asked {
  letter: string
  text: string
}

/** Returns the queries that are asked, by their letters. */
export const askedOf = (q: string[], hide: string[]): Asked[] =>
  q.map((text, place) => ({ letter: letterOf(place), text })).filter(({ letter, text }) => text.trim() !== '' && !hide.includes(letter))
