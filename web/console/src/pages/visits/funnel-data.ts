// How far visits came: rows of the statement as the page shows them.
import type { Row } from '../../data/sql'

/** The steps, as the statement and the page call them. */
export const STEPS = [
  { name: 'page', title: 'A page' },
  { name: 'product', title: 'A product' },
  { name: 'cart', title: 'The cart' },
  { name: 'paid', title: 'Paid' },
] as const

export interface Group {
  /** As the statement calls it; empty for all visits together. */
  answered: string
  title: string
  /** Visits by step. */
  counts: number[]
}

/** By how quickly they were answered, the quickest first. */
const TITLES: [string, string][] = [
  ['below 100 ms', 'within 100 ms'],
  ['below 500 ms', 'in 100 to 500 ms'],
  ['slower', 'in 500 ms or more'],
  ['not traced', 'not traced'],
]

export const titleOf = (answered: string) => TITLES.find(([name]) => name === answered)?.[1] ?? answered

/** Returns all visits together, and then each group. */
export function groupsOf(rows: Row[]): Group[] {
  const groups = rows.map((row) => {
    const answered = String(row.answered)
    return { answered, title: titleOf(answered), counts: STEPS.map(({ name }) => Number(row[name] ?? 0)) }
  })
  const order = ({ answered }: Group) => TITLES.findIndex(([name]) => name === answered)
  const sums = STEPS.map((_, step) => groups.reduce((sum, { counts }) => sum + counts[step]!, 0))
  return [{ answered: '', title: 'All visits', counts: sums }, ...groups.toSorted((a, b) => order(a) - order(b))]
}

/** Returns a step's share of those who saw a page. */
export const shareOf = ({ counts }: Group, step: number) => (counts[0] === 0 ? NaN : counts[step]! / counts[0]!)

/** Returns the share that went on from the step before. */
export const onward = ({ counts }: Group, step: number) => (step === 0 || counts[step - 1] === 0 ? NaN : counts[step]! / counts[step - 1]!)

/** Visits that a group must have to be spoken of. */
const ENOUGH = 20

/** Returns the quickest and the slowest group that have enough visits to be compared; null if there are no two. */
export function extremes(groups: Group[]): [Group, Group] | null {
  const timed = groups.filter(({ answered, counts }) => answered !== '' && answered !== 'not traced' && counts[0]! >= ENOUGH)
  return timed.length < 2 ? null : [timed[0]!, timed.at(-1)!]
}
