// Reads what changed in a time: by one query of PromQL, and from the flags service where there is one.
import { useMemo } from 'react'
import { rangeRequest, readSeries, type Series } from '../../data/prometheus'
import { flagsPath, useSession } from '../../data/session'
import { type Reading, useApi } from '../../data/use-api'
import type { TimeRange } from '../../time'
import { appeared, type Change, CHANGES_QUERY, faultChanges, flagChanges, newestFirst } from './changes'

/** Flags and faults change seldom. */
const OFTEN_MS = 15_000
/** Entries of the flags' history that are looked at. */
const MOST_ENTRIES = 200

export interface Changes {
  all: Change[]
  /** Versions and alerts: what of it was asked, and whether it was answered. */
  series: Reading<Series[]>
  /** What could not be read, for people. */
  missing: string[]
}

/** Reads what changed in a time range; at a service, if one is given. */
export function useChanges(time: TimeRange, service?: string): Changes {
  const hasFlags = useSession().data?.flags ?? false
  const again = { staleMs: OFTEN_MS, refetchMs: time.isLive ? OFTEN_MS : (false as const) }
  const request = rangeRequest(CHANGES_QUERY, time)
  const series = useApi(request, { read: readSeries, staleMs: OFTEN_MS })
  const history = useApi<{ entries: Parameters<typeof flagChanges>[0] }>(hasFlags ? { path: flagsPath(`/api/v1/history?limit=${MOST_ENTRIES}`) } : null, again)
  const faults = useApi<{ faults: Parameters<typeof faultChanges>[0] }>(hasFlags ? { path: flagsPath('/api/v1/faults') } : null, again)
  const { from, to, step } = time
  const all = useMemo(() => {
    const stepMs = step * 1000
    const start = Math.floor(from / stepMs) * stepMs
    const found = [...appeared(series.data ?? [], start, stepMs, service), ...flagChanges(history.data?.entries ?? [], service), ...faultChanges(faults.data?.faults ?? [], service)]
    return newestFirst(found, from, to)
  }, [series.data, history.data, faults.data, from, to, step, service])
  const missing = [series.error && 'versions and alerts', history.error && 'flags', faults.error && 'faults'].filter((name) => name !== null)
  return { all, series, missing }
}
