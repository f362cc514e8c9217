// The same trace as waterfall, flame graph or statistics, and what of it is shown.
import { useEffect, useMemo, useRef, useState } from 'react'
import type { ApiRequest } from '../../data/http'
import { useKeys } from '../../keys'
import { Button, Tabs } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { useParameters } from '../../router'
import { FlameGraph } from './flame-graph'
import { mergedTree } from './call-tree'
import { FindField } from './find-field'
import { Minimap } from './minimap'
import { ModeChoice } from './mode-choice'
import { finder, foldItem, type Folds, withAncestors } from './rows'
import type { Spans } from './spans'
import { Statistics } from './statistics'
import { TRACE } from './trace'
import styles from './trace.module.css'
import { useItems } from './use-items'
import { Waterfall } from './waterfall'
import { moved, readZoom, scaled, type Zoom, zoomText } from './zoom'

const VIEWS = [
  { name: 'waterfall', label: 'Waterfall' },
  { name: 'flame', label: 'Flame graph' },
  { name: 'statistics', label: 'Statistics' },
] as const

interface TraceViewsProps {
  spans: Spans
  folds: Folds
  /** The row whose span is open, or -1. */
  open: number
  request: ApiRequest
  trace: string
}

export function TraceViews({ spans, folds, open, request, trace }: TraceViewsProps) {
  const [{ view, by, flame }, change] = useParameters(TRACE)
  const tree = useMemo(() => (view === 'flame' ? mergedTree([spans]) : null), [view, spans])
  return (
    <Panel
      title={<Tabs label="How the trace is shown" tabs={[...VIEWS]} open={view} onOpen={(view) => change({ view: view === 'waterfall' ? undefined : view })} />}
      request={request}
      sql={`SELECT service, name, duration_ms(duration_ns) AS ms, status, attributes FROM spans WHERE trace_id = '${trace}' ORDER BY time`}
      flush
    >
      {view === 'waterfall' && <WaterfallView spans={spans} folds={folds} open={open} />}
      {tree && <FlameGraph tree={tree} width={flame} onWidth={(width) => change({ flame: width === 'critical' ? undefined : width })} />}
      {view === 'statistics' && <Statistics spans={spans} by={by} onBy={(by) => change({ by: by === 'operation' ? undefined : by })} onShow={(find) => change({ view: undefined, find })} />}
    </Panel>
  )
}

function WaterfallView({ spans, folds, open }: Omit<TraceViewsProps, 'request' | 'trace'>) {
  const [{ mode, find, zoom: zoomed, span }, change] = useParameters(TRACE)
  const zoom = useMemo(() => readZoom(zoomed), [zoomed])
  const setZoom = (zoom: Zoom) => change({ zoom: zoomText(zoom) }, { replace: true })
  const isFound = useMemo(() => finder(spans, find), [spans, find])
  const kept = useMemo(() => {
    if (mode === 'all' && isFound === null) return null
    const isOfMode = { all: () => true, errors: (row: number) => spans.error[row] === 1, critical: (row: number) => spans.critical[row]! > 0 }[mode]
    return withAncestors(spans, (row) => isOfMode(row) && (isFound?.(row) ?? true))
  }, [spans, mode, isFound])
  const items = useItems(spans, folds, kept)
  const { list, reveal } = items
  // The item that keys act on: it stays the same when rows above it come and go.
  const [item, setItem] = useState<number | null>(null)
  const at = useMemo(() => (item === null ? -1 : list.indexOf(item)), [list, item])
  const shown = useRef('')
  useEffect(() => {
    if (open < 0 || shown.current === span) return
    shown.current = span
    reveal(open)
    setItem(open)
  }, [open, span, reveal])
  const go = (place: number) => {
    const next = list[Math.max(0, Math.min(list.length - 1, place))]
    if (next === undefined) return
    setItem(next)
    if (open >= 0 && next >= 0) show(next, true)
  }
  const show = (row: number, replace = false) => {
    shown.current = spans.id[row]!
    change({ span: spans.id[row] }, { replace })
  }
  useWaterfallKeys({ spans, folds, items, item, at, go, show, reveal: (row) => (reveal(row), setItem(row), open >= 0 && show(row, true)), zoom, setZoom })
  return (
    <>
      <div className={styles.tools}>
        <ModeChoice spans={spans} mode={mode} onMode={(mode) => change({ mode: mode === 'all' ? undefined : mode })} />
        <FindField value={find} onFind={(find) => change({ find }, { replace: true })} />
        <span className={styles.shown} role="status">
          {kept === null ? `${list.length.toLocaleString('en')} rows` : `${list.length.toLocaleString('en')} of ${spans.count.toLocaleString('en')} spans`}
        </span>
        <Button kind="plain" icon="plus" label="Unfold all" onClick={items.expandAll} />
        <Button kind="plain" icon="minus" label="Fold all" onClick={items.collapseAll} />
      </div>
      <Minimap spans={spans} zoom={zoom} onZoom={setZoom} />
      {list.length === 0 ? (
        <p className={styles.nothing}>
          No span of this trace is so.
          <Button onClick={() => change({ find: undefined, mode: undefined })}>Show all spans</Button>
        </p>
      ) : (
        <Waterfall spans={spans} folds={folds} items={items} zoom={zoom} at={at} onAt={(place) => setItem(list[place] ?? null)} open={open} onOpen={show} isFound={isFound} />
      )}
    </>
  )
}

