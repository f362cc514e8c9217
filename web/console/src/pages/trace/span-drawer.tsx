// One span whole, at the side: what it says of itself, what was logged in it, and how its instance was at that time.
import { colourOf } from '../../colour'
import { copy } from '../../data/clipboard'
import { msOf, shortOperation, type SpanDetail, spanRequest } from '../../data/traces'
import { useApi } from '../../data/use-api'
import { duration, moment, percent } from '../../format'
import { Answer } from '../../parts/answer'
import { Badge, Button, ButtonLink, Dot } from '../../parts/controls'
import { Drawer } from '../../parts/drawer'
import { Icon } from '../../parts/icons'
import { Link } from '../../router'
import { AttributeTable } from './attribute-table'
import { InstanceMetrics } from './instance-metrics'
import { LogLines, logsRequest } from './trace-logs'
import type { Spans } from './spans'
import styles from './span-drawer.module.css'

interface SpanDrawerProps {
  trace: string
  spans: Spans
  row: number
  onOpen: (row: number) => void
  onClose: () => void
}

export function SpanDrawer({ trace, spans, row, onOpen, onClose }: SpanDrawerProps) {
  const id = spans.id[row]!
  const service = spans.services[spans.service[row]!]!
  const name = spans.names[spans.name[row]!]!
  const reading = useApi<{ spans: SpanDetail[] }>(spanRequest(trace, id), { staleMs: 300_000, keep: false })
  const message = spans.messages[spans.message[row]!]
  return (
    <Drawer title={`${service} ${shortOperation(name)}`} of={`span of trace ${trace}`} onClose={onClose} actions={<Button kind="plain" icon="link" label="Copy a link to this span" onClick={() => copy(location.href)} />}>
      <div className={styles.head}>
        {spans.error[row] === 1 && (
          <p className={styles.failed}>
            <Icon name="error" /> {message || 'Failed, without a message.'}
          </p>
        )}
        <p className={styles.operation}>
          <Dot colour={colourOf(service)} /> <Link to={`/services/${encodeURIComponent(service)}`}>{service}</Link> <span>{name}</span>
        </p>
        <Facts spans={spans} row={row} />
        <Around spans={spans} row={row} onOpen={onOpen} />
      </div>
      <Answer reading={reading} what="the span">
        {({ spans }) => spans.map((span, place) => <Detail key={place} span={span} />)}
      </Answer>
    </Drawer>
  )
}

