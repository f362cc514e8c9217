// Long lists of rows of one height: only those that are seen are there, and they are used again while one scrolls.
import { type CSSProperties, type KeyboardEvent, type ReactNode, type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react'
import styles from './windowed.module.css'

const OVERSCAN = 6

/** Returns the height of rows: more where they are touched. */
export function useRowHeight(): number {
  const [coarse, setCoarse] = useState(() => matchMedia('(pointer: coarse)').matches)
  useEffect(() => {
    const query = matchMedia('(pointer: coarse)')
    const tell = () => setCoarse(query.matches)
    query.addEventListener('change', tell)
    return () => query.removeEventListener('change', tell)
  }, [])
  return coarse ? 36 : 28
}

interface WindowedProps {
  label: string
  role: 'treegrid' | 'grid'
  count: number
  rowHeight: number
  /** The row that keys act on, or -1: it is kept in sight. */
  at: number
  /** The id of that row's element. */
  activeId?: string
  columns: number
  /** Stands above the rows, and stays there. */
  head?: ReactNode
  className?: string
  style?: CSSProperties
  onKeyDown?: (event: KeyboardEvent<HTMLDivElement>) => void
  scroller?: RefObject<HTMLDivElement | null>
  /** Draws a row at a distance from the top, in pixels. */
  row: (place: number, top: number) => ReactNode
}

export function Windowed({ label, role, count, rowHeight, at, activeId, columns, head, className, style, onKeyDown, scroller, row }: WindowedProps) {
  const own = useRef<HTMLDivElement>(null)
  const element = scroller ?? own
  const [first, setFirst] = useState(0)
  const [height, setHeight] = useState(600)
  useEffect(() => {
    const observer = new ResizeObserver(() => element.current && setHeight(element.current.clientHeight))
    if (element.current) observer.observe(element.current)
    return () => observer.disconnect()
  }, [element])
  useLayoutEffect(() => {
    const box = element.current
    if (box === null || at < 0) return
    const headHeight = box.firstElementChild?.hasAttribute('data-head') ? (box.firstElementChild as HTMLElement).offsetHeight : 0
    const [top, room] = [at * rowHeight, box.clientHeight - headHeight]
    if (top < box.scrollTop) box.scrollTop = Math.max(0, top - rowHeight * 2)
    else if (top + rowHeight > box.scrollTop + room) box.scrollTop = top + rowHeight * 3 - room
  }, [at, element, rowHeight])
  const shown = Math.ceil(height / rowHeight) + 2 * OVERSCAN
  const from = Math.max(0, Math.min(first - OVERSCAN, count - shown))
  const rows: ReactNode[] = []
  for (let place = from; place < Math.min(count, from + shown); place++) rows.push(<Slot key={place % shown}>{row(place, place * rowHeight)}</Slot>)
  return (
    <div
      ref={element}
      className={`${styles.box} ${className ?? ''}`}
      style={style}
      role={role}
      tabIndex={0}
      aria-label={label}
      aria-rowcount={count}
      aria-colcount={columns}
      aria-activedescendant={at >= from && at < from + shown ? activeId : undefined}
      data-row=""
      onKeyDown={onKeyDown}
      onScroll={(event) => setFirst(Math.floor(event.currentTarget.scrollTop / rowHeight))}
    >
      {head && (
        <div data-head="" className={styles.head} role="rowgroup">
          {head}
        </div>
      )}
      <div className={styles.rows} role="rowgroup" style={{ '--rows': `${count * rowHeight}px`, '--row': `${rowHeight}px` } as CSSProperties}>
        {rows}
      </div>
    </div>
  )
}

/** A place in the window: what is drawn in it changes, its element stays. */
const Slot = ({ children }: { children: ReactNode }) => children
