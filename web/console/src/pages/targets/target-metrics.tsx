// Which metrics a target has, and how its job is configured; each is read when it is opened.
import { useState } from 'react'
import { withParameters } from '../../data/http'
import { useApi } from '../../data/use-api'
import { Answer } from '../../parts/answer'
import { Input } from '../../parts/controls'
import { type Column, DataTable } from '../../parts/data-table'
import { Link } from '../../router'
import { type ActiveTarget, type MetricInfo, metricsOf, selectorOf } from './target-data'
import styles from './targets.module.css'

const METADATA = '/prometheus/api/v1/targets/metadata'

export function MetricsOfTarget({ target }: { target: ActiveTarget }) {
  const [isOpen, setOpen] = useState(false)
  const [word, setWord] = useState('')
  const request = { path: withParameters(METADATA, { match_target: selectorOf(target) }) }
  const reading = useApi(isOpen ? request : null, { read: (json) => metricsOf((json as { data: MetricInfo[] }).data), staleMs: 30_000 })
  const columns: Column<MetricInfo>[] = [
    { name: 'metric', heading: 'Metric', cell: ({ metric }) => <Link to="/metrics" parameters={{ q: queryOf(target, metric) }} className="mono" title={metric}>{metric}</Link>, sort: ({ metric }) => metric },
    { name: 'type', heading: 'Type', cell: ({ type, unit }) => (unit === '' ? type : `${type}, ${unit}`), sort: ({ type }) => type },
    { name: 'help', heading: 'What it is', cell: ({ help }) => <span title={help}>{help || '–'}</span>, wide: true },
  ]
  return (
    <details className={styles.more} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Metrics it has</summary>
      <Answer reading={reading} what="metrics of the target" isEmpty={(all) => all.length === 0} empty="It said nothing of its metrics lately.">
        {(all) => (
          <>
            <Input type="search" aria-label="Filter metrics" placeholder={`One of ${all.length} metrics`} value={word} onChange={(event) => setWord(event.target.value)} />
            <div className={styles.metrics}>
              <DataTable label="Metrics of the target" columns={columns} rows={all.filter(({ metric, help }) => `${metric} ${help}`.toLowerCase().includes(word.toLowerCase()))} rowKey={({ metric }) => metric} />
            </div>
          </>
        )}
      </Answer>
    </details>
  )
}

/** Returns the query for a metric: its own series, or those that it is made of. */
const queryOf = (target: ActiveTarget, metric: string) => selectorOf(target, `${metric.replace(/[^\w:]/g, '\\$&')}(_bucket|_count|_sum|_total)?`)

export function JobConfig({ job }: { job: string }) {
  const [isOpen, setOpen] = useState(false)
  const request = { path: withParameters('/prometheus/api/v1/scrape_pools/config', { scrapePool: job }) }
  const reading = useApi(isOpen ? request : null, { read: (json) => (json as { data: { yaml: string } }).data.yaml, staleMs: 30_000 })
  return (
    <details className={styles.more} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Configuration of the job {job}</summary>
      <Answer reading={reading} what="the configuration">
        {(yaml) => <pre className="listing" tabIndex={0}>{yaml}</pre>}
      </Answer>
    </details>
  )
}