interface Keyed {
  spans: Spans
  folds: Folds
  items: ReturnType<typeof useItems>
  item: number | null
  at: number
  go: (place: number) => void
  show: (row: number) => void
  reveal: (row: number) => void
  zoom: Zoom
  setZoom: (zoom: Zoom) => void
}

function useWaterfallKeys({ spans, folds, items, item, at, go, show, reveal, zoom, setZoom }: Keyed) {
  const fold = () => {
    if (item === null) return
    if (items.isExpanded(item) === true) items.setExpanded(item, false)
    else if (item >= 0 && spans.parent[item]! >= 0) go(items.list.indexOf(spans.parent[item]!))
  }
  const unfold = () => {
    if (item === null) return
    if (items.isExpanded(item) === false) items.setExpanded(item, true)
    else go(at + 1)
  }
  const toError = (step: 1 | -1) => {
    const from = item === null ? (step > 0 ? -1 : spans.count) : item < 0 ? folds.first[foldItem(item)]! : item
    for (let row = from + step; row >= 0 && row < spans.count; row += step) if (spans.error[row] === 1) return reveal(row)
  }
  const open = () => {
    if (item === null) return
    if (item < 0) items.setExpanded(item, items.isExpanded(item) === false)
    else show(item)
  }
  useKeys('Trace', [
    { keys: 'j', does: 'Next row', run: () => go(at + 1) },
    { keys: 'k', does: 'Row before', run: () => go(at - 1) },
    { keys: 'ArrowDown', does: 'Next row', run: () => go(at + 1) },
    { keys: 'ArrowUp', does: 'Row before', run: () => go(at - 1) },
    { keys: 'Enter', does: 'Open the span', run: open },
    { keys: 'h', does: 'Fold, or to the parent', run: fold },
    { keys: 'ArrowLeft', does: 'Fold, or to the parent', run: fold },
    { keys: 'l', does: 'Unfold, or the next row', run: unfold },
    { keys: 'ArrowRight', does: 'Unfold, or the next row', run: unfold },
    { keys: ']', does: 'Next failed span', run: () => toError(1) },
    { keys: '[', does: 'Failed span before', run: () => toError(-1) },
    { keys: 'w', does: 'Nearer', run: () => setZoom(scaled(zoom, 0.7)) },
    { keys: 's', does: 'Farther', run: () => setZoom(scaled(zoom, 1 / 0.7)) },
    { keys: 'a', does: 'Earlier part', run: () => setZoom(moved(zoom, -0.2)) },
    { keys: 'd', does: 'Later part', run: () => setZoom(moved(zoom, 0.2)) },
  ])
}
