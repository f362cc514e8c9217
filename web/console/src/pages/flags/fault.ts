// Faults: what is known of one, which effects there are, and what belongs to each.

export interface Site {
  at: string
  service: string
  from?: string
}

interface FaultDocument {
  what: string | Record<string, unknown>
  where: { at: string; service: string[]; from?: string[]; method?: string[] } & Record<string, unknown>
  share?: { rate?: number; of?: string; seed?: number }
  timing: { ttl_s: number; after_s?: number; ramp_s?: number }
  scope?: string
  guards?: Guard[]
  remedy?: string
  why?: string
}

export interface Guard {
  if: Record<string, string>
  above?: number
  below?: number
  for_s: number
  missing?: string
}

export interface Incident {
  id: number
  state: 'starting' | 'running' | 'ending' | 'ended'
  effect: string
  eligible: number
  hit: number
  hitsNothing: boolean
  fault: FaultDocument
  who: string
  why: string
  committedNs: number
  overNs: number
  ended: { atNs: number; by: string; who: string | null; why: string | null } | null
  processes: Record<string, { sites: Site[]; eligible: number; hit: number; ended: string | null; lost: boolean }>
  hitsBySite: Record<string, number>
  exemplars: Hit[]
}

export interface Hit {
  site: Site
  traceId: string
  spanId: string
  atNs: number
}

export interface Faults {
  stopped: unknown
  processes: number
  faults: Incident[]
}

export interface Sites {
  carries: Record<string, string[]>
  processes: { instance: string; services: string[]; sites: Site[] }[]
}

export const isAtWork = ({ state }: Incident) => state !== 'ended'

/** What each kind of place is. */
export const PLACES: Record<string, string> = {
  caller: 'the way from a caller',
  callee: 'the service itself',
  edge: 'the way in from outside',
  consumer: 'its reading of events',
  relay: 'its way to the broker',
  store: 'its database',
  cache: 'its cache',
  process: 'its process',
  load: 'those who shop',
}

/** One thing that belongs to an effect. */
export interface Member {
  name: string
  label: string
  kind: 'number' | 'text' | 'choice' | 'switch'
  /** What it is at first; without one, it may stay empty. */
  usual?: number | string
  choices?: string[]
}

const n = (name: string, label: string, usual?: number): Member => ({ name, label, kind: 'number', usual })
const every = n('every_ms', 'Milliseconds from one to the next', 1000)
const when: Member = { name: 'when', label: 'When', kind: 'choice', choices: ['before', 'after'], usual: 'before' }

/** What each effect does, and what belongs to it. */
export const EFFECTS: Record<string, { does: string; members: Member[] }> = {
  delay: { does: 'takes longer', members: [n('ms', 'Milliseconds', 200), n('jitter_ms', 'Varies by milliseconds')] },
  bandwidth: { does: 'messages go through a narrow line', members: [n('kib_s', 'KiB a second', 64)] },
  hang: { does: 'nothing happens', members: [n('ms', 'Milliseconds; empty: until the fault ends')] },
  hold: { does: 'all stops for a while, again and again', members: [n('ms', 'Milliseconds of each stop', 300), every] },
  error: { does: 'an error instead of an answer', members: [{ name: 'code', label: 'Code', kind: 'choice', choices: ['UNAVAILABLE', 'INTERNAL', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'PERMISSION_DENIED', 'UNAUTHENTICATED', 'NOT_FOUND', 'ABORTED', 'UNKNOWN'], usual: 'UNAVAILABLE' }, when] },
  reset: { does: 'the connection breaks', members: [when] },
  refuse: { does: 'nobody listens', members: [] },
  lose: { does: 'a message does not arrive', members: [{ name: 'leg', label: 'Which', kind: 'choice', choices: ['request', 'answer'], usual: 'request' }] },
  partition: { does: 'nothing gets from one to the other', members: [{ name: 'both', label: 'Nor back', kind: 'switch' }] },
  duplicate: { does: 'a call arrives more than once', members: [n('copies', 'Times in addition', 1)] },
  limits: { does: 'calls have other bounds', members: [n('deadline_ms', 'Deadline in milliseconds'), n('in_flight', 'Calls at a time', 1), n('attempts', 'Tries')] },
  truncate: { does: 'an answer is cut', members: [n('bytes', 'Bytes that are left', 16)] },
  stale: { does: 'an old answer is given again', members: [n('age_s', 'Seconds', 60)] },
  value: { does: 'an answer holds something else', members: [{ name: 'field', label: 'Field', kind: 'text', usual: '' }, { name: 'set', label: 'It is', kind: 'text' }, n('scale', 'Times as much')] },
  redeliver: { does: 'an event comes again', members: [] },
  in_doubt: { does: 'a commit is made, and this is not known', members: [] },
  lock: { does: 'writes wait', members: [n('hold_ms', 'Milliseconds of each wait', 300), every] },
  bypass: { does: 'the cache is not asked', members: [] },
  evict: { does: 'what was cached is thrown away', members: [] },
  cpu: { does: 'processor time is burnt', members: [n('cores', 'Cores', 1)] },
  memory: { does: 'memory is taken and not given back', members: [n('mib_s', 'MiB a second', 5), n('cap_mib', 'At most, in MiB', 256)] },
  block: { does: 'threads of the runtime stand still', members: [n('workers', 'Threads', 1), n('ms', 'Milliseconds of each block', 300), every] },
  clock: { does: 'the clock is wrong', members: [n('offset_ms', 'By milliseconds', 60_000), { name: 'telemetry', label: 'Also that of telemetry', kind: 'switch' }] },
  unready: { does: 'alive, and not ready', members: [] },
  exit: { does: 'the process ends', members: [n('code', 'Code', 137)] },
  disk: { does: 'the disk is busy', members: [n('mib_s', 'MiB a second', 20)] },
  surge: { does: 'more people come, or fewer', members: [n('factor', 'Times as many', 3)] },
  flood: { does: 'one page is asked for by machines', members: [{ name: 'path', label: 'Path', kind: 'text', usual: '/' }, n('rps', 'Requests a second', 20)] },
  hot: { does: 'everybody wants one thing', members: [{ name: 'product', label: 'Product', kind: 'text', usual: 'prd_tall-vase' }, n('share', 'Share of those who choose', 0.8)] },
  mix: { does: 'people come for something else', members: [n('browse', 'Browse', 1), n('buy_one', 'Buy one', 1), n('search', 'Search'), n('cancel', 'Cancel')] },
}

