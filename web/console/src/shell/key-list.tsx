// What keys do on the page that is open.
import { arePlainKeysOn, setPlainKeys, useAllKeys } from '../keys'
import { Dialog } from '../parts/dialog'
import styles from './shell.module.css'

export function KeyList({ onClose }: { onClose: () => void }) {
  const groups = useAllKeys()
  return (
    <Dialog title="What keys do" onClose={onClose}>
      <div className={styles.keys}>
        {groups.toReversed().map(({ name, keys }) => (
          <section key={name}>
            <h3>{name}</h3>
            <dl>
              {keys.map(({ keys, does }) => (
                <div key={keys} className="contents">
                  <dt>
                    {keys.split(' ').map((key) => (
                      <kbd key={key}>{key.replace('+', ' ')}</kbd>
                    ))}
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <label>
        <input type="checkbox" defaultChecked={arePlainKeysOn()} onChange={(event) => setPlainKeys(event.target.checked)} /> Keys without Ctrl do something
      </label>
    </Dialog>
  )
}
