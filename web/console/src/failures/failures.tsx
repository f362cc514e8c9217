// Failures of a service, or of its calls to another, grouped by what they said; and its slowest calls. Each leads to its trace.
import { sqlRequest, useSql } from '../data/sql'
import { shortOperation } from '../data/traces'
import { ago, duration, moment } from '../format'
import { Answer } from '../parts/answer'
import { Icon } from '../parts/icons'
import { Panel } from '../parts/panel'
import type { TimeRange } from '../time'
import { type Failure, failureOf, type FailureGroup, failuresStatement, groupsOf, type Place, slowStatement } from './failure-data'
import styles from './failures.module.css'
import { TraceLink } from './trace-link'

export function Failures({ place, time, level = 3 }: { place: Place; time: TimeRange; level?: 2 | 3 }) {
  const statement = failuresStatement(place, time)
  const rows = useSql(statement)
  const groups = groupsOf(rows.data ?? [])
  const total = groups.reduce((sum, { count }) => sum + count, 0)
  return (
    <Panel level={level} title={total > 0 ? `Failures by message (${total.toLocaleString('en')})` : 'Failures by message'} request={sqlRequest(statement)} sql={statement}>
      <Answer reading={rows} what="failures" isEmpty={(found) => found.length === 0} empty="Nothing failed in this time.">
        {() => (
          <ol className={styles.groups}>
            {groups.map((group) => (
              <Group key={group.message} group={group} share={group.count / total} />
            ))}
          </ol>
        )}
      </Answer>
    </Panel>
  )
}

function Group({ group: { message, count, newest }, share }: { group: FailureGroup; share: number }) {
  return (
    <li>
      <header>
        <Icon name="error" />
        <p title={message}>{message}</p>
        <b>{count.toLocaleString('en')}</b>
      </header>
      <div className={styles.bar} ref={(bar) => bar?.style.setProperty('--share', `${share * 100}%`)} aria-hidden="true" />
      <ul className={styles.lines} aria-label={`Newest traces of: ${message.slice(0, 200)}`}>
        {newest.map((failure) => (
          <TraceLine key={failure.trace + failure.span} failure={failure} isFailed />
        ))}
      </ul>
    </li>
  )
}

/** A span that leads to its trace: to where it failed, or to the span itself. */
function TraceLine({ failure: { trace, span, service, name, ms, at, isBad }, isFailed }: { failure: Failure; isFailed: boolean }) {
  return (
    <li>
      <TraceLink trace={trace} at={isFailed ? { focus: 'error' } : { span }} title={`${moment(at)} · ${service} ${name.slice(0, 300)}`}>
        <code>{trace.slice(0, 8)}</code>
        <span className="cut">
          {shortOperation(name)} <span className="muted">{service}</span>
        </span>
        <span className={styles.took}>
          {isBad && !isFailed && <Icon name="error" size={12} />}
          {isBad && !isFailed && <span className="sr-only">failed, </span>}
          {duration(ms * 1e6)}
        </span>
        <time className={styles.when} dateTime={new Date(at).toISOString()}>
          {ago(at)}
        </time>
      </TraceLink>
    </li>
  )
}

export function SlowCalls({ place, time }: { place: Place; time: TimeRange }) {
  const statement = slowStatement(place, time)
  const rows = useSql(statement)
  return (
    <Panel level={3} title="Slowest" request={sqlRequest(statement)} sql={statement}>
      <Answer reading={rows} what="slowest calls" isEmpty={(found) => found.length === 0} empty="There are no calls in this time.">
        {(found) => (
          <ul className={styles.lines}>
            {found.map(failureOf).map((call) => (
              <TraceLine key={call.trace + call.span} failure={call} isFailed={false} />
            ))}
          </ul>
        )}
      </Answer>
    </Panel>
  )
}
