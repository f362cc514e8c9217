// The checkout within another site's page: a document of the shop's own, in which all is typed that must not be the host's.
import '@vitrine/kit/src/fonts.css'
import './frame.css'
import { render } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type Init, readInit, type Ready, type Said, VERSION } from './messages'
import { answerBank, place, quote as askQuote, whoAmI, type Card, type Challenge, type Me, type Placed, type Quote, type Start } from './purchase'
import { Refused, Shop, SignedOut } from './shop'
import { Account, Asked, Choose, Destination, Pay } from './steps'

const start = JSON.parse(document.getElementById('data')?.textContent ?? '{}') as Start
const shop = new Shop(`${start.key}:${start.offer.id}`)

/** The way to the element around; messages before it is there wait for it. */
let port: MessagePort | null = null
const waiting: Said[] = []
function say(said: Said) {
  if (port === null) waiting.push(said)
  else port.postMessage(said)
}

type Step =
  | { name: 'choose' }
  | { name: 'account' }
  | { name: 'destination'; me: Me }
  | { name: 'pay'; address: string; quote: Quote; idempotencyKey: string }
  | { name: 'challenge'; address: string; asked: Challenge }
  | { name: 'done'; order: Placed }

const TITLES: Record<Step['name'], string> = {
  choose: '',
  account: 'Who shall have it?',
  destination: 'Where shall it go?',
  pay: 'One last look',
  challenge: 'Is it you?',
  done: 'Thank you',
}
const BACK: Partial<Record<Step['name'], Step['name']>> = { account: 'choose', destination: 'choose', pay: 'destination' }

/** Made when a form opens, so that what is sent twice is one order. */
const newKey = () => `widget-${crypto.getRandomValues(new Uint32Array(4)).join('-')}`

function Checkout() {
  const [step, setStep] = useState<Step>({ name: 'choose' })
  const title = useRef<HTMLHeadingElement>(null)
  const isFirst = useRef(true)
  useEffect(() => {
    say({ kind: 'state', state: step.name })
    // At the first step the dialog has just opened, and whoever came by keyboard is here already.
    if (!isFirst.current) title.current?.focus()
    isFirst.current = false
  }, [step])

  const toDestination = async () => {
    if (!shop.isSignedIn) return setStep({ name: 'account' })
    setStep({ name: 'destination', me: await whoAmI(shop) })
  }
  const toPay = async (address: string) => {
    const quote = await askQuote(shop, address, start.currency)
    setStep({ name: 'pay', address, quote, idempotencyKey: newKey() })
  }
  const pay = async (card: Card) => {
    if (step.name !== 'pay') return
    try {
      const placed = await place(shop, { ...step, card })
      if (placed.kind === 'Order') return done(placed)
      if (placed.kind === 'PaymentChallenge') return setStep({ name: 'challenge', address: step.address, asked: placed })
      if (placed.now !== null) setStep({ ...step, quote: placed.now, idempotencyKey: newKey() })
      throw new Refused(placed, true)
    } catch (failure) {
      if (failure instanceof SignedOut) setStep({ name: 'account' })
      else say({ kind: 'failed', code: 'REFUSED' })
      // What was refused is over, and another card is another try. What was not answered is asked for again.
      if (failure instanceof Refused && failure.isAnswer) step.idempotencyKey = newKey()
      throw failure
    }
  }
  function done(order: Placed) {
    say({ kind: 'paid', orderId: order.id, total: order.total.text })
    setStep({ name: 'done', order })
  }
  const answer = async (code: string | null) => {
    if (step.name !== 'challenge') return
    const asked = await answerBank(shop, step.asked.id, code)
    if (asked.state === 'PASSED') return done({ id: asked.orderId, total: asked.amount })
    if (asked.state !== 'WAITING') say({ kind: 'failed', code: 'REFUSED' })
    setStep({ ...step, asked })
  }
  const back = BACK[step.name]
  const goBack = () => (back === 'destination' ? toDestination() : setStep({ name: 'choose' }))
  return (
    <main>
      <header>
        {back ? (
          <button type="button" class="back" aria-label="Back" onClick={() => goBack()?.catch(() => setStep({ name: 'account' }))}>
            ‹
          </button>
        ) : null}
        <p class="shop">Vitrine</p>
      </header>
      <h1 ref={title} tabIndex={-1}>
        {TITLES[step.name] || start.offer.name}
      </h1>
      {step.name === 'choose' && <Choose shop={shop} start={start} onDone={toDestination} />}
      {step.name === 'account' && <Account shop={shop} start={start} onDone={toDestination} />}
      {step.name === 'destination' && <Destination shop={shop} start={start} me={step.me} onDone={toPay} />}
      {step.name === 'pay' && <Pay quote={step.quote} onPay={pay} />}
      {step.name === 'challenge' && <Asked asked={step.asked} onAnswer={answer} onAgain={() => toPay(step.address)} />}
      {step.name === 'done' && <Done order={step.order} />}
    </main>
  )
}

function Done({ order }: { order: Placed }) {
  return (
    <div class="done">
      <p>
        {start.offer.name} is yours. <b>{order.total.text}</b> was paid, and a receipt is on its way to you.
      </p>
      <p class="quiet">
        <a href={`/orders/${order.id}`} target="_blank" rel="noopener">
          Follow your order
        </a>
      </p>
      <button type="button" class="go" onClick={() => say({ kind: 'closed' })}>
        Back to the page
      </button>
    </div>
  )
}

/** Takes the port from the page that the server named, once. */
function hear({ data, origin, source, ports }: MessageEvent) {
  if (source !== parent || origin !== start.origin) return
  const init: Init | null = readInit(data)
  const [given] = ports
  if (init === null || given === undefined) return
  removeEventListener('message', hear)
  port = given
  document.documentElement.style.colorScheme = init.theme
  for (const said of waiting.splice(0)) port.postMessage(said)
  document.querySelector('h1')?.focus()
}

addEventListener('message', hear)
addEventListener('keydown', (event) => event.key === 'Escape' && say({ kind: 'closed' }))
const root = document.getElementById('root')
if (root !== null && start.offer) {
  render(<Checkout />, root)
  new ResizeObserver(() => say({ kind: 'size', height: root.scrollHeight })).observe(root)
  const ready: Ready = { vitrine: VERSION, ready: true, nonce: location.hash.slice(1) }
  parent.postMessage(ready, start.origin)
}
