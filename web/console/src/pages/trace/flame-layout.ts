// Where the nodes of a flame graph stand, as shares of its width.
import type { CallTree } from './call-tree'

/** What the width is: time on the critical path, or time without children. */
export type FlameWidth = 'critical' | 'self'

export interface FlameLayout {
  /** The node that is the whole, or -1. */
  root: number
  /** Its depth. */
  depth: number
  deepest: number
  total: number
  weight: Float64Array
  x: Float64Array
  size: Float64Array
}

export function flameLayout(tree: CallTree, width: FlameWidth, root: number): FlameLayout {
  const weight = width === 'critical' ? tree.allCritical : tree.allSelf
  const total = root >= 0 ? weight[root]! : weight.reduce((sum, each, node) => (tree.parent[node] === -1 ? sum + each : sum), 0)
  const [x, size] = [new Float64Array(tree.count), new Float64Array(tree.count)]
  const next = new Float64Array(tree.count)
  const layout = { root, depth: root >= 0 ? tree.depth[root]! : 0, deepest: 0, total, weight, x, size }
  let top = 0
  const last = root < 0 ? tree.count : root + tree.size[root]!
  for (let node = Math.max(0, root); node < last; node++) {
    const above = node === root ? -1 : tree.parent[node]!
    x[node] = above < 0 ? top : next[above]!
    size[node] = total === 0 ? 0 : weight[node]! / total
    next[node] = x[node]!
    if (above < 0) top += size[node]!
    else next[above]! += size[node]!
    if (size[node]! > 0) layout.deepest = Math.max(layout.deepest, tree.depth[node]! - layout.depth)
  }
  return layout
}

/** Returns the node at a share of the width in a row, or -1. */
export function nodeAt(tree: CallTree, layout: FlameLayout, share: number, row: number): number {
  const last = layout.root < 0 ? tree.count : layout.root + tree.size[layout.root]!
  for (let node = Math.max(0, layout.root); node < last; ) {
    const isWithin = share >= layout.x[node]! && share < layout.x[node]! + layout.size[node]!
    if (isWithin && tree.depth[node]! - layout.depth === row) return node
    node += isWithin ? 1 : tree.size[node]!
  }
  return -1
}

/** Returns the node to which an arrow key goes: the caller, the first called, or a neighbour; null where there is none. */
export function neighbour(tree: CallTree, layout: FlameLayout, node: number, key: string): number | null {
  if (!key.startsWith('Arrow')) return null
  if (node < 0) return Math.max(0, layout.root)
  const isSeen = (other: number) => other >= 0 && other < tree.count && layout.size[other]! > 0
  if (key === 'ArrowUp') return node === layout.root || tree.parent[node]! < 0 ? null : tree.parent[node]!
  if (key === 'ArrowDown') return tree.size[node]! > 1 && isSeen(node + 1) ? node + 1 : null
  if (node === layout.root) return null
  const right = node + tree.size[node]!
  if (key === 'ArrowRight') return isSeen(right) && tree.parent[right] === tree.parent[node] ? right : null
  for (let left = node - 1; left >= 0 && left !== tree.parent[node]; left--) if (tree.parent[left] === tree.parent[node]) return left
  return null
}
