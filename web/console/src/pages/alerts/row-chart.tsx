// The course of what an alert is about, as small as a row, with its threshold as a broken line.
import { useRef } from 'react'
import { useRange } from '../../data/prometheus'
import { figures } from '../../format'
import { useTime } from '../../time'
import { useSeen } from '../../parts/use-seen'
import styles from './alerts.module.css'
import type { Alert } from './model'
import { comparisonOf, isOf, isSql } from './threshold'

const [WIDTH, HEIGHT] = [200, 48]
/** More points than pixels say nothing. */
const POINTS = 100

export function RowChart({ alert }: { alert: Alert }) {
  const place = useRef<HTMLDivElement>(null)
  const isSeen = useSeen(place)
  const time = useTime()
  const query = alert.rule?.query ?? ''
  const comparison = comparisonOf(query)
  const step = Math.max(time.step, Math.ceil((time.to - time.from) / 1000 / POINTS))
  const reading = useRange(isSeen && alert.rule !== null && !isSql(query) ? (comparison?.left ?? query) : null, time, step)
  const series = reading.data?.find(({ labels }) => isOf(labels, alert.labels))
  return (
    <div className={styles.chart} data-none={alert.rule === null ? '' : undefined} ref={place}>
      {series && <Lines times={series.times} values={series.values} from={time.from} to={time.to} threshold={comparison?.threshold} />}
      {series && (
        <small className="muted">
          {figures(series.values.at(-1) ?? Number.NaN)}
          {comparison && `, fires if ${comparison.operator} ${figures(comparison.threshold)}`}
        </small>
      )}
    </div>
  )
}

interface LinesProps {
  times: number[]
  values: number[]
  from: number
  to: number
  threshold?: number
}

function Lines({ times, values, from, to, threshold }: LinesProps) {
  const all = [...values.filter(Number.isFinite), ...(threshold === undefined ? [] : [threshold]), 0]
  const [low, high] = [Math.min(...all), Math.max(...all)]
  const x = (time: number) => ((time - from) / Math.max(1, to - from)) * WIDTH
  const y = (value: number) => HEIGHT - 3 - ((value - low) / Math.max(Number.MIN_VALUE, high - low)) * (HEIGHT - 6)
  const path = times.map((time, place) => (Number.isFinite(values[place]) ? `${place === 0 || !Number.isFinite(values[place - 1]) ? 'M' : 'L'}${x(time).toFixed(1)} ${y(values[place]!).toFixed(1)}` : '')).join('')
  return (
    <svg width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      {threshold !== undefined && <path d={`M0 ${y(threshold).toFixed(1)}H${WIDTH}`} stroke="var(--bad)" strokeDasharray="4 3" fill="none" />}
      <path d={path} fill="none" stroke="var(--glass)" strokeWidth="1.5" strokeLinejoin="round" />
    </svg>
  )
}
