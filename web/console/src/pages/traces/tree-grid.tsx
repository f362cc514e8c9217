// A merged tree as rows with numbers beside: folded and unfolded, and in the page only as far as it is seen.
import { type CSSProperties, type KeyboardEvent, type MouseEvent, type ReactNode, useMemo, useState } from 'react'
import { colourOf } from '../../colour'
import { shortOperation } from '../../data/traces'
import { Icon } from '../../parts/icons'
import type { CallTree } from '../trace/call-tree'
import { useRowHeight, Windowed } from '../trace/windowed'
import styles from './tree-grid.module.css'

export interface TreeColumn {
  heading: string
  cell: (tree: CallTree, node: number) => ReactNode
  /** A bar below the number, 0 to 1; negative to the left. */
  share?: (tree: CallTree, node: number) => number
  tone?: (tree: CallTree, node: number) => 'bad' | 'ok' | undefined
}

interface TreeGridProps {
  tree: CallTree
  label: string
  columns: TreeColumn[]
  /** What stands behind a name. */
  mark?: (node: number) => ReactNode
}

const DEEPEST_INDENT = 14

export function TreeGrid({ tree, label, columns, mark }: TreeGridProps) {
  const rowHeight = useRowHeight()
  const [collapsed, setCollapsed] = useState<ReadonlySet<number>>(new Set())
  const [at, setAt] = useState(-1)
  const list = useMemo(() => {
    const shown: number[] = []
    for (let node = 0; node < tree.count; node += collapsed.has(node) ? tree.size[node]! : 1) shown.push(node)
    return shown
  }, [tree, collapsed])
  const node = list[at]
  const fold = (node: number, isFolded: boolean) => {
    const next = new Set(collapsed)
    if (isFolded) next.add(node)
    else next.delete(node)
    setCollapsed(next)
  }
  const key = (event: KeyboardEvent) => {
    const to = { j: at + 1, ArrowDown: at + 1, k: at - 1, ArrowUp: at - 1, Home: 0, End: list.length - 1 }[event.key]
    if (to !== undefined) setAt(Math.max(0, Math.min(list.length - 1, to)))
    else if (node === undefined) return
    else if (event.key === 'ArrowLeft' || event.key === 'h') {
      if (tree.size[node]! > 1 && !collapsed.has(node)) fold(node, true)
      else if (tree.parent[node]! >= 0) setAt(list.indexOf(tree.parent[node]!))
    } else if (event.key === 'ArrowRight' || event.key === 'l') {
      if (collapsed.has(node)) fold(node, false)
      else setAt(Math.min(list.length - 1, at + 1))
    } else if (event.key === 'Enter' && tree.size[node]! > 1) fold(node, !collapsed.has(node))
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const click = (event: MouseEvent) => {
    const clicked = Number((event.target as Element).closest('[data-node]')?.getAttribute('data-node') ?? Number.NaN)
    if (Number.isNaN(clicked) || !getSelection()?.isCollapsed) return
    setAt(list.indexOf(clicked))
    if (tree.size[clicked]! > 1) fold(clicked, !collapsed.has(clicked))
  }
  const row = (place: number, top: number) => {
    const node = list[place]!
    return (
      <div
        role="row"
        id={`node-${node}`}
        className={styles.row}
        data-node={node}
        data-at={place === at ? '' : undefined}
        aria-level={tree.depth[node]! + 1}
        aria-rowindex={place + 2}
        aria-selected={place === at}
        aria-expanded={tree.size[node]! > 1 ? !collapsed.has(node) : undefined}
        style={{ transform: `translateY(${top}px)`, '--depth': Math.min(DEEPEST_INDENT, tree.depth[node]!), '--bar': colourOf(tree.service[node]!) } as CSSProperties}
      >
        <div role="gridcell" className={styles.name} title={`${tree.service[node]} ${tree.name[node]}`}>
          <span className={styles.toggle} aria-hidden="true">
            {tree.size[node]! > 1 && <Icon name={collapsed.has(node) ? 'right' : 'down'} size={12} />}
          </span>
          <b>{tree.service[node]}</b>
          <span className={styles.operation}>{shortOperation(tree.name[node]!)}</span>
          {mark?.(node)}
        </div>
        {columns.map((column) => (
          <Cell key={column.heading} column={column} tree={tree} node={node} />
        ))}
      </div>
    )
  }
  return (
    <div onClick={click} style={{ '--columns': columns.length, '--most': `${Math.min(20, list.length) * rowHeight + 30}px` } as CSSProperties}>
      <Windowed
        label={label}
        role="treegrid"
        columns={columns.length + 1}
        count={list.length}
        rowHeight={rowHeight}
        at={at}
        activeId={node === undefined ? undefined : `node-${node}`}
        className={styles.box}
        onKeyDown={key}
        row={row}
        head={
          <div role="row" className={styles.head}>
            <div role="columnheader">Service and operation</div>
            {columns.map(({ heading }) => (
              <div role="columnheader" key={heading}>
                {heading}
              </div>
            ))}
          </div>
        }
      />
    </div>
  )
}

function Cell({ column, tree, node }: { column: TreeColumn; tree: CallTree; node: number }) {
  const share = column.share?.(tree, node)
  return (
    <div role="gridcell" className={styles.cell} data-tone={column.tone?.(tree, node)} data-share={share === undefined ? undefined : share < 0 ? 'less' : 'more'} style={share === undefined ? undefined : ({ '--share': Math.min(1, Math.abs(share)) } as CSSProperties)}>
      {column.cell(tree, node)}
    </div>
  )
}
