// What people like a page to be like, remembered in this browser: not where they are, which the address says.
import { useCallback, useState } from 'react'

const key = (name: string) => `vitrine.${name}`

/** Returns a switch that stays as it was left, and a function that sets it. */
export function useRemembered(name: string, fallback: boolean): [boolean, (on: boolean) => void] {
  const [on, setOn] = useState(() => {
    const kept = localStorage.getItem(key(name))
    return kept === null ? fallback : kept === 'on'
  })
  const set = useCallback(
    (on: boolean) => {
      localStorage.setItem(key(name), on ? 'on' : 'off')
      setOn(on)
    },
    [name],
  )
  return [on, set]
}
