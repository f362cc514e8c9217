import { address, usePage } from '../page'
import { ButtonLink } from '../parts/controls'
import styles from './not-found.module.css'

export function NotFound() {
  const page = usePage()
  return (
    <div className={styles.page}>
      <Shards />
      <h1>There is nothing here</h1>
      <p>Perhaps it was sold, perhaps it never was. The shop around it is whole.</p>
      <p className={styles.ways}>
        <ButtonLink href={address(page, '/')}>To the shop</ButtonLink>
        <ButtonLink quiet href={address(page, '/search')}>
          Every piece
        </ButtonLink>
      </p>
    </div>
  )
}

export function Sorry() {
  const page = usePage()
  return (
    <div className={styles.page}>
      <Shards />
      <h1>Something broke</h1>
      <p>It was not you, and nothing was bought or lost. Most things here mend themselves within seconds.</p>
      <p className={styles.ways}>
        <ButtonLink href={address(page, page.path, page.query)}>Try again</ButtonLink>
        <ButtonLink quiet href={address(page, '/')}>
          To the shop
        </ButtonLink>
      </p>
    </div>
  )
}

/** What the service worker shows where there is no connection and nothing was kept. */
export function Offline() {
  const page = usePage()
  return (
    <div className={styles.page}>
      <Shards />
      <h1>You are not connected</h1>
      <p>Pages that you saw within a day can still be read. What you were about to send was not sent again: look when you are back.</p>
      <p className={styles.ways}>
        <ButtonLink href="">Try again</ButtonLink>
        <ButtonLink quiet href={address(page, '/')}>
          To the shop
        </ButtonLink>
      </p>
    </div>
  )
}

function Shards() {
  return (
    <svg className={styles.shards} viewBox="0 0 240 160" aria-hidden="true" focusable="false">
      <path d="M120 18 168 46 150 92 108 78Z" fill="#7fd0de" opacity=".75" />
      <path d="M108 78 150 92 132 140 84 128Z" fill="#8fb8ff" opacity=".6" />
      <path d="M62 60 104 40 100 84 70 102Z" fill="#ffc1d6" opacity=".7" />
      <path d="M176 70 204 84 186 120 162 108Z" fill="#c9c4ff" opacity=".7" />
      <path d="M44 112 72 116 60 140Z" fill="#dfae68" opacity=".6" />
    </svg>
  )
}
