// Alertmanager's API and the rulers', as the page of alerts asks them.
import { type ApiRequest, ApiError, json, send } from '../../data/http'
import { type Reading, useApi, useResponse } from '../../data/use-api'
import type { Labels, Matcher } from './matchers'
import type { RuleGroup, SentAlert } from './model'
import { type Configuration, readConfiguration } from './routing'
import { asList, asMap, asText, readYaml, type Yaml } from './yaml'

/** How often alerts are looked at again: somebody may be watching this page only. */
const AGAIN_MS = 15_000

export const ALERTS: ApiRequest = { path: '/alertmanager/api/v2/alerts' }
export const RULES: ApiRequest = { path: '/prometheus/api/v1/rules' }
export const SILENCES: ApiRequest = { path: '/alertmanager/api/v2/silences' }
export const STATUS: ApiRequest = { path: '/alertmanager/api/v2/status' }
const RULER = '/prometheus/config/v1/rules'

export const useSentAlerts = (): Reading<SentAlert[]> => useApi(ALERTS, { refetchMs: AGAIN_MS })

export const useRules = (): Reading<RuleGroup[]> => useApi(RULES, { refetchMs: AGAIN_MS, read: (answer) => (answer as { data: { groups: RuleGroup[] } }).data.groups })

export interface Silence {
  id: string
  matchers: Matcher[]
  startsAt: string
  endsAt: string
  updatedAt?: string
  createdBy: string
  comment: string
  status: { state: 'active' | 'pending' | 'expired' }
}

export const useSilences = (): Reading<Silence[]> => useApi(SILENCES, { refetchMs: AGAIN_MS })

/** Reads what Alertmanager is configured with. */
export const useConfiguration = (): Reading<Configuration> => useApi(STATUS, { staleMs: 30_000, read: (answer) => readConfiguration((answer as { config: { original: string } }).config.original) })

interface NewSilence {
  id?: string
  matchers: Matcher[]
  startsAt: string
  endsAt: string
  createdBy: string
  comment: string
}

/** Sets a silence, and returns its id. */
export const setSilence = async (silence: NewSilence): Promise<string> => (await json<{ silenceID: string }>({ ...SILENCES, method: 'POST', body: silence })).silenceID

export const expireSilence = (id: string) => send({ method: 'DELETE', path: `/alertmanager/api/v2/silence/${encodeURIComponent(id)}` })

/** A rule as the ruler takes and gives it. */
export interface GivenRule {
  alert?: string
  record?: string
  expr: string
  for?: string
  keep_firing_for?: string
  labels?: Labels
  annotations?: Labels
  [field: string]: unknown
}

export interface GivenGroup {
  name: string
  interval?: string
  rules: GivenRule[]
  [field: string]: unknown
}

/** Groups that were given by the ruler's API, by namespace; null where it is not allowed. */
export type Given = Record<string, GivenGroup[]> | null

export const RULER_REQUEST: ApiRequest = { path: RULER }

export function useGivenRules(): Reading<Given> {
  return useResponse<Given>(RULER_REQUEST, async (response) => readGiven(await response.text()), { staleMs: 10_000 })
}

/** Returns whether a refusal says that the ruler's API is switched off. */
export const isRulerOff = (error: Error | null): boolean => error instanceof ApiError && error.status === 404 && /not enabled/.test(error.message)

export const isNone = (error: Error | null): boolean => error instanceof ApiError && error.status === 404 && !isRulerOff(error)

function readGiven(text: string): Record<string, GivenGroup[]> {
  return Object.fromEntries(Object.entries(asMap(readYaml(text))).map(([namespace, groups]) => [namespace, asList(groups).map(readGroup)]))
}

function readGroup(node: Yaml): GivenGroup {
  const { name, rules, limit, ...rest } = asMap(node)
  return { ...rest, ...(limit === undefined ? {} : { limit: Number(limit) }), name: asText(name), rules: asList(rules).map((rule) => asMap(rule) as unknown as GivenRule) }
}

/** Gives a group. JSON is YAML, too. */
export async function giveGroup(namespace: string, group: GivenGroup): Promise<void> {
  await send({ method: 'POST', path: `${RULER}/${encodeURIComponent(namespace)}`, body: JSON.stringify(group), headers: { 'content-type': 'application/yaml' } })
}

export async function removeGroup(namespace: string, name: string): Promise<void> {
  await send({ method: 'DELETE', path: `${RULER}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}` })
}

/** What became of a test of a receiver, by integration. */
export interface Tested {
  integrations: { kind: string; name: string; isSent: boolean; error?: string; duration_ms: number }[]
}

export const testReceiver = (name: string): Promise<Tested> => json<Tested>({ method: 'POST', path: `/alertmanager/api/v2/receivers/${encodeURIComponent(name)}/test` })
