// Buying, first step: where to. Second step: with what, after the price of all is known.
import { countryName } from '@vitrine/kit/src/countries'
import { useData } from '@vitrine/kit/src/data'
import { type FormEvent, useState } from 'react'
import { type Address, Cart, Checkout as CheckoutOperation, Pay as PayOperation, type PayData, type SavedAddress } from '../operations'
import { address, usePage } from '../page'
import { AddressFields } from '../parts/address-fields'
import { Button, ButtonLink, Field, Fields, FormMessage, Sheet } from '../parts/controls'
import { Icon } from '../parts/icons'
import { inWords } from '../refusals'
import { KeepCard, PayWithKept } from '../parts/kept-cards'
import { Lines, Sums } from '../parts/order-lines'
import styles from './checkout.module.css'

export function Checkout() {
  const page = usePage()
  const { me, countries } = useData(CheckoutOperation)
  const { cart } = useData(Cart)
  if (cart.lines.length === 0) return <NothingToBuy why={inWords({ code: 'CART_EMPTY', message: '' })} />
  return (
    <div className={styles.page}>
      <Steps at={1} />
      <div className={styles.main}>
        <h1>Where shall it go?</h1>
        <FormMessage />
        {me !== null && me.addresses.length > 0 && (
          <form method="post" action={address(page, '/checkout')} className={styles.saved}>
            <ul>
              {me.addresses.map((saved, at) => (
                <SavedChoice key={saved.id} saved={saved} first={at === 0} />
              ))}
            </ul>
            <Button>
              Send it there <Icon name="arrow" size={18} />
            </Button>
          </form>
        )}
        <NewAddress countries={countries} name={me?.displayName ?? ''} open={me === null || me.addresses.length === 0} />
      </div>
      <Sheet className={styles.aside}>
        <h2>Your cart</h2>
        <Lines lines={cart.lines.map((line) => ({ ...line, name: line.product.name, productId: line.product.id }))} />
        <p className={styles.subtotal}>
          <span>Before sending</span> <span>{cart.subtotal.text}</span>
        </p>
      </Sheet>
    </div>
  )
}

function SavedChoice({ saved, first }: { saved: SavedAddress; first: boolean }) {
  return (
    <li>
      <label className={styles.choice}>
        <input type="radio" name="saved" value={saved.id} defaultChecked={first} />
        <span>
          {saved.label && <b>{saved.label}</b>}
          <AddressText address={saved.address} />
        </span>
      </label>
    </li>
  )
}

export function AddressText({ address: a }: { address: Address }) {
  return (
    <span className={styles.addressText}>
      {[a.recipient, a.line1, a.line2, `${a.postalCode} ${a.city}`, countryName(a.country)].filter(Boolean).map((line) => (
        <span key={line}>{line}</span>
      ))}
    </span>
  )
}

function NewAddress({ countries, name, open }: { countries: string[]; name: string; open: boolean }) {
  const page = usePage()
  const isOpen = open || page.form !== null
  return (
    <details className={styles.new} open={isOpen}>
      <summary>{open ? 'Your address' : 'Somewhere else'}</summary>
      <form method="post" action={address(page, '/checkout')}>
        <AddressFields countries={countries} name={name} />
        <Button>
          On to paying <Icon name="arrow" size={18} />
        </Button>
      </form>
    </details>
  )
}

export function Pay() {
  const { me, quote } = useData(PayOperation)
  const page = usePage()
  const destination = me?.addresses.find((saved) => saved.id === page.query.address)
  if (quote.kind === 'Refusal') return <NothingToBuy why={inWords(quote)} />
  return (
    <div className={styles.page}>
      <Steps at={2} />
      <div className={styles.main}>
        <h1>One last look</h1>
        <FormMessage />
        <PayWithKept cards={me?.cards ?? []} agreed={<Agreed quote={quote} />} total={quote.total.text} />
        <PayForm quote={quote} legend={me?.cards.length ? 'Another card' : 'Card'} />
      </div>
      <Sheet className={styles.aside}>
        <h2>What you get</h2>
        <Lines lines={quote.lines} />
        <Sums sums={quote} />
        {destination && (
          <div className={styles.destination}>
            <AddressText address={destination.address} />
            <a href={address(page, '/checkout')}>Change</a>
          </div>
        )}
      </Sheet>
    </div>
  )
}

type Quote = Extract<PayData['quote'], { kind: 'Quote' }>

/** What stands in every form that pays: what is agreed on, and the key that makes one order of what is sent twice. */
function Agreed({ quote }: { quote: Quote }) {
  const page = usePage()
  return (
    <>
      <input type="hidden" name="idempotencyKey" value={page.idempotencyKey ?? ''} />
      <input type="hidden" name="quoteId" value={quote.id} />
      <input type="hidden" name="maxAmount" value={quote.total.amount} />
      <input type="hidden" name="maxCurrency" value={quote.total.currency} />
    </>
  )
}

function PayForm({ quote, legend }: { quote: Quote; legend: string }) {
  const page = usePage()
  const [isPaying, setPaying] = useState(false)
  // A second click sends nothing; where there is no script, the key makes both one order.
  const onSubmit = (event: FormEvent) => {
    if (isPaying) event.preventDefault()
    setPaying(true)
  }
  return (
    <form method="post" action={address(page, '/checkout/pay', { address: page.query.address })} onSubmit={onSubmit} className={styles.pay}>
      <Agreed quote={quote} />
      <Fields legend={legend}>
        <Field name="number" label="Card number" inputMode="numeric" autoComplete="cc-number" required maxLength={24} placeholder="4242 4242 4242 4242" wide />
        <Field name="expiry" label="Good until" autoComplete="cc-exp" required placeholder="MM/YY" pattern="[0-9]{1,2} ?/ ?[0-9]{2,4}" maxLength={9} />
        <Field name="cvv" label="Security code" inputMode="numeric" autoComplete="cc-csc" required pattern="[0-9]{3,4}" maxLength={4} />
      </Fields>
      <KeepCard />
      <p className={styles.small}>The number is checked and forgotten. No card is charged here: 4242 4242 4242 4242 always has money, and the bank of 4000 0000 0000 3220 asks first.</p>
      <Button disabled={isPaying}>{isPaying ? 'Paying …' : `Pay ${quote.total.text}`}</Button>
    </form>
  )
}

function Steps({ at }: { at: number }) {
  return (
    <ol className={styles.steps}>
      {['Cart', 'Address', 'Payment', 'Done'].map((name, step) => (
        <li key={name} aria-current={step === at ? 'step' : undefined} className={step < at ? styles.past : undefined}>
          {name}
        </li>
      ))}
    </ol>
  )
}

function NothingToBuy({ why }: { why: string }) {
  const page = usePage()
  return (
    <div className={styles.nothing}>
      <h1>Not just now</h1>
      <p>{why}</p>
      <ButtonLink href={address(page, '/cart')}>To the cart</ButtonLink>
      <ButtonLink quiet href={address(page, '/checkout')}>
        Choose the address again
      </ButtonLink>
    </div>
  )
}
