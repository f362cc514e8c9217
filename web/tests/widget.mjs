// What people do in pages of others, where the shop is a button; and what such pages cannot do.
import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { createServer } from 'node:http'
import { ADDRESS, CARD, PASSWORD, fill, findings, person, until } from './people.mjs'

const KEY = 'pk_demo'
const PRODUCT = 'prd_storm-vase'

/** Notes in the page what its widgets tell it. */
async function listen(page) {
  await page.addInitScript(() => {
    globalThis.heard = []
    for (const name of ['open', 'state', 'paid', 'closed', 'failed']) {
      addEventListener(`vitrine:${name}`, ({ detail }) => globalThis.heard.push({ name, ...detail }))
    }
  })
}

/** Opens the first widget of a page, whose shadow root is closed to us as to every script. Returns its frame. */
async function press(page) {
  const button = page.locator('vitrine-buy').first()
  const offered = page.waitForResponse((answer) => answer.url().includes('/widget/v1/offer') && answer.ok())
  await button.scrollIntoViewIfNeeded()
  await offered
  const attached = page.waitForEvent('frameattached')
  await button.click({ position: { x: 60, y: 24 } })
  const frame = await attached
  await frame.waitForSelector('.go')
  return frame
}

/** From what to where to. */
async function toPaying(frame) {
  await push(frame, 'button:has-text("Continue")')
  await fill(frame, { displayName: 'Ada Brenner', email: person(), password: PASSWORD })
  await push(frame, 'button:has-text("Make an account")')
  await fill(frame, ADDRESS)
  await frame.selectOption('[name=country]', 'DE')
  await push(frame, 'button:has-text("On to paying")')
  await frame.waitForSelector('[name=number]')
}

/** Clicks a button in the frame, wherever it is: the frame grows with each step, and a pointer would miss what moves. */
const push = (frame, button) => frame.locator(button).evaluate((found) => found.click())

const heard = (page, name) => page.evaluate((name) => globalThis.heard.filter((told) => told.name === name), name)

/** A reader of a magazine buys what it shows without leaving the page; the page learns of it. */
export async function widget_sells({ partner, open }) {
  const page = await open()
  await listen(page)
  await page.goto(partner)
  const frame = await press(page)
  strictEqual((await frame.textContent('h1')).trim(), 'Storm vase')
  await push(frame, '[aria-label="One more"]')
  await toPaying(frame)
  ok((await frame.textContent('.sums')).includes('2 × Storm vase'))
  // What is refused is told in the frame, and another card is another try.
  await fill(frame, { ...CARD, number: '4000 0000 0000 0002' })
  await push(frame, '.go')
  await frame.waitForSelector('.wrong:not(:empty)')
  // A bank that asks is refused, and then another card is taken.
  await fill(frame, { ...CARD, number: '4000 0000 0000 3220' })
  await push(frame, '.go')
  await push(frame, 'button:has-text("refuse")')
  await frame.waitForSelector('[role=status]:has-text("nothing was bought")')
  await push(frame, '.go')
  await frame.waitForSelector('[name=number]')
  await fill(frame, CARD)
  await frame.locator('.go').evaluate((button) => [button, button].forEach((twice) => twice.click()))
  await frame.waitForSelector('h1:has-text("Thank you")')
  const [paid, ...more] = await heard(page, 'paid')
  ok(paid.orderId.startsWith('ord_') && paid.product === PRODUCT && paid.total, JSON.stringify(paid))
  strictEqual(more.length, 0)
  // Escape closes it from within, and the button has the focus again.
  await page.keyboard.press('Escape')
  await page.waitForFunction(() => globalThis.heard.some(({ name }) => name === 'closed'))
  strictEqual(await page.evaluate(() => document.activeElement?.localName), 'vitrine-buy')
  strictEqual(page.frames().length, 1)
  page.mustBeFine()
}

/** A bank asks first: a wrong code is told, and the right one pays. */
export async function widget_asks_the_bank({ partner, open }) {
  const page = await open()
  await listen(page)
  await page.goto(partner)
  const frame = await press(page)
  await toPaying(frame)
  await fill(frame, { ...CARD, number: '4000 0000 0000 3220' })
  await push(frame, '.go')
  await frame.fill('[name=code]', '654321')
  await push(frame, '.go')
  await frame.waitForSelector('.wrong:not(:empty)')
  await frame.fill('[name=code]', '123456')
  await push(frame, '.go')
  await frame.waitForSelector('h1:has-text("Thank you")')
  strictEqual((await heard(page, 'paid')).length, 1)
  page.mustBeFine()
}

