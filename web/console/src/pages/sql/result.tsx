// What a statement returned: as rows, as a chart, or as a file.
import { useMutation } from '@tanstack/react-query'
import { useMemo } from 'react'
import { download } from '../../data/download'
import type { Reading } from '../../data/use-api'
import { duration, figures } from '../../format'
import { Answer, Problem } from '../../parts/answer'
import { MenuItem, Select, Tabs } from '../../parts/controls'
import { Drawer } from '../../parts/drawer'
import { Panel } from '../../parts/panel'
import { TimeChart } from '../../parts/time-chart'
import { Link, useParameters } from '../../router'
import { type Answered, MOST_ROWS, statementRequest } from './answer'
import { cellText, isTraceId } from './cells'
import { chartOf } from './chart'
import { RowsTable } from './rows-table'
import styles from './sql.module.css'
import { SQL_FIELDS } from './state'

const TABS = [
  { name: 'table' as const, label: 'Rows' },
  { name: 'chart' as const, label: 'Chart' },
]

export function Result({ statement, reading }: { statement: string; reading: Reading<Answered> }) {
  const [state, change] = useParameters(SQL_FIELDS)
  const save = useMutation({ mutationFn: (format: 'csv' | 'arrow') => download(statementRequest(statement, format), format === 'csv' ? 'rows.csv' : 'rows.arrow') })
  const row = reading.data?.rows[Number(state.row)]
  return (
    <Panel
      title={<Tabs label="How it is shown" tabs={TABS} open={state.view} onOpen={(view) => change({ view: view === 'table' ? undefined : view })} />}
      request={reading.request}
      flush
      actions={
        <>
          {reading.data && <span className={styles.said}>{said(reading.data)}</span>}
          {state.view === 'chart' && (
            <Select aria-label="How it is drawn" value={state.draw} onChange={(event) => change({ draw: event.target.value === 'lines' ? undefined : event.target.value })}>
              <option value="lines">Lines</option>
              <option value="bars">Bars</option>
              <option value="stacked">Stacked</option>
            </Select>
          )}
        </>
      }
      menu={
        <>
          <MenuItem icon="down" onChoose={() => save.mutate('csv')}>
            Export all as CSV
          </MenuItem>
          <MenuItem icon="down" onChoose={() => save.mutate('arrow')}>
            Export all as Arrow
          </MenuItem>
        </>
      }
    >
      <span className="sr-only" role="status">
        {save.isPending ? 'Exporting …' : reading.data ? said(reading.data) : ''}
      </span>
      {save.error && <Problem error={new Error(`It was not exported: ${save.error.message}`)} />}
      <Answer reading={reading} what="rows" isEmpty={({ rows }) => rows.length === 0} empty="The statement returned no rows.">
        {(answered) => (
          <>
            {answered.isCut && <p className={styles.cut}>There are more rows: the first {figures(MOST_ROWS)} are shown. An export has all; LIMIT asks for fewer.</p>}
            {state.view === 'table' ? <RowsTable key={statement} answered={answered} opened={state.row} onOpen={(row) => change({ row: String(row) })} /> : <Chart answered={answered} kind={state.draw} />}
          </>
        )}
      </Answer>
      {state.row !== '' && row && reading.data && <Row answered={reading.data} place={Number(state.row)} onClose={() => change({ row: undefined })} />}
    </Panel>
  )
}

const said = ({ rows, isCut, ms }: Answered) => `${figures(rows.length)}${isCut ? ' and more' : ''} ${rows.length === 1 ? 'row' : 'rows'} in ${duration(ms * 1e6)}`

function Chart({ answered, kind }: { answered: Answered; kind: 'lines' | 'bars' | 'stacked' }) {
  const charted = useMemo(() => chartOf(answered), [answered])
  if (typeof charted === 'string') return <p className={styles.cut}>{charted}</p>
  return (
    <div className={styles.chart}>
      <TimeChart label="What the statement returned" times={charted.times} lines={charted.lines} kind={kind} unit="short" height={360} legend />
      {charted.left > 0 && <p className="muted">{figures(charted.left)} lines with lesser values are not drawn.</p>}
    </div>
  )
}

/** All of one row, each value whole. */
function Row({ answered: { columns, rows }, place, onClose }: { answered: Answered; place: number; onClose: () => void }) {
  return (
    <Drawer title={`Row ${figures(place + 1)}`} of={`row ${place}`} onClose={onClose}>
      <dl className={styles.row}>
        {columns.map((column, at) => {
          const cell = rows[place]![at]
          const text = typeof cell === 'object' && cell !== null ? JSON.stringify(cell, null, 2) : cellText(cell)
          return (
            <div key={at}>
              <dt title={column.type}>{column.name}</dt>
              <dd>{isTraceId(column, cell) ? <Link to={`/trace/${text}`}>{text}</Link> : <pre className={cell === null ? 'muted' : undefined}>{text}</pre>}</dd>
            </div>
          )
        })}
      </dl>
    </Drawer>
  )
}
