// What was logged in a trace, below it. Each line leads to its surroundings in the logs, and to its span.
import { memo, useMemo } from 'react'
import { type ApiRequest, withParameters } from '../../data/http'
import { msOf, type TraceColumns } from '../../data/traces'
import { useApi } from '../../data/use-api'
import { clock } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, ButtonLink, type Tone } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { Link } from '../../router'
import type { Spans } from './spans'
import styles from './trace-logs.module.css'

const MOST = 500
/** Clocks disagree, and what comes of a trace may be logged after it. */
const BEFORE_NS = 60n * 1_000_000_000n
const AFTER_NS = 600n * 1_000_000_000n

interface TraceLog {
  time: string
  cursor: string
  service?: string
  level?: string
  message?: unknown
  trace?: string
  span?: string
}

interface TraceLogsAnswer {
  logs: TraceLog[]
  next?: string | null
}

/** Returns the request for what was logged during a span or a trace. */
export function logsRequest(query: string, start_ns: string, duration_ns: number): ApiRequest {
  const start = BigInt(start_ns)
  const end = start + BigInt(Math.ceil(duration_ns)) + AFTER_NS
  return { path: withParameters('/api/logs', { query, start: String(start - BEFORE_NS), end: String(end), order: 'oldest', limit: MOST }) }
}

export const TraceLogs = memo(function TraceLogs({ trace, spans }: { trace: TraceColumns; spans: Spans }) {
  const query = `trace:${trace.trace_id}`
  const reading = useApi<TraceLogsAnswer>(logsRequest(query, trace.start_ns, trace.duration_ns), { staleMs: 30_000 })
  const start = msOf(trace.start_ns)
  return (
    <Panel
      title={`Logs of this trace${reading.data ? ` (${reading.data.logs.length}${reading.data.next && reading.data.logs.length >= MOST ? ' and more' : ''})` : ''}`}
      request={reading.request}
      sql={`SELECT time, severity_text, service, body FROM logs WHERE trace_id = '${trace.trace_id}' ORDER BY time`}
      actions={
        <ButtonLink kind="plain" icon="logs" to="/logs" parameters={{ q: query, from: Math.floor(start - 60e3), to: Math.ceil(start + trace.duration_ns / 1e6 + 600e3) }}>
          Open in Logs
        </ButtonLink>
      }
      flush
    >
      <Answer reading={reading} what="its logs" isEmpty={({ logs }) => logs.length === 0} empty="Nothing was logged with this trace's id. Loggers that know the current span send it along.">
        {({ logs }) => <LogLines logs={logs} spans={spans} start={start} />}
      </Answer>
    </Panel>
  )
})

const TONES: Record<string, Tone | undefined> = { warn: 'warn', error: 'bad', fatal: 'bad', info: 'info' }

interface LogLinesProps {
  logs: TraceLog[]
  /** Those of the trace, so that lines lead to them. */
  spans?: Spans
  /** The trace's start in milliseconds since 1970: times are told from there on. */
  start?: number
  isNarrow?: boolean
}

export function LogLines({ logs, spans, start, isNarrow }: LogLinesProps) {
  const known = useMemo(() => new Set(spans?.id), [spans])
  return (
    <ol className={styles.lines} data-narrow={isNarrow ? '' : undefined}>
      {logs.map((log) => (
        <li key={log.cursor} data-level={log.level}>
          <time dateTime={log.time} title={log.time}>
            {start === undefined ? clock(Date.parse(log.time)) : offset(Date.parse(log.time) - start)}
          </time>
          <span>
            <Badge tone={TONES[log.level ?? '']}>{log.level ?? 'none'}</Badge>
          </span>
          {!isNarrow && <b>{log.service}</b>}
          <Link className={styles.message} to="/logs" parameters={{ at: log.cursor, q: log.trace && `trace:${log.trace}` }} title="What was logged around it">
            {lineOf(log.message)}
          </Link>
          {log.span && known.has(log.span) && (
            <Link change={{ span: log.span }} aria-label="Its span">
              span
            </Link>
          )}
        </li>
      ))}
    </ol>
  )
}

function offset(ms: number): string {
  return `${ms < 0 ? '−' : '+'}${Math.abs(ms).toFixed(ms < 10_000 ? 1 : 0)} ms`
}

const lineOf = (message: unknown) => (typeof message === 'string' ? (message.split('\n')[0] ?? '') : message === undefined ? '(no message)' : JSON.stringify(message))
