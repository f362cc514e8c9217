// Who calls whom, with rate, errors and duration on each line.
import { useMemo } from 'react'
import { colourOf } from '../../../colour'
import { percent, seconds, short } from '../../../format'
import { promText, type Series, useInstant } from '../../../data/prometheus'
import { Answer } from '../../../parts/answer'
import { Graph, type GraphEdge, type GraphNode } from '../../../parts/graph'
import { addressOf, navigate } from '../../../router'
import type { TimeRange } from '../../../time'
import { type Plugin, textOf } from '../document'
import { interpolate, promDuration, type Values } from '../interpolate'
import styles from './panels.module.css'

/** From which share of failed requests a line is a bad one. */
const BAD_SHARE = 0.01

/** One query for all that lines say; what each series is stands in `part`. */
function queryOf(service: string, range: string): string {
  const named = service === '' ? [''] : [`{client=~${promText(service)}}`, `{server=~${promText(service)}}`]
  const rate = (metric: string) => named.map((labels) => `sum by (client, server) (rate(${metric}${labels}[${range}]))`).join(' or ')
  const part = (name: string, query: string) => `label_replace(${query}, "part", "${name}", "", "")`
  return [
    part('calls', rate('traces_service_graph_request_total')),
    part('failed', rate('traces_service_graph_request_failed_total')),
    part('p95', `histogram_quantile(0.95, ${rate('traces_service_graph_request_server_seconds')})`),
  ].join(' or ')
}

interface Call {
  from: string
  to: string
  calls: number
  failed: number
  p95: number
}

function callsOf(series: Series[]): Call[] {
  const calls = new Map<string, Call>()
  for (const { labels, values } of series) {
    const [from, to] = [labels.client ?? '', labels.server ?? '']
    const call = calls.get(`${from} ${to}`) ?? { from, to, calls: 0, failed: 0, p95: Number.NaN }
    calls.set(`${from} ${to}`, call)
    if (labels.part === 'calls' || labels.part === 'failed' || labels.part === 'p95') call[labels.part] = values[0] ?? 0
  }
  return [...calls.values()].filter((call) => call.calls > 0)
}

export function ServiceMap({ plugin, values, time, title }: { plugin: Plugin; values: Values; time: TimeRange; title: string }) {
  const range = promDuration(Math.max(60, (time.to - time.from) / 1000))
  const reading = useInstant(queryOf(interpolate(textOf(plugin, 'service'), values), range), time.to)
  return (
    <Answer reading={reading} what="calls between services" isEmpty={(series) => callsOf(series).length === 0} empty="No service called another in this time. Calls are told from spans: see the guide's page on series from spans.">
      {(series) => <CallMap calls={callsOf(series)} title={title} />}
    </Answer>
  )
}

function CallMap({ calls, title }: { calls: Call[]; title: string }) {
  const { nodes, edges } = useMemo(() => graphOf(calls), [calls])
  return (
    <div className={styles.map}>
      <Graph label={title} nodes={nodes} edges={edges} onOpen={(item) => navigate(addressOf(`/services/${encodeURIComponent('node' in item ? item.node : item.edge[1])}`))} />
    </div>
  )
}

function graphOf(calls: Call[]): { nodes: GraphNode[]; edges: GraphEdge[] } {
  const names = [...new Set(calls.flatMap(({ from, to }) => [from, to]))]
  const nodes = names.map((id) => {
    const taken = calls.filter(({ to }) => to === id)
    const rate = taken.reduce((sum, call) => sum + call.calls, 0)
    return { id, colour: colourOf(id), detail: rate > 0 ? `${short(rate)}/s` : undefined, said: rate > 0 ? `${id} ${short(rate)}/s` : id }
  })
  const edges = calls.map(({ from, to, calls, failed, p95 }) => {
    const share = failed / calls
    const label = [`${short(calls)}/s`, share > 0 ? percent(share) : '', Number.isNaN(p95) ? '' : seconds(p95)].filter((text) => text !== '').join(' · ')
    return { from, to, label, width: 1 + Math.min(4, Math.log10(1 + calls * 10)), tone: share >= BAD_SHARE ? ('bad' as const) : undefined, said: `${from} calls ${to}: ${label}` }
  })
  return { nodes, edges }
}
