// How two traces differ, node by node of their merged tree.
import { duration } from '../../format'
import type { CallTree, mergedApart } from '../trace/call-tree'
import type { TreeColumn } from './tree-grid'

type Merged = ReturnType<typeof mergedApart>

/** Smaller differences than this share of the longer one are taken for equal. */
const EQUAL = 0.1

const timeIn = ({ each }: Merged, side: 0 | 1, node: number) => each[side]!.duration[node]!
const callsIn = ({ each }: Merged, side: 0 | 1, node: number) => each[side]!.calls[node]!

export function differenceColumns(merged: Merged): TreeColumn[] {
  const { tree } = merged
  let greatest = 1
  for (let node = 0; node < tree.count; node++) greatest = Math.max(greatest, Math.abs(timeIn(merged, 1, node) - timeIn(merged, 0, node)))
  const difference = (node: number) => timeIn(merged, 1, node) - timeIn(merged, 0, node)
  const said = (side: 0 | 1) => (_: CallTree, node: number) => {
    const calls = callsIn(merged, side, node)
    return calls === 0 ? '–' : `${duration(timeIn(merged, side, node))}${calls > 1 ? ` / ${calls}` : ''}`
  }
  return [
    {
      heading: 'B against A',
      cell: (_, node) => `${difference(node) > 0 ? '+' : difference(node) < 0 ? '−' : ''}${duration(Math.abs(difference(node)))}`,
      share: (_, node) => difference(node) / greatest,
      tone: (_, node) => (isChanged(merged, node) ? (difference(node) > 0 ? 'bad' : 'ok') : undefined),
    },
    { heading: 'A, calls', cell: said(0) },
    { heading: 'B, calls', cell: said(1) },
    {
      heading: 'Failed A, B',
      cell: (_, node) => (merged.each[0]!.errors[node]! + merged.each[1]!.errors[node]! === 0 ? '–' : `${merged.each[0]!.errors[node]}, ${merged.each[1]!.errors[node]}`),
      tone: (_, node) => (merged.each[0]!.errors[node] === merged.each[1]!.errors[node] ? undefined : 'bad'),
    },
  ]
}

function isChanged(merged: Merged, node: number): boolean {
  const [a, b] = [timeIn(merged, 0, node), timeIn(merged, 1, node)]
  if (callsIn(merged, 0, node) !== callsIn(merged, 1, node) || merged.each[0]!.errors[node] !== merged.each[1]!.errors[node]) return true
  return Math.abs(a - b) > EQUAL * Math.max(a, b)
}

/** Returns how many nodes both have, and how many only one of them. */
export function presenceOf(merged: Merged) {
  const found = { both: 0, a: 0, b: 0 }
  for (let node = 0; node < merged.tree.count; node++) {
    if (callsIn(merged, 0, node) === 0) found.b++
    else if (callsIn(merged, 1, node) === 0) found.a++
    else found.both++
  }
  return found
}

/** Returns the tree without the nodes that do not differ, unless something below them does. */
export function changedOnly(merged: Merged): Merged {
  const { tree } = merged
  const kept = new Uint8Array(tree.count)
  for (let node = tree.count - 1; node >= 0; node--) {
    if (isChanged(merged, node)) kept[node] = 1
    if (kept[node] === 1 && tree.parent[node]! >= 0) kept[tree.parent[node]!] = 1
  }
  const order = [...kept.keys()].filter((node) => kept[node] === 1)
  const place = new Int32Array(tree.count).fill(-1)
  for (const [at, node] of order.entries()) place[node] = at
  const size = new Int32Array(order.length).fill(1)
  const parent = Int32Array.from(order, (node) => (tree.parent[node]! < 0 ? -1 : place[tree.parent[node]!]!))
  for (let at = order.length - 1; at >= 0; at--) if (parent[at]! >= 0) size[parent[at]!]! += size[at]!
  const floats = (values: Float64Array) => Float64Array.from(order, (node) => values[node]!)
  const whole = (values: Int32Array) => Int32Array.from(order, (node) => values[node]!)
  return {
    tree: {
      traces: tree.traces,
      count: order.length,
      service: order.map((node) => tree.service[node]!),
      name: order.map((node) => tree.name[node]!),
      parent,
      size,
      depth: whole(tree.depth),
      calls: whole(tree.calls),
      errors: whole(tree.errors),
      duration: floats(tree.duration),
      self: floats(tree.self),
      critical: floats(tree.critical),
      allSelf: floats(tree.allSelf),
      allCritical: floats(tree.allCritical),
    },
    each: merged.each.map((side) => ({ calls: whole(side.calls), errors: whole(side.errors), duration: floats(side.duration), self: floats(side.self) })),
  }
}
