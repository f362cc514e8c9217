// The waterfall: every span a row, its bar where it ran. Rows are in the page only as far as they are seen.
import { type CSSProperties, type KeyboardEvent, type MouseEvent, useRef } from 'react'
import { duration } from '../../format'
import type { Folds } from './rows'
import { Splitter, useSplit } from './splitter'
import type { Spans } from './spans'
import type { Items } from './use-items'
import styles from './waterfall.module.css'
import { rowId, WaterfallRow } from './waterfall-row'
import { useRowHeight, Windowed } from './windowed'
import { ticksOf, type Zoom } from './zoom'

interface WaterfallProps {
  spans: Spans
  folds: Folds
  items: Items
  zoom: Zoom
  /** The place in the list that keys act on. */
  at: number
  onAt: (place: number) => void
  /** The row whose span is open at the side, or -1. */
  open: number
  onOpen: (row: number) => void
  isFound: ((row: number) => boolean) | null
}

export function Waterfall({ spans, folds, items, zoom, at, onAt, open, onOpen, isFound }: WaterfallProps) {
  const rowHeight = useRowHeight()
  const scroller = useRef<HTMLDivElement>(null)
  const [split, setSplit] = useSplit()
  const { list } = items
  const click = (event: MouseEvent) => {
    const target = event.target as Element
    const item = Number(target.closest('[data-item]')?.getAttribute('data-item') ?? Number.NaN)
    if (Number.isNaN(item) || !getSelection()?.isCollapsed) return
    onAt(list.indexOf(item))
    if (item < 0 || target.closest('[data-toggle]')) items.setExpanded(item, !items.isExpanded(item))
    else onOpen(item)
  }
  const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 2)
  const keys = (event: KeyboardEvent) => {
    const to = { Home: 0, End: list.length - 1, PageUp: at - page, PageDown: at + page }[event.key]
    if (to === undefined) return
    event.preventDefault()
    onAt(Math.max(0, Math.min(list.length - 1, to)))
  }
  const row = (place: number, top: number) => {
    const item = list[place]!
    const found = item >= 0 && (isFound?.(item) ?? false)
    return <WaterfallRow spans={spans} folds={folds} item={item} place={place} top={top} zoom={zoom} isAt={place === at} isOpen={item === open} isExpanded={items.isExpanded(item)} isFound={found} />
  }
  const most = Math.max(3, Math.min(24, list.length + 1))
  return (
    <div className={styles.waterfall} onClick={click} style={{ '--split': `${split}%`, '--most': `${most * rowHeight + 30}px` } as CSSProperties}>
      <Windowed
        label="Spans"
        role="treegrid"
        columns={2}
        count={list.length}
        rowHeight={rowHeight}
        at={at}
        activeId={list[at] === undefined ? undefined : rowId(list[at])}
        className={styles.rows}
        scroller={scroller}
        onKeyDown={keys}
        row={row}
        head={<Axis spans={spans} zoom={zoom} />}
      />
      <Splitter at={split} onChange={setSplit} />
    </div>
  )
}

function Axis({ spans, zoom }: { spans: Spans; zoom: Zoom }) {
  // One at the very end has no room for its text.
  const ticks = ticksOf(spans.length, zoom).filter((tick) => tick / spans.length - zoom.from < 0.93 * (zoom.to - zoom.from))
  return (
    <div role="row" className={styles.axis}>
      <div role="columnheader" className={styles.name}>
        Service and operation
      </div>
      <div role="columnheader" className={styles.time} aria-label={`Time, ${duration(zoom.from * spans.length)} to ${duration(zoom.to * spans.length)}`}>
        {ticks.map((tick) => (
          <span key={tick} className={styles.tick} style={{ '--from': ((tick / spans.length - zoom.from) / (zoom.to - zoom.from)) * 100 } as CSSProperties}>
            {duration(tick)}
          </span>
        ))}
      </div>
    </div>
  )
}
