// Cards that are kept: to pay with one, and to forget one. The shop knows four digits of each.
import type { ReactNode } from 'react'
import type { KeptCard } from '../operations'
import { address, usePage } from '../page'
import { Button, UndoButton } from './controls'
import { Icon } from './icons'
import styles from './kept-cards.module.css'

const SCHEMES: Record<string, string> = { visa: 'Visa', mastercard: 'Mastercard', amex: 'American Express', discover: 'Discover' }

function Card({ card }: { card: KeptCard }) {
  return (
    <span className={styles.card}>
      <Icon name="card" />
      <span>
        <b>{SCHEMES[card.scheme] ?? card.scheme}</b> <span className={styles.digits}>ends in {card.last4}</span>
      </span>
    </span>
  )
}

interface PayProps {
  cards: KeptCard[]
  /** What stands in every form that pays. */
  agreed: ReactNode
  total: string
}

/** Pays with a card that is kept. */
export function PayWithKept({ cards, agreed, total }: PayProps) {
  const page = usePage()
  if (cards.length === 0) return null
  return (
    <form method="post" action={address(page, '/checkout/pay', { address: page.query.address })} className={styles.pay}>
      {agreed}
      <ul className={styles.choices}>
        {cards.map((card, at) => (
          <li key={card.token}>
            <label>
              <input type="radio" name="token" value={card.token} defaultChecked={at === 0} />
              <Card card={card} />
            </label>
          </li>
        ))}
      </ul>
      <Button>Pay {total} with it</Button>
    </form>
  )
}

/** Whether the card that is typed is kept. */
export function KeepCard() {
  return (
    <label className={styles.keep}>
      <input type="checkbox" name="keep" value="yes" /> Keep this card for next time
    </label>
  )
}

/** The cards that are kept, each to be forgotten. */
export function KeptCards({ cards }: { cards: KeptCard[] }) {
  const page = usePage()
  return (
    <ul className={styles.list}>
      {cards.map((card) => (
        <li key={card.token}>
          <Card card={card} />
          <form method="post" action={address(page, '/account')}>
            <UndoButton name="forget_card" value={card.token} aria-label={`Forget the card that ends in ${card.last4}`}>
              Forget
            </UndoButton>
          </form>
        </li>
      ))}
    </ul>
  )
}
