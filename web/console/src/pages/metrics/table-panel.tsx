// What a query says at the end of the time, as a table: a column for each label.
import { useMemo } from 'react'
import { instantRequest } from '../../data/prometheus'
import { sqlText, sqlTime } from '../../data/sql'
import { useApi } from '../../data/use-api'
import { figures, inUnit, moment } from '../../format'
import { Answer } from '../../parts/answer'
import { type Column, DataTable } from '../../parts/data-table'
import { Panel } from '../../parts/panel'
import { useParameters } from '../../router'
import { useTime } from '../../time'
import { type InstantRow, readInstant } from './instant'
import { unitOf } from './series'
import { type Asked, METRIC_FIELDS } from './state'

const MOST_ROWS = 1000
const MOST_COLUMNS = 14

export function TablePanel({ query: { letter, text }, isOnly }: { query: Asked; isOnly: boolean }) {
  const [{ unit }] = useParameters(METRIC_FIELDS)
  const time = useTime()
  const request = instantRequest(text, time.to)
  const reading = useApi(request, { read: readInstant })
  const columns = useMemo(() => columnsOf(reading.data ?? [], unit === '' ? unitOf(text) : unit), [reading.data, unit, text])
  return (
    <Panel title={`${isOnly ? 'Table' : letter} at ${moment(time.to)}`} request={request} sql={`SELECT *\nFROM promql(${sqlText(text)}, ${sqlTime(time.to)})\nORDER BY value DESC`} flush>
      <Answer reading={reading} what="series" isEmpty={(rows) => rows.length === 0} empty="No series at this time.">
        {(rows) => (
          <>
            <DataTable label={`What ${letter} says`} columns={columns} rows={rows.slice(0, MOST_ROWS)} rowKey={({ key }) => key} sorted="-value" />
            {rows.length > MOST_ROWS && <p className="muted">Of {figures(rows.length)} series the first {figures(MOST_ROWS)} are shown.</p>}
          </>
        )}
      </Answer>
    </Panel>
  )
}

function columnsOf(rows: InstantRow[], unit: Parameters<typeof inUnit>[1]): Column<InstantRow>[] {
  const labels = [...new Set(rows.flatMap(({ labels }) => Object.keys(labels)))].filter((label) => label !== '__name__').slice(0, MOST_COLUMNS)
  const hasNames = rows.some(({ labels }) => labels.__name__)
  return [
    { name: 'value', heading: 'Value', end: true, sort: ({ value }) => value ?? Number.NaN, cell: ({ value, text }) => <span title={text}>{value === null ? text : inUnit(value, unit)}</span> },
    ...(hasNames ? [{ name: '__name__', heading: 'Metric', sort: ({ labels }: InstantRow) => labels.__name__ ?? '', cell: ({ labels }: InstantRow) => <code>{labels.__name__}</code> }] : []),
    ...labels.map((label): Column<InstantRow> => ({ name: label, heading: label, sort: ({ labels }) => labels[label] ?? '', cell: ({ labels }) => <span title={labels[label]}>{labels[label]}</span> })),
  ]
}
