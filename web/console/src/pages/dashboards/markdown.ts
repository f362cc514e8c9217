// Markdown as far as panels need it, read into a tree. HTML in it is text.

export type Inline = { kind: 'text'; text: string } | { kind: 'code'; text: string } | { kind: 'strong' | 'em' | 'del'; of: Inline[] } | { kind: 'link'; to: string; of: Inline[] }

export type Block =
  | { kind: 'heading'; level: number; of: Inline[] }
  | { kind: 'paragraph'; of: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'list'; isOrdered: boolean; items: Inline[][] }
  | { kind: 'quote'; of: Block[] }
  | { kind: 'rule' }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }

/** Nobody writes quotes in quotes that deep. */
const MOST_DEPTH = 8

const ITEM = /^\s{0,3}(?:[-*+]|\d+[.)])\s+(.*)$/
const ORDERED = /^\s{0,3}\d+[.)]\s/
const FENCE = /^\s{0,3}(```|~~~)/
const RULE = /^\s{0,3}([-*_])(\s*\1){2,}\s*$/
const HEADING = /^(#{1,6})\s+(.*?)\s*#*\s*$/
const DIVIDER = /^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$/

/** Returns the blocks of a text. */
export function readMarkdown(text: string, depth = 0): Block[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const blocks: Block[] = []
  let at = 0
  while (at < lines.length) {
    const { block, next } = readBlock(lines, at, depth)
    if (block !== null) blocks.push(block)
    at = next
  }
  return blocks
}

function readBlock(lines: string[], at: number, depth: number): { block: Block | null; next: number } {
  const line = lines[at] ?? ''
  if (line.trim() === '') return { block: null, next: at + 1 }
  if (FENCE.test(line)) return readFence(lines, at)
  const heading = HEADING.exec(line)
  if (heading) return { block: { kind: 'heading', level: heading[1]!.length, of: readInline(heading[2] ?? '') }, next: at + 1 }
  if (RULE.test(line)) return { block: { kind: 'rule' }, next: at + 1 }
  if (/^\s{0,3}>/.test(line) && depth < MOST_DEPTH) {
    const end = endOf(lines, at, (each) => /^\s{0,3}>/.test(each))
    const inner = lines.slice(at, end).map((each) => each.replace(/^\s{0,3}>\s?/, ''))
    return { block: { kind: 'quote', of: readMarkdown(inner.join('\n'), depth + 1) }, next: end }
  }
  if (ITEM.test(line)) return readList(lines, at)
  if (line.includes('|') && DIVIDER.test(lines[at + 1] ?? '')) return readTable(lines, at)
  const end = endOf(lines, at, (each, place) => each.trim() !== '' && (place === at || !(FENCE.test(each) || HEADING.test(each) || ITEM.test(each) || RULE.test(each))))
  return { block: { kind: 'paragraph', of: readInline(lines.slice(at, end).join(' ')) }, next: end }
}

function endOf(lines: string[], at: number, goesOn: (line: string, place: number) => boolean): number {
  let end = at
  while (end < lines.length && goesOn(lines[end] ?? '', end)) end++
  return Math.max(end, at + 1)
}

function readFence(lines: string[], at: number): { block: Block; next: number } {
  const close = lines.findIndex((line, place) => place > at && FENCE.test(line))
  const end = close === -1 ? lines.length : close
  return { block: { kind: 'code', text: lines.slice(at + 1, end).join('\n') }, next: end + 1 }
}

function readList(lines: string[], at: number): { block: Block; next: number } {
  const isOrdered = ORDERED.test(lines[at] ?? '')
  const end = endOf(lines, at, (line) => ITEM.test(line) || /^\s{2,}\S/.test(line))
  const items: string[] = []
  for (const line of lines.slice(at, end)) {
    const item = ITEM.exec(line)
    if (item) items.push(item[1] ?? '')
    else items.push(`${items.pop() ?? ''} ${line.trim()}`)
  }
  return { block: { kind: 'list', isOrdered, items: items.map(readInline) }, next: end }
}

const cellsOf = (line: string) =>
  line
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => readInline(cell.trim()))

function readTable(lines: string[], at: number): { block: Block; next: number } {
  const end = endOf(lines, at + 2, (line) => line.includes('|'))
  const rows = lines.slice(at + 2, end).filter((line) => line.includes('|'))
  return { block: { kind: 'table', head: cellsOf(lines[at] ?? ''), rows: rows.map(cellsOf) }, next: at + 2 + rows.length }
}

const INLINE: { pattern: RegExp; make: (match: RegExpExecArray) => Inline }[] = [
  { pattern: /`([^`]+)`/, make: ([, text = '']) => ({ kind: 'code', text }) },
  { pattern: /!?\[([^\]]*)\]\(\s*<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+"[^"]*")?\s*\)/, make: ([, text = '', to = '']) => linkTo(to, readInline(text)) },
  { pattern: /\*\*(\S(?:[^*]*\S)?)\*\*|__(\S(?:[^_]*\S)?)__/, make: ([, a, b]) => ({ kind: 'strong', of: readInline(a ?? b ?? '') }) },
  { pattern: /~~(\S(?:[^~]*\S)?)~~/, make: ([, text = '']) => ({ kind: 'del', of: readInline(text) }) },
  { pattern: /\*(\S(?:[^*]*\S)?)\*|(?<!\w)_(\S(?:[^_]*\S)?)_(?!\w)/, make: ([, a, b]) => ({ kind: 'em', of: readInline(a ?? b ?? '') }) },
  { pattern: /https?:\/\/[^\s<>()]+[^\s<>().,;:!?]/, make: ([to]) => linkTo(to, [{ kind: 'text', text: to }]) },
]

function linkTo(to: string, of: Inline[]): Inline {
  // Only what leads to a page: no `javascript:`, no `data:`.
  return /^(https?:\/\/|mailto:|\/(?!\/)|#|\?)/i.test(to) ? { kind: 'link', to, of } : { kind: 'em', of }
}

/** Returns the parts of a line. */
export function readInline(text: string): Inline[] {
  const parts: Inline[] = []
  let rest = text
  while (rest !== '') {
    let first: { at: number; length: number; part: Inline } | null = null
    for (const { pattern, make } of INLINE) {
      const match = pattern.exec(rest)
      if (match !== null && (first === null || match.index < first.at)) first = { at: match.index, length: match[0].length, part: make(match) }
    }
    if (first === null) break
    if (first.at > 0) parts.push({ kind: 'text', text: rest.slice(0, first.at) })
    parts.push(first.part)
    rest = rest.slice(first.at + first.length)
  }
  if (rest !== '') parts.push({ kind: 'text', text: rest })
  return parts
}
