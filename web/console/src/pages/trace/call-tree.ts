// Spans of one or more traces merged by their path: calls of one operation of a service below the same callers are one node.
import type { Spans } from './spans'

/** Nodes in preorder, the heaviest of siblings first. */
export interface CallTree {
  traces: number
  count: number
  service: string[]
  name: string[]
  parent: Int32Array
  depth: Int32Array
  size: Int32Array
  calls: Int32Array
  errors: Int32Array
  /** Nanoseconds of the spans, of them alone, and in which the traces waited for them; summed over all traces. */
  duration: Float64Array
  self: Float64Array
  critical: Float64Array
  /** The last two together with all that is below. */
  allSelf: Float64Array
  allCritical: Float64Array
}

interface Merged {
  op: number[]
  parent: number[]
  calls: number[]
  errors: number[]
  duration: number[]
  self: number[]
  critical: number[]
}

/** More operations than this are not told apart by one number. */
const OPERATIONS = 2 ** 26

/** Returns the merged tree of traces. */
export function mergedTree(traces: Spans[]): CallTree {
  return mergedApart(traces).tree
}

/** Returns the merged tree, and for each trace how often and how long each node was called in it. */
export function mergedApart(traces: Spans[]): { tree: CallTree; each: { calls: Int32Array; duration: Float64Array; self: Float64Array; errors: Int32Array }[] } {
  const merged: Merged = { op: [], parent: [], calls: [], errors: [], duration: [], self: [], critical: [] }
  const operations = new Map<string, number>()
  const texts: [string, string][] = []
  const known = new Map<number, number>()
  const nodesOf = traces.map((spans) => addTrace(spans, merged, known, operations, texts))
  const tree = ordered(merged, texts, traces.length)
  const each = traces.map((spans, at) => countsOf(spans, nodesOf[at]!, tree.place, tree.tree.count))
  return { tree: tree.tree, each }
}

function addTrace(spans: Spans, merged: Merged, known: Map<number, number>, operations: Map<string, number>, texts: [string, string][]): Int32Array {
  const nodes = new Int32Array(spans.count)
  const ops = new Map<number, number>()
  const operationOf = (row: number) => {
    const pair = spans.service[row]! * spans.names.length + spans.name[row]!
    let op = ops.get(pair)
    if (op !== undefined) return op
    const text: [string, string] = [spans.services[spans.service[row]!]!, spans.names[spans.name[row]!]!]
    const key = text.join('\0')
    op = operations.get(key) ?? texts.push(text) - 1
    operations.set(key, op)
    ops.set(pair, op)
    return op
  }
  for (let row = 0; row < spans.count; row++) {
    const above = spans.parent[row]! < 0 ? -1 : nodes[spans.parent[row]!]!
    const op = operationOf(row)
    const key = (above + 1) * OPERATIONS + op
    let node = known.get(key)
    if (node === undefined) {
      node = merged.op.push(op) - 1
      known.set(key, node)
      merged.parent.push(above)
      for (const sums of [merged.calls, merged.errors, merged.duration, merged.self, merged.critical]) sums.push(0)
    }
    nodes[row] = node
    merged.calls[node]!++
    merged.errors[node]! += spans.error[row]!
    merged.duration[node]! += spans.duration[row]!
    merged.self[node]! += spans.self[row]!
    merged.critical[node]! += spans.critical[row]!
  }
  return nodes
}

/** Puts nodes in preorder. `place` says where each has gone. */
function ordered(merged: Merged, texts: [string, string][], traces: number): { tree: CallTree; place: Int32Array } {
  const count = merged.op.length
  const [allSelf, allCritical] = [Float64Array.from(merged.self), Float64Array.from(merged.critical)]
  const below: number[][] = Array.from({ length: count + 1 }, () => [])
  for (let node = count - 1; node >= 0; node--) {
    const above = merged.parent[node]!
    below[above + 1]!.push(node)
    if (above < 0) continue
    allSelf[above]! += allSelf[node]!
    allCritical[above]! += allCritical[node]!
  }
  const order: number[] = []
  const lightestFirst = (a: number, b: number) => allCritical[a]! - allCritical[b]! || allSelf[a]! - allSelf[b]! || b - a
  const stack = below[0]!.toSorted(lightestFirst)
  while (stack.length > 0) {
    const node = stack.pop()!
    order.push(node)
    stack.push(...below[node + 1]!.toSorted(lightestFirst))
  }
  const place = new Int32Array(count)
  for (const [at, node] of order.entries()) place[node] = at
  const parent = Int32Array.from(order, (node) => (merged.parent[node]! < 0 ? -1 : place[merged.parent[node]!]!))
  const depth = new Int32Array(count)
  const size = new Int32Array(count).fill(1)
  for (let at = 0; at < count; at++) if (parent[at]! >= 0) depth[at] = depth[parent[at]!]! + 1
  for (let at = count - 1; at >= 0; at--) if (parent[at]! >= 0) size[parent[at]!]! += size[at]!
  const floats = (values: ArrayLike<number>) => Float64Array.from(order, (node) => values[node]!)
  const whole = (values: number[]) => Int32Array.from(order, (node) => values[node]!)
  const tree: CallTree = {
    traces,
    count,
    service: order.map((node) => texts[merged.op[node]!]![0]),
    name: order.map((node) => texts[merged.op[node]!]![1]),
    parent,
    depth,
    size,
    calls: whole(merged.calls),
    errors: whole(merged.errors),
    duration: floats(merged.duration),
    self: floats(merged.self),
    critical: floats(merged.critical),
    allSelf: floats(allSelf),
    allCritical: floats(allCritical),
  }
  return { tree, place }
}

function countsOf(spans: Spans, nodes: Int32Array, place: Int32Array, count: number) {
  const [calls, errors] = [new Int32Array(count), new Int32Array(count)]
  const [duration, self] = [new Float64Array(count), new Float64Array(count)]
  for (let row = 0; row < spans.count; row++) {
    const at = place[nodes[row]!]!
    calls[at]!++
    errors[at]! += spans.error[row]!
    duration[at]! += spans.duration[row]!
    self[at]! += spans.self[row]!
  }
  return { calls, errors, duration, self }
}
