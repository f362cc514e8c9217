// Matchers of labels, as Alertmanager has them.

export interface Matcher {
  name: string
  value: string
  isRegex: boolean
  isEqual: boolean
}

export type Labels = Record<string, string>

const FORM = /^\s*("(?:[^"\\]|\\.)*"|[^\s=!~"]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|.*?)\s*$/

const plain = (text: string) => (text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1).replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)) : text)

/** Returns a matcher such as `job=~"a|b"`; null if it is none. */
export function readMatcher(text: string): Matcher | null {
  const match = FORM.exec(text)
  if (match === null) return null
  const [, name = '', operator = '=', value = ''] = match
  return { name: plain(name), value: plain(value), isRegex: operator.endsWith('~'), isEqual: !operator.startsWith('!') }
}

export const matcherText = ({ name, value, isRegex, isEqual }: Matcher): string => `${name}${isEqual ? '=' : '!'}${isRegex ? '~' : isEqual ? '' : '='}${JSON.stringify(value)}`

/** Returns whether labels meet a matcher; a label that is not there is empty. */
export function meets({ name, value, isRegex, isEqual }: Matcher, labels: Labels): boolean {
  const found = labels[name] ?? ''
  if (!isRegex) return (found === value) === isEqual
  try {
    return new RegExp(`^(?:${value})$`, 's').test(found) === isEqual
  } catch {
    return false
  }
}

/** Returns matchers out of lines, or text with commas between; what is none is told by itself. */
export function readMatchers(text: string): { matchers: Matcher[]; wrong: string[] } {
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,\n"])+/g)?.map((part) => part.trim()).filter((part) => part !== '') ?? []
  const read = parts.map((part) => ({ part, matcher: readMatcher(part) }))
  return { matchers: read.flatMap(({ matcher }) => matcher ?? []), wrong: read.filter(({ matcher }) => matcher === null).map(({ part }) => part) }
}

/** Returns matchers that pick exactly these labels. */
export const matchersOf = (labels: Labels): Matcher[] => Object.entries(labels).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true }))
