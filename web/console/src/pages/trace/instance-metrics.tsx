// How the process that a span ran in was around that time.
import { promText, rangeRequest, readSeries } from '../../data/prometheus'
import { useApi } from '../../data/use-api'
import type { Unit } from '../../format'
import { Answer } from '../../parts/answer'
import { ButtonLink } from '../../parts/controls'
import { TimeChart } from '../../parts/time-chart'
import type { TimeRange } from '../../time'
import styles from './span-drawer.module.css'

const AROUND_MS = 5 * 60e3
const STEP = 15

interface InstanceMetricsProps {
  instance: string
  /** As Prometheus has it: `namespace/service`. */
  job: string
  /** Milliseconds since 1970. */
  at: number
}

export function InstanceMetrics({ instance, job, at }: InstanceMetricsProps) {
  const of = `instance=${promText(instance)}`
  const charts: { label: string; query: string; unit: Unit }[] = [
    { label: 'Processor', query: `sum(rate(process_cpu_time_seconds_total{${of}}[1m]))`, unit: 'percent' },
    { label: 'Memory', query: `max(process_memory_usage_bytes{${of}})`, unit: 'bytes' },
    { label: 'Calls answered', query: `sum(rate({__name__=~"(http|rpc)_server_(request|call)_duration_seconds_count",${of},job=${promText(job)}}[1m]))`, unit: 'per-second' },
  ]
  return (
    <section>
      <h3>Its instance around that minute</h3>
      <div className={styles.charts}>
        {charts.map((chart) => (
          <Chart key={chart.label} {...chart} at={at} />
        ))}
      </div>
    </section>
  )
}

function Chart({ label, query, unit, at }: { label: string; query: string; unit: Unit; at: number }) {
  const [from, to] = [Math.floor((at - AROUND_MS) / 60e3) * 60e3, Math.ceil((at + AROUND_MS) / 60e3) * 60e3]
  const time: TimeRange = { from, to, fromText: String(from), toText: String(to), isRelative: false, isLive: false, step: STEP }
  const reading = useApi(rangeRequest(query, time), { read: readSeries, staleMs: 60_000 })
  return (
    <div>
      <div className={styles.chart}>
        <span>{label}</span>
        <ButtonLink kind="plain" icon="metrics" label={`${label} in Metrics`} to="/metrics" parameters={{ q: query, from, to }} />
      </div>
      <Answer reading={reading} what={label.toLowerCase()} isEmpty={(series) => series.length === 0} empty="It sends none.">
        {([series]) => series && <TimeChart label={`${label} of the instance`} times={series.times} lines={[{ name: label, values: series.values }]} unit={unit} height={90} from={from} to={to} marks={[{ time: at, text: 'the span' }]} />}
      </Answer>
    </div>
  )
}
