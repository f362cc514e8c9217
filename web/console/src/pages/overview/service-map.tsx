// The map of services: who calls whom, how often, how much of it fails, and how long it takes.
import { memo } from 'react'
import { colourOf } from '../../colour'
import { percent, seconds, short } from '../../format'
import { Graph, type GraphEdge, type GraphItem, type GraphNode } from '../../parts/graph'
import { type Calls, failedShare, type ServiceEdge, type ServiceMapData, type ServiceNode, toneOf, widthOf } from './map-data'

interface ServiceMapProps {
  map: ServiceMapData
  open?: GraphItem | null
  onOpen?: (item: GraphItem) => void
  onNear?: (item: GraphItem) => void
}

/** Drawn anew only for another map. */
export const ServiceMap = memo(function ServiceMap({ map, ...rest }: ServiceMapProps) {
  return <Graph label="Services and their calls" nodes={map.nodes.map(nodeOf)} edges={map.edges.map(edgeOf)} {...rest} />
})

/** Returns "1.5/s" for a rate, by the minute where that reads better. */
export const rateText = (rate: number): string => (rate > 0 && rate < 0.1 ? `${two(rate * 60)}/min` : `${two(rate)}/s`)

/** Two figures are enough where many stand side by side. */
const two = (value: number) => (value >= 10 ? short(Math.round(value)) : String(Number(value.toPrecision(2))))
const share = (calls: Calls) => (failedShare(calls) >= 0.1 ? `${Math.round(failedShare(calls) * 100)}%` : percent(failedShare(calls)))

function figuresOf(calls: Calls): string {
  if (calls.rate === 0) return 'idle'
  const parts = [rateText(calls.rate)]
  if (calls.failed > 0) parts.push(share(calls))
  if (!Number.isNaN(calls.p95)) parts.push(seconds(calls.p95))
  return parts.join(' · ')
}

function nodeOf(node: ServiceNode): GraphNode {
  const { service, isOuter } = node
  const isUnknown = Number.isNaN(node.rate)
  const isCalled = node.rate > 0 || node.failed > 0
  const failed = node.failed > 0 ? ` · ${share(node)} failed` : ''
  const detail = isUnknown ? undefined : isCalled ? rateText(node.rate) + failed : isOuter ? 'from outside' : 'not called'
  const p95 = Number.isNaN(node.p95) ? '' : `, p95 ${seconds(node.p95)}`
  // What is said begins with what is seen, so that one can speak it to get there.
  return { id: service, detail, colour: isOuter ? undefined : colourOf(service), tone: toneOf(node), isOuter, said: `${service} ${detail ?? ''}${p95}` }
}

function edgeOf(edge: ServiceEdge): GraphEdge {
  const { client, server } = edge
  const label = figuresOf(edge)
  const what = edge.failed > 0 ? 'calls, failed, p95' : 'calls, p95'
  return { from: client, to: server, label, width: widthOf(edge.rate), tone: toneOf(edge), said: `${client} to ${server}: ${label}${edge.rate === 0 ? '' : ` (${what})`}` }
}