/** What was begun goes on when it is opened again; all of it by keyboard. */
export async function widget_by_keyboard({ partner, open }) {
  const page = await open()
  await listen(page)
  await page.goto(partner)
  const offered = page.waitForResponse((answer) => answer.url().includes('/widget/v1/offer') && answer.ok())
  await page.locator('vitrine-buy').first().scrollIntoViewIfNeeded()
  await offered
  // The button can be pressed a moment after its price has come.
  await until('the button has the focus', async () => {
    await page.keyboard.press('Tab')
    return await page.evaluate(() => document.activeElement?.localName === 'vitrine-buy')
  })
  const attached = page.waitForEvent('frameattached')
  await page.keyboard.press('Enter')
  const frame = await attached
  await frame.waitForSelector('.go')
  await frame.focus('.go')
  await page.keyboard.press('Enter')
  await frame.waitForSelector('[name=email]')
  await frame.fill('[name=email]', 'kept@vitrine.example')
  await page.keyboard.press('Escape')
  await page.waitForFunction(() => globalThis.heard.some(({ name }) => name === 'closed'))
  await page.keyboard.press('Enter')
  strictEqual(await frame.inputValue('[name=email]'), 'kept@vitrine.example')
  page.mustBeFine()
}

/** A site that has no key for it, on a port that is free. */
async function stranger(shop, partner) {
  const widget = `<script async src="${shop}/widget/v1.js"></script><vitrine-buy key="${KEY}" product="${PRODUCT}"><a href="${shop}/p/storm-vase">In the shop</a></vitrine-buy>`
  const query = new URLSearchParams({ key: KEY, product: PRODUCT, origin: partner })
  const frame = `<iframe src="${shop}/widget/v1/frame?${query}" width="400" height="400"></iframe>`
  const server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(`<!doctype html><title>A stranger</title>${widget}${frame}`))
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  return { server, url: `http://localhost:${server.address().port}` }
}

