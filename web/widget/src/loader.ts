// `<vitrine-buy key="pk_…" product="prd_…">`: a button with the price, and what opens when it is pressed. Nothing is typed here: a shadow root
// keeps styles apart, and no more. All that is typed is typed into a frame of the shop's own origin.
import styles from './loader.css?inline'
import { readReady, readSaid, type Init, type Said } from './messages'
import { stock, type Offer } from './offer'

const SCRIPT = document.currentScript ?? document.querySelector('script[src*="/widget/v1.js"]')
/** The shop that this script came from. */
const SHOP = new URL((SCRIPT as HTMLScriptElement).src).origin
/** How often price and stock are asked for again while the button is seen, in milliseconds. */
const REFRESH_MS = 10_000
/** What says that the page may not sell this, and not that it did not work this time. */
const REFUSED = [400, 403, 404]
/** How long the frame may take to say that it is there, in milliseconds. */
const READY_MS = 15_000
const SVG = 'http://www.w3.org/2000/svg'

/** Makes an element; a host page may allow no HTML that is made of text. */
function make<Name extends keyof HTMLElementTagNameMap>(name: Name, attributes: Record<string, string> = {}, ...children: (Node | string)[]) {
  const element = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value)
  element.append(...children)
  return element
}

/** The shop's mark: a window. */
function mark(): SVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  const path = document.createElementNS(SVG, 'path')
  svg.setAttribute('viewBox', '0 0 22 26')
  svg.setAttribute('aria-hidden', 'true')
  path.setAttribute('d', 'M2 25V11a9 9 0 0 1 18 0v14ZM11 2v23M2 15h18')
  svg.append(path)
  return svg
}

