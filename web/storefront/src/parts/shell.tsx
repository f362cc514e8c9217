// What stands around every page: the bar, the ways to everything, the foot.
import { useData } from '@vitrine/kit/src/data'
import type { ReactNode } from 'react'
import { Shop } from '../operations'
import { address, usePage } from '../page'
import { useVisitor } from '../visitor'
import { Connection } from './connection'
import { Icon } from './icons'
import { Region } from './region'
import { SearchBox } from './search-box'
import styles from './shell.module.css'

export function Shell({ children }: { children: ReactNode }) {
  return (
    <>
      <a className={styles.skip} href="#content">
        Skip to the content
      </a>
      <Announcement />
      <Bar />
      <main id="content" className={styles.main} tabIndex={-1}>
        {children}
      </main>
      <Foot />
      <Connection />
    </>
  )
}

function Announcement() {
  const text = useData(Shop)?.announcement
  return text ? (
    <p className={styles.announcement} role="status">
      {text}
    </p>
  ) : null
}

function Bar() {
  const page = usePage()
  const visitor = useVisitor()
  const count = visitor?.cart ?? 0
  return (
    <header className={styles.header}>
      <div className={styles.bar}>
        <a className={styles.mark} href={address(page, '/')} aria-label="Vitrine, to the start">
          <Mark />
          <span>Vitrine</span>
        </a>
        <SearchBox />
        <a className={styles.tool} href={address(page, visitor?.name ? '/account' : '/sign-in')}>
          <Icon name="person" />
          <span className={styles.label}>{visitor?.name ?? 'Sign in'}</span>
        </a>
        <a className={styles.tool} href={address(page, '/cart')}>
          <Icon name="cart" />
          <span className={styles.label}>Cart</span>
          {count > 0 && (
            <span key={count} className={styles.count}>
              {count}
            </span>
          )}
        </a>
      </div>
      <Categories />
    </header>
  )
}

function Mark() {
  return (
    <svg width="22" height="26" viewBox="0 0 22 26" aria-hidden="true" focusable="false">
      <path d="M2 25V11a9 9 0 0 1 18 0v14Z" fill="var(--glass-weak)" stroke="currentColor" strokeWidth="1.6" />
      <path d="M11 2v23M2 15h18" stroke="currentColor" strokeWidth="1.2" opacity=".55" />
    </svg>
  )
}

function Categories() {
  const page = usePage()
  const shop = useData(Shop)
  if (shop === null) return null
  return (
    <nav className={styles.categories} aria-label="Categories">
      <ul>
        {shop.categories.map((category) => {
          const path = `/c/${category.slug}`
          return (
            <li key={category.slug}>
              <a href={address(page, path)} aria-current={page.path === path ? 'page' : undefined}>
                {category.name}
              </a>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}

function Foot() {
  const page = usePage()
  return (
    <footer className={styles.foot}>
      <div className={styles.footInner}>
        <p className={styles.motto}>Every piece here is drawn by hand, and every order can be seen through.</p>
        <nav aria-label="More">
          <ul className={styles.more}>
            <li>
              <a href={address(page, '/c/workshops', { sort: 'STARTS_AT' })}>Workshops</a>
            </li>
            <li>
              <a href={address(page, '/account')}>Your account</a>
            </li>
            <li>
              <a href={address(page, '/mailbox')}>Your mailbox</a>
            </li>
            <li>
              <a href="/api/v1/openapi.json">The API</a>
            </li>
          </ul>
        </nav>
        <Region />
      </div>
    </footer>
  )
}
