// Times as text, by their digits alone: the server's engine knows no time zones and no languages, and both sides must agree.
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']

/** Returns "28 November 2026" for an RFC 3339 time in UTC. */
export function day(time: string): string {
  const month = MONTHS[Number(time.slice(5, 7)) - 1] ?? ''
  return `${Number(time.slice(8, 10))} ${month} ${time.slice(0, 4)}`
}

/** Returns "28 November 2026, 18:30 UTC". */
export function moment(time: string): string {
  return `${day(time)}, ${time.slice(11, 16)} UTC`
}

/** Returns the day of the month and the first letters of the month, for a calendar leaf. */
export function leaf(time: string): { day: string; month: string } {
  return { day: String(Number(time.slice(8, 10))), month: (MONTHS[Number(time.slice(5, 7)) - 1] ?? '').slice(0, 3) }
}
