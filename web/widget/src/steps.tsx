// The steps of a purchase: what, who, where to, with what.
import { byName, countryName } from '@vitrine/kit/src/countries'
import { useState } from 'preact/hooks'
import { Field, Form } from './controls'
import { stock } from './offer'
import { choose, keep, readExpiry, signUp, type Address, type Card, type Challenge, type Me, type Quote, type Start } from './purchase'
import type { Shop } from './shop'

/** Most of one product that a widget sells at once. */
const MAX_QUANTITY = 10

interface StepProps {
  shop: Shop
  start: Start
  onDone: () => Promise<void> | void
}

export function Choose({ shop, start, onDone }: StepProps) {
  const { offer } = start
  const [quantity, setQuantity] = useState(Math.min(start.quantity, Math.max(1, offer.available)))
  const most = Math.min(MAX_QUANTITY, offer.available)
  const send = async () => {
    await choose(shop, offer.id, quantity)
    await onDone()
  }
  return (
    <Form action="Continue" onSend={send}>
      {() => (
        <>
          <figure class="piece">
            <img src={offer.picture} alt="" width="400" height="400" />
          </figure>
          <div class="row">
            <div>
              <p class="price">{offer.price}</p>
              <p class={offer.available <= 5 ? 'few' : 'quiet'}>{stock(offer)}</p>
            </div>
            <div class="stepper" role="group" aria-label="How many">
              <button type="button" aria-label="One less" disabled={quantity <= 1} onClick={() => setQuantity(quantity - 1)}>
                −
              </button>
              <output aria-live="polite">{quantity}</output>
              <button type="button" aria-label="One more" disabled={quantity >= most} onClick={() => setQuantity(quantity + 1)}>
                +
              </button>
            </div>
          </div>
          {offer.event && <p class="quiet">{offer.event}</p>}
        </>
      )}
    </Form>
  )
}

export function Account({ shop, onDone }: StepProps) {
  const [isNew, setNew] = useState(true)
  const send = async (field: (name: string) => string) => {
    if (isNew) await signUp(shop, field('displayName'), field('email'), field('password'))
    else await shop.signIn(field('email'), field('password'))
    await onDone()
  }
  return (
    <>
      <div class="tabs" role="group" aria-label="Your account">
        <button type="button" aria-pressed={isNew} onClick={() => setNew(true)}>
          I am new here
        </button>
        <button type="button" aria-pressed={!isNew} onClick={() => setNew(false)}>
          I have an account
        </button>
      </div>
      <Form key={String(isNew)} action={isNew ? 'Make an account' : 'Sign in'} onSend={send}>
        {(error) => (
          <>
            {isNew && <Field name="displayName" label="Name" autocomplete="name" required maxLength={100} error={error} />}
            <Field name="email" label="E-mail" type="email" autocomplete="email" required maxLength={254} error={error} />
            <Field
              name="password"
              label="Password"
              type="password"
              autocomplete={isNew ? 'new-password' : 'current-password'}
              required
              minLength={isNew ? 10 : 1}
              maxLength={128}
              error={error}
            />
            {isNew && <p class="quiet">Ten characters or more. The account is with Vitrine, where you find your order again.</p>}
          </>
        )}
      </Form>
    </>
  )
}

const lines = (a: Address) => [a.recipient, a.line1, a.line2, `${a.postalCode} ${a.city}`, countryName(a.country)].filter(Boolean).join(', ')

interface DestinationProps extends Omit<StepProps, 'onDone'> {
  me: Me
  onDone: (address: string) => Promise<void>
}

