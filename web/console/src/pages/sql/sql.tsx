// SQL over everything that is kept: an editor, what there is to select from, and what came of it.
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { textInAddress, useQueryOf } from '../../data/kept-queries'
import { useRemembered } from '../../data/remembered'
import { useKeys } from '../../keys'
import { Problem } from '../../parts/answer'
import { Button } from '../../parts/controls'
import { Editor, type EditorHandle, type Mistake } from '../../parts/editor'
import { KeptQueries } from '../../parts/kept-queries'
import { Panel } from '../../parts/panel'
import { rememberQuery } from '../../parts/recent-queries'
import { Beside } from '../../parts/side-list'
import { useParameters } from '../../router'
import { useStatement } from './answer'
import { mistakesOf } from './mistake'
import { Result } from './result'
import { useColumns, useNames } from './schema'
import { SchemaTree } from './schema-tree'
import styles from './sql.module.css'
import { SQL_FIELDS } from './state'

const NO_MISTAKES: Mistake[] = []

export default function Page() {
  const [state, change] = useParameters(SQL_FIELDS)
  const kept = useQueryOf(state.query)
  const statement = state.query === '' ? state.q : (kept.data?.text ?? '')
  const [draft, setDraft] = useState(statement)
  const [runs, setRuns] = useState(0)
  const [hasTables, setTables] = useRemembered('sql.tables', innerWidth > 1000)
  const editor = useRef<EditorHandle | null>(null)
  const client = useQueryClient()
  useEffect(() => setDraft(statement), [statement])
  const reading = useStatement(statement, runs)
  const columns = useColumns()
  const names = useNames(columns.data)
  const mistakes = useMemo(() => (reading.error && draft === statement ? mistakesOf(statement, reading.error.message) : NO_MISTAKES), [reading.error, draft, statement])
  const run = async (text = draft) => {
    if (text.trim() === '') return
    rememberQuery('sql', text)
    if (text === statement) setRuns(runs + 1)
    else change({ ...(await textInAddress('sql', text)), row: undefined })
  }
  const cancel = () => void client.cancelQueries({ queryKey: ['api', reading.request] })
  useKeys('SQL', [{ keys: '/', does: 'Go to the statement', run: () => editor.current?.focus() }])
  return (
    <>
      <h1 className="sr-only">SQL</h1>
      <Beside list={hasTables && <SchemaTree reading={columns} onInsert={(text) => editor.current?.insert(text)} onLook={(text) => void run(text)} />}>
        {kept.error && <Problem error={kept.error} onRetry={() => kept.refetch()} />}
        <Editor label="Statement" language="sql" handle={editor} value={draft} onChange={setDraft} onSubmit={(text) => void run(text)} mistakes={mistakes} names={names} lineNumbers minLines={5} placeholder="SELECT service, count(*) FROM spans WHERE time > now() - interval '1 hour' GROUP BY service" />
        <div className="row">
          {reading.isFetching ? (
            <Button icon="close" onClick={cancel}>
              Cancel
            </Button>
          ) : (
            <Button kind="main" icon="play" onClick={() => void run()} title="Ctrl+Enter">
              Run
            </Button>
          )}
          <KeptQueries of="sql" text={draft} onChoose={(text) => void run(text)} />
          <span className="muted">Ctrl+Enter runs it</span>
          <span className="space" />
          <Button kind="plain" aria-pressed={hasTables} icon="sql" onClick={() => setTables(!hasTables)}>
            Tables
          </Button>
        </div>
        {statement.trim() === '' ? <Beginning onRun={(text) => void run(text)} /> : <Result statement={statement} reading={reading} />}
      </Beside>
    </>
  )
}

const FIRST: { what: string; statement: string }[] = [
  { what: 'Errors by service', statement: "SELECT service, count(*) AS spans, count(*) FILTER (WHERE status = 'error') AS errors\nFROM spans\nWHERE time > now() - interval '1 hour'\nGROUP BY service\nORDER BY errors DESC" },
  {
    what: '99th percentile of each route by minute',
    statement: "SELECT time_bucket('1 minute', time) AS minute, attr(attributes, 'http.route') AS route,\n       approx_percentile_cont(duration_ms(duration_ns), 0.99) AS p99_ms\nFROM spans\nWHERE kind = 'server' AND time > now() - interval '1 hour'\nGROUP BY 1, 2\nORDER BY 1, 2",
  },
  {
    what: 'Logs of the slowest traces',
    statement: "SELECT l.time, l.severity_text, l.service, l.body, l.trace_id\nFROM logs l\nJOIN (SELECT trace_id FROM spans WHERE parent_span_id IS NULL AND time > now() - interval '15 minutes'\n      ORDER BY duration_ns DESC LIMIT 10) slow ON l.trace_id = slow.trace_id\nORDER BY l.time",
  },
  { what: 'Which metrics have most series', statement: 'SELECT name, count(*) AS series\nFROM series\nGROUP BY name\nORDER BY series DESC\nLIMIT 20' },
]

function Beginning({ onRun }: { onRun: (statement: string) => void }) {
  return (
    <Panel title="Ask something">
      <p className="muted">Spans, logs, metrics and what is made of them are tables. Write a statement above, choose a table, or begin with one of these.</p>
      <div className={styles.first}>
        {FIRST.map(({ what, statement }) => (
          <div key={what}>
            <Button onClick={() => onRun(statement)}>{what}</Button>
            <pre>{statement}</pre>
          </div>
        ))}
      </div>
    </Panel>
  )
}
