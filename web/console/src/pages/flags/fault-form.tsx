// Arms a fault: where, what, for which part, for how long, and what ends it early. What it stands for is always shown as the document that is sent.
import { useState } from 'react'
import { ApiError } from '../../data/http'
import { percent } from '../../format'
import { useChange } from '../../data/use-change'
import { Badge, Field, Input, Select } from '../../parts/controls'
import { Question } from '../../parts/question'
import { changeOf, useFlagsApi } from './api'
import { documentOf, type Draft, EFFECTS, type Member, newDraft, PLACES, type Sites } from './fault'
import styles from './flags.module.css'

/** What can be broken where nothing tells yet. */
const NONE: Sites = { carries: {}, processes: [] }
const SIGNALS: Record<string, string> = { error_ratio: 'share of calls that fail', p99_ms: 'p99 in milliseconds', rate_s: 'calls a second', promql: 'a PromQL query' }

export function FaultForm({ begin, onClose }: { begin: string; onClose: () => void }) {
  const sites = useFlagsApi<Sites>('faults/sites', {}, { staleMs: 30_000 })
  const [at = 'callee', service = 'payments'] = begin.split(':')
  const known = sites.data ?? NONE
  const [draft, setDraft] = useState<Draft>(() => newDraft(at, service, at === 'callee' ? 'delay' : (FIRST[at] ?? 'delay')))
  const [why, setWhy] = useState('')
  const arming = useChange(onClose)
  const change = (part: Partial<Draft>) => setDraft({ ...draft, ...part })
  const document = documentOf(draft)
  const isReady = why.trim() !== '' && draft.service !== ''
  return (
    <Question title="Arm a fault" does={`Arm it for ${draft.ttl} s`} kind="bad" isBusy={arming.isPending} isReady={isReady} error={refusals(arming.error).length > 0 ? null : arming.error} onClose={onClose} onSubmit={() => arming.mutate(changeOf('POST', 'faults', {}, { why: why.trim() }, { ...document, why: why.trim() }))}>
      <Where draft={draft} sites={known} onChange={change} />
      <Effect draft={draft} sites={known} onChange={change} />
      <HowMuch draft={draft} onChange={change} />
      <GuardFields draft={draft} onChange={change} />
      <Field label="Why">
        <Input value={why} onChange={(event) => setWhy(event.target.value)} required maxLength={1000} />
      </Field>
      <details>
        <summary>The document that is sent</summary>
        <pre className={`listing ${styles.code}`}>{JSON.stringify(document, null, 2)}</pre>
      </details>
      <Refusals error={arming.error} />
    </Question>
  )
}

/** The effect that a form begins with, by place. */
const FIRST: Record<string, string> = { process: 'cpu', load: 'surge', relay: 'hold' }

interface PartProps {
  draft: Draft
  onChange: (part: Partial<Draft>) => void
}

