// How much of a budget is left, and whether its alerts fire: as words, with a bar and a sign beside them.
import { percent } from '../../format'
import { Badge } from '../../parts/controls'
import type { AlertState } from './objective-data'
import styles from './objectives.module.css'

/** Below this share of a budget it is said that little is left. */
const LITTLE = 0.2

const toneOf = (left: number) => (left <= 0 ? 'bad' : left < LITTLE ? 'warn' : 'ok')

export function BudgetBar({ left }: { left: number | null }) {
  if (left === null) return <span className="muted">not known yet</span>
  return (
    <span className={styles.budget} data-tone={toneOf(left)}>
      <span className={styles.bar} ref={(bar) => bar?.style.setProperty('--share', String(Math.min(1, Math.max(0, left))))} aria-hidden="true" />
      {left < -9.99 ? 'over 10 times used' : percent(left)}
    </span>
  )
}

/** The same, large. */
export function BudgetLeft({ left }: { left: number | null }) {
  if (left === null) return <span className="muted">not known yet</span>
  return (
    <div className={styles.large} data-tone={toneOf(left)}>
      <b>{percent(left)}</b>
      <span className={styles.bar} ref={(bar) => bar?.style.setProperty('--share', String(Math.min(1, Math.max(0, left))))} aria-hidden="true" />
      <small>{saidOf(left)}</small>
    </div>
  )
}

function saidOf(left: number): string {
  if (left <= 0) return 'The promise is broken: more failed than may.'
  return left < LITTLE ? 'Little is left.' : 'The promise is kept.'
}

const STATES = {
  firing: { tone: 'bad', icon: 'alerts' },
  pending: { tone: 'warn', icon: 'alerts' },
  inactive: { tone: 'ok', icon: 'check' },
  unknown: { tone: undefined, icon: undefined },
} as const

/** What was not evaluated is told as it is, and not as if all were well. */
export function StateBadge({ state }: { state: AlertState }) {
  const { tone, icon } = STATES[state]
  return (
    <Badge tone={tone} icon={icon}>
      {{ inactive: 'quiet', unknown: 'not evaluated', firing: 'firing', pending: 'pending' }[state]}
    </Badge>
  )
}
