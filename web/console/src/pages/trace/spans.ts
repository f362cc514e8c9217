// A trace as typed arrays: row by row in preorder, so that what is below a span is the run of rows behind it. Nothing here recurs: chains of 100,000 are fine.
import type { TraceColumns } from '../../data/traces'

export interface Spans {
  count: number
  /** Nanoseconds from the first start to the last end; at least 1. */
  length: number
  services: string[]
  names: string[]
  kinds: string[]
  messages: string[]
  id: string[]
  parent: Int32Array
  depth: Int32Array
  /** How many rows a span and all that is below it have. */
  size: Int32Array
  children: Int32Array
  service: Int32Array
  name: Int32Array
  start: Float64Array
  duration: Float64Array
  kind: Uint8Array
  error: Uint8Array
  /** Failed spans below it, and itself. */
  errors: Int32Array
  message: Int32Array
  /** Nanoseconds in which no child ran. */
  self: Float64Array
  /** Nanoseconds in which the trace waited for it. */
  critical: Float64Array
  /** 1 where it waited for the span, or for what is below it. */
  onPath: Uint8Array
  path: TraceColumns['critical_path']
  /** Where a row's pieces of the critical path begin in `pieces`; one more than there are rows. */
  pieceAt: Int32Array
  pieces: Int32Array
}

export function spansOf(trace: TraceColumns): Spans {
  const { columns, critical_path: path } = trace
  const count = columns.id.length
  const parent = Int32Array.from(columns.parent)
  const start = Float64Array.from(columns.start)
  const duration = Float64Array.from(columns.duration)
  const error = Uint8Array.from(columns.error)
  return {
    count,
    length: Math.max(1, trace.duration_ns),
    services: trace.services,
    names: trace.names,
    kinds: trace.kinds,
    messages: trace.messages,
    id: columns.id,
    parent,
    service: Int32Array.from(columns.service),
    name: Int32Array.from(columns.name),
    start,
    duration,
    kind: Uint8Array.from(columns.kind),
    error,
    message: Int32Array.from(columns.message),
    path,
    ...shapeOf(parent, error),
    self: selfTimes(parent, start, duration),
    ...criticalTimes(parent, path),
  }
}

function shapeOf(parent: Int32Array, error: Uint8Array) {
  const count = parent.length
  const depth = new Int32Array(count)
  const size = new Int32Array(count).fill(1)
  const children = new Int32Array(count)
  const errors = Int32Array.from(error)
  for (let row = 0; row < count; row++) {
    const above = parent[row]!
    if (above >= 0) depth[row] = depth[above]! + 1
  }
  for (let row = count - 1; row >= 0; row--) {
    const above = parent[row]!
    if (above < 0) continue
    size[above]! += size[row]!
    errors[above]! += errors[row]!
    children[above]!++
  }
  return { depth, size, children, errors }
}

/** Children stand in order of their starts, so that what they cover together is found in one pass. */
function selfTimes(parent: Int32Array, start: Float64Array, duration: Float64Array): Float64Array {
  const self = Float64Array.from(duration)
  const reached = Float64Array.from(start)
  for (let row = 0; row < parent.length; row++) {
    const above = parent[row]!
    if (above < 0) continue
    const from = Math.max(start[row]!, reached[above]!)
    const to = Math.min(start[row]! + duration[row]!, start[above]! + duration[above]!)
    if (to <= from) continue
    self[above]! -= to - from
    reached[above] = to
  }
  return self
}

function criticalTimes(parent: Int32Array, path: TraceColumns['critical_path']) {
  const count = parent.length
  const critical = new Float64Array(count)
  const pieceAt = new Int32Array(count + 1)
  for (const [piece, row] of path.span.entries()) {
    critical[row]! += path.end[piece]! - path.start[piece]!
    pieceAt[row + 1]!++
  }
  for (let row = 0; row < count; row++) pieceAt[row + 1]! += pieceAt[row]!
  const next = pieceAt.slice()
  const pieces = new Int32Array(path.span.length)
  for (const [piece, row] of path.span.entries()) pieces[next[row]!++] = piece
  const onPath = new Uint8Array(count)
  for (let row = count - 1; row >= 0; row--) {
    if (critical[row]! > 0) onPath[row] = 1
    if (onPath[row] === 1 && parent[row]! >= 0) onPath[parent[row]!] = 1
  }
  return { critical, onPath, pieceAt, pieces }
}

/**
 * Returns the row where a failure most likely began: of the failing spans that the trace waited for, or else of all, the deepest; and then the
 * deepest that failed below it. -1 if none failed.
 */
export function deepestError(spans: Spans): number {
  const deepest = (from: number, to: number, counts: (row: number) => boolean) => {
    let found = -1
    for (let row = from; row < to; row++) if (spans.error[row] === 1 && counts(row) && (found < 0 || spans.depth[row]! > spans.depth[found]!)) found = row
    return found
  }
  const waited = deepest(0, spans.count, (row) => spans.onPath[row] === 1)
  if (waited < 0) return deepest(0, spans.count, () => true)
  return deepest(waited, waited + spans.size[waited]!, () => true)
}
