// Which rows of a trace are shown: what is collapsed, pruned, or folded because many siblings are of one operation.
import type { Spans } from './spans'

/** From how many siblings of one operation on they fold into one row. */
const FOLD_FROM = 20

/** Siblings of one operation. */
export interface Folds {
  /** The fold that a row belongs to, or -1. */
  of: Int32Array
  first: number[]
  count: number[]
  /** When the last of them ends, in nanoseconds. */
  last: number[]
  /** Nanoseconds of all of them together. */
  duration: number[]
  errors: number[]
}

/** An item of the list: a row, or a fold as -1 - fold. */
export const foldItem = (fold: number) => -1 - fold

export function foldsOf(spans: Spans): Folds {
  const folds: Folds = { of: new Int32Array(spans.count).fill(-1), first: [], count: [], last: [], duration: [], errors: [] }
  const operations = spans.services.length * spans.names.length
  const seen = new Map<number, number>()
  const keyOf = (row: number) => spans.parent[row]! * operations + spans.service[row]! * spans.names.length + spans.name[row]!
  const canFold = (row: number) => spans.parent[row]! >= 0 && spans.children[spans.parent[row]!]! >= FOLD_FROM
  for (let row = 0; row < spans.count; row++) if (canFold(row)) seen.set(keyOf(row), (seen.get(keyOf(row)) ?? 0) + 1)
  const numbers = new Map<number, number>()
  for (let row = 0; row < spans.count; row++) {
    if (!canFold(row)) continue
    const key = keyOf(row)
    if (seen.get(key)! < FOLD_FROM) continue
    let fold = numbers.get(key)
    if (fold === undefined) {
      fold = folds.first.push(row) - 1
      numbers.set(key, fold)
      folds.count.push(0)
      folds.last.push(0)
      folds.duration.push(0)
      folds.errors.push(0)
    }
    folds.of[row] = fold
    folds.count[fold]!++
    folds.last[fold] = Math.max(folds.last[fold]!, spans.start[row]! + spans.duration[row]!)
    folds.duration[fold]! += spans.duration[row]!
    folds.errors[fold]! += spans.errors[row]!
  }
  return folds
}

export interface Shown {
  /** Rows whose children are not shown. */
  collapsed: ReadonlySet<number>
  /** Folds that are opened. */
  opened: ReadonlySet<number>
  /** Rows that are shown at all, or null for all of them. Nothing folds among them. */
  kept: Uint8Array | null
}

/** Returns the items that are shown, in order. */
export function itemsOf(spans: Spans, folds: Folds, { collapsed, opened, kept }: Shown): Int32Array {
  const items = new Int32Array(spans.count + folds.first.length)
  let count = 0
  for (let row = 0; row < spans.count; ) {
    const fold = folds.of[row]!
    if (kept !== null && kept[row] === 0) {
      row += spans.size[row]!
      continue
    }
    if (kept === null && fold >= 0) {
      if (folds.first[fold] === row) items[count++] = foldItem(fold)
      if (!opened.has(fold)) {
        row += spans.size[row]!
        continue
      }
    }
    items[count++] = row
    row += collapsed.has(row) ? spans.size[row]! : 1
  }
  return items.slice(0, count)
}

/** Returns which rows are marked, or have such below them. */
export function withAncestors(spans: Spans, isMarked: (row: number) => boolean): Uint8Array {
  const kept = new Uint8Array(spans.count)
  for (let row = spans.count - 1; row >= 0; row--) {
    if (kept[row] === 0 && !isMarked(row)) continue
    kept[row] = 1
    const above = spans.parent[row]!
    if (above >= 0) kept[above] = 1
  }
  return kept
}

/** Returns what must be opened for a row to be shown. */
export function pathTo(spans: Spans, folds: Folds, row: number): { rows: number[]; folds: number[] } {
  const path: { rows: number[]; folds: number[] } = { rows: [], folds: [] }
  for (let at = row; at >= 0; at = spans.parent[at]!) {
    if (at !== row) path.rows.push(at)
    if (folds.of[at]! >= 0) path.folds.push(folds.of[at]!)
  }
  return path
}

/** Returns a test for rows that have all the words in their service, operation, message or id. */
export function finder(spans: Spans, text: string): ((row: number) => boolean) | null {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '')
  if (words.length === 0) return null
  const hits = (texts: string[]) => texts.map((each) => words.map((word) => each.toLowerCase().includes(word)))
  const [services, names, messages] = [hits(spans.services), hits(spans.names), hits(spans.messages)]
  return (row) =>
    words.every(
      (word, place) => services[spans.service[row]!]![place] || names[spans.name[row]!]![place] || messages[spans.message[row]!]?.[place] || spans.id[row]!.startsWith(word),
    )
}
