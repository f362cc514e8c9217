// Patterns of messages as conditions of a query.

/** What stands for a value in a pattern. */
export const MASKED = '<*>'
/** Patterns are made of so much of a message; of longer ones the start must do. */
const MAX_PATTERN = 300

/** Returns the condition that finds just what has a pattern of `/api/logs/patterns`. */
export function patternCondition(pattern: string, isNot = false): string {
  const start = pattern.slice(0, MAX_PATTERN)
  const escaped = start
    .split(MASKED)
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t'))
    .join('.+')
  return `${isNot ? '-' : ''}message:/^${escaped}${start.length === pattern.length ? '$' : ''}/`
}
