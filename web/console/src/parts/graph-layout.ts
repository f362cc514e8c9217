// Where nodes and edges of a graph lie: in layers from left to right, by dagre. The same form is laid out once.
import { graphlib, layout } from '@dagrejs/dagre'
import type { GraphEdge, GraphNode } from './graph'

interface Point {
  x: number
  y: number
}

export interface Placed {
  width: number
  height: number
  /** Middles of the nodes, by id, and how wide each is. */
  nodes: Map<string, Box>
  /** By `edgeKey`: the line as the `d` of a path, and the middle of its label. */
  edges: Map<string, { path: string; label: Point }>
}

export const NODE_HEIGHT = 42
const [LEAST_WIDTH, MOST_WIDTH, OF_LETTER] = [150, 204, 7.2]
/** What a label of an edge takes: three figures beside each other. */
const LABEL = { width: 128, height: 17 }
const MARGIN = 16
/** The longest name that is written out. */
export const MOST_LETTERS = 22

export const edgeKey = ({ from, to }: { from: string; to: string }) => JSON.stringify([from, to])

/** Returns what of a graph decides where things lie: which nodes and edges there are, and not what is said of them. */
export const formOf = (nodes: GraphNode[], edges: GraphEdge[]): string =>
  JSON.stringify([nodes.map(({ id }) => id).toSorted(), edges.map(edgeKey).toSorted()])

const widthOf = (id: string) => Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, 50 + OF_LETTER * Math.min(id.length, MOST_LETTERS)))

/** Returns where everything of a graph lies. */
export function place(nodes: GraphNode[], edges: GraphEdge[]): Placed {
  const graph = new graphlib.Graph({ directed: true })
  graph.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 22, edgesep: 6, marginx: MARGIN, marginy: MARGIN })
  graph.setDefaultEdgeLabel(() => ({}))
  // In order of names, so that the order in which an answer has them moves nothing.
  const ids = nodes.map(({ id }) => id).toSorted()
  for (const id of ids) graph.setNode(id, { width: widthOf(id), height: NODE_HEIGHT })
  const known = new Set(ids)
  const drawn = edges.filter(({ from, to }) => known.has(from) && known.has(to)).toSorted((a, b) => edgeKey(a).localeCompare(edgeKey(b)))
  for (const { from, to } of drawn) graph.setEdge(from, to, { ...LABEL, labelpos: 'c', minlen: 1 })
  layout(graph)
  const size = graph.graph() as { width?: number; height?: number }
  const all = new Map(ids.map((id) => [id, boxOf(graph.node(id) as Box)]))
  const lines = drawn.map((each) => ({ ...each, ...(graph.edge(each.from, each.to) as { points: Point[] } & Point) }))
  return { width: Math.max(1, size.width ?? 1), height: Math.max(1, size.height ?? 1), nodes: all, edges: pathsOf(lines, all) }
}

type Box = Point & { width: number }

const boxOf = ({ x, y, width }: Box): Box => ({ x, y, width })

interface Line extends Point {
  from: string
  to: string
  points: Point[]
}

/** Lines leave a node at its one side and come in at the other, beside each other in the order of where they come from and go to. */
function pathsOf(lines: Line[], nodes: Map<string, Box>): Placed['edges'] {
  const ends = new Map<string, { key: string; y: number }[]>()
  const isBack = ({ from, to }: Line) => nodes.get(to)!.x <= nodes.get(from)!.x
  const sideOf = (id: string, isRight: boolean) => `${isRight ? 'right' : 'left'} ${id}`
  const put = (side: string, key: string, y: number) => ends.set(side, [...(ends.get(side) ?? []), { key, y }])
  for (const line of lines) {
    const [key, inner] = [edgeKey(line), line.points.slice(1, -1)]
    put(sideOf(line.from, !isBack(line)), key, inner[0]?.y ?? nodes.get(line.to)!.y)
    put(sideOf(line.to, isBack(line)), key, inner.at(-1)?.y ?? nodes.get(line.from)!.y)
  }
  const portOf = (id: string, isRight: boolean, key: string): Point => {
    const { x, y, width } = nodes.get(id)!
    const beside = ends.get(sideOf(id, isRight))!.toSorted((a, b) => a.y - b.y)
    const nth = beside.findIndex((end) => end.key === key)
    const room = Math.min(9, (NODE_HEIGHT - 14) / Math.max(1, beside.length - 1))
    return { x: x + (isRight ? width / 2 : -width / 2), y: y + (nth - (beside.length - 1) / 2) * room }
  }
  return new Map(
    lines.map((line) => {
      const key = edgeKey(line)
      const inner = line.points.slice(1, -1)
      return [key, { path: curve([portOf(line.from, !isBack(line), key), ...inner, portOf(line.to, isBack(line), key)]), label: { x: line.x, y: line.y } }]
    }),
  )
}

/** Returns a line through points that goes level through each of them. */
function curve(points: Point[]): string {
  let path = ''
  for (const [nth, { x, y }] of points.entries()) {
    const before = points[nth - 1]
    if (before === undefined) path = `M${x.toFixed(1)} ${y.toFixed(1)}`
    else {
      const middle = ((before.x + x) / 2).toFixed(1)
      path += `C${middle} ${before.y.toFixed(1)} ${middle} ${y.toFixed(1)} ${x.toFixed(1)} ${y.toFixed(1)}`
    }
  }
  return path
}

/** Returns which of some places is next to one in a direction; undefined if there is none. What lies aside counts as farther away. */
export function nextTo(from: Point, others: Map<string, Point>, direction: string): string | undefined {
  const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[direction] ?? [0, 0]
  let best: { key: string; away: number } | undefined
  for (const [key, { x, y }] of others) {
    const ahead = (x - from.x) * dx! + (y - from.y) * dy!
    if (ahead < 4) continue
    const away = ahead + 3 * Math.abs((x - from.x) * dy! + (y - from.y) * dx!)
    if (best === undefined || away < best.away) best = { key, away }
  }
  return best?.key
}
