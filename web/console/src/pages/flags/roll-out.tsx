// Begins a roll-out: one variant takes the place of the default one, share by share, as long as a guard sees nothing wrong.
import { useState } from 'react'
import { Field, Input, Select } from '../../parts/controls'
import { changeOfFlag, type Flag } from './api'
import { Change } from './change'

export function NewRollOut({ flag, set, onClose }: { flag: Flag; set: string; onClose: () => void }) {
  const from = flag.defaultVariant ?? ''
  const others = Object.keys(flag.definition.variants ?? {}).filter((name) => name !== from)
  const [to, setTo] = useState(others[0] ?? '')
  const [steps, setSteps] = useState('1, 5, 25, 100')
  const [every, setEvery] = useState('1h')
  const [query, setQuery] = useState('')
  const [value, setValue] = useState('0.01')
  const [then, setThen] = useState('revert')
  const shares = steps.split(/[\s,]+/).filter((step) => step !== '').map(Number)
  const isGood = shares.length > 0 && shares.every((share) => share > 0 && share <= 100)
  // oxlint-disable-next-line no-thenable -- it is what the API calls it
  const guard = query.trim() === '' ? undefined : { language: 'promql', query: query.trim(), is: 'above', value: Number(value), for: '1m', then }
  return (
    <Change title={`Roll ${flag.key} out`} does="Begin" isReady={isGood && to !== ''} onClose={onClose} request={(about, revision = flag.revision) => changeOfFlag('POST', { key: flag.key, set, revision }, '/rollout', about, { from, to, steps: shares, every, guard })}>
      <p>
        The first step is made at once. Whom the rule gives a variant keeps it; the others get the new one instead of <code>{from || 'the default'}</code>, and who has it keeps it as the share grows.
      </p>
      <div className="fields">
        <Field label="New variant">
          <Select value={to} onChange={(event) => setTo(event.target.value)}>
            {others.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
        </Field>
        <Field label="Steps in percent" hint={isGood ? undefined : 'Percentages above 0, up to 100.'}>
          <Input value={steps} onChange={(event) => setSteps(event.target.value)} aria-invalid={!isGood} />
        </Field>
        <Field label="A step every">
          <Input value={every} onChange={(event) => setEvery(event.target.value)} placeholder="1h" />
        </Field>
      </div>
      <Field label="Guard: a PromQL query (empty: none)" hint="It is asked every 15 s. Where it is above the value for a minute, the roll-out ends.">
        <Input className="mono" value={query} onChange={(event) => setQuery(event.target.value)} />
      </Field>
      {guard && (
        <div className="fields">
          <Field label="Not above">
            <Input type="number" step="any" value={value} onChange={(event) => setValue(event.target.value)} />
          </Field>
          <Field label="Else">
            <Select value={then} onChange={(event) => setThen(event.target.value)}>
              <option value="revert">put the flag back as it was</option>
              <option value="stop">stay at the share</option>
            </Select>
          </Field>
        </div>
      )}
    </Change>
  )
}
