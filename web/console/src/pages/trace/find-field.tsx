// Words that spans must have: the others go, but for what is above those that have them.
import { useEffect, useRef, useState } from 'react'
import { useKeys } from '../../keys'
import { Input } from '../../parts/controls'
import styles from './trace.module.css'

const PAUSE_MS = 150

export function FindField({ value, onFind }: { value: string; onFind: (text: string) => void }) {
  const [typed, setTyped] = useState(value)
  const input = useRef<HTMLInputElement>(null)
  const latest = useRef(onFind)
  latest.current = onFind
  const last = useRef(value)
  useEffect(() => {
    if (value === last.current) return
    last.current = value
    setTyped(value)
  }, [value])
  useEffect(() => {
    if (typed === last.current) return
    const timer = setTimeout(() => {
      last.current = typed
      latest.current(typed)
    }, PAUSE_MS)
    return () => clearTimeout(timer)
  }, [typed])
  useKeys('Find', [{ keys: '/', does: 'Find spans in this trace', run: () => input.current?.focus() }])
  return (
    <label className={styles.find} ref={(label) => void (input.current = label?.querySelector('input') ?? null)}>
      <span className="sr-only">Find spans: words of a service, an operation, a message, or an id</span>
      <Input type="search" placeholder="Service, operation, message or id" value={typed} onChange={(event) => setTyped(event.target.value)} onKeyDown={(event) => event.key === 'Escape' && (setTyped(''), event.currentTarget.blur())} />
    </label>
  )
}
