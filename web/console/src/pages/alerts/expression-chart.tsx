// What an alert's expression is about over time, with its threshold drawn.
import { useRange } from '../../data/prometheus'
import { aligned } from '../../data/series'
import { Answer } from '../../parts/answer'
import { TimeChart } from '../../parts/time-chart'
import { Link } from '../../router'
import type { TimeRange } from '../../time'
import { seriesName } from '../dashboards/results'
import type { Labels } from './matchers'
import { comparisonOf, isOf, isSql } from './threshold'

const MOST_LINES = 20

interface ExpressionChartProps {
  label: string
  query: string
  time: TimeRange
  /** Only what an alert with these labels is about. */
  of?: Labels
  height?: number
}

export function ExpressionChart({ label, query, time, of, height = 180 }: ExpressionChartProps) {
  const comparison = comparisonOf(query)
  const reading = useRange(query.trim() === '' || isSql(query) ? null : (comparison?.left ?? query), time)
  if (isSql(query)) {
    return (
      <p className="muted">
        It asks in SQL: <Link to="/sql" parameters={{ q: query }}>open it there</Link>. $time and $interval stand for the time of an evaluation, and between two.
      </p>
    )
  }
  return (
    <Answer reading={reading} what="its course" isEmpty={(series) => series.length === 0} empty="The expression finds nothing in this time.">
      {(series) => {
        const shown = of === undefined ? series : series.filter(({ labels }) => isOf(labels, of))
        const named = (shown.length > 0 ? shown : series).slice(0, MOST_LINES).map((each) => ({ ...each, name: seriesName(each.labels, '') }))
        const { times, lines } = aligned(named)
        return <TimeChart label={label} times={times} lines={lines} height={height} from={time.from} to={time.to} threshold={comparison?.threshold} legend={lines.length > 1} />
      }}
    </Answer>
  )
}
