// One trace: what it says in a line, where its time went, and what each span knows.
import { useEffect, useMemo } from 'react'
import { type TraceColumns, useTrace } from '../../data/traces'
import { ApiError, type ApiRequest } from '../../data/http'
import { Answer } from '../../parts/answer'
import { Button, ButtonLink } from '../../parts/controls'
import { Link, navigate, oneOf, changedAddress, text, useParameters } from '../../router'
import { foldsOf } from './rows'
import { deepestError, spansOf } from './spans'
import { TraceHead } from './trace-head'
import { TraceLogs } from './trace-logs'
import { TraceViews } from './trace-views'
import { SpanDrawer } from './span-drawer'
import styles from './trace.module.css'

export const TRACE = {
  /** The id of the span that is open at the side. */
  span: text(),
  /** `error`: the page opens the span where the failure began. */
  focus: text(),
  view: oneOf(['waterfall', 'flame', 'statistics'] as const, 'waterfall'),
  mode: oneOf(['all', 'errors', 'critical'] as const, 'all'),
  /** Only spans with these words, and what is above them. */
  find: text(),
  zoom: text(),
  by: oneOf(['operation', 'service'] as const, 'operation'),
  flame: oneOf(['critical', 'self'] as const, 'critical'),
}

export default function TracePage({ parts }: { parts: Record<string, string> }) {
  const id = (parts.id ?? '').toLowerCase()
  const reading = useTrace(id)
  if (reading.error instanceof ApiError && reading.error.status === 404) return <NoTrace id={id} onRetry={() => reading.refetch()} />
  return (
    <Answer reading={reading} what="the trace">
      {(trace) => <Trace trace={trace} request={reading.request!} key={trace.trace_id} />}
    </Answer>
  )
}

function NoTrace({ id, onRetry }: { id: string; onRetry: () => void }) {
  return (
    <div className="stack">
      <h1>No such trace</h1>
      <p className={styles.long}>
        No span of trace <code>{id}</code> is kept: it may be too old, not sampled, or not have come yet.
      </p>
      <div className="row">
        <Button icon="refresh" onClick={onRetry}>
          Look again
        </Button>
        <ButtonLink to="/traces" icon="traces">
          Other traces
        </ButtonLink>
        <ButtonLink to="/logs" parameters={{ q: `trace:${id}` }} icon="logs">
          Logs with this id
        </ButtonLink>
      </div>
    </div>
  )
}

function Trace({ trace, request }: { trace: TraceColumns; request: ApiRequest }) {
  const spans = useMemo(() => spansOf(trace), [trace])
  const folds = useMemo(() => foldsOf(spans), [spans])
  const [{ span, focus }, change] = useParameters(TRACE)
  const open = useMemo(() => (span === '' ? -1 : spans.id.indexOf(span)), [spans, span])
  useEffect(() => {
    if (focus === '') return
    const row = span === '' && focus === 'error' ? deepestError(spans) : -1
    navigate(changedAddress({ focus: undefined, span: row < 0 ? span : spans.id[row] }), { replace: true })
  }, [spans, focus, span])
  return (
    <div className={`stack ${styles.page}`} data-open={open >= 0 ? '' : undefined}>
      <TraceHead trace={trace} spans={spans} onOpen={(row) => change({ span: spans.id[row] })} />
      {span !== '' && open < 0 && (
        <p className={styles.note} role="status">
          The trace has no span {span}. <Link change={{ span: undefined }}>Look at the whole trace</Link>
        </p>
      )}
      <TraceViews spans={spans} folds={folds} open={open} request={request} trace={trace.trace_id} />
      <TraceLogs trace={trace} spans={spans} />
      {open >= 0 && <SpanDrawer trace={trace.trace_id} spans={spans} row={open} onOpen={(row) => change({ span: spans.id[row] })} onClose={() => change({ span: undefined })} />}
    </div>
  )
}
