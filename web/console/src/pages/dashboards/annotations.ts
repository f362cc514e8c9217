// Annotations: what a dashboard's own questions find to have happened, as marks on its charts over time.
import type { Mark } from '../../parts/time-chart'
import { type AnnotationDocument, type Query, textOf } from './document'
import type { Result } from './queries'
import { type LogLine, type NamedSeries, seriesName } from './results'

/** Kinds that can be asked: what they are called, which field has the question, and the query that asks it. Perses has the first of them. */
export const ANNOTATION_KINDS = [
  { kind: 'PrometheusPromQLAnnotation', name: 'PromQL', field: 'expr', outer: 'TimeSeriesQuery', query: 'PrometheusTimeSeriesQuery' },
  { kind: 'VitrineLogAnnotation', name: 'Logs', field: 'query', outer: 'LogQuery', query: 'VitrineLogQuery' },
  { kind: 'LokiLogAnnotation', name: 'LogQL', field: 'query', outer: 'LogQuery', query: 'LokiLogQuery' },
]

/** The address names those annotations that are not as the dashboard has them: shown, or hidden. */
export const TOGGLED = 'annotations'

/** More marks of one annotation cannot be told apart. */
export const MOST_MARKS = 200

/** How much longer than a step the time between two samples is where there was none between. */
const GAP = 1.5
/** Longest text of a mark; a line of a log can be any length. */
const MOST_LETTERS = 300

/** Returns what asks for an annotation. Throws a sentence for a kind that cannot be asked here. */
export function queryOf({ plugin }: AnnotationDocument): Query {
  const known = ANNOTATION_KINDS.find(({ kind }) => kind === plugin.kind)
  if (known === undefined) throw new Error(`The console cannot ask for annotations of the kind ${plugin.kind}.`)
  return { kind: known.outer, spec: { plugin: { kind: known.query, spec: { query: textOf(plugin, known.field) } } } }
}

export interface Marks {
  /** Newest first; each moment and text once. */
  marks: Mark[]
  /** Whether there may be older ones. */
  isCut: boolean
}

/** Returns the marks that an answer has. `from` is where it begins, in milliseconds; `step` is in seconds. */
export function marksOf(annotation: AnnotationDocument, result: Result | null, from: number, step: number): Marks {
  const { name } = annotation.display
  const found =
    result?.kind === 'series'
      ? result.series.flatMap((series) => risesOf(series, from, step * 1000).map((time) => ({ time, text: textFor(annotation, series.labels, '') })))
      : result?.kind === 'logs'
        ? result.lines.map((line) => ({ time: line.time, text: textFor(annotation, labelsOf(line), line.message) }))
        : []
  const once = new Map(found.map(({ time, text }) => [`${time} ${text}`, { time, text: text === '' ? name : `${name}: ${text}` }]))
  const marks = [...once.values()].toSorted((a, b) => b.time - a.time).slice(0, MOST_MARKS)
  return { marks, isCut: found.length >= MOST_MARKS }
}

/**
 * Returns when a series rises: from nothing or zero to something, or to more. What was there when the time that is looked at began has risen
 * before it, and marks nothing.
 */
export function risesOf({ times, values }: Pick<NamedSeries, 'times' | 'values'>, from: number, stepMs: number): number[] {
  const first = Math.floor(from / stepMs) * stepMs
  return times.filter((time, place) => {
    const isNew = time - (times[place - 1] ?? first - stepMs) > stepMs * GAP
    if (place === 0 && !isNew) return false
    const before = isNew ? 0 : values[place - 1] || 0
    return values[place] !== 0 && values[place]! > before
  })
}

const labelsOf = (line: LogLine) => ({ ...line.attributes, service: line.service, level: line.level })

/** Returns what an annotation says of one moment: its title, its text, and labels; as Perses, all of them where nothing is said. */
function textFor({ plugin }: AnnotationDocument, labels: Record<string, string>, message: string): string {
  const formats = [textOf(plugin, 'title'), textOf(plugin, 'legend')].filter((format) => format !== '')
  const { tags } = plugin.spec
  const named = Array.isArray(tags) ? tags.map(String).filter((tag) => labels[tag] !== undefined) : []
  const said = formats.length > 0 ? formats.map((format) => seriesName(labels, format)) : [message]
  const parts = [...said, ...named.map((tag) => `${tag}=${labels[tag]}`)].filter((part) => part !== '')
  const { __name__: _, ...others } = labels
  const text = parts.length > 0 ? parts.join(' – ') : Object.entries(others).map(([label, value]) => `${label}=${value}`).join(' ')
  return text.replace(/\s+/g, ' ').slice(0, MOST_LETTERS)
}

/** Returns whether an annotation is shown: as the dashboard has it, unless the address says the other. */
export const isShown = ({ display }: AnnotationDocument, toggled: string[]): boolean => (display.hidden !== true) !== toggled.includes(display.name)
