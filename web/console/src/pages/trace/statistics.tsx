// A trace in numbers: by operation or by service, how often, how long, how much of it was waited for.
import { useMemo } from 'react'
import { colourOf } from '../../colour'
import { shortOperation } from '../../data/traces'
import { duration, percent } from '../../format'
import { Button, Dot } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import type { Spans } from './spans'
import styles from './trace.module.css'

interface Sums {
  key: string
  service: string
  name: string
  spans: number
  errors: number
  total: number
  self: number
  critical: number
  longest: number
  median: number
}

type By = 'operation' | 'service'

/** Returns sums by service, or by service and operation. */
function sumsOf(spans: Spans, by: By): Sums[] {
  const groups = new Map<number, number[]>()
  for (let row = 0; row < spans.count; row++) {
    const key = spans.service[row]! * spans.names.length + (by === 'operation' ? spans.name[row]! : 0)
    const rows = groups.get(key)
    if (rows === undefined) groups.set(key, [row])
    else rows.push(row)
  }
  return [...groups].map(([key, rows]) => {
    const sum = (values: Float64Array | Uint8Array) => rows.reduce((sum, row) => sum + values[row]!, 0)
    const durations = rows.map((row) => spans.duration[row]!).toSorted((a, b) => a - b)
    return {
      key: String(key),
      service: spans.services[spans.service[rows[0]!]!]!,
      name: by === 'operation' ? spans.names[spans.name[rows[0]!]!]! : '',
      spans: rows.length,
      errors: sum(spans.error),
      total: sum(spans.duration),
      self: sum(spans.self),
      critical: sum(spans.critical),
      longest: durations.at(-1)!,
      median: durations[Math.floor(durations.length / 2)]!,
    }
  })
}

interface StatisticsProps {
  spans: Spans
  by: By
  onBy: (by: By) => void
  /** Shows the spans of a group in the waterfall. */
  onShow: (find: string) => void
}

export function Statistics({ spans, by, onBy, onShow }: StatisticsProps) {
  const rows = useMemo(() => sumsOf(spans, by), [spans, by])
  const columns: Column<Sums>[] = [
    {
      name: 'service',
      heading: by === 'operation' ? 'Service and operation' : 'Service',
      wide: true,
      sort: ({ service, name }) => `${service} ${name}`,
      cell: ({ service, name }) => (
        <span className={styles.cell} title={`${service} ${name}`}>
          <Dot colour={colourOf(service)} /> <b>{service}</b> {shortOperation(name)}
        </span>
      ),
    },
    { name: 'critical', heading: 'Waited for', end: true, sort: ({ critical }) => critical, cell: ({ critical }) => <Share part={critical} whole={spans.length} /> },
    { name: 'self', heading: 'Alone', end: true, sort: ({ self }) => self, cell: ({ self }) => duration(self) },
    { name: 'total', heading: 'Total', end: true, sort: ({ total }) => total, cell: ({ total }) => duration(total) },
    { name: 'spans', heading: 'Spans', end: true, sort: ({ spans }) => spans, cell: ({ spans }) => spans.toLocaleString('en') },
    { name: 'errors', heading: 'Failed', end: true, sort: ({ errors }) => errors, cell: ({ errors }) => (errors === 0 ? <span className="muted">0</span> : <span className="bad">{errors}</span>) },
    { name: 'median', heading: 'Median', end: true, sort: ({ median }) => median, cell: ({ median }) => duration(median) },
    { name: 'longest', heading: 'Longest', end: true, sort: ({ longest }) => longest, cell: ({ longest }) => duration(longest) },
  ]
  return (
    <>
      <div className={styles.tools}>
        <div className={styles.modes} role="group" aria-label="By what">
          <Button kind="plain" aria-pressed={by === 'operation'} onClick={() => onBy('operation')}>
            By operation
          </Button>
          <Button kind="plain" aria-pressed={by === 'service'} onClick={() => onBy('service')}>
            By service
          </Button>
        </div>
      </div>
      <DataTable label="Statistics of the trace" columns={columns} rows={rows} rowKey={({ key }) => key} sorted="-critical" onOpen={({ service, name }) => onShow(name === '' ? service : `${service} ${name}`)} />
    </>
  )
}

/** A duration, with its share of the trace as a bar below. */
function Share({ part, whole }: { part: number; whole: number }) {
  return (
    <span className={styles.share} style={{ '--share': part / whole } as React.CSSProperties}>
      {duration(part)} <small className="muted">{percent(part / whole)}</small>
    </span>
  )
}
