// One row of the waterfall: a span, or siblings of one operation that are folded.
import { memo } from 'react'
import { colourOf } from '../../colour'
import { shortOperation } from '../../data/traces'
import { duration } from '../../format'
import { Icon } from '../../parts/icons'
import type { Folds } from './rows'
import type { Spans } from './spans'
import styles from './waterfall.module.css'
import type { Zoom } from './zoom'

/** How many pieces of the critical path are drawn on one bar. */
const MOST_PIECES = 24
/** Deeper than this, the level stands as a number instead of more room. */
const DEEPEST_INDENT = 16

interface RowProps {
  spans: Spans
  folds: Folds
  item: number
  place: number
  top: number
  zoom: Zoom
  isAt: boolean
  isOpen: boolean
  /** Whether what is below it is shown; null where nothing is. */
  isExpanded: boolean | null
  isFound: boolean
}

export const rowId = (item: number) => `span-${item}`

export const WaterfallRow = memo(function WaterfallRow(props: RowProps) {
  const { spans, folds, item, place, top, isAt, isOpen, isExpanded, isFound } = props
  const fold = item < 0 ? -1 - item : -1
  const row = fold >= 0 ? folds.first[fold]! : item
  const depth = spans.depth[row]!
  const service = spans.services[spans.service[row]!]!
  const name = spans.names[spans.name[row]!]!
  const errors = fold >= 0 ? folds.errors[fold]! : spans.error[row]!
  const hasErrorBelow = fold < 0 && errors === 0 && isExpanded === false && spans.errors[row]! > 0
  return (
    <div
      role="row"
      id={rowId(item)}
      className={styles.row}
      // Set where they are used, and not as inherited properties: thousands of rows pass by while one scrolls.
      style={{ transform: `translateY(${top}px)` }}
      data-item={item}
      data-at={isAt ? '' : undefined}
      data-found={isFound ? '' : undefined}
      data-error={errors > 0 ? '' : undefined}
      aria-level={depth + 1}
      aria-rowindex={place + 1}
      aria-expanded={isExpanded ?? undefined}
      aria-selected={isOpen}
    >
      <div role="gridcell" className={styles.name} style={{ paddingInlineStart: 8 + Math.min(depth, DEEPEST_INDENT) * 12 }} title={`${service} ${name}`}>
        <span className={styles.toggle} data-toggle={isExpanded === null ? undefined : isExpanded ? 'open' : 'closed'} aria-hidden="true" />
        {depth > DEEPEST_INDENT && <small className={styles.level}>{depth}</small>}
        <b style={{ borderColor: colourOf(service) }}>{service}</b>
        {errors > 0 && (
          <span className={styles.failed} role="img" aria-label={fold >= 0 ? `${errors} failed` : 'failed'}>
            <Icon name="error" size={13} />
          </span>
        )}
        <span className={styles.operation}>{shortOperation(name)}</span>
        {fold >= 0 && <span className={styles.times}>× {folds.count[fold]}</span>}
        {fold < 0 && isExpanded === false && <span className={styles.times}>+{spans.size[row]! - 1}</span>}
        {hasErrorBelow && <span className={styles.below}>{spans.errors[row]} failed below</span>}
      </div>
      <div role="gridcell" className={styles.time}>
        {fold >= 0 ? <FoldBar {...props} fold={fold} /> : <Bar {...props} />}
      </div>
    </div>
  )
})

const shareOf = (zoom: Zoom, share: number) => ((share - zoom.from) / (zoom.to - zoom.from)) * 100
const clamp = (value: number) => Math.min(101, Math.max(-1, value))

function Bar({ spans, item: row, zoom }: RowProps) {
  const start = spans.start[row]! / spans.length
  const end = (spans.start[row]! + spans.duration[row]!) / spans.length
  const [from, to] = [clamp(shareOf(zoom, start)), clamp(shareOf(zoom, end))]
  const isOutside = to < 0 || from > 100
  return (
    <>
      <span className={styles.bar} style={{ insetInlineStart: `${from}%`, inlineSize: `max(2px, ${to - from}%)`, backgroundColor: colourOf(spans.services[spans.service[row]!]!) }} />
      <Pieces spans={spans} row={row} zoom={zoom} />
      <Label text={duration(spans.duration[row]!)} from={from} to={to} away={isOutside ? (to < 0 ? 'before' : 'after') : undefined} />
    </>
  )
}

/** What the trace waited for: a line through the bar. */
function Pieces({ spans, row, zoom }: { spans: Spans; row: number; zoom: Zoom }) {
  const [from, to] = [spans.pieceAt[row]!, Math.min(spans.pieceAt[row + 1]!, spans.pieceAt[row]! + MOST_PIECES)]
  const pieces = []
  for (let at = from; at < to; at++) {
    const piece = spans.pieces[at]!
    const left = clamp(shareOf(zoom, spans.path.start[piece]! / spans.length))
    const right = clamp(shareOf(zoom, spans.path.end[piece]! / spans.length))
    if (right < 0 || left > 100) continue
    pieces.push(<span key={at} className={styles.piece} data-likely={spans.path.likely[piece] === 1 ? '' : undefined} style={{ insetInlineStart: `${left}%`, inlineSize: `max(1px, ${right - left}%)` }} />)
  }
  return pieces
}

function FoldBar({ spans, folds, zoom, fold }: RowProps & { fold: number }) {
  const first = spans.start[folds.first[fold]!]! / spans.length
  const last = folds.last[fold]! / spans.length
  const [from, to] = [clamp(shareOf(zoom, first)), clamp(shareOf(zoom, last))]
  return (
    <>
      <span className={styles.bar} data-fold="" style={{ insetInlineStart: `${from}%`, inlineSize: `max(2px, ${to - from}%)`, color: colourOf(spans.services[spans.service[folds.first[fold]!]!]!) }} />
      <Label text={`${duration(folds.duration[fold]!)} together`} from={from} to={to} />
    </>
  )
}

/** Stands behind the bar, before it, or in it, wherever there is room. */
function Label({ text, from, to, away }: { text: string; from: number; to: number; away?: 'before' | 'after' }) {
  const side = away === 'after' || (away === undefined && to > 80 && from > 20) ? 'before' : away === 'before' || to <= 80 ? 'behind' : 'in'
  const at = side === 'before' ? Math.min(from, 100) : side === 'behind' ? Math.max(to, 0) : Math.max(from, 0)
  return (
    <span className={styles.label} data-side={side} style={side === 'before' ? { insetInlineEnd: `${100 - at}%` } : { insetInlineStart: `${at}%` }}>
      {away === 'before' && '‹ '}
      {text}
      {away === 'after' && ' ›'}
    </span>
  )
}
