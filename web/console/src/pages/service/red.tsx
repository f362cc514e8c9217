// Rate, errors and duration of a service, or of one of its operations: each leads on to traces by its exemplars.
import { useMemo } from 'react'
import { withParameters } from '../../data/http'
import { rangeRequest, readSeries, type Series } from '../../data/prometheus'
import { aligned, named } from '../../data/series'
import { useApi } from '../../data/use-api'
import { clock, seconds } from '../../format'
import { Answer } from '../../parts/answer'
import { ButtonLink } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { type Mark, TimeChart } from '../../parts/time-chart'
import { addressOf, navigate } from '../../router'
import type { TimeRange } from '../../time'
import { overStep } from '../overview/place-query'
import { TraceLink } from '../../failures/trace-link'
import { type Exemplar, readExemplars, spread } from './exemplars'
import { chartsQuery, exemplarsQuery, type Of, redStatement } from './queries'
import styles from './service.module.css'

interface RedProps {
  of: Of
  time: TimeRange
  marks: Mark[]
}

/** Links below the chart of durations. */
const SLOWEST = 5

export function Red({ of, time, marks }: RedProps) {
  const charts = useApi(rangeRequest(chartsQuery(of, overStep(time.step)), time), { read: readSeries })
  const grain = time.step * 1000
  const [start, end] = [Math.floor(time.from / grain) * time.step, Math.ceil(time.to / grain) * time.step]
  const exemplars = useApi({ path: withParameters('/prometheus/api/v1/query_exemplars', { query: exemplarsQuery(of), start, end }) }, { read: readExemplars })
  const shown = useMemo(() => spread(exemplars.data ?? [], time.from, time.to), [exemplars.data, time.from, time.to])
  const data = useMemo(() => linesOf(charts.data ?? []), [charts.data])
  const sql = redStatement(of, time, time.step)
  const shared = { from: time.from, to: time.to, times: data.times, marks, sync: 'service', height: 150 }
  const answer = (what: string, chart: React.ReactNode) => (
    <Answer reading={charts} what={what} isEmpty={(series) => series.length === 0} empty={<Nothing of={of} />}>
      {() => chart}
    </Answer>
  )
  return (
    <div className={styles.red}>
      <Panel title="Rate" request={charts.request} sql={sql}>
        {answer('the rate', <TimeChart {...shared} label="Calls per second" lines={[data.calls]} unit="per-second" kind="area" />)}
      </Panel>
      <Panel title="Errors" request={charts.request} sql={sql}>
        {answer('errors', <TimeChart {...shared} label="Share of calls that failed" lines={[data.share]} unit="percent" kind="area" />)}
      </Panel>
      <Panel title="Duration" request={charts.request} sql={sql}>
        {answer('durations', <TimeChart {...shared} label="How long calls take" lines={data.durations} unit="seconds" exemplars={shown.map((exemplar) => ({ time: exemplar.time, value: exemplar.value, onOpen: () => open(exemplar) }))} />)}
        <Slowest exemplars={shown} />
      </Panel>
    </div>
  )
}

const addressOfTrace = ({ trace, span }: Exemplar) => addressOf(`/trace/${trace}`, { span })
const open = (exemplar: Exemplar) => navigate(addressOfTrace(exemplar))

/** The same exemplars as links, the slowest first. */
function Slowest({ exemplars }: { exemplars: Exemplar[] }) {
  if (exemplars.length === 0) return null
  return (
    <p className={styles.exemplars}>
      Traces:{' '}
      {exemplars
        .toSorted((a, b) => b.value - a.value)
        .slice(0, SLOWEST)
        .map(({ trace, span, value, time }) => (
          <TraceLink key={trace + span} trace={trace} at={{ span }} title={`at ${clock(time)}`}>
            {seconds(value)}
          </TraceLink>
        ))}
    </p>
  )
}

function Nothing({ of: { which, operation } }: { of: Of }) {
  if (operation !== '') return <ButtonLink change={{ op: undefined }}>Nothing was seen of this operation: look at all</ButtonLink>
  if (which === 'in') return <ButtonLink change={{ which: 'all' }}>Nobody called it: look at all its spans</ButtonLink>
  return <>It sent no spans in this time. Choose a longer one at the top.</>
}

/** Returns the lines of the charts, all at the same times. */
function linesOf(series: Series[]) {
  const { times, lines } = aligned(named(series, ({ is }) => is ?? ''))
  const valuesOf = (name: string) => lines.find((line) => line.name === name)?.values ?? times.map(() => null)
  const [calls, failed] = [valuesOf('calls'), valuesOf('failed')]
  const durations = ['p50', 'p95', 'p99'].map((name, place) => ({ name, colour: `var(--series-${[1, 6, 4][place]})`, values: valuesOf(name) }))
  return {
    times,
    calls: { name: 'calls', colour: 'var(--glass)', values: calls },
    share: { name: 'failed', colour: 'var(--bad)', values: calls.map((rate, place) => (rate === null ? null : rate > 0 ? (failed[place] ?? 0) / rate : 0)) },
    durations,
  }
}
