// What lists of the shop have in common: pages by cursors, ids that lead on, and times.
import type { ReactNode } from 'react'
import { ago, moment } from '../../format'
import { Button, ButtonLink, Input, Select } from '../../parts/controls'
import { Link, type Parameters } from '../../router'
import styles from './shop.module.css'

/** How many rows a page has. */
export const PAGE_SIZE = 50

/** Leads to the next page of a list, and back to the first. */
export function Pager({ cursor, next }: { cursor: string; next: string | null }) {
  if (cursor === '' && next === null) return null
  return (
    <nav className={styles.pager} aria-label="Pages">
      {cursor !== '' && <ButtonLink change={{ cursor: undefined }}>First page</ButtonLink>}
      {next !== null && (
        <ButtonLink icon="right" change={{ cursor: next }}>
          Next page
        </ButtonLink>
      )}
    </nav>
  )
}

/** A link to another tab of the shop. */
export function ToTab({ tab, parameters, children, mono }: { tab: string; parameters?: Parameters; children: ReactNode; mono?: boolean }) {
  return (
    <Link to="/shop" parameters={{ tab, ...parameters }} className={mono ? 'mono' : undefined}>
      {children}
    </Link>
  )
}

/** A moment, as long ago as it is. */
export const When = ({ at }: { at: string }) => <span title={moment(Date.parse(at))}>{ago(Date.parse(at))}</span>

/** A choice among a few, of which the first means all. */
export function Filter({ label, all, value, values, onChoose }: { label: string; all: string; value: string; values: [string, string][]; onChoose: (value: string | undefined) => void }) {
  return (
    <Select aria-label={label} value={value} onChange={(event) => onChoose(event.target.value || undefined)}>
      <option value="">{all}</option>
      {values.map(([name, text]) => (
        <option key={name} value={name}>
          {text}
        </option>
      ))}
    </Select>
  )
}

/** A field that is looked for when Enter is pressed, or it is left. */
export function Find({ label, value, onFind, id }: { label: string; value: string; onFind: (value: string | undefined) => void; id?: string }) {
  const find = (text: string) => text.trim() !== value && onFind(text.trim() || undefined)
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        find(String(new FormData(event.currentTarget).get('text')))
      }}
    >
      <Input key={value} id={id} name="text" type="search" aria-label={label} placeholder={label} defaultValue={value} onBlur={(event) => find(event.target.value)} />
    </form>
  )
}

/** Says that filters left nothing, and takes them away. */
export function NothingFits({ what, filters, onAll }: { what: string; filters: string[]; onAll: () => void }) {
  const said = filters.filter((filter) => filter !== '')
  if (said.length === 0) return <>There are no {what} yet.</>
  return (
    <>
      No {what} with {said.join(', ')}. <Button onClick={onAll}>Show all</Button>
    </>
  )
}
