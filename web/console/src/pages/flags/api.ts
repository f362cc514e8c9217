// The API of flags and faults: what it answers, and the requests that change something.
import { type ApiRequest, withParameters } from '../../data/http'
import { flagsPath } from '../../data/session'
import { type Reading, type ReadingOptions, useApi } from '../../data/use-api'

export interface Definition {
  state?: 'ENABLED' | 'DISABLED'
  variants?: Record<string, unknown>
  defaultVariant?: string | null
  targeting?: unknown
  metadata?: Record<string, unknown>
}

export interface Life {
  stage: string
  kind: string | null
  owners: string[]
  purpose: string | null
  reads: number
  lastReadMs: number | null
  lastReader: string | null
  sameSinceMs: number | null
  variant: string | null
  drift: string[]
}

export interface Flag {
  key: string
  revision: number
  changedMs: number
  type: string
  enabled: boolean
  targeted: boolean
  broken?: string
  defaultVariant: string | null
  definition: Definition
  life?: Life
}

export interface Declaration {
  key: string
  owner: string
  type: string
  kind: string
  purpose: string
  version: string
  drift: string | null
  variants: { name: string; value: unknown }[]
}

export interface Entry {
  revision: number
  atMs: number
  who: string
  why: string
  action: string
  set?: string
  about?: string
  changes: { key: string | null; before: unknown; after: unknown }[]
}

/** A change as it is kept until its time, or until others approve it. */
export interface Operation {
  do: string
  key?: string
  name?: string
  enabled?: boolean
}

export interface Schedule {
  id: number
  set: string
  operation: Operation
  author: { who: string; why: string }
  atMs: number
  failed?: string
}

export interface ChangeRequest {
  id: number
  set: string
  operation: Operation
  atMs: number | null
  author: { who: string; why: string }
  hash: string
  approvals: { who: string; why: string; atMs: number }[]
  state: 'open' | 'applied' | 'rejected' | 'failed'
  because?: string
}

export interface RollOut {
  id: number
  set: string
  key: string
  who: string
  why: string
  plan: { from: string; to: string; every: string; guard?: { query: string; is: string; value: number; then?: string } }
  shares: number[]
  reached: number
  state: 'running' | 'paused' | 'stopped' | 'done' | 'reverted'
  because?: string
  nextMs: number
}

/** What a change says of itself. */
export interface About {
  why: string
  /** RFC 3339: when it is to be made. */
  at?: string
  /** Whether others are to approve it first. */
  propose?: boolean
}

/** Reads from the API of flags. */
export function useFlagsApi<Data>(path: string, parameters: Record<string, string | number | undefined> = {}, options?: ReadingOptions): Reading<Data> {
  return useApi<Data>({ path: withParameters(flagsPath(`/api/v1/${path}`), parameters) }, options)
}

const aboutOf = ({ why, at, propose }: About) => ({ why, at, propose: propose || undefined })

/** Returns the request for a change of one flag: `act` is behind its key, `/state` for instance. */
export function changeOfFlag(method: ApiRequest['method'], flag: { key: string; set: string; revision: number }, act: string, about: About, body?: unknown): ApiRequest {
  return changeOf(method, `flags/${encodeURIComponent(flag.key)}${act}`, { revision: flag.revision, set: flag.set }, about, body)
}

/** Returns the request for any other change. */
export function changeOf(method: ApiRequest['method'], path: string, parameters: Record<string, string | number | undefined>, about: About, body?: unknown): ApiRequest {
  const all = Object.entries({ ...parameters, ...aboutOf(about) }).filter(([, value]) => value !== undefined) as [string, string | number | boolean][]
  return { method, path: withParameters(flagsPath(`/api/v1/${path}`), Object.fromEntries(all)), body }
}

/** Returns the address of a flag's page. */
export const flagPage = (key: string) => `/flags/${encodeURIComponent(key)}`

/** Returns the last change that a history tells of each flag of a set. */
export function lastChanges(entries: Entry[], set: string): Map<string, Entry> {
  const last = new Map<string, Entry>()
  for (const entry of entries.filter((each) => (each.set ?? '') === set)) {
    for (const { key } of entry.changes) if (key !== null && !last.has(key)) last.set(key, entry)
  }
  return last
}
