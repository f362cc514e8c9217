// What stands around every page: where things are, the time, search, and who is signed in.
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useQueryClient } from '@tanstack/react-query'
import { send, setTenant } from '../data/http'
import type { Session } from '../data/session'
import { useKeys } from '../keys'
import { Button, Menu, MenuItem } from '../parts/controls'
import { Icon } from '../parts/icons'
import { addressOf, ADDRESS_VERSION, Link, navigate, text, useLocation, useParameters } from '../router'
import { AREAS } from '../routes'
import { KeyList } from './key-list'
import { Palette } from './palette'
import styles from './shell.module.css'
import { TimePicker } from './time-picker'

const SHELL = { tenant: text(), v: text(ADDRESS_VERSION) }

export function Shell({ session, area, title, children }: { session: Session; area: string; title: string; children: ReactNode }) {
  const [{ tenant, v }] = useParameters(SHELL)
  const [open, setOpen] = useState<'palette' | 'keys' | null>(null)
  const { path } = useLocation()
  const main = useRef<HTMLElement>(null)
  const areas = AREAS.filter(({ isThere }) => isThere?.(session) ?? true)
  setTenant(tenant === '' ? null : tenant)
  useEffect(() => {
    document.title = `${title} · Vitrine`
    main.current?.focus({ preventScroll: true })
  }, [title, path])
  useKeys('Everywhere', [
    { keys: 'Ctrl+k', does: 'Search everything', run: () => setOpen('palette') },
    { keys: '?', does: 'Show what keys do', run: () => setOpen('keys') },
    ...areas.map(({ name, path, letter }) => ({ keys: `g ${letter}`, does: name, run: () => navigate(addressOf(path)) })),
    { keys: 'j', does: 'Go into the list', run: () => document.querySelector<HTMLElement>('main [data-row]')?.focus() },
  ])
  return (
    <div className={styles.shell}>
      <a className="skip" href="#main">
        To the page
      </a>
      <header className={`${styles.bar} glass`}>
        <Link to="/" className={styles.brand} aria-label="Vitrine: overview">
          <img src="/icon.svg" width="22" height="22" alt="" />
          <span>Vitrine</span>
        </Link>
        <Button className={styles.find} icon="search" onClick={() => setOpen('palette')}>
          <span>Search everything</span>
          <kbd aria-hidden="true">Ctrl K</kbd>
        </Button>
        <div className="space" />
        {tenant !== '' && <span>Tenant {tenant}</span>}
        <TimePicker />
        <Theme />
        <Person session={session} onKeys={() => setOpen('keys')} />
      </header>
      <nav className={styles.rail} aria-label="Areas">
        {areas.map(({ name, path, icon, letter }) => (
          <Link key={path} to={path} aria-current={path === area ? 'page' : undefined}>
            <Icon name={icon} />
            {name}
            <kbd aria-hidden="true">g {letter}</kbd>
          </Link>
        ))}
        <footer>Vitrine {session.version}</footer>
      </nav>
      <main id="main" className={styles.main} ref={main} tabIndex={-1}>
        {Number(v) > Number(ADDRESS_VERSION) && <p className="notice">This link is of a newer version of the console. What it says that this one does not know is left out.</p>}
        {children}
      </main>
      {open === 'palette' && <Palette areas={areas} onClose={() => setOpen(null)} />}
      {open === 'keys' && <KeyList onClose={() => setOpen(null)} />}
    </div>
  )
}

const NEXT_THEME = { light: 'dark', dark: 'light' } as const

function Theme() {
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  const [theme, setTheme] = useState<'light' | 'dark'>(() => (document.documentElement.dataset.theme as 'light' | 'dark' | undefined) ?? system)
  const change = () => {
    const next = NEXT_THEME[theme]
    setTheme(next)
    document.documentElement.dataset.theme = next
    localStorage.setItem('vitrine.theme', next)
  }
  return <Button kind="plain" icon={theme === 'dark' ? 'sun' : 'moon'} label={`Change to ${NEXT_THEME[theme]}`} onClick={change} />
}

function Person({ session, onKeys }: { session: Session; onKeys: () => void }) {
  const client = useQueryClient()
  const signOut = async () => {
    await send({ method: 'POST', path: '/console/sign-out' })
    await client.invalidateQueries()
  }
  return (
    <Menu label="You, and what keys do" text={session.user?.name ?? 'Sign in'}>
      <MenuItem icon="more" onChoose={onKeys}>
        What keys do
      </MenuItem>
      {(session.user === null || (session.isOpen && session.ways.provider !== null)) && (
        <MenuItem icon="right" onChoose={() => navigate(addressOf('/sign-in'))}>
          Sign in
        </MenuItem>
      )}
      {session.user !== null && !session.isOpen && (
        <MenuItem icon="right" onChoose={() => void signOut()}>
          Sign out
        </MenuItem>
      )}
    </Menu>
  )
}
