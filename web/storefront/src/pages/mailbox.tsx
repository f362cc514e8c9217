// What the shop has written to a customer: all letters, and one of them.
import { useData } from '@vitrine/kit/src/data'
import { day, moment } from '@vitrine/kit/src/time'
import { Letter as LetterOperation, type LetterKind, Mailbox as MailboxOperation } from '../operations'
import { address, usePage } from '../page'
import { ButtonLink } from '../parts/controls'
import { Icon } from '../parts/icons'
import { Lines } from '../parts/order-lines'
import { NotFound } from './not-found'
import styles from './mailbox.module.css'

const ICONS = { receipt: 'check', shipped: 'parcel', cancelled: 'close', refunded: 'back' } as const satisfies Record<LetterKind, string>

/** The subject without the order's number, which is for machines. */
function short(subject: string): string {
  return subject.replace(/:? ?(for )?order ord_\S+$/, '')
}

export function Mailbox() {
  const { me } = useData(MailboxOperation)
  const page = usePage()
  if (me === null) return null
  const { nodes, pageInfo } = me.letters
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <h1>Your mailbox</h1>
        <p className={styles.note}>What we wrote to {me.email}</p>
      </header>
      {nodes.length === 0 && <p className={styles.empty}>Nothing yet. When you buy something, we write.</p>}
      <ul className={styles.letters}>
        {nodes.map((letter) => (
          <li key={letter.id}>
            <a href={address(page, `/mailbox/${letter.id}`)}>
              <span className={styles.sign}>
                <Icon name={ICONS[letter.template]} />
              </span>
              <span className={styles.subject}>{short(letter.subject)}</span>
              <time className={styles.note} dateTime={letter.createdAt}>
                {day(letter.createdAt)}
              </time>
            </a>
          </li>
        ))}
      </ul>
      <p className={styles.ways}>
        {pageInfo.hasNextPage && (
          <ButtonLink quiet href={address(page, '/mailbox', { after: pageInfo.endCursor })}>
            Older letters
          </ButtonLink>
        )}
        <ButtonLink quiet href={address(page, '/account')}>
          Your account
        </ButtonLink>
      </p>
    </div>
  )
}

export function Letter() {
  const { letter } = useData(LetterOperation)
  const page = usePage()
  if (letter?.id === undefined) return <NotFound />
  return (
    <div className={styles.page}>
      <article className={styles.letter}>
        <header>
          <p className={styles.note}>
            <time dateTime={letter.createdAt}>{moment(letter.createdAt)}</time>
          </p>
          <h1>{short(letter.subject)}</h1>
        </header>
        <p className={styles.text}>{letter.text}</p>
        {letter.order && (
          <footer>
            <Lines lines={letter.order.lines} />
            <ButtonLink quiet href={address(page, `/orders/${letter.order.id}`)}>
              To the order <Icon name="arrow" size={18} />
            </ButtonLink>
          </footer>
        )}
      </article>
      <p className={styles.ways}>
        <ButtonLink quiet href={address(page, '/mailbox')}>
          All letters
        </ButtonLink>
      </p>
    </div>
  )
}
