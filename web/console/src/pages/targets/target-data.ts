// What is scraped, and what is not, as Prometheus's API tells it.
import { promText } from '../../data/prometheus'

export interface ActiveTarget {
  discoveredLabels: Record<string, string>
  labels: Record<string, string>
  scrapePool: string
  scrapeUrl: string
  lastError: string
  lastScrape: string
  /** Seconds. */
  lastScrapeDuration: number
  health: Health
  scrapeInterval: string
  scrapeTimeout: string
}

export interface DroppedTarget {
  discoveredLabels: Record<string, string>
  scrapePool: string
}

export interface Targets {
  activeTargets: ActiveTarget[]
  droppedTargets: DroppedTarget[]
  /** By job; more than are listed where a job keeps only some. */
  droppedTargetCounts: Record<string, number>
}

export const HEALTHS = ['down', 'unknown', 'up'] as const
export type Health = (typeof HEALTHS)[number]

export interface Shown {
  job: string
  health: Health | 'all'
  q: string
}

/** What does not answer comes first. */
const order = (health: Health) => HEALTHS.indexOf(health)

/** Returns the active targets that are looked for. */
export function activeOf({ activeTargets }: Targets, { job, health, q }: Shown): ActiveTarget[] {
  const word = q.toLowerCase()
  const isShown = (target: ActiveTarget) =>
    (job === '' || target.scrapePool === job) && (health === 'all' || target.health === health) && (word === '' || textOf(target).includes(word))
  return activeTargets.filter(isShown).toSorted((a, b) => order(a.health) - order(b.health))
}

/** Returns the dropped targets that are looked for. */
export function droppedOf({ droppedTargets }: Targets, { job, q }: Shown): DroppedTarget[] {
  const word = q.toLowerCase()
  return droppedTargets.filter((target) => (job === '' || target.scrapePool === job) && (word === '' || labelText(target.discoveredLabels).toLowerCase().includes(word)))
}

const textOf = ({ scrapeUrl, lastError, labels }: ActiveTarget) => `${scrapeUrl}\n${lastError}\n${labelText(labels)}`.toLowerCase()

/** Returns labels as one line. */
export const labelText = (labels: Record<string, string>) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')

/** Returns the jobs there are, with what they have. */
export function jobsOf({ activeTargets, droppedTargetCounts }: Targets): { job: string; up: number; all: number; dropped: number }[] {
  const jobs = new Map(Object.entries(droppedTargetCounts).map(([job, dropped]) => [job, { job, up: 0, all: 0, dropped }]))
  for (const { scrapePool: job, health } of activeTargets) {
    const counts = jobs.get(job) ?? { job, up: 0, all: 0, dropped: 0 }
    jobs.set(job, counts)
    counts.all++
    if (health === 'up') counts.up++
  }
  return [...jobs.values()].toSorted((a, b) => b.all - b.up - (a.all - a.up) || a.job.localeCompare(b.job))
}

/** Returns what a target is called in the address. */
export const activeKey = ({ scrapePool, scrapeUrl, labels }: ActiveTarget) => `${scrapePool} ${scrapeUrl} ${labels.instance ?? ''}`

/** Returns where a target that is not scraped would be. */
export const droppedUrl = ({ discoveredLabels: labels }: DroppedTarget) => `${labels.__scheme__ ?? 'http'}://${labels.__address__ ?? ''}${labels.__metrics_path__ ?? ''}`

export const droppedKey = (target: DroppedTarget) => `${target.scrapePool} ${droppedUrl(target)}`

/** Returns the selector of a target's series, those whose name fits an expression if one is given. */
export function selectorOf({ labels }: ActiveTarget, names?: string): string {
  const own = `job=${promText(labels.job ?? '')},instance=${promText(labels.instance ?? '')}`
  return names === undefined ? `{${own}}` : `{__name__=~${promText(names)},${own}}`
}

export interface MetricInfo {
  metric: string
  type: string
  help: string
  unit: string
}

/** Returns each metric once: with its unit, if any of what is said of it has one. */
export function metricsOf(entries: MetricInfo[]): MetricInfo[] {
  const found = new Map<string, MetricInfo>()
  for (const entry of entries) {
    const before = found.get(entry.metric)
    if (before === undefined || (before.unit === '' && entry.unit !== '')) found.set(entry.metric, entry)
  }
  return [...found.values()].toSorted((a, b) => a.metric.localeCompare(b.metric))
}

export interface RelabelStep {
  rule: { action: string; regex: string; source_labels?: string[]; target_label?: string; replacement: string; separator: string; modulus?: number }
  output: Record<string, string>
  keep: boolean
}

/** Returns what a step did to labels: those it set, and those it took away. */
export function changesOf(before: Record<string, string>, { output, keep }: RelabelStep): string[] {
  if (!keep) return []
  const set = Object.entries(output).filter(([name, value]) => before[name] !== value)
  const gone = Object.keys(before).filter((name) => !(name in output))
  return [...set.map(([name, value]) => `${name}=${value}`), ...gone.map((name) => `without ${name}`)]
}
