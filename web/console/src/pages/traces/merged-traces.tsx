// The found traces as one tree: calls of one operation of a service below the same callers are one.
import { useQueries } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { traceQuery } from '../../data/traces'
import { duration } from '../../format'
import { type CallTree, mergedTree } from '../trace/call-tree'
import { FlameGraph } from '../trace/flame-graph'
import type { FlameWidth } from '../trace/flame-layout'
import { spansOf } from '../trace/spans'
import type { FoundTrace } from './found'
import { TreeGrid } from './tree-grid'
import styles from './traces.module.css'

/** As many are read: each is one request. */
const MOST = 100

export function MergedTraces({ traces }: { traces: FoundTrace[] }) {
  const chosen = useMemo(() => traces.slice(0, MOST).map(({ id }) => id), [traces])
  const { read, failed, all } = useQueries({
    queries: chosen.map(traceQuery),
    combine: (results) => ({
      read: results.filter(({ isPending }) => !isPending).length,
      failed: results.filter(({ isError }) => isError).length,
      all: results.every(({ isPending }) => !isPending) ? results.flatMap(({ data }) => data ?? []) : null,
    }),
  })
  const [width, setWidth] = useState<FlameWidth>('critical')
  const tree = useMemo(() => (all === null ? null : mergedTree(all.map(spansOf))), [all])
  if (tree === null) {
    return (
      <div className={styles.more} role="status">
        Reading {chosen.length} traces: {read} are there.
        <progress max={chosen.length} value={read} aria-label="Traces read" />
      </div>
    )
  }
  return (
    <>
      <p className={styles.more}>
        {tree.traces} traces are merged{traces.length > MOST && `, the newest of ${traces.length}`}, times are means of a trace
        {failed > 0 && `; ${failed} could not be read`}.
      </p>
      <FlameGraph tree={tree} width={width} onWidth={setWidth} />
      <TreeGrid tree={tree} label="Merged calls" columns={COLUMNS} />
    </>
  )
}

const mean = (tree: CallTree, values: Float64Array, node: number) => duration(values[node]! / tree.traces)

const COLUMNS = [
  { heading: 'Waited for', share: (tree: CallTree, node: number) => tree.allCritical[node]! / Math.max(1, tree.allCritical[0]!), cell: (tree: CallTree, node: number) => mean(tree, tree.allCritical, node) },
  { heading: 'By itself', cell: (tree: CallTree, node: number) => mean(tree, tree.critical, node) },
  { heading: 'Mean duration', cell: (tree: CallTree, node: number) => duration(tree.duration[node]! / tree.calls[node]!) },
  { heading: 'Calls', cell: (tree: CallTree, node: number) => tree.calls[node]!.toLocaleString('en') },
  { heading: 'Failed', cell: (tree: CallTree, node: number) => (tree.errors[node]! > 0 ? tree.errors[node]!.toLocaleString('en') : '–'), tone: (tree: CallTree, node: number) => (tree.errors[node]! > 0 ? ('bad' as const) : undefined) },
]
