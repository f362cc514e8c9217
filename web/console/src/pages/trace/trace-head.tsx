// The head of a trace: its verdict in one line, its size, and whatever is odd about it.
import { memo, useMemo } from 'react'
import { colourOf } from '../../colour'
import { copy } from '../../data/clipboard'
import { msOf, shortOperation, type TraceColumns, type TraceProblem } from '../../data/traces'
import { ago, duration, moment } from '../../format'
import { Badge, Button, ButtonLink, Dot } from '../../parts/controls'
import { Icon } from '../../parts/icons'
import { Link } from '../../router'
import type { Spans } from './spans'
import styles from './trace.module.css'
import { verdictOf } from './verdict'

const MOST_SERVICES = 12

/** What a kind of oddity means for who reads the trace. */
const MEANING: Record<TraceProblem['kind'], string> = {
  cycle: 'Spans name each other as parents. One of them is shown as if it had none.',
  missing_parent: 'Spans whose parent did not come, or is not kept any more, are shown as if they had none.',
  several_roots: 'More than one span has no parent: the trace is several pieces that share an id.',
  duplicate_id: 'Spans share an id. Each is shown; what is below them stands below the first.',
  starts_before_parent: 'Spans start before their parent: clocks of their machines disagree. Times are shown as they were sent.',
}

interface TraceHeadProps {
  trace: TraceColumns
  spans: Spans
  onOpen: (row: number) => void
}

export const TraceHead = memo(function TraceHead({ trace, spans, onOpen }: TraceHeadProps) {
  const verdict = useMemo(() => verdictOf(spans), [spans])
  const start = msOf(trace.start_ns)
  const errors = useMemo(() => spans.error.reduce((sum, error) => sum + error, 0), [spans])
  const depth = useMemo(() => spans.depth.reduce((most, depth) => Math.max(most, depth), 0) + 1, [spans])
  return (
    <header className={styles.head}>
      <h1>
        {spans.services[spans.service[0]!]} <span>{shortOperation(spans.names[spans.name[0]!]!)}</span>
      </h1>
      <button type="button" className={styles.verdict} data-failed={verdict.isFailed ? '' : undefined} onClick={() => verdict.row >= 0 && onOpen(verdict.row)}>
        <Icon name={verdict.isFailed ? 'error' : 'check'} />
        {verdict.text}
      </button>
      <div className={styles.facts}>
        <span title={moment(start, { fraction: true })}>
          {moment(start)} <span className="muted">({ago(start)})</span>
        </span>
        <span>
          <b>{duration(spans.length)}</b>
        </span>
        <span>
          <b>{trace.spans.toLocaleString('en')}</b> spans
        </span>
        <span className={errors > 0 ? 'bad' : 'muted'}>{errors === 0 ? 'none failed' : `${errors.toLocaleString('en')} failed`}</span>
        <span>{depth} deep</span>
        <code className={styles.id} title="The trace's id">
          {trace.trace_id}
        </code>
        <Button kind="plain" icon="copy" label="Copy the trace's id" onClick={() => copy(trace.trace_id)} />
        <ButtonLink kind="plain" icon="logs" to="/logs" parameters={{ q: `trace:${trace.trace_id}`, from: Math.floor(start - 60e3), to: Math.ceil(start + spans.length / 1e6 + 60e3) }}>
          Logs
        </ButtonLink>
        <ButtonLink kind="plain" icon="traces" to="/traces" parameters={{ pick: [trace.trace_id] }}>
          Compare with another
        </ButtonLink>
      </div>
      <Services spans={spans} />
      {trace.total > trace.spans && (
        <p className={styles.note}>
          <Badge tone="warn">cut</Badge> The trace has {trace.total.toLocaleString('en')} spans. The first {trace.spans.toLocaleString('en')} by their start are shown.
        </p>
      )}
      {trace.problems.map((problem) => (
        <Oddity key={problem.kind} problem={problem} spans={spans} onOpen={onOpen} />
      ))}
    </header>
  )
})

function Services({ spans }: { spans: Spans }) {
  const counts = useMemo(() => {
    const counts = new Int32Array(spans.services.length)
    for (const service of spans.service) counts[service]!++
    return [...counts.entries()].toSorted((a, b) => b[1] - a[1])
  }, [spans])
  return (
    <ul className={styles.services} aria-label="Services">
      {counts.slice(0, MOST_SERVICES).map(([service, count]) => (
        <li key={service}>
          <Dot colour={colourOf(spans.services[service]!)} />
          <Link to={`/services/${encodeURIComponent(spans.services[service]!)}`}>{spans.services[service]}</Link>
          <small>{count.toLocaleString('en')}</small>
        </li>
      ))}
      {counts.length > MOST_SERVICES && <li className="muted">and {counts.length - MOST_SERVICES} more</li>}
    </ul>
  )
}

function Oddity({ problem, spans, onOpen }: { problem: TraceProblem; spans: Spans; onOpen: (row: number) => void }) {
  return (
    <details className={styles.note}>
      <summary>
        <Badge tone="warn">odd</Badge> {problem.text}
      </summary>
      <p>{MEANING[problem.kind]}</p>
      <p className="row">
        {problem.spans.map((row) => (
          <Button key={row} kind="plain" onClick={() => onOpen(row)}>
            {spans.services[spans.service[row]!]} {shortOperation(spans.names[spans.name[row]!]!)}
          </Button>
        ))}
        {problem.count > problem.spans.length && <span className="muted">and {problem.count - problem.spans.length} more</span>}
      </p>
    </details>
  )
}
