// Which spans are shown: all, those that failed, those that the trace waited for.
import { useMemo } from 'react'
import { Button } from '../../parts/controls'
import type { Spans } from './spans'
import styles from './trace.module.css'

type Mode = 'all' | 'errors' | 'critical'

export function ModeChoice({ spans, mode, onMode }: { spans: Spans; mode: Mode; onMode: (mode: Mode) => void }) {
  const counts = useMemo(() => {
    let [errors, critical] = [0, 0]
    for (let row = 0; row < spans.count; row++) {
      errors += spans.error[row]!
      if (spans.critical[row]! > 0) critical++
    }
    return { all: spans.count, errors, critical }
  }, [spans])
  const choices: [Mode, string][] = [
    ['all', 'All'],
    ['errors', 'Failed'],
    ['critical', 'Critical path'],
  ]
  return (
    <div className={styles.modes} role="group" aria-label="Which spans are shown">
      {choices.map(([name, label]) => (
        <Button key={name} kind="plain" aria-pressed={mode === name} disabled={counts[name] === 0} onClick={() => onMode(name)}>
          {label} <small>{counts[name].toLocaleString('en')}</small>
        </Button>
      ))}
    </div>
  )
}
