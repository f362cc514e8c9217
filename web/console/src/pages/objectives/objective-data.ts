// Objectives: what is promised, how much of each error budget is left, and how fast it burns. docs/guide/rules.md says how they become rules.
import { promText, type Series } from '../../data/prometheus'
import { readDuration } from '../../durations'

/** How the groups of objectives are called. */
const GROUP = 'slo:'
export const BUDGET = 'slo:error_budget_left:ratio'
const PROMISED = 'slo:objective:ratio'
const RATIO = 'slo:error_ratio:rate'
/** All that is asked of now. */
export const OF_NOW = `{__name__=~"${PROMISED}|${BUDGET}|${RATIO}.+"}`

export interface Rule {
  type: 'alerting' | 'recording'
  name: string
  query: string
  health: string
  lastError?: string
  lastEvaluation: string
  labels?: Record<string, string>
  state?: AlertState
  alerts?: { activeAt: string; state: string }[]
}

export interface RuleGroup {
  name: string
  file: string
  rules: Rule[]
}

export type AlertState = 'firing' | 'pending' | 'inactive' | 'unknown'

/** Two windows over which the budget burns: an alert wants both to be above its limit. */
export interface Burn {
  long: string
  longBurn: number | null
  short: string | null
  shortBurn: number | null
  /** How many times as fast as the budget would last. */
  limit: number | null
  alert: Rule | null
}

export interface Objective {
  name: string
  group: RuleGroup
  /** Shares of 1; null as long as nothing is known of them. */
  promised: number | null
  left: number | null
  /** Over which time it is promised: "30d". */
  window: string | null
  state: AlertState
  burns: Burn[]
  /** How fast it burns over an hour and over six. */
  lately: { hour: number | null; sixHours: number | null }
  /** For how many seconds the rest lasts at the speed of the last six hours; null if it does not burn. */
  lastsS: number | null
}

/** Returns a recorded series of an objective. */
export const own = (metric: string, name: string) => `${metric}{slo=${promText(name)}}`

const STATES: AlertState[] = ['firing', 'pending', 'unknown', 'inactive']

/** Returns the objectives, those of which least is left first. */
export function objectivesOf(groups: RuleGroup[], now: Series[]): Objective[] {
  const values = new Map(now.map(({ labels, values }) => [`${labels.__name__}\n${labels.slo}`, values[0] ?? NaN]))
  const found = groups.filter(({ name }) => name.startsWith(GROUP)).map((group) => objective(group, (metric, name) => known(values.get(`${metric}\n${name}`))))
  return found.toSorted((a, b) => (a.left ?? 1) - (b.left ?? 1) || a.name.localeCompare(b.name))
}

const known = (value: number | undefined) => (value !== undefined && Number.isFinite(value) ? value : null)

function objective(group: RuleGroup, valueOf: (metric: string, name: string) => number | null): Objective {
  const name = group.name.slice(GROUP.length)
  const [promised, left] = [promisedBy(group) ?? valueOf(PROMISED, name), valueOf(BUDGET, name)]
  const budget = promised !== null && promised < 1 ? 1 - promised : null
  const burnOver = (window: string) => {
    const ratio = valueOf(RATIO + window, name)
    return ratio === null || budget === null ? null : ratio / budget
  }
  const window = /\[(\w+)\]/.exec(group.rules.find((rule) => rule.name === BUDGET)?.query ?? '')?.[1] ?? null
  const states = group.rules.map(({ state }) => state).filter((state) => state !== undefined)
  const lately = { hour: burnOver('1h'), sixHours: burnOver('6h') }
  return {
    name,
    group,
    promised,
    left,
    window,
    state: STATES.find((state) => states.includes(state)) ?? 'unknown',
    burns: burns(group, burnOver, budget),
    lately,
    lastsS: left !== null && window !== null && lately.sixHours !== null && lately.sixHours > 0 ? (Math.max(0, left) * (readDuration(window) ?? 0)) / 1e9 / lately.sixHours : null,
  }
}

/** Returns what the rules promise, whether or not it was recorded at the time: `vector(0.999)`. */
function promisedBy({ rules }: RuleGroup): number | null {
  const share = /^vector\(([\d.e+-]+)\)$/.exec(rules.find(({ name }) => name === PROMISED)?.query ?? '')?.[1]
  return share === undefined ? null : Number(share)
}

/** What an alert's expression asks of a window: `slo:error_ratio:rate1h{slo="…"} > 0.0144`. */
const CONDITION = /slo:error_ratio:rate(\w+)\{slo="(?:[^"\\]|\\.)*"\} > ([\d.e+-]+)/g

function burns(group: RuleGroup, burnOver: (window: string) => number | null, budget: number | null): Burn[] {
  const asked = group.rules.filter(({ type }) => type === 'alerting').flatMap((alert) => pairs([...alert.query.matchAll(CONDITION)]).map((pair) => ({ alert, pair })))
  if (asked.length === 0) {
    const windows = group.rules.filter(({ name }) => name.startsWith(RATIO)).map(({ name }) => name.slice(RATIO.length))
    return windows.map((long) => ({ long, longBurn: burnOver(long), short: null, shortBurn: null, limit: null, alert: null }))
  }
  return asked.map(({ alert, pair: [long, short] }) => ({
    long: long[1]!,
    longBurn: burnOver(long[1]!),
    short: short[1]!,
    shortBurn: burnOver(short[1]!),
    limit: budget === null ? null : Number(long[2]) / budget,
    alert,
  }))
}

function pairs(conditions: RegExpMatchArray[]): [RegExpMatchArray, RegExpMatchArray][] {
  return conditions.flatMap((long, place) => {
    const short = conditions[place + 1]
    return place % 2 === 0 && short !== undefined ? [[long, short]] : []
  })
}

/** Returns "12 days" or "3.4 h" for seconds. */
export function lasting(s: number): string {
  if (s >= 365 * 86400) return 'more than a year'
  if (s >= 2 * 86400) return `${Math.round(s / 86400)} days`
  return s >= 3600 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 60)} min`
}

/** Returns how fast it burns, in words. */
export const burnText = (burn: number | null) => (burn === null ? 'no events' : `${burn >= 100 ? Math.round(burn) : Number(burn.toPrecision(2))}×`)

/** Returns a share that is promised as it was written: 99.95%. */
export const promise = (share: number | null) => (share === null ? '–' : `${Number((share * 100).toPrecision(9))}%`)