/** Effects that hit all services of a process. */
const OF_PROCESS = ['cpu', 'memory', 'block', 'clock', 'exit', 'disk']

/** What a form holds: texts, as they were typed. */
export interface Draft {
  at: string
  service: string
  from: string
  method: string
  effect: string
  members: Record<string, string>
  rate: number
  of: string
  ttl: number
  after: number
  ramp: number
  guard: { signal: string; subject: string; side: 'above' | 'below'; value: string; for: string }
}

export const newDraft = (at: string, service: string, effect: string): Draft => ({
  at,
  service,
  from: '',
  method: '',
  effect,
  members: Object.fromEntries((EFFECTS[effect]?.members ?? []).map(({ name, usual }) => [name, usual === undefined ? '' : String(usual)])),
  rate: 1,
  of: 'traces',
  ttl: 120,
  after: 0,
  ramp: 0,
  guard: { signal: '', subject: service, side: 'above', value: '', for: '10' },
})

const names = (text: string) => text.split(/[\s,]+/).filter((name) => name !== '')

/** Returns the document that a form stands for. */
export function documentOf(draft: Draft): FaultDocument {
  const { at, effect, guard } = draft
  const { from, method } = { from: at === 'caller' ? names(draft.from) : [], method: names(draft.method) }
  return {
    what: whatOf(effect, draft.members),
    where: { at, service: [draft.service], ...(from.length > 0 && { from }), ...(method.length > 0 && { method }) },
    ...(draft.rate < 1 && { share: { rate: draft.rate, of: draft.of } }),
    timing: { ttl_s: draft.ttl, ...(draft.after > 0 && { after_s: draft.after }), ...(draft.ramp > 0 && { ramp_s: draft.ramp }) },
    ...(at === 'process' && OF_PROCESS.includes(effect) && { scope: 'process' }),
    ...(guard.signal !== '' && { guards: [{ if: { [guard.signal]: guard.subject }, [guard.side]: Number(guard.value), for_s: Number(guard.for), missing: 'ignore' } as Guard] }),
  }
}

function whatOf(effect: string, members: Record<string, string>): FaultDocument['what'] {
  const kinds = EFFECTS[effect]?.members ?? []
  if (kinds.length === 0) return effect
  const all = kinds.map(({ name, kind }) => [name, kind, members[name] ?? ''] as const).filter(([, , text]) => text !== '')
  return { [effect]: Object.fromEntries(all.map(([name, kind, text]) => [name, kind === 'number' ? Number(text) : kind === 'switch' ? text === '1' : text])) }
}

/** Returns where a fault acts, in words: "payments, called by checkout". */
export function placeOf({ where }: FaultDocument): string {
  const services = where.service.join(', ')
  const methods = where.method === undefined ? '' : `.${where.method.join('|')}`
  const from = where.from === undefined ? '' : `, called by ${where.from.join(', ')}`
  return `${services}${methods}${where.at === 'callee' ? '' : `: ${PLACES[where.at] ?? where.at}`}${from}`
}

/** Returns when a fault's time is over, in milliseconds since 1970. */
export const endOf = (incident: Incident) => incident.committedNs / 1e6 + incident.fault.timing.ttl_s * 1000
