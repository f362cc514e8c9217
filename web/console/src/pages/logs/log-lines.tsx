// The list of records. Only what is seen is in the page; it grows at either end, and what is being read stays where it is.
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import type { LogRecord } from './log-api'
import { timeOf } from './log-api'
import { LogLine } from './log-line'
import styles from './log-lines.module.css'

interface LogLinesProps {
  /** The newest first. */
  logs: LogRecord[]
  hasOlder: boolean
  /** The cursor of the line that is looked at, around which the others are. */
  at: string
  /** Whether the newest stands last. */
  isBelow: boolean
  isWrapped: boolean
  open: string[]
  shown: string[]
  query: string
  onToggle: (cursor: string) => void
  /** One has scrolled near an end. */
  onOlder: () => void
  onNewest: () => void
  /** Whether one looks at the newest line, where others come. */
  onEdge: (isAtNewest: boolean) => void
}

const LINE_PX = 28
/** Lines before the end at which more are read. */
const NEAR = 30
const EDGE_PX = 8

export function LogLines(props: LogLinesProps) {
  const { logs, hasOlder, at, isBelow, isWrapped, open, shown, query, onToggle, onOlder, onNewest, onEdge } = props
  const scroller = useRef<HTMLDivElement>(null)
  const [isAtNewest, setAtNewest] = useState(at === '')
  const [focused, setFocused] = useState('')
  const place = useCallback((index: number) => (isBelow ? logs.length - 1 - index : index), [isBelow, logs.length])
  const virtualizer = useVirtualizer({
    count: logs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_PX,
    getItemKey: useCallback((index: number) => logs[place(index)]?.cursor ?? index, [logs, place]),
    overscan: 10,
    // Where the newest come on top, one who is there sees them; anywhere else the lines that are read stay where they are.
    anchorTo: !isBelow && isAtNewest ? 'start' : 'end',
    followOnAppend: isBelow && isAtNewest,
  })
  const items = virtualizer.getVirtualItems()
  const isSet = useRef(false)
  useLayoutEffect(() => {
    if (isSet.current || logs.length === 0) return
    isSet.current = true
    const index = logs.findIndex(({ cursor }) => cursor === at)
    if (index >= 0) virtualizer.scrollToIndex(place(index), { align: 'center' })
    else if (isBelow) virtualizer.scrollToIndex(logs.length - 1, { align: 'end' })
  }, [logs, at, isBelow, place, virtualizer])
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0]
  const toOldest = isBelow ? first : logs.length - 1 - last
  const toNewest = isBelow ? logs.length - 1 - last : first
  useEffect(() => {
    if (logs.length > 0 && hasOlder && toOldest < NEAR) onOlder()
  }, [logs.length, hasOlder, toOldest, onOlder])
  const isNearNewest = logs.length > 0 && toNewest === 0
  useEffect(() => {
    if (isNearNewest) onNewest()
  }, [isNearNewest, onNewest])
  const onScroll = () => {
    const element = scroller.current!
    const isThere = isBelow ? element.scrollHeight - element.scrollTop - element.clientHeight < EDGE_PX : element.scrollTop < EDGE_PX
    if (isThere !== isAtNewest) {
      setAtNewest(isThere)
      onEdge(isThere)
    }
  }
  const focus = (index: number) => {
    const record = logs[place(index)]
    if (record === undefined) return
    setFocused(record.cursor)
    virtualizer.scrollToIndex(index, { align: 'auto' })
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${index}"] [data-row]`)?.focus({ preventScroll: true }))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const line = (event.target as HTMLElement).closest<HTMLElement>('[data-row]')
    if (line === null || event.ctrlKey || event.metaKey || event.altKey) return
    const index = Number(line.closest<HTMLElement>('[data-index]')?.dataset.index)
    const next = { j: index + 1, ArrowDown: index + 1, k: index - 1, ArrowUp: index - 1, Home: 0, End: logs.length - 1 }[event.key]
    if (next !== undefined) focus(Math.max(0, Math.min(logs.length - 1, next)))
    else if (event.key === 'Enter' || event.key === ' ') onToggle(line.dataset.row!)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const today = useMemo(() => new Date().toDateString(), [logs])
  const tabStop = items.some(({ key }) => key === focused) ? focused : items[0]?.key
  return (
    <div className={styles.scroller} ref={scroller} onScroll={onScroll} onKeyDown={onKeyDown} role="region" aria-label="Log records" tabIndex={-1}>
      <div className={styles.all} role="list" ref={(list) => list?.style.setProperty('block-size', `${virtualizer.getTotalSize()}px`)}>
        {items.map(({ index, key, start }) => {
          const record = logs[place(index)]!
          return (
            <div
              key={key}
              className={styles.item}
              data-index={index}
              ref={virtualizer.measureElement}
              role="listitem"
              aria-posinset={index + 1}
              aria-setsize={hasOlder ? -1 : logs.length}
              aria-current={record.cursor === at ? 'true' : undefined}
              style={{ transform: `translateY(${start}px)` }}
            >
              <LogLine record={record} isOpen={open.includes(record.cursor)} isWrapped={isWrapped} hasDate={new Date(timeOf(record)).toDateString() !== today} isFocusable={key === tabStop} shown={shown} query={query} onToggle={onToggle} />
            </div>
          )
        })}
      </div>
    </div>
  )
}
