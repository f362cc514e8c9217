// What is asked without a time is read again when the page looks again.
import { useEffect, useRef } from 'react'
import type { TimeRange } from '../time'
import type { Reading } from './use-api'

/** Reads again whenever the page looks again: by itself while it is live, or because somebody wants it. */
export function useAgain(readings: Pick<Reading<unknown>, 'refetch' | 'request'>[], { to }: TimeRange) {
  const latest = useRef(readings)
  latest.current = readings
  const before = useRef(to)
  useEffect(() => {
    if (before.current === to) return
    before.current = to
    for (const { refetch, request } of latest.current) if (request !== null) void refetch()
  }, [to])
}
