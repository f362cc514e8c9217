// The service map as PromQL tells it: one query for who calls whom, how often, how many fail, and how long they take.
import { instantRequest, readSeries, type Series } from '../../data/prometheus'
import { useApi } from '../../data/use-api'
import type { Tone } from '../../parts/controls'
import type { TimeRange } from '../../time'

/** What is known of calls: per second, and in seconds. */
export interface Calls {
  rate: number
  failed: number
  /** NaN where nothing was called. */
  p95: number
}

export interface ServiceEdge extends Calls {
  client: string
  server: string
  /** `messaging_system`, `database` or `virtual_node`; empty for a call whose both sides are known. */
  type: string
}

export interface ServiceNode extends Calls {
  service: string
  /** Only others tell of it: a database, a queue, the users. */
  isOuter: boolean
}

export interface ServiceMapData {
  nodes: ServiceNode[]
  edges: ServiceEdge[]
}

const CALLS = 'traces_spanmetrics_calls_total{span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"}'
const FAILED = 'traces_spanmetrics_calls_total{span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER",status_code="STATUS_CODE_ERROR"}'
const LATENCY = 'traces_spanmetrics_latency{span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"}'

/** Returns one query out of several, whose series say in the label `is` which of them they are of. */
export const together = (queries: Record<string, string>): string =>
  Object.entries(queries)
    .map(([name, query]) => `label_replace(${query}, "is", "${name}", "", "")`)
    .join('\nor\n')

/** Returns the query for calls between services over the last so many seconds; `only` is a matcher such as `{server="carts"}`. */
export function edgeQueries(over: number, only = ''): Record<'calls' | 'failed' | 'p95', string> {
  const sum = (series: string) => `sum by (client, server, connection_type) (rate(traces_service_graph_request_${series}${only}[${over}s]))`
  const p95 = (side: string) => `histogram_quantile(0.95, ${sum(`${side}_seconds`)})`
  // As the client saw it where there is one, else as the server did; of messages, how long they were under way.
  return { calls: sum('total'), failed: sum('failed_total'), p95: `(${p95('client')} or ${p95('server')} or ${p95('messaging_system')})` }
}

/** Returns the query for the map over the last so many seconds. */
function mapQuery(over: number): string {
  const sum = (series: string) => `sum by (service) (rate(${series}[${over}s]))`
  return together({ ...edgeQueries(over), service_calls: sum(CALLS), service_failed: sum(FAILED), service_p95: `histogram_quantile(0.95, ${sum(LATENCY)})` })
}

/** Reads the map as it was at the end of a time range, over so many seconds. */
export function useMap(time: TimeRange, over: number) {
  return useApi(instantRequest(mapQuery(over), time.to), { read: (answer) => mapOf(readSeries(answer)) })
}

const NAMES: Record<string, keyof Calls> = { calls: 'rate', failed: 'failed', p95: 'p95' }

/** Returns the map of what the query found. */
export function mapOf(found: Series[]): ServiceMapData {
  const edges = new Map<string, ServiceEdge>()
  const services = new Map<string, ServiceNode>()
  for (const { labels, values } of found) {
    const [value, is] = [values.at(-1) ?? 0, labels.is ?? '']
    const { client, server, connection_type: type = '' } = labels
    if (client !== undefined && server !== undefined) {
      const key = JSON.stringify([client, server])
      const edge = edges.get(key) ?? { client, server, type, ...none() }
      edges.set(key, edge)
      if (type === '') edge.type = ''
      add(edge, NAMES[is], value)
    } else if (labels.service !== undefined) {
      const node = services.get(labels.service) ?? { service: labels.service, isOuter: false, ...none() }
      services.set(labels.service, node)
      add(node, NAMES[is.replace('service_', '')], value)
    }
  }
  for (const edge of edges.values()) {
    for (const service of [edge.client, edge.server]) {
      if (!services.has(service)) services.set(service, outer(service, [...edges.values()]))
    }
  }
  const byName = (a: string, b: string) => a.localeCompare(b)
  return {
    nodes: [...services.values()].toSorted((a, b) => byName(a.service, b.service)),
    edges: [...edges.values()].toSorted((a, b) => byName(a.client, b.client) || byName(a.server, b.server)),
  }
}

const none = (): Calls => ({ rate: 0, failed: 0, p95: NaN })

function add(calls: Calls, name: keyof Calls | undefined, value: number) {
  if (name === undefined) return
  if (name !== 'p95') calls[name] += value
  else if (!(calls.p95 > value)) calls.p95 = value
}

/** What counts of something that tells nothing itself is what others asked of it. A service that only calls is as known as one that is called. */
function outer(service: string, edges: ServiceEdge[]): ServiceNode {
  const asked = edges.filter(({ server }) => server === service)
  const sum = (of: (edge: ServiceEdge) => number) => asked.reduce((total, edge) => total + of(edge), 0)
  const isOuter = !edges.some(({ client, type }) => client === service && type !== 'virtual_node')
  return { service, isOuter, rate: sum(({ rate }) => rate), failed: sum(({ failed }) => failed), p95: Math.max(...asked.map(({ p95 }) => p95)) || NaN }
}

export const failedShare = ({ rate, failed }: Calls): number => (rate > 0 ? Math.min(1, failed / rate) : 0)

/** From which share of failures on a line is drawn as one that has some, and as a bad one. */
export const [SOME_FAIL, MANY_FAIL] = [0.01, 0.05]

export function toneOf(calls: Calls): Tone | undefined {
  const share = failedShare(calls)
  if (share >= MANY_FAIL) return 'bad'
  return share >= SOME_FAIL ? 'warn' : undefined
}

/** Returns how wide a line is: by the logarithm of its rate, 1 pixel below one call a minute, and 1.1 more for ten times as many; in halves of a pixel, so that it rests. */
export const widthOf = (rate: number): number => Math.min(9, Math.round(2 + 2.2 * Math.max(0, Math.log10(rate * 60 + 1e-9))) / 2)
