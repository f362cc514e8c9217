// Found traces, a row each.
import { type CSSProperties, useMemo } from 'react'
import { colourOf } from '../../colour'
import { shortOperation } from '../../data/traces'
import { ago, duration, moment } from '../../format'
import { Dot } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Icon } from '../../parts/icons'
import { Link } from '../../router'
import type { FoundTrace } from './found'
import styles from './traces.module.css'

const MOST_SERVICES = 6

interface TraceListProps {
  rows: FoundTrace[]
  pick: string[]
  onTick: (id: string) => void
  onOpen: (trace: FoundTrace) => void
  /** The pointer or the focus is on a trace, or on none any more. */
  onNear: (id: string | null) => void
}

export function TraceList({ rows, pick, onTick, onOpen, onNear }: TraceListProps) {
  const longest = useMemo(() => rows.reduce((most, { duration }) => Math.max(most, duration), 1), [rows])
  const near = (target: EventTarget) => onNear((target as Element).closest('tr')?.querySelector('[data-trace]')?.getAttribute('data-trace') ?? null)
  const columns: Column<FoundTrace>[] = [
    {
      name: 'pick',
      heading: <span className="sr-only">Compare</span>,
      cell: ({ id, operation }) => <input type="checkbox" className={styles.tick} checked={pick.includes(id)} onChange={() => onTick(id)} aria-label={`Compare ${operation} ${id.slice(0, 8)}`} />,
    },
    {
      name: 'root',
      heading: 'Begins with',
      wide: true,
      sort: ({ service, operation }) => `${service} ${operation}`,
      cell: (trace) => (
        <Link className={styles.root} to={`/trace/${trace.id}`} parameters={{ focus: trace.errors > 0 ? 'error' : undefined }} data-trace={trace.id} title={`${trace.service} ${trace.operation}`}>
          <Dot colour={colourOf(trace.service)} />
          <b>{trace.service}</b> <span>{shortOperation(trace.operation)}</span>
        </Link>
      ),
    },
    {
      name: 'duration',
      heading: 'Took',
      end: true,
      sort: (trace) => trace.duration,
      cell: (trace) => (
        <span className={styles.took} style={{ '--share': trace.duration / longest } as CSSProperties}>
          {duration(trace.duration)}
        </span>
      ),
    },
    {
      name: 'errors',
      heading: 'Failed',
      end: true,
      sort: ({ errors }) => errors,
      cell: ({ errors }) =>
        errors === 0 ? (
          <span className="muted">–</span>
        ) : (
          <span className={styles.errors}>
            <Icon name="error" size={13} /> {errors}
          </span>
        ),
    },
    { name: 'services', heading: 'Services', sort: ({ services }) => services.length, cell: ({ services }) => <Services services={services} /> },
    { name: 'spans', heading: 'Spans', end: true, sort: ({ spans }) => spans, cell: ({ spans }) => spans.toLocaleString('en') },
    { name: 'start', heading: 'Began', end: true, sort: ({ start }) => start, cell: ({ start }) => <time title={moment(start, { fraction: true })}>{ago(start)}</time> },
  ]
  return (
    <div onPointerOver={(event) => near(event.target)} onPointerLeave={() => onNear(null)} onFocus={(event) => near(event.target)}>
      <DataTable label="Traces" columns={columns} rows={rows} rowKey={({ id }) => id} onOpen={onOpen} isOpen={({ id }) => pick.includes(id)} />
    </div>
  )
}

function Services({ services }: { services: FoundTrace['services'] }) {
  return (
    <span className={styles.services} title={services.map(({ name, errors }) => (errors > 0 ? `${name} (${errors} failed)` : name)).join(', ')}>
      {services.slice(0, MOST_SERVICES).map(({ name }) => (
        <Dot key={name} colour={colourOf(name)} />
      ))}
      <small>{services.length}</small>
      <span className="sr-only">{services.map(({ name }) => name).join(', ')}</span>
    </span>
  )
}
