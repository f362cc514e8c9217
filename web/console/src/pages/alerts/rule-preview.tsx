// What a rule would have done in the last day.
import { useMemo } from 'react'
import { duration, moment } from '../../format'
import { useRange } from '../../data/prometheus'
import { Answer } from '../../parts/answer'
import { Panel } from '../../parts/panel'
import type { TimeRange } from '../../time'
import { durationSeconds } from '../dashboards/interpolate'
import { seriesName } from '../dashboards/results'
import { useSettled } from '../../parts/use-seen'
import styles from './alerts.module.css'
import { ExpressionChart } from './expression-chart'
import { type Firing, firingsOf } from './threshold'

const DAY_MS = 86_400_000
/** So that a day has some 1,400 steps. */
const STEP = 60
const TYPING_MS = 700
const MOST_SHOWN = 8

interface RulePreviewProps {
  query: string
  /** As it is written: "5m". */
  for: string
  keepFiring: string
  isAlert: boolean
}

export function RulePreview({ query, for: wait, keepFiring, isAlert }: RulePreviewProps) {
  const settled = useSettled(query.trim(), TYPING_MS)
  const time = useMemo((): TimeRange => {
    const to = Math.floor(Date.now() / 60e3) * 60e3
    return { from: to - DAY_MS, to, fromText: 'now-1d', toText: 'now', isRelative: true, isLive: false, step: 300 }
  }, [settled])
  const reading = useRange(settled === '' ? null : settled, time, STEP)
  const waitMs = (durationSeconds(wait) ?? 0) * 1000
  const keepMs = (durationSeconds(keepFiring) ?? 0) * 1000
  if (settled === '') return <p className={styles.none}>What the rule would have done in the last day is shown here as soon as there is an expression.</p>
  return (
    <Panel title="In the last day" level={3} request={reading.request}>
      <ExpressionChart label="What the expression is about, over the last day" query={settled} time={time} height={200} />
      <Answer reading={reading} what="results of the last day">
        {(series) => (isAlert ? <Verdict firings={firingsOf(series, STEP * 1000, waitMs, keepMs)} pending={series.length} /> : <p>It would have recorded {series.length === 1 ? 'one series' : `${series.length} series`}.</p>)}
      </Answer>
    </Panel>
  )
}

function Verdict({ firings, pending }: { firings: Firing[]; pending: number }) {
  if (firings.length === 0) {
    return <p className="ok">{pending === 0 ? 'It would not have fired: its condition was never met.' : `It would not have fired: its condition was met by ${pending === 1 ? 'one series' : `${pending} series`}, and never for long enough.`}</p>
  }
  const all = firings.reduce((sum, { from, to }) => sum + (to - from), 0)
  const series = new Set(firings.map(({ labels }) => JSON.stringify(labels))).size
  const newest = firings.toSorted((a, b) => b.from - a.from).slice(0, MOST_SHOWN)
  return (
    <>
      <p className="warn" role="status">
        It would have fired {firings.length === 1 ? 'once' : `${firings.length} times`}, for {series === 1 ? 'one series' : `${series} series`}, {duration(all * 1e6)} in all.
      </p>
      <ul className={styles.firings}>
        {newest.map(({ labels, from, to }) => (
          <li key={`${from} ${JSON.stringify(labels)}`}>
            <time>{moment(from)}</time> for {duration((to - from) * 1e6)} <code>{seriesName(labels, '')}</code>
          </li>
        ))}
        {firings.length > newest.length && <li className="muted">and {firings.length - newest.length} times before</li>}
      </ul>
    </>
  )
}
