// Who looks, and what is in their cart: known with pages of their own, asked for after hydration where a page is the same for everyone.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useState } from 'react'
import { usePage, type Visitor } from './page'

interface Known {
  visitor: Visitor | null
  set: (visitor: Visitor) => void
}

const VisitorContext = createContext<Known>({ visitor: null, set: () => {} })

export function VisitorProvider({ children }: { children: ReactNode }) {
  const page = usePage()
  const [visitor, set] = useState(page.visitor)
  useEffect(() => {
    if (page.visitor !== null) return
    const stop = new AbortController()
    fetch('/session', { signal: stop.signal, headers: { accept: 'application/json' } })
      .then((response) => (response.ok ? response.json() : null))
      .then((found: Visitor | null) => found && set(found))
      // The bar goes on without a name and a number.
      .catch(() => {})
    return () => stop.abort()
  }, [page.visitor])
  return <VisitorContext.Provider value={{ visitor, set }}>{children}</VisitorContext.Provider>
}

/** Returns who looks; null as long as it is not known. */
export function useVisitor(): Visitor | null {
  return useContext(VisitorContext).visitor
}

/** Returns a function that notes how many pieces are in the cart now. */
export function useCartCount(): (cart: number) => void {
  const { visitor, set } = useContext(VisitorContext)
  return useCallback((cart: number) => set({ name: null, country: null, ...visitor, cart }), [visitor, set])
}
