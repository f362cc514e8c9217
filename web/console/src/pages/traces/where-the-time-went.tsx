// Where the extra time went: for how long traces of both sets waited for each operation.
import type { CSSProperties } from 'react'
import { colourOf } from '../../colour'
import { quotedValue } from '../../data/query-text'
import { shortOperation, type TimeComparison } from '../../data/traces'
import { duration } from '../../format'
import { Button, Dot } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import styles from './what-differs.module.css'

type Operation = TimeComparison['operations'][number]

interface WhereTheTimeWentProps {
  time: TimeComparison
  name: string
  onCondition: (condition: string) => void
}

export function WhereTheTimeWent({ time, name, onCondition }: WhereTheTimeWentProps) {
  const greatest = Math.max(...time.operations.map(({ difference_ms }) => Math.abs(difference_ms)), 1e-9)
  const ms = (value: number) => duration(value * 1e6)
  const columns: Column<Operation>[] = [
    {
      name: 'operation',
      heading: 'Service and operation',
      wide: true,
      sort: ({ service, operation }) => `${service} ${operation}`,
      cell: ({ service, operation }) => (
        <span className={styles.operation} title={`${service} ${operation}`}>
          <Dot colour={colourOf(service)} /> <b>{service}</b> {shortOperation(operation)}
          <Button kind="plain" icon="filter" label={`Only spans of ${service} ${operation}`} onClick={() => onCondition(`service:${quotedValue(service)} name:${quotedValue(operation)}`)} />
        </span>
      ),
    },
    {
      name: 'difference',
      heading: 'Difference',
      end: true,
      sort: ({ difference_ms }) => Math.abs(difference_ms),
      cell: ({ difference_ms, likely }) => (
        <span className={styles.difference} data-more={difference_ms > 0 ? '' : undefined} style={{ '--share': Math.abs(difference_ms) / greatest } as CSSProperties} title={likely ? 'Spans ran at the same time: it is only likely that this one was waited for.' : undefined}>
          {likely && <small>likely </small>}
          {difference_ms > 0 ? '+' : '−'}
          {ms(Math.abs(difference_ms))}
        </span>
      ),
    },
    { name: 'selected', heading: name, end: true, sort: ({ selected_ms }) => selected_ms, cell: ({ selected_ms }) => ms(selected_ms) },
    { name: 'baseline', heading: 'others', end: true, sort: ({ baseline_ms }) => baseline_ms, cell: ({ baseline_ms }) => ms(baseline_ms) },
  ]
  return (
    <section className={styles.time}>
      <h3>Where the time went</h3>
      <p className="muted">
        On average a trace {name} was waited for {ms(time.total.selected_ms)}, one of the others {ms(time.total.baseline_ms)}: critical paths of {time.traces.selected} and {time.traces.baseline} traces{time.complete ? '' : ', a sample'}.
      </p>
      {time.operations.length > 0 && <DataTable label="Where the time went" columns={columns} rows={time.operations} rowKey={({ service, operation }) => `${service}\0${operation}`} />}
    </section>
  )
}
