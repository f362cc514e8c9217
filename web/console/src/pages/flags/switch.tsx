// Whether a flag is on, and the button that changes it, which asks why.
import { useState } from 'react'
import { changeOfFlag, type Flag } from './api'
import { Change } from './change'
import styles from './flags.module.css'

export function Switch({ flag, set, may }: { flag: Flag; set: string; may: boolean }) {
  const [isAsked, setAsked] = useState(false)
  const does = flag.enabled ? 'Switch off' : 'Switch on'
  return (
    <>
      <button type="button" role="switch" aria-checked={flag.enabled} aria-label={`${flag.key}: ${does}`} title={does} className={styles.switch} disabled={!may} onClick={() => setAsked(true)}>
        <span aria-hidden="true" />
        {flag.enabled ? 'on' : 'off'}
      </button>
      {isAsked && (
        <Change title={`${does} ${flag.key}?`} does={does} kind={flag.enabled ? 'bad' : 'main'} onClose={() => setAsked(false)} request={(about, revision = flag.revision) => changeOfFlag('POST', { key: flag.key, set, revision }, '/state', about, { enabled: !flag.enabled })}>
          <p>{flag.enabled ? 'Whoever reads it gets what stands in code, at once.' : 'Whoever reads it gets what its rule says, at once.'}</p>
        </Change>
      )}
    </>
  )
}
