// Buttons, fields and what is said of a form.
import type { ComponentProps, ReactNode } from 'react'
import { usePage } from '../page'
import { inWords } from '../refusals'
import styles from './controls.module.css'

export function Button({ quiet = false, className = '', ...rest }: ComponentProps<'button'> & { quiet?: boolean }) {
  return <button className={`${styles.button} ${quiet ? styles.quiet : ''} ${className}`} {...rest} />
}

/** Takes something away again: words that say so, beside what it is. */
export function UndoButton({ className = '', ...rest }: ComponentProps<'button'>) {
  return <button className={`${styles.undo} ${className}`} {...rest} />
}

export function ButtonLink({ quiet = false, className = '', ...rest }: ComponentProps<'a'> & { quiet?: boolean }) {
  return <a className={`${styles.button} ${quiet ? styles.quiet : ''} ${className}`} {...rest} />
}

type FieldProps = ComponentProps<'input'> & { name: string; label: string; hint?: string; wide?: boolean }

/** A labelled input. What was typed before is there again, save secrets, and what is wrong with it stands below. */
export function Field({ name, label, hint, wide = false, ...rest }: FieldProps) {
  const form = usePage().form
  const isWrong = form?.field === name
  const note = isWrong ? form?.message : hint
  return (
    <label className={`${styles.field} ${wide ? styles.wide : ''}`}>
      <span className={styles.label}>
        {label}
        {!rest.required && <span className={styles.optional}> (optional)</span>}
      </span>
      <input
        className={styles.input}
        name={name}
        defaultValue={form?.values[name] ?? ''}
        aria-invalid={isWrong || undefined}
        aria-describedby={note ? `${name}-note` : undefined}
        {...rest}
      />
      {note && (
        <span className={isWrong ? styles.wrong : styles.hint} id={`${name}-note`}>
          {note}
        </span>
      )}
    </label>
  )
}

export function Select({ name, label, children, ...rest }: ComponentProps<'select'> & { name: string; label: string }) {
  const form = usePage().form
  return (
    <label className={styles.field}>
      <span className={styles.label}>{label}</span>
      <select className={styles.input} name={name} defaultValue={form?.values[name]} {...rest}>
        {children}
      </select>
    </label>
  )
}

/** What is wrong with a form as a whole. */
export function FormMessage() {
  const form = usePage().form
  return form ? (
    <p className={styles.message} role="alert">
      {inWords(form)}
    </p>
  ) : null
}

export function Fields({ legend, children }: { legend: string; children: ReactNode }) {
  return (
    <fieldset className={styles.fields}>
      <legend>{legend}</legend>
      <div className={styles.fieldsInner}>{children}</div>
    </fieldset>
  )
}

/** A sheet with a title, for what is filled in. */
export function Sheet({ children, className = '' }: { children: ReactNode; className?: string }) {
  return <section className={`${styles.sheet} ${className}`}>{children}</section>
}
