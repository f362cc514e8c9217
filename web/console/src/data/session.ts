// Who is signed in, and what there is to look at.
import { useQuery } from '@tanstack/react-query'
import { type ApiRequest, json } from './http'

export interface Session {
  /** Who it is; null where nobody is signed in. */
  user: { name: string; role: Role } | null
  /** Whether one must sign in at all: not in a demo, and not where the observatory has no tokens. */
  isOpen: boolean
  /** How one signs in. */
  ways: { token: boolean; provider: string | null }
  /** What is there beside the observatory. */
  shop: boolean
  flags: boolean
  version: string
}

type Role = 'viewer' | 'operator' | 'admin'

const SESSION: ApiRequest = { path: '/console/session' }

/** Reads who is signed in. */
export function useSession() {
  return useQuery<Session, Error>({ queryKey: ['session'], queryFn: ({ signal }) => json<Session>(SESSION, signal), staleTime: 30_000, retry: false })
}

/** Returns whether a role may change things. */
export const mayChange = (session: Session | undefined) => session?.user?.role === 'operator' || session?.user?.role === 'admin'

/** Where the shop's REST API is for the console: `/console/shop/api/v1/…` with the rights of who is signed in. */
export const shopPath = (path: string) => `/console/shop${path}`

/** Where the API of flags and faults is for the console. */
export const flagsPath = (path: string) => `/console/flags${path}`
