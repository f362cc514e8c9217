// Who calls a service, and whom it calls: as a map and as a table.
import { instantRequest, promText, readSeries } from '../../data/prometheus'
import { useApi } from '../../data/use-api'
import { Answer } from '../../parts/answer'
import type { GraphItem } from '../../parts/graph'
import { Panel } from '../../parts/panel'
import type { TimeRange } from '../../time'
import { EdgesTable } from '../overview/edges-table'
import { edgeQueries, mapOf, type ServiceMapData, together } from '../overview/map-data'
import { ServiceMap } from '../overview/service-map'
import styles from './service.module.css'

interface NeighboursProps {
  service: string
  time: TimeRange
  onOpen: (item: GraphItem) => void
}

export function Neighbours({ service, time, onOpen }: NeighboursProps) {
  const over = Math.max(1, Math.round((time.to - time.from) / 1000))
  const [called, caller] = [edgeQueries(over, `{server=${promText(service)}}`), edgeQueries(over, `{client=${promText(service)}}`)]
  const query = together({ calls: `(${called.calls} or ${caller.calls})`, failed: `(${called.failed} or ${caller.failed})`, p95: `(${called.p95} or ${caller.p95})` })
  const reading = useApi(instantRequest(query, time.to), { read: (answer) => summed(mapOf(readSeries(answer)), service) })
  return (
    <Panel title="Callers and called" request={reading.request} flush>
      <Answer reading={reading} what="calls" isEmpty={({ edges }) => edges.length === 0} empty="It was not called, and called nobody, in this time.">
        {(map) => (
          <div className={styles.neighbours}>
            <ServiceMap map={map} open={{ node: service }} onOpen={onOpen} />
            <EdgesTable label="Callers and called" edges={map.edges} onOpen={({ client, server }) => onOpen({ edge: [client, server] })} />
          </div>
        )}
      </Answer>
    </Panel>
  )
}

/** Returns calls that there were. Of the service, what counts is what others ask of it; of those that it calls, what it asks; of those that call it, nothing is known here. */
function summed({ edges }: ServiceMapData, service: string): ServiceMapData {
  const called = edges.filter(({ rate }) => rate > 0)
  const names = [...new Set([service, ...called.flatMap(({ client, server }) => [client, server])])]
  const nodes = names.map((name) => {
    const asked = called.filter(({ server }) => server === name)
    const sum = (of: 'rate' | 'failed') => (asked.length === 0 ? NaN : asked.reduce((total, edge) => total + edge[of], 0))
    const isOuter = called.some(({ client, server, type }) => (type === 'virtual_node' && client === name) || (type === 'database' && server === name))
    return { service: name, isOuter, rate: sum('rate'), failed: sum('failed'), p95: Math.max(...asked.map(({ p95 }) => p95)) }
  })
  return { nodes, edges: called }
}
