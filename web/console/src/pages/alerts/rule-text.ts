// Rules as the ruler's API has them, out of what is evaluated and out of what is typed.
import type { GivenGroup, GivenRule } from './api'
import type { Labels } from './matchers'
import type { Rule } from './model'

/** Returns a time in seconds as rules write it: "1h30m". */
export function timeText(seconds: number): string {
  let rest = Math.round(seconds)
  let text = ''
  for (const [unit, length] of [['d', 86400], ['h', 3600], ['m', 60], ['s', 1]] as const) {
    if (rest >= length) text += `${Math.floor(rest / length)}${unit}`
    rest %= length
  }
  return text || '0s'
}

/** Returns a rule that is evaluated as it would be given. */
export function ruleOf({ type, name, query, duration, keepFiringFor, labels, annotations }: Rule): GivenRule {
  if (type === 'recording') return { record: name, expr: query, labels }
  return { alert: name, expr: query, ...(duration ? { for: timeText(duration) } : {}), ...(keepFiringFor ? { keep_firing_for: timeText(keepFiringFor) } : {}), labels, annotations }
}

/** Returns a group with a rule in the place of one, or at its end. */
export function ruleWith(group: GivenGroup, place: number, rule: GivenRule): GivenGroup {
  const made = Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== undefined && value !== '' && !(typeof value === 'object' && value !== null && Object.keys(value).length === 0))) as GivenRule
  return { ...group, rules: place >= 0 && place < group.rules.length ? group.rules.with(place, made) : [...group.rules, made] }
}

export const pairsText = (labels: Labels): string => Object.entries(labels).map(([name, value]) => `${name}: ${value}`).join('\n')

/** Returns the labels of lines such as "severity: page", and the first line that is none. */
export function readPairs(text: string): { pairs: Labels; wrong: string } {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  const read = lines.map((line) => ({ line, match: /^([a-zA-Z_]\w*)\s*[:=]\s*(.+)$/.exec(line) }))
  return { pairs: Object.fromEntries(read.flatMap(({ match }) => (match ? [[match[1] ?? '', match[2] ?? '']] : []))), wrong: read.find(({ match }) => match === null)?.line ?? '' }
}
