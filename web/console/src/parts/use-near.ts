// What is pointed at for a moment, or has the focus: what a click on it needs can be read by then.
import { useCallback, useEffect, useRef } from 'react'

/** What the pointer only crosses does not count. */
const NEAR_MS = 90

/** Returns a function that is told what is pointed at, or `null` when nothing is any more, and hands on what counts. */
export function useNear<Place>(tell: (place: Place) => void): (place: Place | null) => void {
  const timer = useRef<number | undefined>(undefined)
  const latest = useRef(tell)
  latest.current = tell
  useEffect(() => () => clearTimeout(timer.current), [])
  return useCallback((place) => {
    clearTimeout(timer.current)
    if (place !== null) timer.current = window.setTimeout(() => latest.current(place), NEAR_MS)
  }, [])
}
