// A list beside what a page is about, with a field that narrows it. It stays in sight while the page is scrolled; where there is little room it is above.
import type { ReactNode } from 'react'
import type { ApiRequest } from '../data/http'
import { Input } from './controls'
import { Panel } from './panel'
import styles from './side-list.module.css'

interface SideListProps {
  title: string
  request: ApiRequest | null
  sql?: string
  /** What the field is for: "Find a metric". */
  find: string
  placeholder?: string
  part: string
  onPart: (part: string) => void
  className?: string
  children: ReactNode
}

export function SideList({ find, placeholder = find, part, onPart, className = '', children, ...panel }: SideListProps) {
  return (
    <Panel {...panel} flush className={`${styles.panel} ${className}`}>
      <div className={styles.find}>
        <Input type="search" aria-label={find} placeholder={placeholder} value={part} onChange={(event) => onPart(event.target.value)} />
      </div>
      <div className={styles.list}>{children}</div>
    </Panel>
  )
}

interface SideItemProps {
  name: ReactNode
  detail: ReactNode
  title?: string
  isOpen: boolean
  children: ReactNode
}

/** One of the list that can be unfolded. */
export function SideItem({ name, detail, title, isOpen, children }: SideItemProps) {
  return (
    <details className={styles.item} open={isOpen}>
      <summary title={title}>
        <span className="cut">{name}</span>
        <small>{detail}</small>
      </summary>
      {children}
    </details>
  )
}

/** A page with such a list, unless it is hidden. */
export function Beside({ list, children }: { list: ReactNode; children: ReactNode }) {
  return (
    <div className={styles.page} data-list={list ? '' : undefined}>
      {list}
      <div className="stack">{children}</div>
    </div>
  )
}
