// What is broken on purpose now, and the button that ends all of it: on every page of flags and faults.
import { useState } from 'react'
import { useKeys } from '../../keys'
import { Button } from '../../parts/controls'
import { Icon } from '../../parts/icons'
import { Link } from '../../router'
import { changeOf, useFlagsApi } from './api'
import { Change } from './change'
import { type Faults, isAtWork } from './fault'
import styles from './flags.module.css'

/** How often faults are looked at again. */
const AGAIN_MS = 2500

/** Reads all faults, again by itself. */
export const useFaults = () => useFlagsApi<Faults>('faults', {}, { refetchMs: AGAIN_MS })

export function StopAll() {
  const [isAsked, setAsked] = useState<'stop' | 'release' | null>(null)
  const faults = useFaults()
  const atWork = faults.data?.faults.filter(isAtWork) ?? []
  const stopped = faults.data?.stopped ?? null
  useKeys('Faults', [{ keys: '!', does: 'Stop all faults', run: () => setAsked('stop') }])
  return (
    <section className={styles.bar} data-tone={atWork.length > 0 ? 'bad' : stopped ? 'warn' : 'ok'} aria-label="Faults now">
      <Icon name={atWork.length > 0 ? 'error' : stopped ? 'pause' : 'check'} />
      <p role="status">{said(faults.error, atWork.length, stopped !== null, faults.data === undefined)}</p>
      {atWork.length > 0 && (
        <Link to="/flags" parameters={{ tab: 'faults' }}>
          See which
        </Link>
      )}
      {stopped && <Button onClick={() => setAsked('release')}>Let faults begin again</Button>}
      <Button kind="bad" icon="close" onClick={() => setAsked('stop')}>
        Stop all faults <kbd>!</kbd>
      </Button>
      {isAsked === 'stop' && (
        <Change title="Stop all faults?" does="Stop all" kind="bad" isPlannable={false} onClose={() => setAsked(null)} request={(about) => changeOf('POST', 'faults/stop', {}, about)}>
          <p>{atWork.length === 0 ? 'None is at work.' : `${count(atWork.length)} at work end at once.`} None begins before it is released again.</p>
        </Change>
      )}
      {isAsked === 'release' && (
        <Change title="Let faults begin again?" does="Release" isPlannable={false} onClose={() => setAsked(null)} request={(about) => changeOf('POST', 'faults/release', {}, about)}>
          <p>What was stopped stays ended. New faults can be armed again.</p>
        </Change>
      )}
    </section>
  )
}

const count = (faults: number) => (faults === 1 ? 'One fault' : `${faults} faults`)

function said(error: Error | null, atWork: number, isStopped: boolean, isUnknown: boolean): string {
  if (error) return `What is at work is not known: ${error.message}`
  if (isUnknown) return 'Looking for faults …'
  if (atWork > 0) return `${count(atWork)} at work.`
  return isStopped ? 'All faults are stopped: none can begin.' : 'Nothing is broken on purpose.'
}
