// One alert in the list.
import { ago } from '../../format'
import { Badge } from '../../parts/controls'
import styles from './alerts.module.css'
import type { Silence } from './api'
import { type Alert, type AlertState, severityTone } from './model'
import { RowChart } from './row-chart'
import type { Configuration } from './routing'
import { routesFor } from './routing'
import { SilenceMenu } from './silence-menu'

interface AlertRowProps {
  alert: Alert
  isOpen: boolean
  onOpen: () => void
  configuration: Configuration | null
  silences: Silence[]
}

export function AlertRow({ alert, isOpen, onOpen, configuration, silences }: AlertRowProps) {
  const { name, severity, labels, annotations, since } = alert
  return (
    <li
      className={styles.row}
      tabIndex={0}
      data-row=""
      data-tone={severityTone(severity)}
      data-open={isOpen ? '' : undefined}
      aria-label={`${name}, ${severity || 'no severity'}, ${alert.state}`}
      onClick={(event) => !(event.target instanceof Element && event.target.closest('a, button, summary, details')) && onOpen()}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || event.target !== event.currentTarget) return
        event.preventDefault()
        onOpen()
      }}
    >
      <div className={styles.what}>
        <div className="row">
          <Severity severity={severity} />
          <button type="button" className={styles.name} onClick={onOpen}>
            {name || 'Without a name'}
          </button>
          <StateBadge alert={alert} silences={silences} />
          <span className="muted">{Number.isNaN(since) ? '' : ago(since)}</span>
        </div>
        {annotations.summary && <p className={styles.summary}>{annotations.summary}</p>}
        <LabelList labels={labels} without={['alertname', 'severity']} />
      </div>
      <RowChart alert={alert} />
      <div className={styles.who}>
        <span className="muted">{toldTo(alert, configuration)}</span>
        <SilenceMenu alert={alert} silences={silences} />
      </div>
    </li>
  )
}

/** Says who is told: as Alertmanager has it, or where the routes would lead it. */
export function toldTo({ sent, labels, state }: Alert, configuration: Configuration | null): string {
  if (sent !== null) return `${state === 'firing' ? 'told to' : 'would be told to'} ${sent.receivers.map(({ name }) => name).join(', ')}`
  if (configuration === null) return ''
  return `would be told to ${[...new Set(routesFor(configuration.root, labels).map(({ receiver }) => receiver))].join(', ')}`
}

export function Severity({ severity }: { severity: string }) {
  const tone = severityTone(severity)
  return (
    <Badge tone={tone} icon={tone === 'info' ? 'info' : 'error'}>
      {severity || 'no severity'}
    </Badge>
  )
}

const STATE: Record<AlertState, { text: string; tone?: 'bad' | 'warn'; icon: 'alerts' | 'pause' | 'silence' }> = {
  firing: { text: 'firing', tone: 'bad', icon: 'alerts' },
  pending: { text: 'pending', tone: 'warn', icon: 'pause' },
  silenced: { text: 'silenced', icon: 'silence' },
  inhibited: { text: 'inhibited', icon: 'silence' },
  muted: { text: 'muted', icon: 'silence' },
}

export function StateBadge({ alert, silences }: { alert: Alert; silences: Silence[] }) {
  const { text, tone, icon } = STATE[alert.state]
  return (
    <Badge tone={tone} icon={icon}>
      {text}
      {whyQuiet(alert, silences)}
    </Badge>
  )
}

function whyQuiet({ state, sent }: Alert, silences: Silence[]): string {
  if (state === 'silenced') {
    const ends = silences.filter(({ id }) => sent?.status.silencedBy.includes(id)).map(({ endsAt }) => Date.parse(endsAt))
    return ends.length === 0 ? '' : `, ends ${ago(Math.max(...ends))}`
  }
  if (state === 'inhibited') return ' by another alert'
  return state === 'muted' ? ` by ${(sent?.status.mutedBy ?? []).join(', ')}` : ''
}

const MOST_LABELS = 12

export function LabelList({ labels, without = [] }: { labels: Record<string, string>; without?: string[] }) {
  const all = Object.entries(labels).filter(([name]) => !without.includes(name))
  if (all.length === 0) return null
  return (
    <ul className={styles.labels}>
      {all.slice(0, MOST_LABELS).map(([name, value]) => (
        <li key={name} title={`${name}="${value}"`}>
          <span>{name}</span>
          {value}
        </li>
      ))}
      {all.length > MOST_LABELS && <li>and {all.length - MOST_LABELS} more</li>}
    </ul>
  )
}
