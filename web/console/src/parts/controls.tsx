// Buttons, fields, tabs, badges and menus: elements of the browser, dressed.
import { type ButtonHTMLAttributes, type InputHTMLAttributes, type KeyboardEvent, type ReactNode, type RefAttributes, type SelectHTMLAttributes, type ComponentProps, useEffect, useRef, useState } from 'react'
import { Link, type Parameters } from '../router'
import styles from './controls.module.css'
import { Icon, type IconName } from './icons'

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `main` for what the page is for, `bad` for what takes something away, `plain` without a border. */
  kind?: 'main' | 'plain' | 'bad'
  icon?: IconName
  /** What an icon alone means. */
  label?: string
}

export function Button({ kind, icon, label, children, className, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} className={`${styles.button} ${className ?? ''}`} data-kind={kind} data-icon-only={children === undefined ? '' : undefined} aria-label={label ?? rest['aria-label']} title={label ?? rest.title}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  )
}

interface ButtonLinkProps {
  to?: string
  parameters?: Parameters
  change?: Parameters
  kind?: 'main' | 'plain'
  icon?: IconName
  label?: string
  children?: ReactNode
}

export function ButtonLink({ kind, icon, label, children, ...link }: ButtonLinkProps) {
  return (
    <Link {...link} className={styles.button} data-kind={kind} data-icon-only={children === undefined ? '' : undefined} aria-label={label} title={label}>
      {icon && <Icon name={icon} />}
      {children}
    </Link>
  )
}

export function Input({ className, ...rest }: InputHTMLAttributes<HTMLInputElement> & RefAttributes<HTMLInputElement>) {
  return <input {...rest} className={`${styles.input} ${className ?? ''}`} />
}

export function TextArea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea {...rest} className={`${styles.input} ${className ?? ''}`} />
}

export function Select({ className, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return <select {...rest} className={`${styles.input} ${className ?? ''}`} />
}

/** A control with its name above, and what else is to be known of it below. */
export function Field({ label, hint, children }: { label: string; hint?: ReactNode; children: ReactNode }) {
  return (
    <label className={styles.field}>
      <span>{label}</span>
      {children}
      {hint && <small className={styles.hint}>{hint}</small>}
    </label>
  )
}

export interface Tab<Name extends string> {
  name: Name
  label: ReactNode
}

/** Tabs over what is shown below; which one is open is the caller's to keep, in the address as a rule. */
export function Tabs<Name extends string>({ label, tabs, open, onOpen }: { label: string; tabs: Tab<Name>[]; open: Name; onOpen: (name: Name) => void }) {
  const bar = useRef<HTMLDivElement>(null)
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    event.stopPropagation()
    const place = (tabs.findIndex(({ name }) => name === open) + step + tabs.length) % tabs.length
    onOpen(tabs[place]!.name)
    bar.current?.querySelectorAll('button')[place]?.focus()
  }
  return (
    <div className={styles.tabs} role="tablist" aria-label={label} ref={bar} onKeyDown={move}>
      {tabs.map(({ name, label }) => (
        <button type="button" key={name} role="tab" className={styles.tab} aria-selected={name === open} tabIndex={name === open ? 0 : -1} onClick={() => onOpen(name)}>
          {label}
        </button>
      ))}
    </div>
  )
}

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'glass'

/** A short word on something. Its colour never says anything alone. */
export function Badge({ tone, icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={styles.badge} data-tone={tone}>
      {icon && <Icon name={icon} size={12} />}
      {children}
    </span>
  )
}

/** A spot in the colour of a name. */
export function Dot({ colour }: { colour: string }) {
  return <span className={styles.dot} ref={(dot) => dot?.style.setProperty('--dot', colour)} />
}

/** A button that opens more, as a rule `MenuItem`s. It closes when one is chosen, by Escape, and by a click elsewhere. */
export function Menu({ label, icon = 'more', text, side, children }: { label: string; icon?: IconName; text?: ReactNode; side?: 'start'; children: ReactNode }) {
  const details = useRef<HTMLDetailsElement>(null)
  const [isOpen, setOpen] = useState(false)
  useEffect(() => {
    if (!isOpen) return
    const close = (event: Event) => {
      if (event instanceof globalThis.KeyboardEvent ? event.key === 'Escape' : !details.current?.contains(event.target as Node)) {
        if (details.current) details.current.open = false
        if (event instanceof globalThis.KeyboardEvent) details.current?.querySelector('summary')?.focus()
      }
    }
    addEventListener('pointerdown', close)
    addEventListener('keydown', close)
    return () => {
      removeEventListener('pointerdown', close)
      removeEventListener('keydown', close)
    }
  }, [isOpen])
  return (
    <details ref={details} className={styles.menu} data-side={side} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles.button} data-kind="plain" data-icon-only={text === undefined ? '' : undefined} aria-label={text === undefined ? label : undefined} title={label}>
        {text ?? <Icon name={icon} />}
      </summary>
      {isOpen && (
        <div className="glass" onClick={() => details.current && (details.current.open = false)}>
          {children}
        </div>
      )}
    </details>
  )
}

/** A line of a menu that does something. */
export function MenuItem({ icon, onChoose, children }: { icon?: IconName; onChoose: () => void; children: ReactNode }) {
  return (
    <button type="button" className={styles.item} onClick={onChoose}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  )
}
