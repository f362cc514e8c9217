// The slowest pages of visits, as traces.
import { type Row, useSql } from '../../data/sql'
import { useAgain } from '../../data/use-again'
import { duration, moment } from '../../format'
import { colourOf } from '../../colour'
import { Answer } from '../../parts/answer'
import { ButtonLink, Dot } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { addressOf, Link, navigate } from '../../router'
import type { TimeRange } from '../../time'
import { titleOf } from './funnel-data'
import { tracesStatement, type Within } from './visit-statements'

const said = (row: Row, name: string) => String(row[name] ?? '')
const traceOf = (row: Row) => `/trace/${said(row, 'trace_id')}`

/** Times of statements are UTC, also where they do not say so. */
const msOf = (row: Row) => Date.parse(said(row, 'time').replace(/Z?$/, 'Z'))

const COLUMNS: Column<Row>[] = [
  { name: 'time', heading: 'Time', cell: (row) => moment(msOf(row)), sort: msOf },
  { name: 'events', heading: 'Told', cell: (row) => said(row, 'events'), sort: (row) => said(row, 'events') },
  { name: 'page', heading: 'Trace', cell: (row) => <Page row={row} />, wide: true },
  { name: 'duration', heading: 'Answered in', cell: (row) => duration(Number(row.duration_ns)), sort: (row) => Number(row.duration_ns), end: true },
]

const Page = ({ row }: { row: Row }) => (
  <Link to={traceOf(row)}>
    <Dot colour={colourOf(said(row, 'service'))} /> {said(row, 'service')}: <b>{said(row, 'name')}</b>
  </Link>
)

export function SlowTraces({ within, answered, time }: { within: Within; answered: string; time: TimeRange }) {
  const statement = tracesStatement(within, answered)
  const reading = useSql(statement)
  useAgain([reading], time)
  return (
    <Panel title={answered === '' ? 'Slowest pages of visits' : `Pages answered ${titleOf(answered)}`} request={reading.request} sql={statement} actions={answered !== '' && <ButtonLink kind="plain" icon="close" change={{ answered: undefined }}>All</ButtonLink>} flush>
      <Answer reading={reading} what="traces of visits" isEmpty={(rows) => rows.length === 0} empty="No page of these visits is traced.">
        {(rows) => <DataTable label="Slowest pages" columns={COLUMNS} rows={rows} rowKey={(row) => `${said(row, 'trace_id')} ${said(row, 'name')}`} sorted="-duration" onOpen={(row) => navigate(addressOf(traceOf(row)))} />}
      </Answer>
    </Panel>
  )
}
