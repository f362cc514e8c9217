// What of a record's message is shown, and where.
import type { Attributes, LogRecord } from './log-api'

/** Characters of a message that a folded line shows; an opened one shows all. */
const MAX_LINE = 1000
const MAX_WRAPPED = 5000
/** Keys under which structured messages say what people read. */
const SAID = ['message', 'msg', 'body', 'event', 'text']

export interface Message {
  /** The whole text. */
  text: string
  /** What it says in words: the text, or, of an object, the field that says it. */
  said: string
  /** The fields of a message that is a JSON object. */
  fields: Attributes | null
  /** How many lines stand below the first. */
  more: number
}

/** Returns a record's message as text, and its fields if it is a JSON object. */
export function messageOf({ message }: LogRecord): Message {
  const object = objectOf(message)
  const text = typeof message === 'string' ? message : JSON.stringify(message)
  const key = object && SAID.find((key) => typeof object[key] === 'string' && object[key] !== '')
  const said = key ? (object[key] as string) : text
  return { text, said, fields: object && key ? Object.fromEntries(Object.entries(object).filter(([name]) => name !== key)) : object, more: countLines(said) - 1 }
}

function objectOf(message: unknown): Attributes | null {
  if (typeof message === 'object' && message !== null && !Array.isArray(message)) return message as Attributes
  if (typeof message !== 'string' || !message.startsWith('{') || !message.trimEnd().endsWith('}')) return null
  try {
    return JSON.parse(message) as Attributes
  } catch {
    return null
  }
}

function countLines(text: string): number {
  let count = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < text.length - 1; at = text.indexOf('\n', at + 1)) count++
  return count
}

/** Returns what a folded line shows: the first line, or, wrapped, all up to a bound. */
export function lineOf({ said: text }: Message, isWrapped: boolean): string {
  if (isWrapped) return cut(text, MAX_WRAPPED)
  const end = text.indexOf('\n')
  return cut(end < 0 ? text : text.slice(0, end), MAX_LINE)
}

const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most)}…` : text)

interface Piece {
  text: string
  isMarked: boolean
}

/** Returns a text in pieces, some of which matched. Ranges count characters as Unicode does, texts here count UTF-16. */
export function pieces(text: string, ranges: [number, number][] | undefined): Piece[] {
  if (ranges === undefined || ranges.length === 0) return [{ text, isMarked: false }]
  const isPlain = !/[\ud800-\udfff]/.test(text)
  const characters = isPlain ? null : Array.from(text)
  const part = (from: number, to?: number) => (characters ? characters.slice(from, to).join('') : text.slice(from, to))
  const found: Piece[] = []
  let at = 0
  for (const [from, to] of ranges) {
    if (from > at) found.push({ text: part(at, from), isMarked: false })
    if (to > at) found.push({ text: part(Math.max(at, from), to), isMarked: true })
    at = Math.max(at, to)
  }
  found.push({ text: part(at), isMarked: false })
  return found.filter(({ text }) => text !== '')
}

/** Returns the fields of an object within an object by their paths: `error.code`. */
export function flattened(value: Attributes, before = '', depth = 0): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]): [string, unknown][] =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) && depth < 4 && Object.keys(inner).length > 0
      ? flattened(inner as Attributes, `${before}${key}.`, depth + 1)
      : [[before + key, inner]],
  )
}

export const valueText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
