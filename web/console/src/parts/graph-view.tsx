// Draws a graph: it is panned by dragging or scrolling, zoomed by buttons, Ctrl and the wheel, or + and -, and gone through with the arrow keys.
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { Button } from './controls'
import type { GraphItem, GraphProps } from './graph'
import { edgeKey, formOf, nextTo, place, type Placed } from './graph-layout'
import { EdgeLabel, EdgeLine, Node } from './graph-items'
import styles from './graph.module.css'
import { useZoom } from './graph-zoom'
import { useNear } from './use-near'

export default function GraphView({ label, nodes, edges, open, onOpen, onNear }: GraphProps) {
  const form = formOf(nodes, edges)
  const placed = useMemo(() => place(nodes, edges), [form])
  const svg = useRef<SVGSVGElement>(null)
  const { box, zoom, change, isWhole, pan } = useZoom(placed)
  const [at, setAt] = useState<string | null>(null)
  const spots = useMemo(() => spotsOf(placed), [placed])
  const latest = useRef(onOpen)
  latest.current = onOpen
  const toOpen = useCallback((key: string) => latest.current?.(itemOf(key)), [])
  const near = useNear((key: string) => onNear?.(itemOf(key)))
  const focused = at !== null && spots.has(at) ? at : (spots.keys().next().value ?? null)
  const onKeyDown = (event: KeyboardEvent) => {
    const scaled = { '+': 1.25, '=': 1.25, '-': 0.8, '0': 0 }[event.key]
    const next = focused === null ? undefined : nextTo(spots.get(focused)!, spots, event.key)
    if (event.ctrlKey || event.metaKey || event.altKey || (scaled === undefined && next === undefined)) return
    event.preventDefault()
    if (scaled !== undefined) change(scaled === 0 ? null : zoom * scaled)
    else svg.current?.querySelector<SVGGElement>(`[data-key="${CSS.escape(next!)}"]`)?.focus()
  }
  const openKey = open ? keyOf(open) : null
  useEffect(() => {
    const spot = openKey === null ? undefined : spots.get(openKey)
    if (spot !== undefined) box.current?.scrollTo({ left: spot.x * zoom - box.current.clientWidth / 2, top: spot.y * zoom - box.current.clientHeight / 2 })
    // What is opened is brought into sight once; zooming keeps what is in the middle.
  }, [openKey, spots])
  const shared = { onOpen: toOpen, onNear: near, onFocus: setAt }
  return (
    <div className={styles.graph}>
      <div className={styles.zoom} role="group" aria-label="Zoom">
        <Button kind="plain" icon="minus" label="Smaller (-)" onClick={() => change(zoom / 1.25)} />
        <Button kind="plain" icon="plus" label="Larger (+)" onClick={() => change(zoom * 1.25)} />
        <Button kind="plain" disabled={isWhole} onClick={() => change(null)}>
          Whole
        </Button>
      </div>
      <div className={styles.box} ref={box} {...pan}>
        <svg ref={svg} width={placed.width * zoom} height={placed.height * zoom} viewBox={`0 0 ${placed.width} ${placed.height}`} role="group" aria-label={`${label}. Arrow keys go from one to the next, Enter opens it.`} onKeyDown={onKeyDown}>
          <Arrows />
          {edges.map((edge) => {
            const key = edgeKey(edge)
            const line = placed.edges.get(key)
            return line && <EdgeLine key={key} id={key} path={line.path} width={edge.width ?? 1.5} tone={edge.tone} isOpen={openKey === key} {...shared} />
          })}
          {edges.map((edge) => {
            const key = edgeKey(edge)
            const line = placed.edges.get(key)
            return line && <EdgeLabel key={key} id={key} {...line.label} text={edge.label ?? ''} said={edge.said} tone={edge.tone} isOpen={openKey === key} isFocused={focused === key} {...shared} />
          })}
          {nodes.map((node) => {
            const spot = placed.nodes.get(node.id)
            return spot && <Node key={node.id} {...node} {...spot} isOpen={openKey === nodeKey(node.id)} isFocused={focused === nodeKey(node.id)} {...shared} />
          })}
        </svg>
      </div>
    </div>
  )
}

const nodeKey = (id: string) => JSON.stringify([id])
const keyOf = (item: GraphItem) => ('node' in item ? nodeKey(item.node) : edgeKey({ from: item.edge[0], to: item.edge[1] }))

function itemOf(key: string): GraphItem {
  const [from, to] = JSON.parse(key) as [string, string?]
  return to === undefined ? { node: from } : { edge: [from, to] }
}

function spotsOf(placed: Placed) {
  const nodes = [...placed.nodes].map(([id, { x, y }]) => [nodeKey(id), { x, y }] as const)
  return new Map([...nodes, ...[...placed.edges].map(([key, { label }]) => [key, label] as const)].toSorted(([, a], [, b]) => a.x - b.x))
}

const Arrows = () => (
  <defs>
    {['plain', 'warn', 'bad', 'open'].map((tone) => (
      <marker key={tone} id={`arrow-${tone}`} className={styles.arrow} data-tone={tone} viewBox="0 0 8 8" refX="6.5" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
        <path d="M0 0.6L7.2 4L0 7.4Z" />
      </marker>
    ))}
  </defs>
)
