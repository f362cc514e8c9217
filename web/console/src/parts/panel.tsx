// A sheet with a heading, which shows the request behind it: as a command line, and as SQL where there is such.
import type { ReactNode } from 'react'
import { copy } from '../data/clipboard'
import { type ApiRequest, asCurl } from '../data/http'
import { addressOf, navigate } from '../router'
import { Menu, MenuItem } from './controls'
import styles from './panel.module.css'

interface PanelProps {
  title: ReactNode
  /** What it was asked with. */
  request?: ApiRequest | null
  /** The same question as a statement. */
  sql?: string
  /** Controls beside the heading. */
  actions?: ReactNode
  /** Further lines of its menu. */
  menu?: ReactNode
  /** Whether what is in it reaches its edges, as tables do. */
  flush?: boolean
  level?: 2 | 3
  className?: string
  children: ReactNode
}

export function Panel({ title, request, sql, actions, menu, flush, level = 2, className, children }: PanelProps) {
  const Heading = `h${level}` as const
  return (
    <section className={`${styles.panel} ${className ?? ''}`}>
      <header className={styles.head}>
        <Heading>{title}</Heading>
        {actions}
        {(request || sql || menu) && (
          <Menu label="More about this panel">
            {menu}
            {request && (
              <MenuItem icon="copy" onChoose={() => copy(asCurl(request))}>
                Copy as curl
              </MenuItem>
            )}
            {sql && (
              <MenuItem icon="sql" onChoose={() => navigate(addressOf('/sql', { q: sql }))}>
                Open as SQL
              </MenuItem>
            )}
          </Menu>
        )}
      </header>
      <div className={styles.body} data-flush={flush ? '' : undefined}>
        {children}
      </div>
    </section>
  )
}
