// What people do in many flows, and what is looked at.
import { ok, strictEqual } from 'node:assert'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** How long is waited for what comes by itself, in milliseconds. */
const PATIENCE_MS = 30_000

export const CARD = { number: '4242 4242 4242 4242', expiry: '12/34', cvv: '123' }
export const ADDRESS = { recipient: 'Ada Brenner', line1: 'Glashüttenweg 4', postalCode: '01067', city: 'Dresden' }
export const PASSWORD = 'through the looking glass'

let people = 0
export const person = () => `ada-${process.pid}-${++people}@vitrine.example`

export async function fill(page, values) {
  for (const [name, value] of Object.entries(values)) await page.fill(`main [name=${name}]`, value)
}

export async function text(page, selector) {
  return (await page.textContent(selector)).trim()
}

/** Asks until it is so, and returns what was found. */
export async function until(what, ask) {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await ask()
    if (found) return found
    ok(Date.now() < end, `${what} did not come to be`)
  }
}

/** Makes an account, and goes on there; returns its e-mail address. */
export async function signUp(page, next) {
  const email = person()
  await page.goto(`/sign-up?next=${encodeURIComponent(next)}`)
  await fill(page, { displayName: 'Ada Brenner', email, password: PASSWORD })
  await page.click('main button:has-text("Make an account")')
  await page.waitForURL(`**${next}`)
  return email
}

/** Goes to the checkout and says where to: the address that is kept, or a new one. */
export async function checkOut(page) {
  await page.goto('/checkout')
  const isKnown = (await page.locator('main [name=saved]').count()) > 0
  if (!isKnown) await fill(page, ADDRESS)
  await page.click(`main button:has-text("${isKnown ? 'Send it there' : 'On to paying'}")`)
  await page.waitForURL('**/checkout/pay?**')
}

/** Puts a piece into the cart, and goes on to paying. */
export async function toPaying(page, slug) {
  await page.goto(`/p/${slug}`)
  await page.click('main form button')
  await page.waitForSelector('main a:has-text("To the cart")')
  await checkOut(page)
}

/** Pays, and sees the order. */
export async function pay(page, card = CARD) {
  await fill(page, card)
  await page.click('main button:has-text("Pay €")')
  await page.waitForURL('**/orders/**')
  strictEqual(await text(page, 'main h1'), 'Thank you')
}

/** What is seriously wrong with a page for people who see, hear or move in another way. */
export async function findings(page) {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() => globalThis.axe.run())
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  return serious.map(({ id, impact, nodes }) => `${impact} ${id} ${nodes.map((node) => node.html.slice(0, 200)).join(' | ')}`)
}

/** On a desk in light colours, and on a phone in dark ones. */
const WAYS = [
  ['light', 1440],
  ['dark', 360],
]

/** Waits until a page has this, and is not busy with reading any more. */
export const settled = (selector) => async (page) => {
  await page.locator(selector).first().waitFor()
  await page.waitForFunction(() => document.querySelector('main [aria-busy="true"]') === null)
}

/** Waits until a page has its heading, and asks for nothing more. */
export async function read(page) {
  await page.locator('main h1').first().waitFor()
  await page.waitForLoadState('networkidle')
}

/**
 * Everyone can read each address, in each way to look: nothing is wider than the screen, axe has no serious finding, and nothing is said on
 * the browser's console. `shown(page, address)` waits for what is to be seen; `prepare(page)` comes first; `more` is what else a browser is
 * opened with.
 */
export async function mustBeReadable(open, addresses, { shown, prepare = async () => {}, ways = WAYS, more = {} }) {
  const found = []
  for (const [colorScheme, width] of ways) {
    const page = await open({ colorScheme, viewport: { width, height: 900 }, ...more })
    await prepare(page)
    for (const address of addresses) {
      await page.goto(address)
      await shown(page, address)
      const say = (what) => found.push(`${address} ${colorScheme} ${width}: ${what}`)
      const content = await page.evaluate(() => document.documentElement.scrollWidth)
      if (content > width) say(`is ${content} pixels wide`)
      for (const what of await findings(page)) say(what)
    }
    page.mustBeFine()
  }
  strictEqual(found.join('\n'), '')
}

/** The demo's promoter, who sells by the API. */
export async function promoter(shop) {
  const ask = async (query, variables, token) => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
    const response = await fetch(`${shop}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
    const { data, errors } = await response.json()
    strictEqual(errors, undefined, JSON.stringify(errors))
    return data
  }
  const signIn = 'mutation { signIn(input: {email: "promoter@vitrine.example", password: "see-through-glass"}) { session { accessToken } } }'
  const token = (await ask(signIn)).signIn.session.accessToken
  const change = async (field, type, input) => {
    const payload = (await ask(`mutation Change($input: ${type}!) { ${field}(input: $input) { product { id slug } errors { message } } }`, { input }, token))[field]
    strictEqual(JSON.stringify(payload.errors), '[]')
    return payload.product
  }
  return {
    sell: (name, amount, stock) =>
      change('createProduct', 'CreateProductInput', {
        kind: 'EVENT',
        name,
        description: 'An evening at the furnace.',
        category: 'workshops',
        price: { amount, currency: 'EUR' },
        stock,
        event: { startsAt: '2099-06-01T18:00:00Z', durationMin: 90, venue: 'The cold shop' },
      }),
    reprice: (id, amount) => change('updateProduct', 'UpdateProductInput', { id, price: { amount, currency: 'EUR' } }),
    withdraw: (id) => change('deleteProduct', 'DeleteProductInput', { id }),
  }
}
