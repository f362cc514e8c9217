// What of a trace is unfolded, and the rows that are shown for it.
import { useCallback, useMemo, useState } from 'react'
import { foldItem, type Folds, itemsOf, pathTo } from './rows'
import type { Spans } from './spans'

export interface Items {
  list: Int32Array
  /** Returns whether what is below an item is shown; null where nothing is. */
  isExpanded: (item: number) => boolean | null
  setExpanded: (item: number, isExpanded: boolean) => void
  expandAll: () => void
  collapseAll: () => void
  /** Unfolds whatever hides a row. */
  reveal: (row: number) => void
}

const NONE: ReadonlySet<number> = new Set()

function changed(set: ReadonlySet<number>, numbers: number[], isIn: boolean): ReadonlySet<number> {
  const next = new Set(set)
  for (const number of numbers) {
    if (isIn) next.add(number)
    else next.delete(number)
  }
  return next
}

export function useItems(spans: Spans, folds: Folds, kept: Uint8Array | null): Items {
  const [collapsed, setCollapsed] = useState(NONE)
  const [opened, setOpened] = useState(NONE)
  const list = useMemo(() => itemsOf(spans, folds, { collapsed, opened, kept }), [spans, folds, collapsed, opened, kept])
  const isExpanded = useCallback(
    (item: number) => {
      if (item < 0) return opened.has(foldItem(item))
      return spans.children[item] === 0 ? null : !collapsed.has(item)
    },
    [spans, collapsed, opened],
  )
  const setExpanded = useCallback((item: number, isExpanded: boolean) => {
    if (item < 0) setOpened((set) => changed(set, [foldItem(item)], isExpanded))
    else setCollapsed((set) => changed(set, [item], !isExpanded))
  }, [])
  const expandAll = useCallback(() => setCollapsed(NONE), [])
  const collapseAll = useCallback(() => {
    const all = new Set<number>()
    for (let row = 0; row < spans.count; row++) if (spans.children[row]! > 0 && spans.depth[row]! > 0) all.add(row)
    setCollapsed(all)
    setOpened(NONE)
  }, [spans])
  const reveal = useCallback(
    (row: number) => {
      const path = pathTo(spans, folds, row)
      setCollapsed((set) => (path.rows.some((above) => set.has(above)) ? changed(set, path.rows, false) : set))
      setOpened((set) => (path.folds.some((fold) => !set.has(fold)) ? changed(set, path.folds, true) : set))
    },
    [spans, folds],
  )
  return { list, isExpanded, setExpanded, expandAll, collapseAll, reveal }
}
