// What must be answered before one goes on. It is the browser's own: Escape closes it, and the focus stays in it.
import { type ReactNode, useEffect, useId, useRef } from 'react'
import { Button } from './controls'
import styles from './dialog.module.css'

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    // What is to be filled in comes before what closes it.
    element?.querySelector<HTMLElement>('input:not([type=checkbox], [type=radio]), textarea, select')?.focus()
    return () => element?.close()
  }, [])
  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => event.target === event.currentTarget && onClose()}
    >
      <header className={styles.head}>
        <h2 id={id}>{title}</h2>
        <Button kind="plain" icon="close" label="Close (Escape)" onClick={onClose} />
      </header>
      <div className={styles.body}>{children}</div>
    </dialog>
  )
}
