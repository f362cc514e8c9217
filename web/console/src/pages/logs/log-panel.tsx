// The list of records with what can be done with it: follow, wrap, turn round, take away.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { download } from '../../data/download'
import { useRemembered } from '../../data/remembered'
import { clock, figures, moment } from '../../format'
import { Answer, Problem } from '../../parts/answer'
import { Button, ButtonLink, MenuItem } from '../../parts/controls'
import { Panel } from '../../parts/panel'
import { changedAddress, navigate, useParameters } from '../../router'
import { useTime } from '../../time'
import { exportPath, type LogRecord, scopeOf, timeOf } from './log-api'
import { LogLines } from './log-lines'
import styles from './logs.module.css'
import { logSql } from './log-sql'
import { Nothing } from './nothing'
import { LOG_FIELDS } from './state'
import { firstRequest, type LogList, type Source, useLogList } from './use-log-list'
import { type Tail, useTail } from './use-tail'

/** Lines that the address holds open. */
const MOST_OPEN = 5

export function LogPanel({ query, onError }: { query: string; onError: (error: Error | null) => void }) {
  const [state, change] = useParameters(LOG_FIELDS)
  const time = useTime()
  const source = useSource(query)
  const list = useLogList(source)
  const [isWrapped, wrap] = useRemembered('logs.wrap', false)
  const [isBelow, setBelow] = useRemembered('logs.newest-below', false)
  const follower = useFollower(query, list, state.tail && state.at === '')
  const { growNewer, growOlder } = list
  const newest = useRef(growNewer)
  newest.current = growNewer
  useLookAgain(time.to, () => source.kind === 'search' && !state.tail && void newest.current())
  const { error } = list.reading
  useEffect(() => onError(error), [error, onError])
  const open = state.open
  const toggle = useCallback(
    (cursor: string) => change({ open: open.includes(cursor) ? open.filter((other) => other !== cursor) : [...open, cursor].slice(-MOST_OPEN) }),
    [open, change],
  )
  const onNewest = useCallback(() => {
    if (source.kind === 'around') void newest.current()
  }, [source.kind])
  const scope = scopeOf(query, time)
  return (
    <Panel
      className={styles.list}
      flush
      title={source.kind === 'around' ? <Around logs={list.logs} cursor={source.cursor} /> : <Span list={list} />}
      request={firstRequest(source)}
      sql={logSql(scope)}
      actions={
        <>
          <Button kind="plain" aria-pressed={isWrapped} onClick={() => wrap(!isWrapped)}>
            Wrap
          </Button>
          <Button kind="plain" aria-pressed={isBelow} onClick={() => setBelow(!isBelow)}>
            Newest below
          </Button>
        </>
      }
      menu={
        <MenuItem icon="down" onChoose={() => void download({ path: exportPath(scope) }, 'logs.ndjson')}>
          Export as NDJSON
        </MenuItem>
      }
    >
      <Status list={list} follower={follower} isAround={source.kind === 'around'} isBelow={isBelow} />
      <Answer reading={list.reading} what="log records" isEmpty={() => list.logs.length === 0 && !state.tail} empty={<Nothing scope={scope} />} skeleton={<Skeleton />}>
        {() => (
          <LogLines
            key={`${isBelow}${state.at}${state.of}${query}`}
            logs={list.logs}
            hasOlder={list.hasOlder}
            at={state.at}
            isBelow={isBelow}
            isWrapped={isWrapped}
            open={state.open}
            shown={state.show}
            query={query}
            onToggle={toggle}
            onOlder={growOlder}
            onNewest={onNewest}
            onEdge={follower.onEdge}
          />
        )}
      </Answer>
    </Panel>
  )
}

/** The source changes with what is asked for; that time goes on is no change. */
function useSource(query: string): Source {
  const [{ at, of }] = useParameters(LOG_FIELDS)
  const time = useTime()
  return useMemo<Source>(
    () => (at === '' ? { kind: 'search', scope: scopeOf(query, time) } : { kind: 'around', cursor: at, of, query }),
    [query, at, of, time.fromText, time.toText],
  )
}

function useLookAgain(to: number, look: () => void) {
  const before = useRef(to)
  const latest = useRef(look)
  latest.current = look
  useEffect(() => {
    if (before.current === to) return
    before.current = to
    latest.current()
  }, [to])
}

interface Follower {
  tail: Tail
  /** Records that came while one looked elsewhere. */
  waiting: number
  onEdge: (isAtNewest: boolean) => void
  goOn: () => void
}