class VitrineBuy extends HTMLElement {
  static observedAttributes = ['key', 'product', 'quantity', 'currency']
  #root = this.attachShadow({ mode: 'closed' })
  #price = make('span', { class: 'price' })
  #button = make('button', { type: 'button', class: 'buy', disabled: '' }, mark(), 'Buy', this.#price)
  #note = make('p', { class: 'note', role: 'status' })
  #offered = make('div', { class: 'offered' }, this.#button, this.#note)
  #slot = make('slot')
  #wait = make('p', { class: 'wait', role: 'status' })
  #close = make('button', { type: 'button', class: 'close', 'aria-label': 'Close' }, '\u00d7')
  #dialog = make('dialog', {}, this.#close, this.#wait)
  #frame: HTMLIFrameElement | null = null
  #port: MessagePort | null = null
  #nonce = ''
  #offer: Offer | null = null
  #timer = 0
  #late = 0
  #seen = false
  #watch = new IntersectionObserver(([entry]) => {
    this.#seen = entry?.isIntersecting ?? false
    this.#refresh()
  })

  constructor() {
    super()
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(styles)
    this.#root.adoptedStyleSheets = [sheet]
    this.#root.append(this.#offered, this.#dialog)
    this.#button.onclick = () => this.open()
    this.#close.onclick = () => this.#dialog.close()
    this.#dialog.onclose = () => this.#closed()
    this.#dialog.onclick = (event) => event.target === this.#dialog && this.#dialog.close()
  }

  connectedCallback() {
    this.#watch.observe(this)
    addEventListener('message', this.#hear)
    document.addEventListener('visibilitychange', this.#refresh)
  }

  disconnectedCallback() {
    this.#watch.disconnect()
    removeEventListener('message', this.#hear)
    document.removeEventListener('visibilitychange', this.#refresh)
    clearTimeout(this.#timer)
    this.#discard()
  }

  attributeChangedCallback() {
    this.#offer = null
    this.#discard()
    if (this.isConnected) this.#refresh()
  }

  #address(path: string, more: Record<string, string> = {}) {
    const query = new URLSearchParams(more)
    for (const name of ['key', 'product', 'currency']) {
      const value = this.getAttribute(name)
      if (value) query.set(name, value)
    }
    return `${SHOP}/widget/v1/${path}?${query}`
  }

  /** Asks for price and stock, now and again, as long as they are seen. */
  #refresh = async () => {
    clearTimeout(this.#timer)
    if (!this.#seen || document.hidden) return
    this.#timer = setTimeout(this.#refresh, REFRESH_MS)
    const address = this.#address('offer')
    try {
      const answer = await fetch(address, { credentials: 'omit' })
      const told = await answer.json()
      // Another product may be meant by now.
      if (address !== this.#address('offer')) return
      if (answer.ok) this.#show(told as Offer)
      else if (REFUSED.includes(answer.status)) this.#refused(told.code, told.detail)
    } catch {
      // What was shown goes on being shown; the next time may go better.
      if (this.#offer === null) this.#note.textContent = 'The shop cannot be reached just now'
    }
  }

  #show(offer: Offer) {
    this.#offer = offer
    this.#slot.replaceWith(this.#offered)
    const isOut = offer.available === 0
    this.#button.disabled = isOut
    this.#button.setAttribute('aria-label', `Buy ${offer.name} from Vitrine, ${offer.price}`)
    set(this.#price, offer.price)
    set(this.#note, stock(offer))
    this.#note.toggleAttribute('data-low', offer.available <= 5)
  }

  /** The page may not sell this: readers get the link that stands in the element, and who made the page is told why. */
  #refused(code: string, why: string) {
    clearTimeout(this.#timer)
    this.#offered.replaceWith(this.#slot)
    console.warn(`vitrine-buy: ${why}`)
    this.#tell('failed', { code })
  }

  /** Opens the checkout. */
  open() {
    const offer = this.#offer
    if (offer === null || this.#dialog.open) return
    this.#dialog.showModal()
    this.#tell('open')
    if (this.#frame !== null) return
    this.#nonce = nonce()
    const frame = document.createElement('iframe')
    frame.title = `Buy ${offer.name} from Vitrine`
    frame.setAttribute('sandbox', 'allow-scripts allow-forms allow-same-origin allow-popups')
    frame.src = `${this.#address('frame', { quantity: this.getAttribute('quantity') ?? '1', origin: location.origin })}#${this.#nonce}`
    this.#frame = frame
    this.#dialog.append(frame)
    this.#wait.textContent = 'Opening the checkout …'
    this.#late = setTimeout(() => {
      const link = make('a', { href: SHOP + offer.href, target: '_blank', rel: 'noopener' }, 'See it in the shop')
      this.#wait.replaceChildren('The checkout did not open here. ', link)
      this.#tell('failed', { code: 'FRAME_BLOCKED' })
    }, READY_MS)
  }

  /** Hands a port to the frame that it has made itself, and to no other. */
  #hear = ({ data, origin, source }: MessageEvent) => {
    const frame = this.#frame?.contentWindow
    if (!frame || source !== frame || origin !== SHOP) return
    if (readReady(data)?.nonce !== this.#nonce) return
    clearTimeout(this.#late)
    this.#port?.close()
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    port1.onmessage = ({ data: message }) => this.#said(readSaid(message))
    const init: Init = { kind: 'init', theme: theme(this) }
    frame.postMessage(init, SHOP, [port2])
    this.#frame?.classList.add('ready')
    this.#wait.textContent = ''
    this.#frame?.focus()
  }

  #said(said: Said | null) {
    switch (said?.kind) {
      case 'size':
        if (this.#frame) this.#frame.style.height = `${Math.ceil(said.height)}px`
        break
      case 'closed':
        this.#dialog.close()
        break
      case 'state':
        this.#tell('state', { state: said.state })
        break
      case 'paid':
        this.#tell('paid', { orderId: said.orderId, total: said.total })
        this.#dialog.dataset.paid = ''
        break
      case 'failed':
        this.#tell('failed', { code: said.code })
    }
  }

  /** What was begun goes on when it is opened again; what is paid is over. */
  #closed() {
    if (this.#dialog.dataset.paid !== undefined || !this.#port) this.#discard()
    this.#button.focus()
    this.#tell('closed')
    this.#refresh()
  }

  #discard() {
    clearTimeout(this.#late)
    this.#port?.close()
    this.#frame?.remove()
    this.#dialog.close()
    this.#port = this.#frame = null
    delete this.#dialog.dataset.paid
  }

  #tell(name: string, detail: Record<string, string> = {}) {
    this.dispatchEvent(new CustomEvent(`vitrine:${name}`, { bubbles: true, composed: true, detail: { product: this.getAttribute('product'), ...detail } }))
  }
}

/** The scheme in which the page around the element is drawn. */
function theme(element: Element): Init['theme'] {
  const schemes = getComputedStyle(element).colorScheme
  const isDark = schemes.includes('dark') && (!schemes.includes('light') || matchMedia('(prefers-color-scheme: dark)').matches)
  return isDark ? 'dark' : 'light'
}

/** A word that no other frame can know. */
function nonce(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('')
}

/** Writes only what is another text, so that a live region does not say the same again. */
function set(element: HTMLElement, text: string) {
  if (element.textContent !== text) element.textContent = text
}

if (!customElements.get('vitrine-buy')) customElements.define('vitrine-buy', VitrineBuy)
