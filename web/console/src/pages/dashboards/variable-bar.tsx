// The controls of a dashboard's variables. What is chosen stands in the address.
import { type FormEvent, useEffect, useId, useRef, useState } from 'react'
import { Button, Input, Select } from '../../parts/controls'
import { Icon } from '../../parts/icons'
import { changedAddress, navigate } from '../../router'
import styles from './dashboards.module.css'
import { chosenAs, type VariableState } from './use-variables'
import { ALL, isConstant, labelOf, parameterOf } from './variables'

export function VariableBar({ states }: { states: VariableState[] }) {
  const shown = states.filter(({ variable }) => !isConstant(variable))
  if (shown.length === 0) return null
  return (
    <div className={styles.variables} role="group" aria-label="Variables">
      {shown.map((state) => (
        <Control key={state.variable.spec.name} state={state} />
      ))}
    </div>
  )
}

function Control({ state }: { state: VariableState }) {
  const { variable, options, selected, isLoading, problem } = state
  const label = labelOf(variable)
  const { name } = variable.spec
  const id = useId()
  const choose = (values: string[]) => navigate(changedAddress({ [parameterOf(name)]: chosenAs(state, values) }))
  return (
    <div className={styles.variable} title={variable.spec.display?.description}>
      <label htmlFor={id}>{label}</label>
      {variable.kind === 'TextVariable' ? (
        <TextChoice id={id} value={selected[0] ?? variable.spec.value ?? ''} onChoose={(value) => navigate(changedAddress({ [parameterOf(name)]: value === variable.spec.value ? undefined : value }))} />
      ) : variable.spec.allowMultiple ? (
        <ManyChoice id={id} label={label} state={state} onChoose={choose} />
      ) : (
        <Select id={id} value={selected[0] ?? ''} aria-busy={isLoading} onChange={(event) => choose([event.target.value])}>
          {variable.spec.allowAllValue && <option value={ALL}>All</option>}
          {selected[0] !== undefined && selected[0] !== ALL && !options.includes(selected[0]) && <option value={selected[0]}>{selected[0]}</option>}
          {options.map((option) => (
            <option key={option} value={option}>
              {option}
            </option>
          ))}
        </Select>
      )}
      {problem && (
        <span className={styles.variableProblem} role="img" aria-label={`Options of ${label} cannot be read: ${problem}`} title={problem}>
          <Icon name="error" size={14} />
        </span>
      )}
    </div>
  )
}

function TextChoice({ id, value, onChoose }: { id: string; value: string; onChoose: (value: string) => void }) {
  const [typed, setTyped] = useState(value)
  const [before, setBefore] = useState(value)
  if (before !== value) {
    setBefore(value)
    setTyped(value)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onChoose(typed)
  }
  return (
    <form onSubmit={submit}>
      <Input id={id} value={typed} onChange={(event) => setTyped(event.target.value)} onBlur={() => typed !== value && onChoose(typed)} />
    </form>
  )
}

const said = (selected: string[]) => (selected.includes(ALL) ? 'All' : selected.length === 0 ? 'None' : selected.length <= 2 ? selected.join(', ') : `${selected[0]} and ${selected.length - 1} more`)

/** Several of many: a list with a search, closed by Escape and by a click elsewhere. */
function ManyChoice({ id, label, state, onChoose }: { id: string; label: string; state: VariableState; onChoose: (values: string[]) => void }) {
  const { variable, options, selected } = state
  const details = useRef<HTMLDetailsElement>(null)
  const [isOpen, setOpen] = useState(false)
  const [typed, setTyped] = useState('')
  useEffect(() => {
    if (!isOpen) return
    const close = (event: Event) => {
      const isKey = event instanceof KeyboardEvent
      if (isKey ? event.key !== 'Escape' : details.current?.contains(event.target as Node)) return
      if (details.current) details.current.open = false
      if (isKey) details.current?.querySelector('summary')?.focus()
    }
    addEventListener('pointerdown', close)
    addEventListener('keydown', close)
    return () => {
      removeEventListener('pointerdown', close)
      removeEventListener('keydown', close)
    }
  }, [isOpen])
  const offered = [...new Set([...options, ...selected.filter((value) => value !== ALL)])].filter((option) => option.toLowerCase().includes(typed.toLowerCase()))
  const toggle = (option: string) => {
    const others = selected.filter((value) => value !== ALL)
    onChoose(option === ALL ? [ALL] : others.includes(option) ? others.filter((value) => value !== option) : [...others, option])
  }
  return (
    <details className={styles.many} ref={details} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary id={id} aria-label={`${label}: ${said(selected)}`}>
        <span>{said(selected)}</span>
        <Icon name="down" size={12} />
      </summary>
      {isOpen && (
        <div className="glass">
          <Input type="search" aria-label={`Find values of ${label}`} placeholder="Find" value={typed} onChange={(event) => setTyped(event.target.value)} />
          <fieldset>
            <legend className="sr-only">{label}</legend>
            {variable.spec.allowAllValue && typed === '' && <Option name="All" isOn={selected.includes(ALL)} onToggle={() => toggle(ALL)} />}
            {offered.map((option) => (
              <Option key={option} name={option} isOn={selected.includes(option)} onToggle={() => toggle(option)} onOnly={() => onChoose([option])} />
            ))}
            {offered.length === 0 && <p className="muted">No value has “{typed}” in it.</p>}
          </fieldset>
        </div>
      )}
    </details>
  )
}

function Option({ name, isOn, onToggle, onOnly }: { name: string; isOn: boolean; onToggle: () => void; onOnly?: () => void }) {
  return (
    <div className={styles.option}>
      <label title={name}>
        <input type="checkbox" checked={isOn} onChange={onToggle} />
        <span>{name}</span>
      </label>
      {onOnly && (
        <Button kind="plain" onClick={onOnly} aria-label={`Only ${name}`}>
          only
        </Button>
      )}
    </div>
  )
}
