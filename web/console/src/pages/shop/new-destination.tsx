// One more place where a source's messages go.
import { useState } from 'react'
import { useChange } from '../../data/use-change'
import { Field, Input, Select } from '../../parts/controls'
import { Question } from '../../parts/question'
import { shopChange } from './api'

/** What each kind needs: [an address, a measurement's id, what its secret is]. */
const KINDS: Record<string, { url?: string; measurement?: boolean; secret?: string }> = {
  webhook: { url: 'Address', secret: 'Secret, with which messages are signed' },
  segment: { secret: 'Write key' },
  rudderstack: { url: 'Data plane', secret: 'Write key' },
  ga4: { measurement: true, secret: 'API secret' },
  mixpanel: { secret: 'Project’s token' },
  amplitude: { secret: 'API key' },
  file: {},
}

export function NewDestination({ id, onClose }: { id: string; onClose: () => void }) {
  const [kind, setKind] = useState('webhook')
  const [fields, setFields] = useState({ url: '', measurement_id: '', secret: '', consent: '' })
  const [takes_emails, setEmails] = useState(false)
  const adding = useChange(onClose)
  const needs = KINDS[kind] ?? {}
  const categories = fields.consent.split(/[\s,]+/).filter((category) => category !== '')
  const body = {
    kind,
    takes_emails,
    ...(needs.url && { url: fields.url }),
    ...(needs.measurement && { measurement_id: fields.measurement_id }),
    ...(needs.secret && fields.secret !== '' && { secret: fields.secret }),
    ...(categories.length > 0 && { consent_categories: categories }),
  }
  const set = (part: Partial<typeof fields>) => setFields({ ...fields, ...part })
  return (
    <Question title="Send on to" does="Send there from now on" isBusy={adding.isPending} error={adding.error} onClose={onClose} onSubmit={() => adding.mutate(shopChange('PUT', `analytics/sources/${encodeURIComponent(id)}/destinations`, body))}>
      <Field label="Kind">
        <Select value={kind} onChange={(event) => setKind(event.target.value)}>
          {Object.keys(KINDS).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      </Field>
      {needs.url && (
        <Field label={needs.url} hint="Only hosts that analytics.allowed_hosts names.">
          <Input type="url" value={fields.url} onChange={(event) => set({ url: event.target.value })} required />
        </Field>
      )}
      {needs.measurement && (
        <Field label="Measurement id">
          <Input value={fields.measurement_id} onChange={(event) => set({ measurement_id: event.target.value })} required />
        </Field>
      )}
      {needs.secret && (
        <Field label={needs.secret}>
          <Input type="password" autoComplete="off" value={fields.secret} onChange={(event) => set({ secret: event.target.value })} />
        </Field>
      )}
      <Field label="Consent categories that visitors must have agreed to">
        <Input value={fields.consent} placeholder="marketing" onChange={(event) => set({ consent: event.target.value })} />
      </Field>
      <label>
        <input type="checkbox" checked={takes_emails} onChange={(event) => setEmails(event.target.checked)} /> E-mail addresses go there, too
      </label>
    </Question>
  )
}
