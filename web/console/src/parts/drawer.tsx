// What was clicked, at the right; the page behind stays and can be used. Escape closes it, and the focus goes back to where it was.
import { type ReactNode, useEffect, useRef } from 'react'
import { Button } from './controls'
import styles from './drawer.module.css'

interface DrawerProps {
  title: ReactNode
  /** Changes when something else is shown in it: the focus goes to it then. */
  of: string
  onClose: () => void
  actions?: ReactNode
  children: ReactNode
}

export function Drawer({ title, of, onClose, actions, children }: DrawerProps) {
  const drawer = useRef<HTMLElement>(null)
  const close = useRef(onClose)
  close.current = onClose
  useEffect(() => {
    const before = document.activeElement
    drawer.current?.focus({ preventScroll: true })
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [of])
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || event.defaultPrevented || document.querySelector('dialog[open]')) return
      event.preventDefault()
      close.current()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  return (
    <aside className={styles.drawer} ref={drawer} tabIndex={-1} aria-label={typeof title === 'string' ? title : of} data-drawer="">
      <header className={styles.head}>
        <h2>{title}</h2>
        {actions}
        <Button kind="plain" icon="close" label="Close (Escape)" onClick={onClose} />
      </header>
      <div className={styles.body}>{children}</div>
    </aside>
  )
}
