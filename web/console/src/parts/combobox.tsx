// A field that proposes: arrows go through what is proposed, Enter takes it, Escape leaves what was typed.
import { type KeyboardEvent, type RefObject, useId, useState } from 'react'
import { Icon, type IconName } from './icons'
import styles from './query-field.module.css'

export interface Proposal {
  /** What stands in the list. */
  text: string
  /** What it is, beside it. */
  detail?: string
  /** What the field holds when it is chosen. */
  value: string
}

interface ComboboxProps {
  label: string
  placeholder?: string
  icon?: IconName
  value: string
  onChange: (value: string) => void
  /** Enter, with nothing proposed chosen. */
  onSubmit: (value: string) => void
  proposals: Proposal[]
  /** What happens when one is chosen; without it, the field holds its value. */
  onChoose?: (proposal: Proposal) => void
  isWrong?: boolean
  input?: RefObject<HTMLInputElement | null>
}

export function Combobox({ label, placeholder, icon, value, onChange, onSubmit, proposals, onChoose, isWrong, input }: ComboboxProps) {
  const id = useId()
  const [isOpen, setOpen] = useState(false)
  const [at, setAt] = useState(-1)
  const isShown = isOpen && proposals.length > 0
  const choose = (proposal: Proposal) => {
    setAt(-1)
    if (onChoose) {
      setOpen(false)
      onChoose(proposal)
    } else onChange(proposal.value)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      setOpen(true)
      const count = proposals.length + 1
      setAt(((at + 1 + (event.key === 'ArrowDown' ? 1 : -1) + count) % count) - 1)
    } else if (event.key === 'Enter') {
      event.preventDefault()
      const chosen = isShown ? proposals[at] : undefined
      if (chosen) choose(chosen)
      else {
        setOpen(false)
        onSubmit(value)
      }
    } else if (event.key === 'Tab' && isShown && at >= 0) {
      event.preventDefault()
      choose(proposals[at]!)
    } else if (event.key === 'Escape' && isShown) {
      event.preventDefault()
      event.stopPropagation()
      setOpen(false)
    }
  }
  return (
    <div className={styles.field} data-wrong={isWrong ? '' : undefined}>
      {icon && <Icon name={icon} />}
      <input
        ref={input}
        role="combobox"
        aria-label={label}
        aria-expanded={isShown}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-invalid={isWrong}
        aria-activedescendant={isShown && at >= 0 ? `${id}-${at}` : undefined}
        placeholder={placeholder}
        value={value}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        onChange={(event) => {
          onChange(event.target.value)
          setOpen(true)
          setAt(-1)
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      {isShown && (
        <div className={`${styles.options} glass`} role="listbox" id={`${id}-list`} aria-label={label}>
          {proposals.map((proposal, place) => (
            <div
              key={proposal.value + proposal.text}
              id={`${id}-${place}`}
              role="option"
              aria-selected={place === at}
              className={styles.option}
              ref={(option) => {
                if (place === at) option?.scrollIntoView({ block: 'nearest' })
              }}
              onPointerDown={(event) => {
                event.preventDefault()
                choose(proposal)
              }}
            >
              {proposal.text}
              {proposal.detail && <small>{proposal.detail}</small>}
            </div>
          ))}
        </div>
      )}
    </div>
  )
}
