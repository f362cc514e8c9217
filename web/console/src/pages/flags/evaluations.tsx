// How often each variant of a flag was served, over time.
import { promText, rangeRequest, useRange } from '../../data/prometheus'
import { Answer } from '../../parts/answer'
import { Panel } from '../../parts/panel'
import { type Mark, TimeChart } from '../../parts/time-chart'
import { useTime } from '../../time'
import { aligned, named } from '../../data/series'

/** The counter of what services read; they count each read by flag and variant. */
export const EVALUATIONS = 'vitrine_feature_flag_evaluations_total'

export function Evaluations({ flag, marks }: { flag: string; marks: Mark[] }) {
  const time = useTime()
  const query = `sum by (feature_flag_result_variant) (rate(${EVALUATIONS}{feature_flag_key=${promText(flag)}}[${Math.max(60, time.step * 4)}s]))`
  const reading = useRange(query, time)
  return (
    <Panel title="Evaluations by variant" request={rangeRequest(query, time)} level={3}>
      <Answer reading={reading} what="evaluations" isEmpty={(series) => series.length === 0} empty="No service has evaluated it in this time. Clients that evaluate themselves tell nothing.">
        {(series) => {
          const { times, lines } = aligned(named(series, ({ feature_flag_result_variant }) => feature_flag_result_variant ?? 'code’s own'))
          return <TimeChart label={`Evaluations of ${flag} by variant`} times={times} lines={lines} unit="per-second" kind="stacked" height={120} from={time.from} to={time.to} marks={marks} legend sync="flag" />
        }}
      </Answer>
    </Panel>
  )
}
