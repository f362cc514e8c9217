// Rows with a time and numbers as lines over time: one for each column of numbers, or, beside texts, for each of their values.
import { aligned, greatest } from '../../data/series'
import type { Line } from '../../parts/time-chart'
import type { Answered, Cell, Column } from './answer'

interface Charted {
  times: number[]
  lines: Line[]
  /** Series that are not drawn. */
  left: number
}

const MOST_LINES = 40

const isTime = ({ type }: Column) => /^(Timestamp|Date)/.test(type)
const isText = ({ type }: Column) => /Utf8|Boolean/.test(type) && !/^(Map|List|Struct)/.test(type)

/** Returns milliseconds since 1970 of a time as the observatory writes it. */
const timeOf = (cell: Cell) => Date.parse(String(cell).replace(/(\.\d{3})\d+/, '$1').replace(' ', 'T'))

/** Returns what can be drawn of an answer; a sentence that says why nothing can. */
export function chartOf({ columns, rows }: Answered): Charted | string {
  const time = columns.findIndex(isTime)
  if (time < 0) return 'A chart needs a column of times, such as time_bucket(\'1 minute\', time).'
  const numbers = columns.flatMap((column, place) => (column.number ? [place] : []))
  if (numbers.length === 0) return 'A chart needs a column of numbers beside the time, such as count(*).'
  const texts = columns.flatMap((column, place) => (isText(column) ? [place] : []))
  const series = new Map<string, { name: string; times: number[]; values: number[] }>()
  for (const row of rows) {
    const ms = timeOf(row[time])
    if (Number.isNaN(ms)) continue
    const of = texts.map((place) => String(row[place] ?? 'null')).join(' · ')
    for (const place of numbers) {
      const name = [of, numbers.length > 1 || of === '' ? columns[place]!.name : ''].filter((part) => part !== '').join(' · ').slice(0, 200)
      const line = series.get(name) ?? { name, times: [], values: [] }
      series.set(name, line)
      if (row[place] === null) continue
      line.times.push(ms)
      line.values.push(Number(row[place]))
    }
  }
  const shown = greatest([...series.values()], MOST_LINES)
  return { ...aligned(shown), left: series.size - shown.length }
}
