// A dialog that asks before something is changed: fields, what was refused, and a button that says what it does.
import { type FormEvent, type ReactNode, useEffect, useRef } from 'react'
import { Problem } from './answer'
import { Button } from './controls'
import { Dialog } from './dialog'

interface QuestionProps {
  title: string
  /** What the button does: "Switch off". */
  does: string
  kind?: 'main' | 'bad'
  isBusy?: boolean
  /** Whether what was filled in is enough. */
  isReady?: boolean
  error?: Error | null
  onSubmit: () => void
  onClose: () => void
  children?: ReactNode
}

export function Question({ title, does, kind = 'main', isBusy, isReady = true, error, onSubmit, onClose, children }: QuestionProps) {
  const form = useRef<HTMLFormElement>(null)
  // The browser would begin at the button that closes.
  useEffect(() => form.current?.querySelector<HTMLElement>('input, select, textarea, button')?.focus(), [])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (isReady && !isBusy) onSubmit()
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="stack" ref={form} onSubmit={submit}>
        {children}
        {error && <Problem error={error} />}
        <div className="row">
          <Button kind={kind} type="submit" disabled={!isReady || isBusy}>
            {does}
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  )
}
