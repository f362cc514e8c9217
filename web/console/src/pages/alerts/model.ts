// Alerts as one list: what rules say, and what Alertmanager makes of it.
import type { Labels } from './matchers'

interface RuleAlert {
  labels: Labels
  annotations: Labels
  state: 'pending' | 'firing' | 'inactive'
  activeAt?: string
  value: string
}

export interface Rule {
  type: 'alerting' | 'recording'
  name: string
  query: string
  duration?: number
  keepFiringFor?: number
  labels?: Labels
  annotations?: Labels
  alerts?: RuleAlert[]
  state?: string
  health: string
  lastError?: string
  evaluationTime?: number
  lastEvaluation?: string
}

export interface RuleGroup {
  name: string
  file: string
  interval: number
  limit?: number
  rules: Rule[]
}

export interface SentAlert {
  labels: Labels
  annotations: Labels
  fingerprint: string
  startsAt: string
  endsAt: string
  generatorURL?: string
  receivers: { name: string }[]
  status: { state: string; silencedBy: string[]; inhibitedBy: string[]; mutedBy?: string[] }
}

export type AlertState = 'firing' | 'pending' | 'silenced' | 'inhibited' | 'muted'

export interface Alert {
  key: string
  name: string
  severity: string
  labels: Labels
  annotations: Labels
  state: AlertState
  /** Milliseconds since 1970. */
  since: number
  value: number | null
  rule: Rule | null
  group: RuleGroup | null
  sent: SentAlert | null
}

export const keyOf = (labels: Labels): string => JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** The gravest first. Whatever is not known stands between what is grave and what is only said. */
const RANKS = [['critical', 'page', 'emergency', 'fatal'], ['error', 'high', 'major'], ['warning', 'warn', 'ticket', 'medium'], [], ['info', 'low', 'notice', 'none', 'debug']]

export function severityRank(severity: string): number {
  const found = RANKS.findIndex((names) => names.includes(severity.toLowerCase()))
  return found === -1 ? 3 : found
}

export function severityTone(severity: string): 'bad' | 'warn' | 'info' {
  const rank = severityRank(severity)
  return rank <= 1 ? 'bad' : rank === 2 ? 'warn' : 'info'
}

const STATES: AlertState[] = ['firing', 'pending', 'inhibited', 'muted', 'silenced']

/** Returns all alerts, the gravest first; of those, what fires before what waits or is kept quiet, and the newest first. */
export function alertsOf(groups: RuleGroup[], sent: SentAlert[]): Alert[] {
  const bySent = new Map(sent.map((alert) => [keyOf(alert.labels), alert]))
  const ruled = groups.flatMap((group) => group.rules.flatMap((rule) => (rule.alerts ?? []).filter(({ state }) => state !== 'inactive').map((alert) => made(alert, rule, group, bySent))))
  const keys = new Set(ruled.map(({ key }) => key))
  const others = sent.filter(({ labels }) => !keys.has(keyOf(labels))).map(foreign)
  return [...ruled, ...others].toSorted((a, b) => severityRank(a.severity) - severityRank(b.severity) || STATES.indexOf(a.state) - STATES.indexOf(b.state) || b.since - a.since || a.key.localeCompare(b.key))
}

function made(alert: RuleAlert, rule: Rule, group: RuleGroup, bySent: Map<string, SentAlert>): Alert {
  const key = keyOf(alert.labels)
  const sent = bySent.get(key) ?? null
  const state = alert.state === 'pending' ? 'pending' : stateOf(sent)
  return { key, name: alert.labels.alertname ?? rule.name, severity: alert.labels.severity ?? '', labels: alert.labels, annotations: alert.annotations, state, since: Date.parse(alert.activeAt ?? ''), value: Number(alert.value), rule, group, sent }
}

/** One that others sent. */
function foreign(sent: SentAlert): Alert {
  const { labels, annotations, startsAt } = sent
  return { key: keyOf(labels), name: labels.alertname ?? '', severity: labels.severity ?? '', labels, annotations, state: stateOf(sent), since: Date.parse(startsAt), value: null, rule: null, group: null, sent }
}

function stateOf(sent: SentAlert | null): AlertState {
  if (sent === null) return 'firing'
  const { silencedBy, inhibitedBy, mutedBy = [] } = sent.status
  if (silencedBy.length > 0) return 'silenced'
  if (inhibitedBy.length > 0) return 'inhibited'
  return mutedBy.length > 0 ? 'muted' : 'firing'
}
