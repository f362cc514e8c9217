// The processes that a service ran in.
import { quotedValue } from '../../data/query-text'
import { type Row, sqlRequest, useSql } from '../../data/sql'
import { ago, duration, figures, moment } from '../../format'
import { Answer } from '../../parts/answer'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'
import type { TimeRange } from '../../time'
import { FailedShare } from '../overview/edges-table'
import { instancesStatement } from './queries'

const text = (row: Row, name: string) => (typeof row[name] === 'string' ? (row[name] as string) : '')
const at = (row: Row, name: string) => Date.parse(text(row, name))
const calls = (row: Row) => ({ rate: Number(row.spans), failed: Number(row.failed), p95: NaN })

export function Instances({ service, time }: { service: string; time: TimeRange }) {
  const statement = instancesStatement(service, time)
  const rows = useSql(statement)
  const columns: Column<Row>[] = [
    { name: 'instance', heading: 'Instance', cell: (row) => <Instance id={text(row, 'instance')} service={service} />, sort: (row) => text(row, 'instance') },
    { name: 'version', heading: 'Version', cell: (row) => text(row, 'version') || '–', sort: (row) => text(row, 'version') },
    { name: 'host', heading: 'Host', cell: (row) => text(row, 'host') || '–', sort: (row) => text(row, 'host') },
    { name: 'spans', heading: 'Spans', cell: (row) => figures(Number(row.spans)), sort: (row) => Number(row.spans), end: true },
    { name: 'failed', heading: 'Failed', cell: (row) => <FailedShare calls={calls(row)} />, sort: (row) => Number(row.failed) / Number(row.spans), end: true },
    { name: 'p95', heading: 'p95', cell: (row) => duration(Number(row.p95_ms) * 1e6), sort: (row) => Number(row.p95_ms), end: true },
    { name: 'last', heading: 'Last seen', cell: (row) => <span title={`first seen ${moment(at(row, 'first'))}`}>{ago(at(row, 'last'))}</span>, sort: (row) => at(row, 'last'), end: true },
  ]
  return (
    <Panel title="Instances" request={sqlRequest(statement)} sql={statement} flush>
      <Answer reading={rows} what="instances" isEmpty={(all) => all.length === 0} empty="It sent no spans in this time.">
        {(all) => <DataTable label="Instances" columns={columns} rows={all} rowKey={(row) => `${text(row, 'instance')} ${text(row, 'version')} ${text(row, 'host')}`} />}
      </Answer>
    </Panel>
  )
}

const Instance = ({ id, service }: { id: string; service: string }) =>
  id === '' ? (
    <span className="muted">says none</span>
  ) : (
    <Link to="/logs" parameters={{ q: `service:${quotedValue(service)} service.instance.id:${quotedValue(id)}` }} title={`Logs of ${id}`}>
      <code>{id.length > 13 ? `${id.slice(0, 12)}…` : id}</code>
    </Link>
  )
