// What is shown of a question: that it is asked, that it failed, that there is nothing, or the answer. Never "no results" while it is asked.
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import { ApiError } from '../data/http'
import type { Reading } from '../data/use-api'
import { Link } from '../router'
import styles from './answer.module.css'
import { Button } from './controls'
import { Icon } from './icons'

/** Nothing is shown at first: what comes at once needs no sign of waiting. */
const QUIET_MS = 150
/** From when on it is said what is being read. */
const SLOW_MS = 3000

function useElapsed(steps: number[], isRunning: boolean): number {
  const [passed, setPassed] = useState(0)
  const said = steps.join()
  useEffect(() => {
    setPassed(0)
    if (!isRunning) return
    const timers = said.split(',').map((ms, place) => setTimeout(() => setPassed(place + 1), Number(ms)))
    return () => timers.forEach(clearTimeout)
  }, [said, isRunning])
  return passed
}

interface AnswerProps<Data> {
  reading: Reading<Data>
  /** What is being read: "spans of the last hour". */
  what: string
  /** Whether there is nothing to show. */
  isEmpty?: (data: Data) => boolean
  /** What to do where there is nothing: which filter to remove, or how to send data. */
  empty?: ReactNode
  /** Stands there while it is asked for the first time. */
  skeleton?: ReactNode
  children: (data: Data) => ReactNode
}

/** Shows the state of a reading, and what was read. What was there before stays, dimmed, while newer data is on its way. */
export function Answer<Data>({ reading, what, isEmpty, empty, skeleton, children }: AnswerProps<Data>) {
  const client = useQueryClient()
  const isWaiting = reading.isFetching && (reading.data === undefined || reading.isPlaceholderData)
  const waited = useElapsed([QUIET_MS, SLOW_MS], isWaiting)
  const slow = waited > 1 && (
    <div className={styles.slow} role="status">
      Still reading {what} …
      <Button onClick={() => client.cancelQueries({ queryKey: ['api', reading.request] })}>Cancel</Button>
    </div>
  )
  if (reading.error && !reading.isFetching) return <Problem error={reading.error} onRetry={() => reading.refetch()} />
  if (reading.data === undefined) {
    if (reading.request !== null && !reading.isFetching && reading.fetchStatus === 'idle') {
      return (
        <div className={styles.empty}>
          Not read.
          <Button onClick={() => reading.refetch()}>Read {what}</Button>
        </div>
      )
    }
    if (waited === 0) return <div aria-busy="true" />
    return (
      <div aria-busy="true">
        {skeleton ?? <div className={styles.skeleton} />}
        {slow}
      </div>
    )
  }
  const { data } = reading
  return (
    <div className={isWaiting && waited > 0 ? styles.stale : undefined} aria-busy={isWaiting}>
      {slow}
      {isEmpty?.(data) ? <div className={styles.empty}>{empty ?? `There are no ${what}.`}</div> : children(data)}
    </div>
  )
}

/** What went wrong, in one sentence, with what can be done about it. */
export function Problem({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  const traceId = error instanceof ApiError ? error.traceId : undefined
  return (
    <div className={styles.problem} role="alert">
      <Icon name="error" />
      <p>{error.message}</p>
      {traceId && <Link to={`/trace/${traceId}`}>Trace of this request</Link>}
      {onRetry && (
        <Button icon="refresh" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  )
}
