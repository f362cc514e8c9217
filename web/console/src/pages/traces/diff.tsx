// Two traces side by side: their spans merged by path, with what each took and what only one of them has.
import { useMemo } from 'react'
import { msOf, shortOperation, type TraceColumns, useTrace } from '../../data/traces'
import type { Reading } from '../../data/use-api'
import { ago, duration } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button, ButtonLink } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { flag, Link, text, useParameters } from '../../router'
import { mergedApart } from '../trace/call-tree'
import { spansOf } from '../trace/spans'
import { verdictOf } from '../trace/verdict'
import { changedOnly, differenceColumns, presenceOf } from './difference'
import styles from './diff.module.css'
import { TreeGrid } from './tree-grid'

const DIFF = { a: text(), b: text(), changed: flag() }

export default function DiffPage() {
  const [{ a, b, changed }, change] = useParameters(DIFF)
  const first = useTrace(a)
  const second = useTrace(b)
  if (a === '' || b === '') {
    return (
      <div className="stack">
        <h1>Two traces</h1>
        <p>
          Two traces are compared that are ticked in <Link to="/traces">the list of traces</Link>.
        </p>
      </div>
    )
  }
  return (
    <div className="stack">
      <div className={styles.top}>
        <h1>Two traces</h1>
        <Button onClick={() => change({ a: b, b: a })}>Swap A and B</Button>
      </div>
      <div className={styles.two}>
        <Side name="A" reading={first} />
        <Side name="B" reading={second} />
      </div>
      {first.data && second.data && <Difference a={first.data} b={second.data} isChanged={changed} onChanged={(changed) => change({ changed })} />}
    </div>
  )
}

function Side({ name, reading }: { name: string; reading: Reading<TraceColumns> }) {
  return (
    <Panel title={`Trace ${name}`} request={reading.request} actions={reading.data && <ButtonLink kind="plain" to={`/trace/${reading.data.trace_id}`} icon="traces">Open</ButtonLink>}>
      <Answer reading={reading} what={`trace ${name}`} isEmpty={(trace) => trace.spans === 0} empty="No span of it is kept any more.">
        {(trace) => <Summary trace={trace} />}
      </Answer>
    </Panel>
  )
}

function Summary({ trace }: { trace: TraceColumns }) {
  const spans = useMemo(() => spansOf(trace), [trace])
  const verdict = useMemo(() => verdictOf(spans), [spans])
  const errors = trace.columns.error.reduce((sum, error) => sum + error, 0)
  return (
    <div className={styles.summary}>
      <p>
        <b>{spans.services[spans.service[0]!]}</b> {shortOperation(spans.names[spans.name[0]!]!)}
      </p>
      <p className={verdict.isFailed ? 'bad' : 'muted'}>{verdict.text}</p>
      <p className="row">
        <b>{duration(trace.duration_ns)}</b> <span>{trace.spans.toLocaleString('en')} spans</span> {errors > 0 && <Badge tone="bad" icon="error">{errors} failed</Badge>} <span className="muted">{ago(msOf(trace.start_ns))}</span>
      </p>
    </div>
  )
}

interface DifferenceProps {
  a: TraceColumns
  b: TraceColumns
  isChanged: boolean
  onChanged: (isChanged: boolean) => void
}

function Difference({ a, b, isChanged, onChanged }: DifferenceProps) {
  const merged = useMemo(() => mergedApart([spansOf(a), spansOf(b)]), [a, b])
  const shown = useMemo(() => (isChanged ? changedOnly(merged) : merged), [merged, isChanged])
  const presence = useMemo(() => presenceOf(merged), [merged])
  const columns = useMemo(() => differenceColumns(shown), [shown])
  return (
    <Panel
      title="By path"
      flush
      actions={
        <>
          <span className={styles.presence}>
            {presence.both} in both, <b data-side="a">{presence.a} only in A</b>, <b data-side="b">{presence.b} only in B</b>
          </span>
          <Button kind="plain" aria-pressed={isChanged} onClick={() => onChanged(!isChanged)}>
            Only what differs
          </Button>
        </>
      }
    >
      {shown.tree.count === 0 ? (
        <p className={styles.none}>The two traces have the same calls, and took the same time but for a tenth.</p>
      ) : (
        <TreeGrid
          tree={shown.tree}
          label="Spans of both traces by path"
          columns={columns}
          mark={(node) => {
            const [inA, inB] = [shown.each[0]!.calls[node]! > 0, shown.each[1]!.calls[node]! > 0]
            return inA && inB ? null : <Badge tone={inA ? 'warn' : 'info'} icon={inA ? 'minus' : 'plus'}>{inA ? 'only in A' : 'only in B'}</Badge>
          }}
        />
      )}
    </Panel>
  )
}
