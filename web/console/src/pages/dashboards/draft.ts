// Changes that are not stored yet: kept in this tab, so that nothing is lost by going elsewhere or by loading the page anew.
import { useCallback, useEffect, useState } from 'react'
import { type Dashboard, readDashboard } from './document'

export interface Draft {
  document: Dashboard
  /** What it was made of: the revision, and the document as it was. */
  etag: string
  base: Dashboard
}

const key = (name: string) => `vitrine.dashboard.${name}`

function kept(name: string): Draft | null {
  try {
    const draft = JSON.parse(sessionStorage.getItem(key(name)) ?? 'null') as Draft | null
    return draft === null ? null : { ...draft, document: readDashboard(draft.document), base: readDashboard(draft.base) }
  } catch {
    return null
  }
}

/** Returns the draft of a dashboard, and a function that changes it, or drops it by `null`. */
export function useDraft(name: string): [Draft | null, (draft: Draft | null) => void] {
  const [draft, setDraft] = useState(() => kept(name))
  const set = useCallback(
    (next: Draft | null) => {
      setDraft(next)
      try {
        if (next === null) sessionStorage.removeItem(key(name))
        else sessionStorage.setItem(key(name), JSON.stringify(next))
      } catch {
        // A full store keeps nothing over a reload; the page itself has it still.
      }
    },
    [name],
  )
  const isOpen = draft !== null && JSON.stringify(draft.document) !== JSON.stringify(draft.base)
  useEffect(() => {
    if (!isOpen) return
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', ask)
    return () => removeEventListener('beforeunload', ask)
  }, [isOpen])
  return [draft, set]
}
