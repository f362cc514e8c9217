// What changed: versions, flags, faults and alerts, each as a moment with a few words.
import type { Series } from '../../data/prometheus'

export type ChangeKind = 'version' | 'flag' | 'fault' | 'alert'

export interface Change {
  kind: ChangeKind
  /** Milliseconds since 1970. */
  time: number
  text: string
  /** Who, and why. */
  detail?: string
  /** The page that tells more. */
  to?: string
  parameters?: Record<string, string>
}

/** Which versions ran and which alerts fired, at each step. */
export const CHANGES_QUERY = 'count by (job, service_version) (target_info)\nor\ncount by (alertname, service, severity) (ALERTS{alertstate="firing"})'

/** Services that began at one moment with one version are one change, unless they are fewer. */
const TOGETHER = 4

interface Rise {
  labels: Record<string, string>
  time: number
}

/** Returns when series appeared, also those that were away for more than a step; what was there from the start did not appear. */
export function rises(found: Series[], from: number, stepMs: number): Rise[] {
  return found.flatMap(({ labels, times }) =>
    times.filter((time, place) => (place === 0 ? time - from > 1.5 * stepMs : time - times[place - 1]! > 1.5 * stepMs)).map((time) => ({ labels, time })),
  )
}

/** Returns the service that a job is of: what is behind its last `/`. */
const serviceOf = (job: string) => job.slice(job.lastIndexOf('/') + 1)

/** Returns versions and alerts that appeared. */
export function appeared(found: Series[], from: number, stepMs: number, service?: string): Change[] {
  const all = rises(found, from, stepMs)
  const alerts = all
    .filter(({ labels }) => labels.alertname !== undefined && (service === undefined || labels.service === service))
    .map(({ labels, time }): Change => ({ kind: 'alert', time, text: `Alert ${labels.alertname}`, detail: [labels.severity, labels.service].filter(Boolean).join(', '), to: '/alerts' }))
  const versions = new Map<string, { time: number; version: string; services: string[] }>()
  for (const { labels, time } of all) {
    if (labels.alertname !== undefined || !labels.job) continue
    const [name, version] = [serviceOf(labels.job), labels.service_version ?? '']
    if (service !== undefined && name !== service) continue
    const key = `${time} ${version}`
    const group = versions.get(key) ?? { time, version, services: [] }
    group.services.push(name)
    versions.set(key, group)
  }
  return [...alerts, ...[...versions.values()].flatMap(versionChanges)]
}

function versionChanges({ time, version, services }: { time: number; version: string; services: string[] }): Change[] {
  const of = version === '' ? 'without a version' : version
  const names = services.toSorted()
  if (names.length >= TOGETHER) return [{ kind: 'version', time, text: `${names.length} services began: ${of}`, detail: names.join(', ') }]
  return names.map((name) => ({ kind: 'version', time, text: `${name} began: ${of}`, to: `/services/${encodeURIComponent(name)}` }))
}

interface Entry {
  atMs: number
  action: string
  who: string
  why: string
  changes: { key: string | null; before: Owned; after: Owned }[]
}

type Owned = { metadata?: { owner?: string } } | null

const DONE: Record<string, string> = { set: 'changed', create: 'created', delete: 'deleted', archive: 'archived', undo: 'put back', state: 'switched' }

/** Returns the changes of flags, of those that a service owns if one is given. */
export function flagChanges(entries: Entry[], service?: string): Change[] {
  return entries.flatMap(({ atMs, action, who, why, changes }): Change[] => {
    const keys = changes.filter(({ before, after }) => service === undefined || (after ?? before)?.metadata?.owner === service).map(({ key }) => key ?? 'what flags share')
    if (keys.length === 0) return []
    const text = keys.length > 1 ? `${keys.length} flags ${DONE[action] ?? action}` : `Flag ${keys[0]} ${DONE[action] ?? action}`
    return [{ kind: 'flag', time: atMs, text, detail: `${who}: ${why}`, to: keys.length > 1 ? '/flags' : `/flags/${encodeURIComponent(keys[0]!)}` }]
  })
}

interface Incident {
  id: number
  effect: string
  committedNs: number
  who: string
  why: string
  ended: { atNs: number; by: string; why: string | null } | null
  fault: { where?: { service?: string[] } }
}

/** Returns when faults began and ended, of those that are at a service if one is given. */
export function faultChanges(faults: Incident[], service?: string): Change[] {
  return faults
    .filter(({ fault }) => service === undefined || (fault.where?.service ?? []).some((name) => fits(name, service)))
    .flatMap(({ id, effect, committedNs, who, why, ended, fault }): Change[] => {
      const at = fault.where?.service?.join(', ') ?? 'all services'
      const began: Change = { kind: 'fault', time: committedNs / 1e6, text: `Fault ${id} began at ${at}: ${effect}`, detail: `${who}: ${why}`, to: '/flags', parameters: { tab: 'faults', fault: String(id) } }
      return ended === null ? [began] : [began, { ...began, time: ended.atNs / 1e6, text: `Fault ${id} ended at ${at}`, detail: ended.why ?? ended.by }]
    })
}

const fits = (pattern: string, name: string) => pattern === name || (pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1)))

/** Returns changes of a time, the newest first. */
export const newestFirst = (changes: Change[], from: number, to: number): Change[] => changes.filter(({ time }) => time >= from && time <= to).toSorted((a, b) => b.time - a.time)
