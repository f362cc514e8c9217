// The records of the list: a page at first, and more at either end for who scrolls there. The newest stands first.
import { type InfiniteData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useMemo, useRef, useState } from 'react'
import { type ApiRequest, json } from '../../data/http'
import { AGAIN, type Reading } from '../../data/use-api'
import { contextRequest, type LogRecord, type Scope, searchRequest } from './log-api'

/** Where the list's records come from. */
export type Source =
  | { kind: 'search'; scope: Scope }
  /** Around a record: what its instance logged, or all that the query finds. */
  | { kind: 'around'; cursor: string; of: 'instance' | 'query'; query: string }

const FIRST = 200
const MORE = 300
/** Records on each side of one. */
const AROUND = 20
/** Most that are told around a record at once. */
const MOST_AROUND = 500
/** Records that are held; the farthest from where new ones come are let go, and read again when one scrolls there. */
const MOST = 5000
/** Records that are asked for at once when many have come. */
const CATCH_UP = 1000
const ALL_TIME: Pick<Scope, 'from' | 'to'> = { from: 0, to: 4e12 }

interface Page {
  logs: LogRecord[]
  hasOlder: boolean
}

export interface LogList {
  reading: Reading<InfiniteData<Page>>
  /** The newest first. */
  logs: LogRecord[]
  hasOlder: boolean
  isGrowing: boolean
  /** Why no more could be read. */
  growthError: Error | null
  growOlder: () => void
  /** Tries again to read what could not be read. */
  growAgain: () => void
  growNewer: () => Promise<void>
  /** Puts records that have come before the others. */
  add: (logs: LogRecord[]) => void
}

/** Returns the request of a source's first page. */
export function firstRequest(source: Source): ApiRequest {
  return source.kind === 'search' ? searchRequest(source.scope, { limit: FIRST }) : contextRequest(source.cursor, AROUND, AROUND)
}

type Logs = { logs: LogRecord[] }
/** In order of time; `at` is the place of the record around which they are. */
type Around = Logs & { at: number }

async function firstPage(source: Source, signal: AbortSignal): Promise<Page> {
  if (source.kind === 'search') {
    const { logs } = await json<Logs>(firstRequest(source), signal)
    return { logs, hasOlder: logs.length === FIRST }
  }
  if (source.of === 'instance') {
    const { logs } = await json<Logs>(firstRequest(source), signal)
    return { logs: logs.toReversed(), hasOlder: true }
  }
  const [line, older, newer] = await Promise.all([
    json<Around>(contextRequest(source.cursor, 1, 1), signal),
    olderThan(source, source.cursor, AROUND, signal),
    newerThan(source, source.cursor, AROUND, signal),
  ])
  return { logs: [...newer, ...line.logs.slice(line.at, line.at + 1), ...older.logs], hasOlder: older.hasOlder }
}

async function olderThan(source: Source, cursor: string, limit: number, signal?: AbortSignal): Promise<Page> {
  if (source.kind === 'around' && source.of === 'instance') {
    const { logs, at } = await json<Around>(contextRequest(cursor, limit, 1), signal)
    return { logs: logs.slice(0, at).toReversed(), hasOlder: at === limit }
  }
  const scope = source.kind === 'search' ? source.scope : { query: source.query, ...ALL_TIME }
  const { logs } = await json<Logs>(searchRequest(scope, { limit, after: cursor }), signal)
  return { logs, hasOlder: logs.length === limit }
}

/** Returns what is newer than a record, the newest first: of much, what comes next. */
async function newerThan(source: Source, cursor: string | undefined, limit: number, signal?: AbortSignal): Promise<LogRecord[]> {
  if (source.kind === 'around' && source.of === 'instance' && cursor !== undefined) {
    const { logs, at } = await json<Around>(contextRequest(cursor, 1, Math.min(limit, MOST_AROUND)), signal)
    return logs.slice(at + 1).toReversed()
  }
  const scope = source.kind === 'search' ? { ...source.scope, to: Math.max(Date.now() + 60e3, source.scope.to) } : { query: source.query, ...ALL_TIME }
  const { logs } = await json<Logs>(searchRequest(scope, { limit, after: cursor, order: 'oldest' }), signal)
  return logs.toReversed()
}

export function useLogList(source: Source): LogList {
  const client = useQueryClient()
  const request = firstRequest(source)
  const key = ['api', request, source.kind === 'around' ? source.of : '', 'list']
  const [newerError, setNewerError] = useState<Error | null>(null)
  const isGrowingNewer = useRef(false)
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => (pageParam === null ? firstPage(source, signal) : olderThan(source, pageParam, MORE, signal)),
    initialPageParam: null as string | null,
    getNextPageParam: ({ logs, hasOlder }) => (hasOlder ? logs.at(-1)?.cursor : undefined),
    staleTime: Infinity,
    gcTime: 60_000,
    ...AGAIN,
  })
  const put = (change: (logs: LogRecord[], last: Page) => Page) =>
    client.setQueryData<InfiniteData<Page, string | null>>(key, (held) => held && { pages: [change(held.pages.flatMap(({ logs }) => logs), held.pages.at(-1)!)], pageParams: [null] })
  const add = (come: LogRecord[]) =>
    put((logs, last) => {
      const known = new Set(logs.slice(0, CATCH_UP).map(({ cursor }) => cursor))
      const all = [...come.filter(({ cursor }) => !known.has(cursor)), ...logs]
      return { logs: all.slice(0, MOST), hasOlder: last.hasOlder || all.length > MOST }
    })
  const growNewer = async () => {
    const held = client.getQueryData<InfiniteData<Page>>(key)
    if (isGrowingNewer.current || held === undefined) return
    isGrowingNewer.current = true
    try {
      const come = await newerThan(source, held.pages.flatMap(({ logs }) => logs)[0]?.cursor, CATCH_UP)
      setNewerError(null)
      // What has come is more than is caught up with: the list begins anew with the newest.
      if (come.length === CATCH_UP && source.kind === 'search') await client.resetQueries({ queryKey: key })
      else if (come.length > 0) add(come)
    } catch (error) {
      setNewerError(error instanceof Error ? error : new Error(String(error)))
    } finally {
      isGrowingNewer.current = false
    }
  }
  const growOlder = useCallback(() => {
    if (query.hasNextPage && !query.isFetching && !query.isFetchNextPageError) void query.fetchNextPage()
  }, [query])
  const growAgain = () => {
    setNewerError(null)
    if (query.isFetchNextPageError) void query.fetchNextPage()
    else void growNewer()
  }
  const hasData = query.data !== undefined
  const reading = { ...query, error: hasData ? null : query.error, request } as unknown as Reading<InfiniteData<Page>>
  const logs = useMemo(() => query.data?.pages.flatMap(({ logs }) => logs) ?? [], [query.data])
  return { reading, logs, hasOlder: query.hasNextPage, isGrowing: query.isFetchingNextPage, growthError: newerError ?? (hasData ? query.error : null), growOlder, growAgain, growNewer, add }
}