function Where({ draft, sites, onChange }: PartProps & { sites: Sites }) {
  const all = sites.processes.flatMap(({ sites }) => sites)
  const places = [...new Set([...all.map(({ at }) => at), draft.at])]
  const services = [...new Set([...all.filter(({ at }) => at === draft.at).map(({ service }) => service), draft.service])].toSorted()
  const callers = [...new Set(all.filter(({ at, service, from }) => at === 'caller' && service === draft.service && from).map(({ from }) => from!))].toSorted()
  const move = (at: string, service: string) => {
    const effect = (sites.carries[at] ?? []).includes(draft.effect) ? draft.effect : (sites.carries[at]?.[0] ?? draft.effect)
    const fits = all.some((site) => site.at === at && site.service === service) ? service : (all.find((site) => site.at === at)?.service ?? service)
    const fresh = newDraft(at, fits, effect)
    onChange({ at, service: fits, from: '', effect, members: effect === draft.effect ? draft.members : fresh.members, guard: { ...draft.guard, subject: fits } })
  }
  return (
    <div className="fields">
      <Field label="Service">
        <Select value={draft.service} onChange={(event) => move(draft.at, event.target.value)}>
          {services.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      </Field>
      <Field label="At" hint={PLACES[draft.at]}>
        <Select value={draft.at} onChange={(event) => move(event.target.value, draft.service)}>
          {places.map((at) => (
            <option key={at}>{at}</option>
          ))}
        </Select>
      </Field>
      {draft.at === 'caller' && (
        <Field label="Calls of">
          <Select value={draft.from} onChange={(event) => onChange({ from: event.target.value })}>
            <option value="">any service</option>
            {callers.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
        </Field>
      )}
      {['caller', 'callee', 'edge'].includes(draft.at) && (
        <Field label="Methods (empty: all)">
          <Input className="mono" placeholder="Authorize, Get*" value={draft.method} onChange={(event) => onChange({ method: event.target.value })} />
        </Field>
      )}
    </div>
  )
}

function Effect({ draft, sites, onChange }: PartProps & { sites: Sites }) {
  const names = sites.carries[draft.at] ?? [draft.effect]
  const effect = EFFECTS[draft.effect]
  return (
    <div className="fields">
      <Field label="What" hint={effect?.does}>
        <Select value={draft.effect} onChange={(event) => onChange({ effect: event.target.value, members: newDraft(draft.at, draft.service, event.target.value).members })}>
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      </Field>
      {effect?.members.map((member) => (
        <MemberField key={member.name} member={member} value={draft.members[member.name] ?? ''} onChange={(value) => onChange({ members: { ...draft.members, [member.name]: value } })} />
      ))}
    </div>
  )
}

function MemberField({ member, value, onChange }: { member: Member; value: string; onChange: (value: string) => void }) {
  const { kind, label, choices } = member
  if (kind === 'switch') {
    return (
      <label className={styles.check}>
        <input type="checkbox" checked={value === '1'} onChange={(event) => onChange(event.target.checked ? '1' : '')} /> {label}
      </label>
    )
  }
  return (
    <Field label={label}>
      {kind === 'choice' ? (
        <Select value={value} onChange={(event) => onChange(event.target.value)}>
          {choices?.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      ) : (
        <Input type={kind === 'number' ? 'number' : 'text'} step="any" value={value} onChange={(event) => onChange(event.target.value)} />
      )}
    </Field>
  )
}

const SHARES = ['traces', 'calls', 'users', 'products', 'instances']

function HowMuch({ draft, onChange }: PartProps) {
  return (
    <div className="fields">
      <Field label={`Intensity: ${percent(draft.rate)}`}>
        <input type="range" min={0.01} max={1} step={0.01} value={draft.rate} onChange={(event) => onChange({ rate: Number(event.target.value) })} />
      </Field>
      {draft.rate < 1 && (
        <Field label="Of">
          <Select value={draft.of} onChange={(event) => onChange({ of: event.target.value })}>
            {SHARES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
        </Field>
      )}
      <Field label="Seconds to live">
        <Input type="number" min={1} max={3600} value={draft.ttl} onChange={(event) => onChange({ ttl: Number(event.target.value) })} />
      </Field>
      <Field label="Begins after seconds">
        <Input type="number" min={0} max={600} value={draft.after} onChange={(event) => onChange({ after: Number(event.target.value) })} />
      </Field>
      <Field label="Grows over seconds">
        <Input type="number" min={0} max={3600} value={draft.ramp} onChange={(event) => onChange({ ramp: Number(event.target.value) })} />
      </Field>
    </div>
  )
}

function GuardFields({ draft, onChange }: PartProps) {
  const { guard } = draft
  const set = (part: Partial<Draft['guard']>) => onChange({ guard: { ...guard, ...part } })
  return (
    <div className="fields">
      <Field label="Guard: ends early by">
        <Select value={guard.signal} onChange={(event) => set({ signal: event.target.value, value: guard.value || '0.5' })}>
          <option value="">nothing</option>
          {Object.entries(SIGNALS).map(([name, label]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </Select>
      </Field>
      {guard.signal !== '' && (
        <>
          <Field label={guard.signal === 'promql' ? 'Query' : 'Of service, or service/Method'}>
            <Input className="mono" value={guard.subject} onChange={(event) => set({ subject: event.target.value })} />
          </Field>
          <Field label="When it is">
            <Select value={guard.side} onChange={(event) => set({ side: event.target.value as 'above' | 'below' })}>
              <option>above</option>
              <option>below</option>
            </Select>
          </Field>
          <Field label="Value">
            <Input type="number" step="any" value={guard.value} onChange={(event) => set({ value: event.target.value })} />
          </Field>
          <Field label="For seconds">
            <Input type="number" min={1} value={guard.for} onChange={(event) => set({ for: event.target.value })} />
          </Field>
        </>
      )}
    </div>
  )
}

interface Refusal {
  place: string
  message: string
  expected: string
}

function refusals(error: Error | null): Refusal[] {
  return error instanceof ApiError ? ((error.detail as { refusals?: Refusal[] } | undefined)?.refusals ?? []) : []
}

/** All that is wrong with the document, each with its place. */
function Refusals({ error }: { error: Error | null }) {
  const all = refusals(error)
  if (all.length === 0) return null
  return (
    <ul className="callout" role="alert">
      {all.map(({ place, message, expected }, at) => (
        <li key={at}>
          {place && <Badge tone="bad">{place}</Badge>} {message}: expected {expected}
        </li>
      ))}
    </ul>
  )
}