/** A page of an origin that is not registered gets no price and no frame, and readers get the link. */
export async function widget_is_not_for_strangers({ shop, partner, open }) {
  const { server, url } = await stranger(shop, partner)
  try {
    const page = await open()
    await listen(page)
    const refused = page.waitForResponse((answer) => answer.url().includes('/widget/v1/offer'))
    await page.goto(url)
    const answer = await refused
    strictEqual(answer.status(), 403)
    strictEqual((await answer.json()).code, 'FOREIGN_ORIGIN')
    await page.waitForFunction(() => globalThis.heard.some(({ name, code }) => name === 'failed' && code === 'FOREIGN_ORIGIN'))
    ok(await page.isVisible('a:has-text("In the shop")'))
    // The document names a registered origin, and the browser shows it to no other.
    await page.waitForLoadState('load')
    const frame = page.frames().find((frame) => frame !== page.mainFrame())
    strictEqual(await frame.locator('#root').count(), 0)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Messages that are not from the frame, or not from the page that the frame is for, do nothing. */
export async function widget_ignores_forgeries({ shop, partner, open }) {
  const page = await open()
  await listen(page)
  await page.goto(partner)
  const frame = await press(page)
  const nonce = new URL(frame.url()).hash.slice(1)
  const taken = await page.evaluate(
    async ({ shop, nonce, query }) => {
      const taken = []
      addEventListener('message', ({ data, origin }) => taken.push(`the page was told ${JSON.stringify(data)} by ${origin}`))
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = ({ data }) => taken.push(`a port was told ${JSON.stringify(data)}`)
      // The element takes nothing from the page itself, and nothing from a frame that it has not made.
      postMessage({ vitrine: 1, ready: true, nonce }, shop)
      postMessage({ kind: 'paid', orderId: 'ord_forged', total: '€0.00' }, shop)
      // This frame is for another page of the same key: it tells this one nothing, and takes no port of it.
      const forged = document.createElement('iframe')
      forged.src = `${shop}/widget/v1/frame?${query}#${nonce}`
      await new Promise((loaded) => {
        forged.onload = loaded
        document.body.append(forged)
      })
      forged.contentWindow.postMessage({ kind: 'init', theme: 'dark' }, shop, [port2])
      return taken
    },
    { shop, nonce, query: String(new URLSearchParams({ key: KEY, product: PRODUCT, origin: partner.replace('localhost', '127.0.0.1') })) },
  )
  const forged = page.frames().at(-1)
  await forged.waitForSelector('.go')
  await forged.focus('.go')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Tab')
  deepStrictEqual(taken, [])
  deepStrictEqual(await heard(page, 'paid'), [])
  strictEqual(await forged.evaluate(() => document.documentElement.style.colorScheme), '')
  // The real one goes on.
  await toPaying(frame)
}

/** Neither the button nor any step has findings that are serious, in both themes, on a wide screen and a narrow one. */
export async function widget_for_everyone({ partner, open }) {
  const found = []
  const look = async (where, frame) => {
    for (const finding of await findings(frame)) found.push(`${where}: ${finding}`)
  }
  for (const [colorScheme, width] of [
    ['light', 1440],
    ['dark', 360],
  ]) {
    const page = await open({ colorScheme, viewport: { width, height: 900 }, reducedMotion: 'reduce' })
    await listen(page)
    await page.goto(partner)
    const at = (step) => `${step} ${colorScheme} ${width}`
    const wide = await page.evaluate(() => document.documentElement.scrollWidth)
    if (wide > width) found.push(`${at('page')} is ${wide} pixels wide`)
    await look(at('page'), page.mainFrame())
    const frame = await press(page)
    await look(at('choose'), frame)
    await push(frame, 'button:has-text("Continue")')
    await frame.waitForSelector('[name=email]')
    await look(at('account'), frame)
    await fill(frame, { displayName: 'Ada Brenner', email: person(), password: PASSWORD })
    await push(frame, 'button:has-text("Make an account")')
    await frame.waitForSelector('[name=line1]')
    await look(at('destination'), frame)
    await fill(frame, ADDRESS)
    await push(frame, 'button:has-text("On to paying")')
    await frame.waitForSelector('[name=number]')
    await look(at('pay'), frame)
    await fill(frame, CARD)
    await push(frame, '.go')
    await frame.waitForSelector('h1:has-text("Thank you")')
    await look(at('done'), frame)
    page.mustBeFine()
  }
  strictEqual(found.join('\n'), '')
}

/** A promoter makes a key, is told what is wrong with another, and revokes it: by plain forms. Customers have none. */
export async function promoter_keys({ shop, open }) {
  const page = await open({ javaScriptEnabled: false })
  await page.goto('/sign-in')
  await page.fill('main [name=email]', 'promoter@vitrine.example')
  await page.fill('main [name=password]', 'see-through-glass')
  await page.click('main button:has-text("Sign in")')
  await page.waitForURL('**/account/keys')
  const make = async (name, origins) => {
    await page.fill('main [name=name]', name)
    await page.fill('main [name=origins]', origins)
    await page.click('button:has-text("Make the key")')
  }
  await make('The Glass Post', 'https://magazine.example\nhttp://magazine.example')
  ok((await page.textContent('[role=alert]')).includes('only https'))
  strictEqual(await page.inputValue('main [name=name]'), 'The Glass Post')
  await make('The Glass Post', 'https://magazine.example\n\nHTTPS://www.Magazine.example:443')
  const key = page.locator('section:has(h2:text-is("The Glass Post"))').last()
  deepStrictEqual(await key.locator('ul li').allTextContents(), ['https://magazine.example', 'https://www.magazine.example'])
  const id = await key.locator('p code').textContent()
  const offer = () => page.request.get(`/widget/v1/offer?key=${id}&product=${PRODUCT}`, { headers: { origin: 'https://magazine.example' } })
  const found = await offer()
  strictEqual(found.status(), 200)
  strictEqual(found.headers()['access-control-allow-origin'], '*')
  strictEqual((await found.json()).name, 'Storm vase')
  const frame = await page.request.get(`/widget/v1/frame?key=${id}&product=${PRODUCT}&origin=https://magazine.example`)
  ok(frame.headers()['content-security-policy'].endsWith('frame-ancestors https://magazine.example https://www.magazine.example'))
  await key.locator('button:has-text("Revoke")').click()
  await page.waitForURL('**/account/keys')
  strictEqual(await key.count(), 0)
  const gone = await offer()
  strictEqual(gone.status(), 403)
  strictEqual((await gone.json()).code, 'UNKNOWN_KEY')
  await page.goto('/account')
  strictEqual(page.url(), `${shop}/account/keys`)
  page.mustBeFine()
}
