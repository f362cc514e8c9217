// Before anything is asked: what one asks first of all.
import { Button } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import styles from './metrics.module.css'

const FIRST: { what: string; query: string }[] = [
  { what: 'Calls a second, by service', query: 'sum by (service) (rate(traces_spanmetrics_calls_total[5m]))' },
  { what: 'Share of calls that fail, by service', query: 'sum by (service) (rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR"}[5m])) / sum by (service) (rate(traces_spanmetrics_calls_total[5m]))' },
  { what: '95th percentile of durations, by service', query: 'histogram_quantile(0.95, sum by (le, service) (rate(traces_spanmetrics_latency_bucket[5m])))' },
  { what: 'The ten metrics with most series', query: 'topk(10, count by (__name__) ({__name__=~".+"}))' },
]

export function Beginning({ onAsk }: { onAsk: (query: string) => void }) {
  return (
    <Panel title="Ask something">
      <p className="muted">Choose a metric in the explorer, write PromQL above, or begin with one of these.</p>
      <ul className={styles.first}>
        {FIRST.map(({ what, query }) => (
          <li key={what}>
            <Button onClick={() => onAsk(query)}>{what}</Button>
            <code>{query}</code>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