export function Destination({ shop, start, me, onDone }: DestinationProps) {
  const [chosen, setChosen] = useState(me.addresses[0]?.id ?? '')
  const send = async (field: (name: string) => string) => {
    if (chosen !== '') return onDone(chosen)
    const [recipient, line1, line2, city, postalCode, country] = ['recipient', 'line1', 'line2', 'city', 'postalCode', 'country'].map(field) as [string, string, string, string, string, string]
    return onDone(await keep(shop, { recipient, line1, line2, city, postalCode, country }))
  }
  return (
    <Form action="On to paying" onSend={send}>
      {(error) => (
        <>
          {me.addresses.length > 0 && (
            <fieldset class="choices">
              <legend class="unseen">Where to</legend>
              {me.addresses.map((saved) => (
                <label key={saved.id}>
                  <input type="radio" name="saved" checked={chosen === saved.id} onChange={() => setChosen(saved.id)} />
                  <span>{lines(saved.address)}</span>
                </label>
              ))}
              <label>
                <input type="radio" name="saved" checked={chosen === ''} onChange={() => setChosen('')} />
                <span>Somewhere else</span>
              </label>
            </fieldset>
          )}
          {chosen === '' && (
            <div class="fields">
              <Field name="recipient" label="Name" autocomplete="name" required maxLength={100} defaultValue={me.displayName} error={error} />
              <Field name="line1" label="Street and number" autocomplete="address-line1" required maxLength={120} error={error} />
              <Field name="line2" label="Floor, company (optional)" autocomplete="address-line2" maxLength={120} error={error} />
              <div class="pair">
                <Field name="postalCode" label="Postal code" autocomplete="postal-code" required maxLength={16} error={error} />
                <Field name="city" label="City" autocomplete="address-level2" required maxLength={80} error={error} />
              </div>
              <label class="field">
                <span>Country</span>
                <select name="country" autocomplete="country" required>
                  {byName(start.countries).map(({ code, name }) => (
                    <option key={code} value={code}>
                      {name}
                    </option>
                  ))}
                </select>
              </label>
            </div>
          )}
        </>
      )}
    </Form>
  )
}

export function Pay({ quote, onPay }: { quote: Quote; onPay: (card: Card) => Promise<void> }) {
  const send = (field: (name: string) => string) => onPay({ number: field('number'), ...readExpiry(field('expiry')), cvv: field('cvv') })
  return (
    <Form action={`Pay ${quote.total.text}`} onSend={send}>
      {(error) => (
        <>
          <dl class="sums">
            {quote.lines.map((line) => (
              <div key={line.productId}>
                <dt>
                  {line.quantity} × {line.name}
                </dt>
                <dd>{line.total.text}</dd>
              </div>
            ))}
            <div>
              <dt>Sending</dt>
              <dd>{quote.shipping.text}</dd>
            </div>
            <div class="total">
              <dt>Total</dt>
              <dd>{quote.total.text}</dd>
            </div>
          </dl>
          <Field name="number" label="Card number" inputMode="numeric" autocomplete="cc-number" required maxLength={24} placeholder="4242 4242 4242 4242" error={error} />
          <div class="pair">
            <Field name="expiry" label="Good until" autocomplete="cc-exp" required maxLength={9} placeholder="MM/YY" error={error} />
            <Field name="cvv" label="Security code" inputMode="numeric" autocomplete="cc-csc" required pattern="[0-9]{3,4}" maxLength={4} error={error} />
          </div>
          <p class="quiet">The number is checked and forgotten. No card is charged here: 4242 4242 4242 4242 always has money, and the bank of 4000 0000 0000 3220 asks first.</p>
        </>
      )}
    </Form>
  )
}

const ENDS: Record<Exclude<Challenge['state'], 'WAITING' | 'PASSED'>, string> = {
  REFUSED: 'It was refused: nothing was bought, and nothing was taken from the card.',
  FAILED: 'That was one code too many: the bank has refused, and nothing was bought.',
  EXPIRED: 'The bank has stopped waiting: nothing was bought.',
}

interface AskedProps {
  asked: Challenge
  /** Sends a code, or refuses with none. */
  onAnswer: (code: string | null) => Promise<void>
  /** Goes back to paying. */
  onAgain: () => Promise<void>
}

/** What a bank asks, and how it ended. */
export function Asked({ asked, onAnswer, onAgain }: AskedProps) {
  if (asked.state !== 'WAITING' && asked.state !== 'PASSED') {
    return (
      <Form action="Pay in another way" onSend={onAgain}>
        {() => <p role="status">{ENDS[asked.state as keyof typeof ENDS]}</p>}
      </Form>
    )
  }
  const refuse = (
    <button class="other" name="refuse" value="yes" formNoValidate>
      It was not me: refuse
    </button>
  )
  return (
    <Form action={`Pay ${asked.amount.text}`} more={refuse} onSend={(field) => onAnswer(field('refuse') ? null : field('code'))}>
      {(error) => (
        <>
          <p>
            Someone is about to pay <b>{asked.amount.text}</b> with your card. Type the six digits that your bank has sent you.
          </p>
          <Field name="code" label="Code" inputMode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxLength={6} required error={error} />
          <p class="quiet">This bank is made of glass, too: its code is always 123456. It waits for five minutes.</p>
        </>
      )}
    </Form>
  )
}
