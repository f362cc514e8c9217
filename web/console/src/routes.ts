// Which page is where. Each page's code is loaded when it is opened first.
import type { ComponentType } from 'react'
import type { Session } from './data/session'
import type { IconName } from './parts/icons'

export interface Area {
  name: string
  path: string
  icon: IconName
  /** Behind `g`. */
  letter: string
  /** Whether it is there at all. */
  isThere?: (session: Session) => boolean
}

/** What the rail has. */
export const AREAS: Area[] = [
  { name: 'Overview', path: '/', icon: 'overview', letter: 'o' },
  { name: 'Traces', path: '/traces', icon: 'traces', letter: 't' },
  { name: 'Logs', path: '/logs', icon: 'logs', letter: 'l' },
  { name: 'Metrics', path: '/metrics', icon: 'metrics', letter: 'm' },
  { name: 'SQL', path: '/sql', icon: 'sql', letter: 's' },
  { name: 'Dashboards', path: '/dashboards', icon: 'dashboards', letter: 'd' },
  { name: 'Alerts', path: '/alerts', icon: 'alerts', letter: 'a' },
  { name: 'Flags and faults', path: '/flags', icon: 'flags', letter: 'f', isThere: (session) => session.flags },
  { name: 'Shop', path: '/shop', icon: 'shop', letter: 'p', isThere: (session) => session.shop },
]

export type PageComponent = ComponentType<{ parts: Record<string, string> }>

export interface Route {
  pattern: string
  area: string
  title: string
  load: () => Promise<{ default: PageComponent }>
}

/** The first that fits is shown. */
export const ROUTES: Route[] = [
  { pattern: '/', area: '/', title: 'Overview', load: () => import('./pages/overview/overview') },
  { pattern: '/services/:service', area: '/', title: 'Service', load: () => import('./pages/service/service') },
  { pattern: '/traces', area: '/traces', title: 'Traces', load: () => import('./pages/traces/traces') },
  { pattern: '/traces/diff', area: '/traces', title: 'Two traces', load: () => import('./pages/traces/diff') },
  { pattern: '/trace/:id', area: '/traces', title: 'Trace', load: () => import('./pages/trace/trace') },
  { pattern: '/logs', area: '/logs', title: 'Logs', load: () => import('./pages/logs/logs') },
  { pattern: '/metrics', area: '/metrics', title: 'Metrics', load: () => import('./pages/metrics/metrics') },
  { pattern: '/sql', area: '/sql', title: 'SQL', load: () => import('./pages/sql/sql') },
  { pattern: '/dashboards', area: '/dashboards', title: 'Dashboards', load: () => import('./pages/dashboards/list') },
  { pattern: '/dashboards/:id', area: '/dashboards', title: 'Dashboard', load: () => import('./pages/dashboards/dashboard') },
  { pattern: '/alerts', area: '/alerts', title: 'Alerts', load: () => import('./pages/alerts/alerts') },
  { pattern: '/objectives', area: '/alerts', title: 'Objectives', load: () => import('./pages/objectives/objectives') },
  { pattern: '/targets', area: '/metrics', title: 'Targets', load: () => import('./pages/targets/targets') },
  { pattern: '/visits', area: '/shop', title: 'Visits', load: () => import('./pages/visits/visits') },
  { pattern: '/flags', area: '/flags', title: 'Flags and faults', load: () => import('./pages/flags/flags') },
  { pattern: '/flags/:key', area: '/flags', title: 'Flag', load: () => import('./pages/flags/flag') },
  { pattern: '/shop', area: '/shop', title: 'Shop', load: () => import('./pages/shop/shop') },
  { pattern: '/sign-in', area: '', title: 'Sign in', load: () => import('./pages/sign-in/sign-in') },
]
