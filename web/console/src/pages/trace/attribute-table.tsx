// Attributes as they were sent. Each narrows the search for traces, to those with it or without it.
import { attributeKey, quotedValue } from '../../data/query-text'
import type { Attribute } from '../../data/traces'
import { ButtonLink } from '../../parts/controls'
import styles from './span-drawer.module.css'

/** Longer texts are folded. */
const LONG = 400

export function AttributeTable({ attributes, dropped }: { attributes: Attribute[]; dropped: number }) {
  if (attributes.length === 0 && dropped === 0) return <p className="muted">None.</p>
  return (
    <>
      <table className={styles.attributes}>
        <tbody>
          {attributes.map((attribute, place) => (
            <tr key={`${attribute.key} ${place}`}>
              <th scope="row">{attribute.key}</th>
              <td data-type={attribute.type}>
                <Value attribute={attribute} />
              </td>
              <td className={styles.narrow}>
                <ButtonLink kind="plain" icon="filter" label={`Traces with this ${attribute.key}`} to="/traces" parameters={{ q: `${attributeKey(attribute.key)}:${quotedValue(attribute.text)}` }} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {dropped > 0 && <p className="muted">{dropped} more were dropped by the sender.</p>}
    </>
  )
}

function Value({ attribute: { type, text } }: { attribute: Attribute }) {
  if (text === '') return <span className="muted">{type === 'empty' ? 'empty' : '""'}</span>
  const shown = type === 'array' || type === 'map' ? indented(text) : text
  if (shown.length <= LONG) return <pre>{shown}</pre>
  return (
    <details>
      <summary>
        <code>{shown.slice(0, 120)}…</code> <small>{shown.length.toLocaleString('en')} characters</small>
      </summary>
      <pre>{shown}</pre>
    </details>
  )
}

function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2)
  } catch {
    return json
  }
}
