// For which variable a panel or a section is repeated.
import { Field, Input, Select } from '../../parts/controls'
import type { Dashboard, Repeat } from './document'
import styles from './dashboards.module.css'
import { SIDE_BY_SIDE } from './repeat'

/** Returns the names of the variables that have several values. */
export const repeatable = ({ spec }: Dashboard): string[] => (spec.variables ?? []).filter(({ kind }) => kind === 'ListVariable').map((variable) => variable.spec.name)

/** Chooses a variable, or none. */
export function RepeatFor({ name, names, onChange }: { name: string | undefined; names: string[]; onChange: (name: string | undefined) => void }) {
  const offered = name === undefined || names.includes(name) ? names : [name, ...names]
  return (
    <Field label="Repeat for each value of" hint={offered.length === 0 ? 'A variable with a list of values can be added in the settings' : undefined}>
      <Select value={name ?? ''} onChange={(event) => onChange(event.target.value || undefined)}>
        <option value="">No variable</option>
        {offered.map((each) => (
          <option key={each} value={each}>
            ${each}
          </option>
        ))}
      </Select>
    </Field>
  )
}

/** How a panel is repeated. */
export function RepeatFields({ repeat, names, onChange }: { repeat: Repeat | undefined; names: string[]; onChange: (repeat: Repeat | undefined) => void }) {
  return (
    <>
      <RepeatFor name={repeat?.value} names={names} onChange={(value) => onChange(value === undefined ? undefined : { ...repeat, value })} />
      {repeat && (
        <div className={styles.pair}>
          <Field label="They stand">
            <Select value={repeat.alignment ?? 'horizontal'} onChange={(event) => onChange({ ...repeat, alignment: event.target.value === 'vertical' ? 'vertical' : 'horizontal' })}>
              <option value="horizontal">Side by side</option>
              <option value="vertical">Below each other</option>
            </Select>
          </Field>
          {repeat.alignment !== 'vertical' && (
            <Field label="At most side by side">
              <Input type="number" min={1} max={24} placeholder={String(SIDE_BY_SIDE)} value={repeat.maxPer ?? ''} onChange={(event) => onChange({ ...repeat, maxPer: Number(event.target.value) || undefined })} />
            </Field>
          )}
        </div>
      )}
    </>
  )
}
