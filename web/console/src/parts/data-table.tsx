// Rows with named columns: sorted by a click on a heading, gone through with j and k, opened with Enter.
import { type KeyboardEvent, type ReactNode, useMemo, useState } from 'react'
import styles from './data-table.module.css'

export interface Column<Row> {
  name: string
  heading: ReactNode
  cell: (row: Row) => ReactNode
  /** What rows are sorted by; a column without it cannot be. */
  sort?: (row: Row) => number | string
  /** Numbers stand at the end. */
  end?: boolean
  /** Takes what room is left. */
  wide?: boolean
}

interface DataTableProps<Row> {
  /** What it is a table of, for who cannot see it. */
  label: string
  columns: Column<Row>[]
  rows: Row[]
  rowKey: (row: Row) => string
  /** By which column it is sorted at first: its name, with `-` before it for the greatest first. Without one, rows stay as they come. */
  sorted?: string
  onOpen?: (row: Row) => void
  isOpen?: (row: Row) => boolean
}

export function DataTable<Row>({ label, columns, rows, rowKey, sorted: first, onOpen, isOpen }: DataTableProps<Row>) {
  const [sorted, setSorted] = useState(first)
  const shown = useMemo(() => inOrder(rows, columns, sorted), [rows, columns, sorted])
  const move = (event: KeyboardEvent<HTMLTableSectionElement>) => {
    const row = (event.target as HTMLElement).closest('tr')
    const next = { j: row?.nextElementSibling, ArrowDown: row?.nextElementSibling, k: row?.previousElementSibling, ArrowUp: row?.previousElementSibling }[event.key]
    if (next instanceof HTMLElement) {
      event.preventDefault()
      event.stopPropagation()
      next.focus()
    } else if (event.key === 'Enter' && row === event.target) {
      event.preventDefault()
      const found = shown[row.sectionRowIndex]
      if (found !== undefined) onOpen?.(found)
    }
  }
  return (
    <div className={styles.scroll} tabIndex={onOpen ? undefined : 0} role="region" aria-label={label}>
      <table className={styles.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" data-end={column.end ? '' : undefined} aria-sort={sortOf(column.name, sorted)}>
                {column.sort ? (
                  <button type="button" onClick={() => setSorted(sorted === `-${column.name}` ? column.name : `-${column.name}`)}>
                    {column.heading}
                  </button>
                ) : (
                  column.heading
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody onKeyDown={move}>
          {shown.map((row, place) => (
            <tr key={rowKey(row)} tabIndex={onOpen ? (place === 0 ? 0 : -1) : undefined} data-opens={onOpen ? '' : undefined} data-row={onOpen ? '' : undefined} aria-selected={isOpen?.(row)} onClick={(event) => !isControl(event.target) && onOpen?.(row)}>
              {columns.map((column) => (
                <td key={column.name} data-end={column.end ? '' : undefined} data-wide={column.wide ? '' : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const isControl = (target: EventTarget) => target instanceof Element && target.closest('a, button, input, select, label, summary') !== null

function sortOf(name: string, sorted: string | undefined): 'ascending' | 'descending' | undefined {
  if (sorted === name) return 'ascending'
  return sorted === `-${name}` ? 'descending' : undefined
}

function inOrder<Row>(rows: Row[], columns: Column<Row>[], sorted: string | undefined): Row[] {
  const by = columns.find(({ name }) => sorted === name || sorted === `-${name}`)?.sort
  if (by === undefined) return rows
  const sign = sorted!.startsWith('-') ? -1 : 1
  return rows.toSorted((a, b) => {
    const [first, second] = [by(a), by(b)]
    return sign * (typeof first === 'string' || typeof second === 'string' ? String(first).localeCompare(String(second)) : order(first, second))
  })
}

/** What is no number comes last in both directions. */
const order = (a: number, b: number) => (Number.isNaN(a) ? -1 : Number.isNaN(b) ? 1 : a - b)
