// Buttons, fields and what is wrong with a form.
import type { ComponentChildren, JSX, TargetedSubmitEvent } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { Refused } from './shop'

type InputProps = JSX.IntrinsicElements['input'] & { name: string; label: string; error: Refused | null }

export function Field({ name, label, error, ...rest }: InputProps) {
  const isWrong = error?.field === name
  return (
    <label class="field">
      <span>{label}</span>
      <input name={name} aria-invalid={isWrong || undefined} aria-describedby={isWrong ? 'wrong' : undefined} {...rest} />
    </label>
  )
}

interface FormProps {
  action: string
  /** What stands below its button, such as another one: its name and value are sent like a field's. */
  more?: ComponentChildren
  /** Fails with a `Refused` where something is to be told. */
  onSend: (fields: (name: string) => string) => Promise<void>
  children: (error: Refused | null) => ComponentChildren
}

/** A form that is sent once at a time. What is wrong is told in a live region, and at its field. */
export function Form({ action, more, onSend, children }: FormProps) {
  const [error, setError] = useState<Refused | null>(null)
  const [isSending, setSending] = useState(false)
  const sending = useRef(false)
  const send = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    if (sending.current) return
    const form = event.currentTarget
    const data = new FormData(form, event.submitter)
    sending.current = true
    setSending(true)
    setError(null)
    try {
      await onSend((name) => String(data.get(name) ?? '').trim())
    } catch (failure) {
      const refused = failure instanceof Refused ? failure : new Refused({ message: 'that did not work: try again' })
      setError(refused)
      const field = refused.field === null ? null : form.elements.namedItem(refused.field)
      if (field instanceof HTMLElement) field.focus()
    }
    sending.current = false
    setSending(false)
  }
  return (
    <form onSubmit={send} noValidate={false}>
      <p class="wrong" id="wrong" role="alert">
        {error?.message}
      </p>
      {children(error)}
      <button class="go" disabled={isSending}>
        {isSending ? 'One moment …' : action}
      </button>
      {more}
    </form>
  )
}
