// The page's state is its address: paths say which page, search parameters say what is on it. Moving is by the History API.
import { type AnchorHTMLAttributes, createElement, useCallback, useMemo, useSyncExternalStore } from 'react'

/** Which parameters the time range, and what the shell shows, have: they stay when one goes to another page. */
const LASTING = ['from', 'to', 'live', 'tenant']
/** The version of what addresses mean. A later one explains what an older address cannot say any more. */
export const ADDRESS_VERSION = '1'

interface Location {
  path: string
  search: string
}

const listeners = new Set<() => void>()
let current: Location = { path: location.pathname, search: location.search }

function changed() {
  if (current.path === location.pathname && current.search === location.search) return
  current = { path: location.pathname, search: location.search }
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

addEventListener('popstate', changed)

/** Returns where the page is now. */
export function useLocation(): Location {
  return useSyncExternalStore(subscribe, () => current)
}

/** Goes to an address. `replace` leaves no entry in the history. */
export function navigate(address: string, { replace = false } = {}) {
  if (address === location.pathname + location.search) return
  const move = replace ? 'replaceState' : 'pushState'
  const leaves = new URL(address, location.href).pathname !== location.pathname
  history[move](null, '', address)
  if (leaves) scrollTo(0, 0)
  changed()
}

export type Parameters = Record<string, string | number | boolean | string[] | undefined>

/** Returns the address of a page with these parameters, which keeps the time range and the tenant that are looked at. */
export function addressOf(path: string, parameters: Parameters = {}): string {
  const kept = new URLSearchParams(current.search)
  const search = new URLSearchParams()
  for (const name of LASTING) {
    const value = kept.get(name)
    if (value !== null && parameters[name] === undefined) search.set(name, value)
  }
  write(search, parameters)
  return withSearch(path, search)
}

function write(search: URLSearchParams, parameters: Parameters) {
  for (const [name, value] of Object.entries(parameters)) {
    search.delete(name)
    if (value === undefined || value === '' || value === false) continue
    if (Array.isArray(value)) for (const item of value) search.append(name, item)
    else search.set(name, value === true ? '1' : String(value))
  }
}

function withSearch(path: string, search: URLSearchParams): string {
  search.delete('v')
  const text = search.toString()
  return text === '' ? path : `${path}?${text}&v=${ADDRESS_VERSION}`
}

/** Returns the page's address with some parameters changed. */
export function changedAddress(parameters: Parameters): string {
  const search = new URLSearchParams(current.search)
  write(search, parameters)
  return withSearch(current.path, search)
}

/** How a parameter is read: what does not fit is as if it were not there. */
export interface Field<Value> {
  read(values: string[]): Value
}

export const text = (fallback = ''): Field<string> => ({ read: ([value]) => value ?? fallback })
export const flag = (): Field<boolean> => ({ read: ([value]) => value === '1' })
export const list = (): Field<string[]> => ({ read: (values) => values })
export const number = (fallback: number): Field<number> => ({
  read: ([value]) => (value !== undefined && value !== '' && Number.isFinite(Number(value)) ? Number(value) : fallback),
})
export const oneOf = <Name extends string>(names: readonly Name[], fallback: Name): Field<Name> => ({
  read: ([value]) => names.find((name) => name === value) ?? fallback,
})

export type State<Fields> = { [Name in keyof Fields]: Fields[Name] extends Field<infer Value> ? Value : never }

/**
 * Returns the parameters of the page's address, and a function that changes some of them. Leaving one at its default leaves it out of the
 * address: give `undefined`. Each change is an entry in the history unless `replace` is said.
 */
export function useParameters<Fields extends Record<string, Field<unknown>>>(
  fields: Fields,
): [State<Fields>, (change: Parameters, options?: { replace?: boolean }) => void] {
  const { search } = useLocation()
  const state = useMemo(() => {
    const all = new URLSearchParams(search)
    return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.read(all.getAll(name))])) as State<Fields>
    // Fields are constants of their pages.

  }, [search])
  const change = useCallback((parameters: Parameters, options?: { replace?: boolean }) => navigate(changedAddress(parameters), options), [])
  return [state, change]
}

/** Returns what the named parts of a pattern such as `/trace/:id` are in a path; null if the path is not of that form. */
export function matchPath(pattern: string, path: string): Record<string, string> | null {
  const [wanted, found] = [pattern.split('/'), path.replace(/\/$/, '').split('/')]
  if (pattern === '/') return path === '/' ? {} : null
  if (wanted.length !== found.length) return null
  const parts: Record<string, string> = {}
  for (const [place, step] of wanted.entries()) {
    const value = found[place] ?? ''
    if (step.startsWith(':')) {
      if (value === '') return null
      parts[step.slice(1)] = decoded(value)
    } else if (step !== value) return null
  }
  return parts
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  /** The path of a page; the time range is kept. Without one it is the page that is open. */
  to?: string
  parameters?: Parameters
  /** Changes parameters of this page's address and keeps the others. */
  change?: Parameters
}

/** A link to a page of the console, which is a real link: it can be opened in a tab, and copied. */
export function Link({ to, parameters, change, onClick, ...rest }: LinkProps) {
  useLocation()
  const href = to === undefined ? changedAddress(change ?? {}) : addressOf(to, parameters)
  return createElement('a', {
    ...rest,
    href,
    onClick: (event: React.MouseEvent<HTMLAnchorElement>) => {
      onClick?.(event)
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
      event.preventDefault()
      navigate(href)
    },
  })
}
