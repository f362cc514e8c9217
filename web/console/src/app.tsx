// Which page is shown, and to whom.
import { useQueryClient } from '@tanstack/react-query'
import { Component, lazy, type ReactNode, Suspense, useEffect } from 'react'
import { signedOut } from './data/http'
import { type Session, useSession } from './data/session'
import { Problem } from './parts/answer'
import { addressOf, Link, matchPath, navigate, useLocation } from './router'
import { type PageComponent, ROUTES } from './routes'
import { Shell } from './shell/shell'
import { useLive, useTime } from './time'

const PAGES: Map<string, PageComponent> = new Map(ROUTES.map(({ pattern, load }) => [pattern, lazy(load)]))

export function App() {
  const session = useSession()
  const client = useQueryClient()
  useLive(useTime().isLive)
  useEffect(() => {
    const look = () => void client.invalidateQueries({ queryKey: ['session'] })
    signedOut.addEventListener('signed-out', look)
    return () => signedOut.removeEventListener('signed-out', look)
  }, [client])
  if (session.error) return <Problem error={session.error} onRetry={() => session.refetch()} />
  if (session.data === undefined) return null
  return <Place session={session.data} />
}

function Place({ session }: { session: Session }) {
  const { path, search } = useLocation()
  const mustSignIn = session.user === null && path !== '/sign-in'
  useEffect(() => {
    if (mustSignIn) navigate(addressOf('/sign-in', { back: path + search }), { replace: true })
  }, [mustSignIn, path, search])
  if (mustSignIn) return null
  const found = ROUTES.map((route) => ({ route, parts: matchPath(route.pattern, path) })).find(({ parts }) => parts !== null)
  const Page = found && PAGES.get(found.route.pattern)
  return (
    <Shell session={session} area={found?.route.area ?? ''} title={found?.route.title ?? 'Nothing here'}>
      {found && Page ? (
        <Broken key={path}>
          <Suspense fallback={<div aria-busy="true" />}>
            <Page parts={found.parts ?? {}} />
          </Suspense>
        </Broken>
      ) : (
        <>
          <h1>There is no such page</h1>
          <p>
            The link may be of another version. <Link to="/">Go to the overview</Link>.
          </p>
        </>
      )}
    </Shell>
  )
}

/** A page that cannot be shown says why, and the rest of the console goes on. */
class Broken extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error : new Error(String(error)) }
  }

  override render() {
    const { error } = this.state
    return error === null ? this.props.children : <Problem error={new Error(`This page cannot be shown: ${error.message}`)} onRetry={() => this.setState({ error: null })} />
  }
}
