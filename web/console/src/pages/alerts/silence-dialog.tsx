// A silence: what it silences, for how long, and why. Which alerts it would silence now is shown beside.
import { useState } from 'react'
import { useSession } from '../../data/session'
import { moment } from '../../format'
import { Field, Input, Select, TextArea } from '../../parts/controls'
import { Question } from '../../parts/question'
import { readTime } from '../../time'
import styles from './alerts.module.css'
import { setSilence, type Silence, useRules, useSentAlerts } from './api'
import { meets, readMatchers } from './matchers'
import { alertsOf } from './model'
import { useLookAgain } from './silence-menu'

const LENGTHS: [string, string][] = [
  ['3600', '1 hour'],
  ['14400', '4 hours'],
  ['28800', '8 hours'],
  ['86400', '1 day'],
  ['604800', '1 week'],
  ['', 'Until …'],
]

interface NewSilenceProps {
  /** One that is changed; null for a new one. */
  silence: Silence | null
  matchers: string[]
  onClose: () => void
}

export function NewSilenceDialog({ silence, matchers, onClose }: NewSilenceProps) {
  const user = useSession().data?.user?.name ?? 'console'
  const lookAgain = useLookAgain()
  const [text, setText] = useState(matchers.join('\n'))
  const [length, setLength] = useState(silence ? '' : '3600')
  const [until, setUntil] = useState(silence ? moment(Date.parse(silence.endsAt)) : '')
  const [comment, setComment] = useState(silence?.comment ?? '')
  const [error, setError] = useState<Error | null>(null)
  const [isBusy, setBusy] = useState(false)
  const read = readMatchers(text)
  const now = Date.now()
  const end = length === '' ? readTime(until, now) : now + Number(length) * 1000
  const isGood = read.matchers.length > 0 && read.wrong.length === 0 && end !== null && end > now && comment.trim() !== ''
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      const isOn = silence !== null && silence.status.state !== 'expired'
      await setSilence({ ...(isOn ? { id: silence.id } : {}), matchers: read.matchers, startsAt: isOn ? silence.startsAt : new Date(now).toISOString(), endsAt: new Date(end ?? now).toISOString(), createdBy: user, comment: comment.trim() })
      await lookAgain()
      onClose()
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Error(String(problem)))
    } finally {
      setBusy(false)
    }
  }
  return (
    <Question title={silence ? 'Change a silence' : 'New silence'} does={silence ? 'Save it' : 'Silence them'} isReady={isGood} isBusy={isBusy} error={error} onSubmit={() => void submit()} onClose={onClose}>
      <Field label="What it silences" hint={read.wrong.length > 0 ? `No matcher: ${read.wrong.join(', ')}` : 'A line for each: alertname="Down", job=~"shop/.*", severity!="page"'}>
        <TextArea rows={Math.max(3, read.matchers.length + 1)} className={styles.code} spellCheck={false} aria-invalid={read.wrong.length > 0} value={text} onChange={(event) => setText(event.target.value)} />
      </Field>
      <Would text={text} />
      <div className={styles.pair}>
        <Field label="For how long">
          <Select value={length} onChange={(event) => setLength(event.target.value)}>
            {LENGTHS.map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </Select>
        </Field>
        {length === '' && (
          <Field label="Until" hint={end === null ? 'No time: expected such as 2026-11-29 18:00' : undefined}>
            <Input value={until} aria-invalid={end === null} placeholder="2026-11-29 18:00" onChange={(event) => setUntil(event.target.value)} />
          </Field>
        )}
      </div>
      <Field label="Why">
        <Input value={comment} placeholder="What is known of it, and who works on it" onChange={(event) => setComment(event.target.value)} />
      </Field>
    </Question>
  )
}

/** Says which alerts of now it would silence. */
function Would({ text }: { text: string }) {
  const all = alertsOf(useRules().data ?? [], useSentAlerts().data ?? [])
  const { matchers, wrong } = readMatchers(text)
  if (matchers.length === 0 || wrong.length > 0) return null
  const found = all.filter(({ labels }) => matchers.every((matcher) => meets(matcher, labels)))
  return (
    <p className="muted" role="status">
      {found.length === 0 ? 'No alert of now is meant by it.' : `Meant by it now: ${found.slice(0, 5).map(({ name, labels }) => [name, labels.instance ?? labels.job].filter(Boolean).join(' of ')).join(', ')}${found.length > 5 ? ` and ${found.length - 5} more` : ''}.`}
    </p>
  )
}
