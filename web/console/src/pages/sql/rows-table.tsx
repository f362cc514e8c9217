// The rows of an answer. Only those that are seen are in the page.
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, useMemo, useRef, useState } from 'react'
import { Link } from '../../router'
import type { Answered, Cell, Column } from './answer'
import { cellText, inOrder, isTraceId, widthsOf } from './cells'
import styles from './rows-table.module.css'

interface RowsTableProps {
  answered: Answered
  opened: string
  onOpen: (row: number) => void
}

const ROW_PX = 28

export function RowsTable({ answered: { columns, rows }, opened, onOpen }: RowsTableProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const [sorted, setSorted] = useState<{ column: number; isDescending: boolean } | null>(null)
  const order = useMemo(() => inOrder(rows, sorted, columns), [rows, sorted, columns])
  const widths = useMemo(() => widthsOf(columns, rows), [columns, rows])
  const virtualizer = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: 12 })
  const sort = (column: number) => setSorted(sorted?.column === column && sorted.isDescending ? { column, isDescending: false } : { column, isDescending: true })
  const focus = (index: number) => {
    virtualizer.scrollToIndex(index)
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus({ preventScroll: true }))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const row = event.target as HTMLElement
    const index = Number(row.dataset.index)
    if (row.dataset.index === undefined || event.ctrlKey || event.metaKey) return
    const next = { j: index + 1, ArrowDown: index + 1, k: index - 1, ArrowUp: index - 1, Home: 0, End: rows.length - 1 }[event.key]
    if (next !== undefined) focus(Math.max(0, Math.min(rows.length - 1, next)))
    else if (event.key === 'Enter') onOpen(order[index]!)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div className={styles.scroller} ref={scroller} onKeyDown={onKeyDown} role="grid" aria-label="Rows" aria-rowcount={rows.length + 1} aria-colcount={columns.length} tabIndex={rows.length === 0 ? 0 : -1}>
      <div className={styles.table} ref={(table) => table?.style.setProperty('--columns', widths)} role="rowgroup">
        <div className={styles.head} role="row" aria-rowindex={1}>
          {columns.map((column, place) => (
            <div key={place} role="columnheader" data-end={column.number ? '' : undefined} aria-sort={sorted?.column === place ? (sorted.isDescending ? 'descending' : 'ascending') : undefined}>
              <button type="button" onClick={() => sort(place)} title={`${column.name}: ${column.type}`}>
                {column.name}
              </button>
            </div>
          ))}
        </div>
        <div className={styles.rows} role="presentation" ref={(list) => list?.style.setProperty('block-size', `${virtualizer.getTotalSize()}px`)}>
          {virtualizer.getVirtualItems().map(({ index, start }, place) => (
            <div
              key={index}
              className={styles.row}
              role="row"
              aria-rowindex={index + 2}
              aria-selected={opened === String(order[index])}
              data-index={index}
              data-row=""
              tabIndex={place === 0 ? 0 : -1}
              style={{ transform: `translateY(${start}px)` }}
              onClick={(event) => !(event.target as HTMLElement).closest('a') && (getSelection()?.isCollapsed ?? true) && onOpen(order[index]!)}
            >
              {columns.map((column, at) => (
                <CellView key={at} column={column} cell={rows[order[index]!]![at]} />
              ))}
            </div>
          ))}
        </div>
      </div>
    </div>
  )
}

/** What a cell shows of a long value. */
const MAX_SHOWN = 300

function CellView({ column, cell }: { column: Column; cell: Cell }) {
  const text = cellText(cell)
  return (
    <div role="gridcell" data-end={column.number ? '' : undefined} className={cell === null ? styles.null : undefined} title={text.length < 2000 ? text : undefined}>
      {isTraceId(column, cell) ? <Link to={`/trace/${text}`}>{text}</Link> : text.slice(0, MAX_SHOWN)}
    </div>
  )
}
