// Panels of rows: tables, logs, traces.
import { useMemo } from 'react'
import { clock, duration, figures, moment } from '../../../format'
import { Badge } from '../../../parts/controls'
import { type Column, DataTable } from '../../../parts/data-table'
import { addressOf, Link, navigate } from '../../../router'
import type { Plugin } from '../document'
import { isTimeText, type LogLine, timeOfText, type TraceLine } from '../results'
import { type Format, written } from '../units'
import type { PanelData } from '../use-panel'
import styles from './panels.module.css'
import type { DrawProps } from './series'

type Row = Record<string, unknown>

interface ColumnSetting {
  name: string
  header?: string
  hide?: boolean
  format?: Format
  sort?: 'asc' | 'desc'
  enableSorting?: boolean
}

const MOST_ROWS = 500

/** Returns one table of all answers: of series, a row for each set of labels with a column for each query. */
function tableOf(data: PanelData): { columns: string[]; rows: Row[] } {
  const columns: string[] = []
  const rows: Row[] = []
  const byLabels = new Map<string, Row>()
  const add = (name: string) => columns.includes(name) || columns.push(name)
  const count = data.results.filter((result) => result?.kind === 'series').length
  for (const [query, result] of data.results.entries()) {
    if (result?.kind === 'rows') {
      result.columns.forEach(add)
      rows.push(...result.rows)
    }
    if (result?.kind !== 'series') continue
    const value = count > 1 ? `value ${String.fromCharCode(65 + query)}` : 'value'
    for (const { labels, values } of result.series) {
      const { __name__: _, ...named } = labels
      Object.keys(named).forEach(add)
      const key = JSON.stringify(Object.entries(named).toSorted())
      const row = byLabels.get(key) ?? { ...named }
      if (!byLabels.has(key)) {
        byLabels.set(key, row)
        rows.push(row)
      }
      row[value] = values.at(-1) ?? null
    }
    columns.splice(columns.includes(value) ? columns.indexOf(value) : columns.length, columns.includes(value) ? 1 : 0)
    columns.push(value)
  }
  return { columns, rows }
}

export function TablePanel({ plugin, data, title }: DrawProps) {
  const { columns, rows } = useMemo(() => tableOf(data), [data])
  const settings = settingsOf(plugin)
  const names = columns.filter((name) => settings.get(name)?.hide !== true && (plugin.spec.defaultColumnHidden !== true || settings.has(name)))
  const shown = names.map((name) => columnOf(name, settings.get(name), rows))
  const sorted = [...settings.values()].find(({ sort }) => sort !== undefined)
  return (
    <>
      <DataTable label={title} columns={shown} rows={rows.slice(0, MOST_ROWS)} rowKey={(row) => JSON.stringify(row)} sorted={sorted && `${sorted.sort === 'desc' ? '-' : ''}${sorted.name}`} />
      {rows.length > MOST_ROWS && <p className={styles.more}>The first {MOST_ROWS} of {figures(rows.length)} rows.</p>}
    </>
  )
}

const settingsOf = (plugin: Plugin) => new Map(((Array.isArray(plugin.spec.columnSettings) ? plugin.spec.columnSettings : []) as ColumnSetting[]).map((setting) => [setting.name, setting]))

function columnOf(name: string, setting: ColumnSetting | undefined, rows: Row[]): Column<Row> {
  const isNumber = rows.some((row) => typeof row[name] === 'number')
  return {
    name,
    heading: setting?.header ?? name,
    end: isNumber,
    sort: setting?.enableSorting === false ? undefined : (row) => (typeof row[name] === 'number' ? row[name] : String(row[name] ?? '')),
    cell: (row) => <Cell name={name} value={row[name]} format={setting?.format} />,
  }
}

function Cell({ name, value, format }: { name: string; value: unknown; format?: Format }) {
  if (value === null || value === undefined || value === '') return <span className="muted">–</span>
  if (typeof value === 'number') return written(value, format)
  if (isTimeText(value)) return <time dateTime={value}>{moment(timeOfText(value), { fraction: true })}</time>
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (/^(trace_?id|trace)$/i.test(name) && /^[0-9a-f]{32}$/i.test(text)) return <Link to={`/trace/${text.toLowerCase()}`}>{text.slice(0, 12)}…</Link>
  if (/^(service|service_name)$/.test(name)) return <Link to={`/services/${encodeURIComponent(text)}`}>{text}</Link>
  return <span title={text}>{text.slice(0, 300)}</span>
}

const LEVEL_TONE: Record<string, 'bad' | 'warn' | 'info' | undefined> = { error: 'bad', fatal: 'bad', warn: 'warn', warning: 'warn', info: 'info' }

export function LogsPanel({ plugin, data, title }: DrawProps) {
  const lines = data.results.flatMap((result) => (result?.kind === 'logs' ? result.lines : []))
  return (
    <ul className={styles.logs} aria-label={title} data-wrap={plugin.spec.wrap === true ? '' : undefined}>
      {lines.map((line) => (
        <li key={line.key}>
          <Log line={line} />
        </li>
      ))}
    </ul>
  )
}

function Log({ line }: { line: LogLine }) {
  const { time, level, service, message, trace, attributes } = line
  return (
    <details>
      <summary>
        <time dateTime={new Date(time).toISOString()}>{clock(time)}</time>
        <Badge tone={LEVEL_TONE[level]}>{level || 'log'}</Badge>
        <span className="muted">{service}</span>
        <span className={styles.message}>{message.slice(0, 2000)}</span>
      </summary>
      <dl>
        {Object.entries(attributes).map(([name, value]) => (
          <div key={name} className="contents">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {trace && <Link to={`/trace/${trace}`}>Its trace</Link>}
    </details>
  )
}

const TRACE_COLUMNS: Column<TraceLine>[] = [
  { name: 'start', heading: 'Start', sort: ({ start }) => start, cell: ({ start }) => <time dateTime={new Date(start).toISOString()}>{clock(start)}</time> },
  { name: 'root', heading: 'Root', wide: true, sort: ({ operation }) => operation, cell: ({ id, service, operation }) => <Link to={`/trace/${id}`}>{`${service}: ${operation}`}</Link> },
  { name: 'duration', heading: 'Duration', end: true, sort: ({ durationNs }) => durationNs, cell: ({ durationNs }) => duration(durationNs) },
  { name: 'spans', heading: 'Spans', end: true, sort: ({ spans }) => spans, cell: ({ spans }) => figures(spans) },
  {
    name: 'errors',
    heading: 'Failed',
    end: true,
    sort: ({ errors }) => errors,
    cell: ({ errors }) =>
      errors > 0 ? (
        <Badge tone="bad" icon="error">
          {errors}
        </Badge>
      ) : (
        '0'
      ),
  },
]

export function TracesPanel({ data, title }: DrawProps) {
  const traces = data.results.flatMap((result) => (result?.kind === 'traces' ? result.traces : []))
  return <DataTable label={title} columns={TRACE_COLUMNS} rows={traces} rowKey={({ id }) => id} onOpen={({ id }) => navigate(addressOf(`/trace/${id}`))} />
}
