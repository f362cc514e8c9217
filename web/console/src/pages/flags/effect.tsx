// What a change did: rate, errors and duration of the services that read the flag, with a mark at each change, and before and after the last one.
import { useState } from 'react'
import { promText, rangeRequest, useInstant, useRange } from '../../data/prometheus'
import { Failures } from '../../failures/failures'
import { ago, duration, inUnit, type Unit } from '../../format'
import { Answer } from '../../parts/answer'
import { Button } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { type Mark, TimeChart } from '../../parts/time-chart'
import { setTime, useTime } from '../../time'
import styles from './flags.module.css'
import { aligned, named } from '../../data/series'

/** At most so long before a change is compared with as long after it. */
const LONGEST_MS = 15 * 60e3
/** Less after a change says nothing yet. */
const SHORTEST_MS = 30e3

interface Figure {
  name: string
  unit: Unit
  /** Its query over a window such as `1m`, by what it is grouped. */
  query: (services: string, window: string, by: string) => string
  /** Whether more of it is worse. */
  isBad: boolean
}

const CALLS = 'traces_spanmetrics_calls_total'
const ASKED = 'span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"'

const FIGURES: Figure[] = [
  { name: 'Rate', unit: 'per-second', isBad: false, query: (of, window, by) => `sum${by} (rate(${CALLS}{${of},${ASKED}}[${window}]))` },
  { name: 'Errors', unit: 'percent', isBad: true, query: (of, window, by) => `(sum${by} (rate(${CALLS}{${of},${ASKED},status_code="STATUS_CODE_ERROR"}[${window}])) or 0 * sum${by} (rate(${CALLS}{${of},${ASKED}}[${window}]))) / sum${by} (rate(${CALLS}{${of},${ASKED}}[${window}]))` },
  { name: 'p95', unit: 'seconds', isBad: true, query: (of, window, by) => `histogram_quantile(0.95, sum${by} (rate(traces_spanmetrics_latency{${of},${ASKED}}[${window}])))` },
]

const matcher = (services: string[]) => `service=~${promText(services.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'))}`

export function Effect({ services, marks }: { services: string[]; marks: Mark[] }) {
  const time = useTime()
  if (services.length === 0) return <p className="muted">No service of the shop declares that it reads this flag, so there is nothing to compare.</p>
  const last = marks[0]?.time
  const isOutside = last !== undefined && (last < time.from || last > time.to)
  return (
    <div className="stack">
      <div className="row">
        <h2>What changes did to {services.join(', ')}</h2>
        {isOutside && <Button onClick={() => setTime(last - LONGEST_MS, Date.now() - last < LONGEST_MS ? 'now' : last + LONGEST_MS)}>Look at the time around the last change</Button>}
      </div>
      <div className={styles.effect}>
        {FIGURES.map((figure) => (
          <FigureChart key={figure.name} figure={figure} services={services} marks={marks} />
        ))}
      </div>
      {last !== undefined && <BeforeAndAfter services={services} changedAt={last} />}
      {services.map((service) => (
        <FailuresOf key={service} service={service} isAlone={services.length === 1} />
      ))}
    </div>
  )
}

/** What failed in a service meanwhile. Of several, each is read when it is opened. */
function FailuresOf({ service, isAlone }: { service: string; isAlone: boolean }) {
  const time = useTime()
  const [isOpen, setOpen] = useState(isAlone)
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>What failed in {service}</summary>
      {isOpen && <Failures place={{ service }} time={time} />}
    </details>
  )
}

function FigureChart({ figure, services, marks }: { figure: Figure; services: string[]; marks: Mark[] }) {
  const time = useTime()
  const query = figure.query(matcher(services), `${Math.max(60, time.step * 4)}s`, ' by (service)')
  const reading = useRange(query, time)
  return (
    <Panel title={figure.name} request={rangeRequest(query, time)} level={3}>
      <Answer reading={reading} what={figure.name.toLowerCase()} isEmpty={(series) => series.length === 0} empty="Nothing was asked of it in this time.">
        {(series) => {
          const { times, lines } = aligned(named(series, ({ service }) => service ?? ''))
          return <TimeChart label={`${figure.name} of ${services.join(', ')}`} times={times} lines={lines} unit={figure.unit} height={130} from={time.from} to={time.to} marks={marks} sync="flag" />
        }}
      </Answer>
    </Panel>
  )
}

function BeforeAndAfter({ services, changedAt }: { services: string[]; changedAt: number }) {
  const { to } = useTime()
  const span = Math.min(LONGEST_MS, Math.max(0, to - changedAt))
  if (span < SHORTEST_MS) return <p className="muted">The last change was {ago(changedAt)}: before and after are compared from {duration(SHORTEST_MS * 1e6)} on.</p>
  return (
    <table className={styles.compare}>
      <caption>
        {duration(span * 1e6)} before and after the last change, {ago(changedAt)}
      </caption>
      <thead>
        <tr>
          <th scope="col">Of all of them</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
          <th scope="col">Change</th>
        </tr>
      </thead>
      <tbody>
        {FIGURES.map((figure) => (
          <Compared key={figure.name} figure={figure} services={services} changedAt={changedAt} span={span} />
        ))}
      </tbody>
    </table>
  )
}

function Compared({ figure, services, changedAt, span }: { figure: Figure; services: string[]; changedAt: number; span: number }) {
  // Whole steps, so that a live page does not ask for each moment.
  const window = Math.max(SHORTEST_MS, Math.floor(span / SHORTEST_MS) * SHORTEST_MS)
  const query = figure.query(matcher(services), `${window / 1000}s`, '')
  const [before, after] = [useInstant(query, changedAt), useInstant(query, changedAt + window)]
  const [was, is] = [before.data?.[0]?.values[0] ?? NaN, after.data?.[0]?.values[0] ?? NaN]
  const failed = before.error ?? after.error
  return (
    <tr>
      <th scope="row">{figure.name}</th>
      {failed ? (
        <td colSpan={3}>{failed.message}</td>
      ) : (
        <>
          <td>{inUnit(was, figure.unit)}</td>
          <td>{inUnit(is, figure.unit)}</td>
          <td className={tone(figure, was, is)}>{difference(was, is)}</td>
        </>
      )}
    </tr>
  )
}

/** A change by less than so much of what was is none. */
const NOTABLE = 0.1

function tone({ isBad }: Figure, was: number, is: number): string | undefined {
  if (!isBad || !Number.isFinite(was) || !Number.isFinite(is) || Math.abs(is - was) <= was * NOTABLE) return undefined
  return is > was ? 'bad' : 'ok'
}

function difference(was: number, is: number): string {
  if (!Number.isFinite(was) || !Number.isFinite(is)) return '–'
  if (was === is) return 'the same'
  if (was === 0) return '▲ from none'
  const share = (is - was) / was
  return `${share > 0 ? '▲' : '▼'} ${Math.abs(share * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0)}%`
}
