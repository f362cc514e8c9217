// Two definitions, line by line: what went, what came, and what stayed.

interface DifferenceLine {
  sign: '+' | '−' | ' '
  text: string
}

/** More lines than these are not aligned: all of the one goes, all of the other comes. */
const MOST_LINES = 400

const linesOf = (value: unknown) => (value === null || value === undefined ? [] : JSON.stringify(value, null, 2).split('\n'))

/** Returns the lines of both, with those they have in common once. */
export function differenceOf(before: unknown, after: unknown): DifferenceLine[] {
  const [old, next] = [linesOf(before), linesOf(after)]
  if (old.length > MOST_LINES || next.length > MOST_LINES) return [...old.map((text) => ({ sign: '−' as const, text })), ...next.map((text) => ({ sign: '+' as const, text }))]
  const common = commonLengths(old, next)
  const lines: DifferenceLine[] = []
  let [i, j] = [0, 0]
  while (i < old.length || j < next.length) {
    if (i < old.length && j < next.length && old[i] === next[j]) {
      lines.push({ sign: ' ', text: old[i]! })
      i++
      j++
    } else if (j >= next.length || (i < old.length && common[i + 1]![j]! >= common[i]![j + 1]!)) lines.push({ sign: '−', text: old[i++]! })
    else lines.push({ sign: '+', text: next[j++]! })
  }
  return lines
}

/** Returns how many lines are common from each place of both on. */
function commonLengths(old: string[], next: string[]): number[][] {
  const lengths = Array.from({ length: old.length + 1 }, () => Array.from({ length: next.length + 1 }, () => 0))
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = next.length - 1; j >= 0; j--) lengths[i]![j] = old[i] === next[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!)
  }
  return lengths
}
