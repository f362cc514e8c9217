// A function that stays the same from one drawing to the next, and always does the newest: for parts that are drawn anew only when what they are given changes.
import { useCallback, useRef } from 'react'

export function useEvent<Given extends unknown[]>(does: (...given: Given) => void): (...given: Given) => void {
  const latest = useRef(does)
  latest.current = does
  return useCallback((...given) => latest.current(...given), [])
}