function Facts({ spans, row }: { spans: Spans; row: number }) {
  const facts: [string, string][] = [
    ['Took', `${duration(spans.duration[row]!)} (${percent(spans.duration[row]! / spans.length)} of the trace)`],
    ['Began', `${duration(spans.start[row]!)} after the trace`],
    ['Alone', `${duration(spans.self[row]!)} without its children`],
    ['Waited for', spans.critical[row]! > 0 ? `${duration(spans.critical[row]!)} on the critical path` : 'not by itself'],
    ['Kind', spans.kinds[spans.kind[row]!] ?? ''],
    ['Below it', spans.size[row] === 1 ? 'nothing' : spans.size[row] === 2 ? 'one span' : `${(spans.size[row]! - 1).toLocaleString('en')} spans`],
  ]
  return (
    <dl className={styles.facts}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** The way to the parent and to the first called. */
function Around({ spans, row, onOpen }: { spans: Spans; row: number; onOpen: (row: number) => void }) {
  const parent = spans.parent[row]!
  const nameOf = (other: number) => `${spans.services[spans.service[other]!]} ${shortOperation(spans.names[spans.name[other]!]!)}`
  return (
    <div className={styles.around}>
      {parent >= 0 && (
        <Button kind="plain" onClick={() => onOpen(parent)}>
          ↑ {nameOf(parent)}
        </Button>
      )}
      {spans.children[row]! > 0 && (
        <Button kind="plain" onClick={() => onOpen(row + 1)}>
          ↓ {nameOf(row + 1)}
        </Button>
      )}
    </div>
  )
}

function Detail({ span }: { span: SpanDetail }) {
  const start = msOf(span.start_ns)
  const instance = span.resource.attributes.find(({ key }) => key === 'service.instance.id')?.text
  return (
    <div className={styles.detail}>
      <section>
        <h3>
          Attributes <small>{span.attributes.length}</small>
        </h3>
        <AttributeTable attributes={span.attributes} dropped={span.dropped_attributes} />
      </section>
      {span.events.length > 0 && <Events span={span} />}
      {(span.links.length > 0 || span.dropped_links > 0) && <Links span={span} />}
      <SpanLogs span={span} />
      {instance !== undefined && <InstanceMetrics instance={instance} job={jobOf(span)} at={start} />}
      <details>
        <summary>
          Resource <small>{span.resource.attributes.length}</small>
        </summary>
        <AttributeTable attributes={span.resource.attributes} dropped={span.resource.dropped_attributes} />
      </details>
      <details>
        <summary>Scope, ids and flags</summary>
        <dl className={styles.facts}>
          {[
            ['Scope', `${span.scope.name} ${span.scope.version}`],
            ['Started', moment(start, { fraction: true })],
            ['Span', span.span_id],
            ['Parent', span.parent_span_id ?? 'none'],
            ['Trace state', span.trace_state || 'none'],
            ['Flags', String(span.flags)],
          ].map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        {span.scope.attributes.length > 0 && <AttributeTable attributes={span.scope.attributes} dropped={span.scope.dropped_attributes} />}
      </details>
    </div>
  )
}

/** What Prometheus calls the job of a resource. */
function jobOf({ resource, service }: SpanDetail): string {
  const namespace = resource.attributes.find(({ key }) => key === 'service.namespace')?.text
  return namespace ? `${namespace}/${service}` : service
}

function Events({ span }: { span: SpanDetail }) {
  return (
    <section>
      <h3>
        Events <small>{span.events.length}</small>
      </h3>
      <ol className={styles.events}>
        {span.events.map((event, place) => (
          <li key={place}>
            <p>
              <code>{event.offset_ns < 0 ? '−' : '+'}{duration(Math.abs(event.offset_ns))}</code> <b>{event.name}</b>
            </p>
            {event.attributes.length > 0 && <AttributeTable attributes={event.attributes} dropped={event.dropped_attributes} />}
          </li>
        ))}
      </ol>
      {span.dropped_events > 0 && <p className="muted">{span.dropped_events} more were dropped by the sender.</p>}
    </section>
  )
}

function Links({ span }: { span: SpanDetail }) {
  return (
    <section>
      <h3>
        Links <small>{span.links.length}</small>
      </h3>
      <ul className={styles.events}>
        {span.links.map((link, place) => (
          <li key={place}>
            <p>
              <Link to={`/trace/${link.trace_id}`} parameters={{ span: link.span_id }}>
                {link.trace_id === span.trace_id ? 'A span of this trace' : `Trace ${link.trace_id.slice(0, 8)}…`}
              </Link>{' '}
              <code>{link.span_id}</code>
            </p>
            {link.attributes.length > 0 && <AttributeTable attributes={link.attributes} dropped={link.dropped_attributes} />}
          </li>
        ))}
      </ul>
      {span.dropped_links > 0 && <p className="muted">{span.dropped_links} more were dropped by the sender.</p>}
    </section>
  )
}

function SpanLogs({ span }: { span: SpanDetail }) {
  const query = `trace:${span.trace_id} span:${span.span_id}`
  const reading = useApi<Parameters<typeof LogLines>[0]>(logsRequest(query, span.start_ns, span.duration_ns), { staleMs: 30_000, keep: false })
  return (
    <section>
      <h3 className="row">
        Logs <small>{reading.data?.logs.length}</small>
        <ButtonLink kind="plain" to="/logs" parameters={{ q: query }}>
          Open
        </ButtonLink>
      </h3>
      <Answer reading={reading} what="its logs" isEmpty={({ logs }) => logs.length === 0} empty="Nothing was logged in this span.">
        {({ logs }) => <LogLines logs={logs} isNarrow />}
      </Answer>
      {span.status === 'ok' && <Badge tone="ok">said to be ok</Badge>}
    </section>
  )
}
