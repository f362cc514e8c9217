// Says that there is no connection, for as long as there is none: what is shown may be a day old.
import { useSyncExternalStore } from 'react'
import { Icon } from './icons'
import styles from './connection.module.css'

function subscribe(changed: () => void): () => void {
  addEventListener('online', changed)
  addEventListener('offline', changed)
  return () => {
    removeEventListener('online', changed)
    removeEventListener('offline', changed)
  }
}

export function Connection() {
  const isOnline = useSyncExternalStore(
    subscribe,
    () => navigator.onLine,
    () => true,
  )
  return (
    <div role="status" className={styles.place}>
      {!isOnline && (
        <p className={styles.note}>
          <Icon name="offline" size={18} /> Not connected. This is what the page was when you last saw it.
        </p>
      )}
    </div>
  )
}
