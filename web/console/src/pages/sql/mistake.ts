// Where in a statement a mistake is, as far as what the observatory says of it tells.
import type { Mistake } from '../../parts/editor'

/** Returns the places in a statement at which an error points. */
export function mistakesOf(statement: string, message: string): Mistake[] {
  const first = message.split('\n')[0] ?? message
  const said = /at Line: (\d+), Column:? (\d+)/i.exec(message)
  if (said) {
    const from = offsetOf(statement, Number(said[1]), Number(said[2]))
    return [{ from, to: from + lengthAt(statement, from), message: first }]
  }
  if (/found: EOF/.test(message)) return [{ from: Math.max(0, statement.trimEnd().length - 1), to: statement.trimEnd().length, message: first }]
  const name = nameIn(message)
  if (name === null) return []
  return occurrences(statement, name).map((from) => ({ from, to: from + name.length, message: first }))
}

function offsetOf(statement: string, line: number, column: number): number {
  const lines = statement.split('\n')
  const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0)
  return Math.min(statement.length, before + column - 1)
}

const lengthAt = (statement: string, from: number) => Math.max(1, /^(\w+|'[^']*'?|"[^"]*"?)/.exec(statement.slice(from))?.[0].length ?? 1)

/** Returns the name that an error is about. */
function nameIn(message: string): string | null {
  const found =
    /No field named ([^\s]+?)\.(?:\s|$)/.exec(message)?.[1] ??
    /table '([^']+)' not found/.exec(message)?.[1] ??
    /Invalid function '([^']+)'/.exec(message)?.[1] ??
    /Function '([^']+)'/.exec(message)?.[1] ??
    /column "([^"]+)" must appear/.exec(message)?.[1] ??
    /ambiguous reference to (?:unqualified )?field ([^\s]+)/i.exec(message)?.[1]
  if (found === undefined) return null
  return found.split('.').at(-1)!.replaceAll('"', '')
}

function occurrences(statement: string, name: string): number[] {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return [...statement.matchAll(new RegExp(`(?<![\\w.'])${escaped}(?!\\w)|(?<=\\.)${escaped}(?!\\w)`, 'gi'))].map(({ index }) => index)
}
