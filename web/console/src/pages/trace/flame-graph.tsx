// A flame graph of merged calls: callers above, the width is time, the colour the service. A click looks at one node as the whole.
import { type CSSProperties, type KeyboardEvent, useMemo, useRef, useState } from 'react'
import { colourOf } from '../../colour'
import { shortOperation } from '../../data/traces'
import { duration, percent } from '../../format'
import { Button } from '../../parts/controls'
import type { CallTree } from './call-tree'
import { type Drawing, useCanvas } from './canvas'
import { type FlameLayout, flameLayout, type FlameWidth, neighbour, nodeAt } from './flame-layout'
import styles from './flame-graph.module.css'

const ROW = 20
/** Narrower than this, a node has no text; narrower than half a pixel, it is not drawn. */
const LEAST_TEXT = 34
const MOST_LISTED = 60

interface FlameGraphProps {
  tree: CallTree
  width: FlameWidth
  onWidth: (width: FlameWidth) => void
}

export function FlameGraph({ tree, width, onWidth }: FlameGraphProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [root, setRoot] = useState(-1)
  const [at, setAt] = useState(-1)
  const layout = useMemo(() => flameLayout(tree, width, root < tree.count ? root : -1), [tree, width, root])
  const height = (layout.deepest + 1) * ROW + 1
  const drawnWidth = useCanvas(canvas, height, (drawing) => draw(drawing, tree, layout, at), [tree, layout, at, height])
  const find = (event: React.PointerEvent | React.MouseEvent) => {
    const box = event.currentTarget.getBoundingClientRect()
    return nodeAt(tree, layout, (event.clientX - box.left) / box.width, Math.floor((event.clientY - box.top) / ROW))
  }
  const key = (event: KeyboardEvent) => {
    const next = neighbour(tree, layout, at, event.key)
    if (next !== null) setAt(next)
    else if (event.key === 'Enter' && at >= 0) setRoot(at === root ? -1 : at)
    else if (event.key === 'Escape' && root >= 0) setRoot(-1)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  if (layout.total === 0) return <p className={styles.nothing}>No time is known to have been waited for. {width === 'critical' && <Button onClick={() => onWidth('self')}>Show all work instead</Button>}</p>
  return (
    <figure className={styles.flame}>
      <div className={styles.tools}>
        <Button kind="plain" aria-pressed={width === 'critical'} onClick={() => onWidth('critical')}>
          Time waited for
        </Button>
        <Button kind="plain" aria-pressed={width === 'self'} onClick={() => onWidth('self')}>
          All work
        </Button>
        {root >= 0 && (
          <Button kind="plain" icon="close" onClick={() => setRoot(-1)}>
            {shortOperation(tree.name[root]!)} alone
          </Button>
        )}
        <span className={styles.said} role="status">
          {at >= 0 ? describe(tree, layout, at) : `Width: ${width === 'critical' ? 'time on the critical path' : 'time without its children'}${tree.traces > 1 ? `, over ${tree.traces} traces` : ''}`}
        </span>
      </div>
      <div className={styles.scroll}>
        <canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-roledescription="flame graph"
          aria-label="Merged calls. Arrow keys go to callers, called and neighbours; Enter looks at one alone."
          style={{ '--height': `${height}px` } as CSSProperties}
          data-width={drawnWidth}
          onPointerMove={(event) => setAt(find(event))}
          onPointerLeave={() => setAt(-1)}
          onClick={(event) => setRoot(find(event) === root ? -1 : find(event))}
          onKeyDown={key}
        />
      </div>
      <NodeTable tree={tree} layout={layout} />
    </figure>
  )
}

function describe(tree: CallTree, layout: FlameLayout, node: number): string {
  const failed = tree.errors[node]! > 0 ? `, ${tree.errors[node]} failed` : ''
  const mean = tree.traces > 1 ? ` (${duration(layout.weight[node]! / tree.traces)} a trace)` : ''
  return `${tree.service[node]} ${shortOperation(tree.name[node]!)}: ${duration(layout.weight[node]!)}${mean}, ${percent(layout.weight[node]! / layout.total)}, ${tree.calls[node]} calls${failed}`
}

function draw({ context, width, height, colour }: Drawing, tree: CallTree, layout: FlameLayout, at: number) {
  context.clearRect(0, 0, width, height)
  context.font = '12px "Inter Variable", sans-serif'
  context.textBaseline = 'middle'
  const [sheet, ink, bad] = [colour('var(--sheet)'), colour('var(--on-glass)'), colour('var(--bad)')]
  const last = layout.root < 0 ? tree.count : layout.root + tree.size[layout.root]!
  for (let node = Math.max(0, layout.root); node < last; node++) {
    const size = layout.size[node]! * width
    if (size < 0.5) continue
    const [x, y] = [layout.x[node]! * width, (tree.depth[node]! - layout.depth) * ROW]
    context.globalAlpha = node === at ? 0.75 : 1
    context.fillStyle = colour(colourOf(tree.service[node]!))
    context.fillRect(x, y, Math.max(0.5, size - 1), ROW - 1)
    context.globalAlpha = 1
    if (tree.errors[node]! > 0) {
      context.fillStyle = bad
      context.fillRect(x, y + ROW - 4, Math.max(0.5, size - 1), 3)
    }
    if (size < LEAST_TEXT) continue
    context.save()
    context.beginPath()
    context.rect(x, y, size - 4, ROW)
    context.clip()
    context.fillStyle = ink
    context.fillText(`${tree.errors[node]! > 0 ? '✕ ' : ''}${tree.service[node]} ${shortOperation(tree.name[node]!)}`, x + 5, y + ROW / 2 - 0.5)
    context.restore()
  }
  if (at < 0) return
  context.strokeStyle = sheet
  context.strokeRect(layout.x[at]! * width + 0.5, (tree.depth[at]! - layout.depth) * ROW + 0.5, Math.max(1, layout.size[at]! * width - 2), ROW - 2)
}

function NodeTable({ tree, layout }: { tree: CallTree; layout: FlameLayout }) {
  const heaviest = useMemo(() => [...layout.weight.keys()].toSorted((a, b) => layout.weight[b]! - layout.weight[a]!).slice(0, MOST_LISTED), [layout])
  return (
    <div className="sr-only">
      <table>
        <caption>The heaviest nodes of the flame graph</caption>
        <thead>
          <tr>
            {['Service', 'Operation', 'Depth', 'Time', 'Calls', 'Failed'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {heaviest.map((node) => (
            <tr key={node}>
              <td>{tree.service[node]}</td>
              <td>{tree.name[node]}</td>
              <td>{tree.depth[node]}</td>
              <td>{duration(layout.weight[node]!)}</td>
              <td>{tree.calls[node]}</td>
              <td>{tree.errors[node]}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
