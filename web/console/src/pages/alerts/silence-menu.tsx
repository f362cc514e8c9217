// Silences an alert in two clicks: the button, and how long. Ends what keeps it quiet in as many.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { mayChange, useSession } from '../../data/session'
import { Button, Menu, MenuItem } from '../../parts/controls'
import { Icon } from '../../parts/icons'
import { changedAddress, navigate } from '../../router'
import styles from './alerts.module.css'
import { ALERTS, expireSilence, setSilence, type Silence, SILENCES } from './api'
import { matchersOf, matcherText } from './matchers'
import type { Alert } from './model'

const LENGTHS: [number, string][] = [
  [3600e3, '1 hour'],
  [4 * 3600e3, '4 hours'],
  [24 * 3600e3, '1 day'],
  [7 * 24 * 3600e3, '1 week'],
]

/** Has silences, and the alerts that they quieten, looked at again. */
export function useLookAgain() {
  const client = useQueryClient()
  return () => Promise.all([client.invalidateQueries({ queryKey: ['api', SILENCES] }), client.invalidateQueries({ queryKey: ['api', ALERTS] })])
}

export function SilenceMenu({ alert, silences }: { alert: Alert; silences: Silence[] }) {
  const session = useSession().data
  const lookAgain = useLookAgain()
  const [problem, setProblem] = useState('')
  const [isBusy, setBusy] = useState(false)
  if (!mayChange(session)) return null
  const attempt = async (what: () => Promise<unknown>) => {
    setBusy(true)
    setProblem('')
    try {
      await what()
      await lookAgain()
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }
  const silenceFor = (ms: number) =>
    attempt(() => {
      const now = Date.now()
      const comment = `From the list of alerts: ${alert.annotations.summary ?? alert.name}`.slice(0, 500)
      return setSilence({ matchers: matchersOf(alert.labels), startsAt: new Date(now).toISOString(), endsAt: new Date(now + ms).toISOString(), createdBy: session?.user?.name ?? 'console', comment })
    })
  const own = silences.filter(({ id, status }) => status.state === 'active' && alert.sent?.status.silencedBy.includes(id))
  return (
    <div className={styles.silence}>
      {own.length > 0 ? (
        <Button disabled={isBusy} icon="alerts" onClick={() => void attempt(() => Promise.all(own.map(({ id }) => expireSilence(id))))} aria-label={`End the silence of ${alert.name}`}>
          End silence
        </Button>
      ) : (
        <Menu
          label={`Silence ${alert.name}`}
          text={
            <>
              <Icon name="silence" /> Silence
            </>
          }
        >
          {LENGTHS.map(([ms, name]) => (
            <MenuItem key={ms} onChoose={() => void silenceFor(ms)}>
              {name}
            </MenuItem>
          ))}
          <MenuItem onChoose={() => navigate(changedAddress({ tab: 'silences', open: 'new', matchers: matchersOf(alert.labels).map(matcherText) }))}>More of its kind …</MenuItem>
        </Menu>
      )}
      {problem && (
        <small className="bad" role="alert">
          {problem}
        </small>
      )}
    </div>
  )
}