/** Shows what comes while one looks at the newest line; when one scrolls away it is only counted. */
function useFollower(query: string, list: LogList, isOn: boolean): Follower {
  const [waiting, setWaiting] = useState(0)
  const isAtNewest = useRef(true)
  const count = useRef(0)
  useEffect(() => {
    count.current = 0
    setWaiting(0)
    isAtNewest.current = true
    if (!isOn) return
    // A live region says at most one thing a second.
    const timer = setInterval(() => setWaiting(count.current), 1000)
    return () => clearInterval(timer)
  }, [isOn, query])
  const tail = useTail({
    query,
    isOn,
    onStart: () => void list.growNewer(),
    onRecords: (logs) => {
      if (isAtNewest.current) list.add(logs)
      else count.current += logs.length
    },
  })
  const goOn = () => {
    isAtNewest.current = true
    count.current = 0
    setWaiting(0)
    void list.growNewer()
  }
  const onEdge = (isThere: boolean) => {
    isAtNewest.current = isThere
    if (isThere && count.current > 0) goOn()
  }
  return { tail, waiting, onEdge, goOn }
}

function Status({ list, follower: { tail, waiting, goOn }, isAround, isBelow }: { list: LogList; follower: Follower; isAround: boolean; isBelow: boolean }) {
  const [{ of }] = useParameters(LOG_FIELDS)
  const oldest = list.logs.at(-1)
  const toNewest = () => {
    goOn()
    const scroller = document.querySelector('[data-logs] [role="region"]')
    scroller?.scrollTo({ top: isBelow ? scroller.scrollHeight : 0 })
  }
  return (
    <>
      <div className={styles.status}>
        <span role="status">{said(tail, waiting)}</span>
        {tail.state === 'following' && waiting > 0 && <Button onClick={toNewest}>Go to them</Button>}
        {isAround && (
          <span className={styles.around}>
            <ButtonLink kind="plain" change={{ of: of === 'instance' ? 'query' : undefined }}>
              {of === 'instance' ? 'All that the query finds' : 'Only this instance'}
            </ButtonLink>
            <ButtonLink icon="close" change={{ at: undefined, of: undefined }}>
              Back to the list
            </ButtonLink>
          </span>
        )}
        {!isAround && oldest && !list.hasOlder && <Further oldest={oldest} />}
      </div>
      {list.growthError && <Problem error={list.growthError} onRetry={list.growAgain} />}
      {tail.error && tail.state === 'broken' && <Problem error={new Error(`Following was broken off: ${tail.error.message} It goes on in a moment.`)} />}
    </>
  )
}

/** How much of the time the list holds now. */
function Span({ list: { logs, isGrowing, hasOlder } }: { list: LogList }) {
  const [newest, oldest] = [logs[0], logs.at(-1)]
  if (!newest || !oldest) return 'Lines'
  return (
    <>
      {figures(logs.length)} {logs.length === 1 ? 'line' : 'lines'}
      <span className={styles.span}>
        {clock(timeOf(oldest), { fraction: false })} – {clock(timeOf(newest), { fraction: false })}
        {isGrowing ? ', reading more …' : hasOlder ? '' : ': all of this time'}
      </span>
    </>
  )
}

function said({ state, dropped }: Tail, waiting: number): string {
  if (state === 'off') return ''
  if (state === 'connecting') return 'Connecting …'
  if (state === 'broken') return 'Not following.'
  const more = dropped > 0 ? ` ${figures(dropped)} came too fast to be shown.` : ''
  return (waiting > 0 ? `${figures(waiting)} came since you scrolled away.` : 'Following.') + more
}

function Further({ oldest }: { oldest: LogRecord }) {
  const time = useTime()
  const length = time.to - time.from
  return (
    <Button kind="plain" onClick={() => navigate(changedAddress({ from: Math.round(time.from - length * 3), to: time.toText === 'now' ? undefined : Math.round(time.to) }))} title={`Before ${moment(timeOf(oldest))}`}>
      Look further back
    </Button>
  )
}

function Around({ logs, cursor }: { logs: LogRecord[]; cursor: string }) {
  const record = logs.find((record) => record.cursor === cursor)
  const [{ of }] = useParameters(LOG_FIELDS)
  const instance = record?.resource?.['service.instance.id'] ?? record?.resource?.['host.name']
  return (
    <>
      Around {record ? moment(timeOf(record), { fraction: true }) : 'a line'}
      <span className="muted"> {of === 'query' ? 'in all that the query finds' : `on ${record?.service ?? 'its instance'}${typeof instance === 'string' ? ` ${instance.slice(0, 12)}` : ''}`}</span>
    </>
  )
}

function Skeleton() {
  return (
    <div className={styles.skeleton}>
      {Array.from({ length: 12 }, (_, place) => (
        <span key={place} />
      ))}
    </div>
  )
}
