// What people do in the shop, each flow in a browser of its own.
import { ok, strictEqual } from 'node:assert'
import { ADDRESS, CARD, PASSWORD, checkOut, fill, findings, pay, person, signUp, text, until } from './people.mjs'

/** Everything can be read, found and followed without script. */
export async function reading({ shop, open }) {
  const page = await open({ javaScriptEnabled: false })
  await page.goto('/')
  ok((await text(page, 'h1')).includes('made of glass'))
  await page.click('nav[aria-label=Categories] a:has-text("Vases")')
  strictEqual(await text(page, 'h1'), 'Vases')
  const pieces = await page.locator('article').count()
  ok(pieces > 5, `${pieces} vases`)
  await page.click('nav[aria-label="Sorted by"] a:has-text("low to high")')
  const prices = await page.locator('article').evaluateAll((all) => all.map((a) => Number(/[\d,.]+/.exec(a.querySelector('h2 + p').textContent)[0].replaceAll(',', ''))))
  ok(prices.every((price, at) => at === 0 || prices[at - 1] <= price), `not sorted: ${prices}`)
  await page.fill('[name=q]', 'storm')
  await page.press('[name=q]', 'Enter')
  await page.click('article a:has-text("Storm vase")')
  strictEqual(await text(page, 'main h1'), 'Storm vase')
  const structured = await page.locator('script[type="application/ld+json"]').evaluateAll((all) => all.map((s) => JSON.parse(s.textContent)['@type']))
  strictEqual(structured.join(), 'Product,BreadcrumbList')
  strictEqual(await page.getAttribute('link[rel=canonical]', 'href'), `${shop}/p/storm-vase`)
  await page.click('footer details summary')
  await page.selectOption('footer [name=currency]', 'CZK')
  await page.click('footer button')
  ok((await text(page, 'h1 + p')).match(/CZK|Kč/), 'the price is in another currency')
  const missing = await page.goto('/p/no-such-thing')
  strictEqual(missing.status(), 404)
  strictEqual(await text(page, 'main h1'), 'There is nothing here')
  page.mustBeFine()
}

/** A guest fills a cart, becomes a customer, buys, and sees the order: without script, by plain forms. */
export async function buying_without_script({ open }) {
  await buy(await open({ javaScriptEnabled: false }))
}

/** The same with script. */
export async function buying({ open }) {
  const page = await open()
  await buy(page)
  page.mustBeFine()
}

async function buy(page) {
  await page.goto('/p/tall-vase')
  await page.selectOption('main [name=quantity]', '2')
  await page.click('main button:has-text("Add to cart")')
  await page.click('main a:has-text("To the cart"), header a:has-text("Cart")')
  await page.waitForURL('**/cart')
  strictEqual(await page.locator('main li h2').count(), 1)
  await page.click('a:has-text("Sign in and check out")')
  await page.click('a:has-text("Make an account")')
  await fill(page, { displayName: 'Ada Brenner', email: person(), password: PASSWORD })
  await page.click('main button:has-text("Make an account")')
  await page.waitForURL('**/checkout')
  await fill(page, ADDRESS)
  await page.selectOption('main [name=country]', 'DE')
  await page.click('main button:has-text("On to paying")')
  await page.waitForURL('**/checkout/pay?**')
  // What is refused is told at the form, and can be tried again.
  await fill(page, { ...CARD, number: '4000 0000 0000 0002' })
  await page.click('main button:has-text("Pay €")')
  await page.waitForSelector('[role=alert]')
  strictEqual(await page.inputValue('[name=number]'), '')
  await fill(page, CARD)
  await page.click('main button:has-text("Pay €")')
  await page.waitForURL('**/orders/**')
  strictEqual(await text(page, 'main h1'), 'Thank you')
  ok((await text(page, 'main')).includes('× 2'))
  await page.click('a:has-text("All your orders")')
  strictEqual(await page.locator('main li h3').count(), 1)
  await page.goto('/cart')
  strictEqual(await text(page, 'main h1'), 'Nothing but light in here')
}

/** A bank that asks is refused, and the cart is still there; then it is answered, and the order is placed. With and without script. */
export async function answering_the_bank({ open }) {
  for (const javaScriptEnabled of [false, true]) {
    const page = await open({ javaScriptEnabled })
    await signUp(page, '/p/storm-vase')
    await page.click('main button:has-text("Add to cart")')
    await payAtTheBank(page)
    strictEqual(await text(page, 'main h1'), 'Is it you?')
    await page.click('button:has-text("refuse")')
    await page.waitForSelector('[role=status]')
    ok((await text(page, 'main')).includes('Nothing was bought'))
    await page.click('a:has-text("Back to the checkout")')
    await page.waitForURL('**/checkout')
    ok((await text(page, 'main')).includes('Storm vase'), 'the cart is still there')
    await payAtTheBank(page)
    await page.fill('[name=code]', '654321')
    await page.click('main button:has-text("Pay")')
    await page.waitForSelector('[aria-invalid]')
    ok((await text(page, 'main')).includes('4 more codes'))
    // The tab is closed, and opened again.
    const address = page.url()
    await page.goto('/')
    await page.goto(address)
    await page.fill('[name=code]', '123456')
    await page.click('main button:has-text("Pay")')
    await page.waitForURL('**/orders/**')
    strictEqual(await text(page, 'main h1'), 'Thank you')
    await page.goto(address)
    ok((await text(page, 'main')).includes('The bank has let the payment through'))
    page.mustBeFine()
  }
}

async function payAtTheBank(page) {
  await checkOut(page)
  await fill(page, { ...CARD, number: '4000 0000 0000 3220' })
  await page.click('main button:has-text("Pay")')
  await page.waitForURL('**/challenge/**')
}

/** Two clicks on "pay", and the same form sent again by hand, are one order. */
export async function paying_twice({ open }) {
  const page = await open({ javaScriptEnabled: false })
  await signUp(page, '/p/storm-vase')
  await page.click('main button:has-text("Add to cart")')
  await page.goto('/checkout')
  await fill(page, ADDRESS)
  await page.click('main button:has-text("On to paying")')
  await page.waitForURL('**/checkout/pay?**')
  await fill(page, CARD)
  const form = await page.locator('form:has([name=cvv])').evaluate((form) => ({
    action: form.action,
    fields: Object.fromEntries(new FormData(form)),
  }))
  const send = () => page.request.post(form.action, { form: form.fields, headers: { origin: new URL(form.action).origin }, maxRedirects: 0 })
  const answers = await Promise.all([send(), send()])
  answers.push(await send())
  const orders = answers.map((answer) => answer.headers().location)
  ok(orders[0].startsWith('/orders/ord_'), `${answers[0].status()} ${orders[0]}`)
  strictEqual(new Set(orders).size, 1, orders.join())
  await page.goto('/account')
  strictEqual(await page.locator('main li h3').count(), 1)
  page.mustBeFine()
}

/** A form of another site changes nothing, and a sign-in that has ended is made again on the way. */
export async function strangers({ shop, open }) {
  const page = await open()
  const body = { product: 'prd_tall-vase', quantity: '1' }
  const foreign = await page.request.post('/cart', { form: body, headers: { 'sec-fetch-site': 'cross-site' }, maxRedirects: 0 })
  strictEqual(foreign.status(), 403)
  await page.goto('/checkout')
  strictEqual(page.url(), `${shop}/sign-in?next=%2Fcheckout`)
  await page.goto('/sign-in?next=https://evil.example/')
  await fill(page, { email: 'demo@vitrine.example', password: 'not the password' })
  await page.click('main button:has-text("Sign in")')
  await page.waitForSelector('[role=alert]')
  strictEqual(await page.inputValue('[name=email]'), 'demo@vitrine.example')
  await fill(page, { password: 'see-through-glass' })
  await page.click('main button:has-text("Sign in")')
  await page.waitForURL('**/account')
  await page.context().clearCookies()
  await page.goto('/account')
  strictEqual(page.url(), `${shop}/sign-in?next=%2Faccount`)
  page.mustBeFine()
}

/** Search offers what someone types, by keyboard; the first page asks nothing of GraphQL by itself, and hydrates as it was drawn. */
export async function searching({ open }) {
  const page = await open()
  const asked = []
  page.on('request', (request) => request.url().endsWith('/graphql') && asked.push(request.url()))
  await page.goto('/', { waitUntil: 'networkidle' })
  strictEqual(asked.length, 0)
  await page.locator('[name=q]').pressSequentially('storm')
  await page.waitForSelector('[role=option]')
  await page.press('[name=q]', 'ArrowDown')
  await page.press('[name=q]', 'Enter')
  await page.waitForURL('**/p/storm-vase')
  page.mustBeFine()
}

/** No page has findings that are serious, in both themes, on a wide screen and a narrow one, and none is wider than the screen. */
export async function everyone_can_use_it({ open }) {
  const found = []
  for (const [colorScheme, width] of [
    ['light', 1440],
    ['dark', 360],
    ['dark', 1440],
    ['light', 360],
  ]) {
    const page = await open({ colorScheme, viewport: { width, height: 900 }, reducedMotion: 'reduce' })
    const look = async () => {
      const say = (what) => found.push(`${new URL(page.url()).pathname} ${colorScheme} ${width}: ${what}`)
      const content = await page.evaluate(() => document.documentElement.scrollWidth)
      if (content > width) say(`is ${content} pixels wide`)
      for (const what of await findings(page)) say(what)
    }
    await signUp(page, '/p/tall-vase')
    await page.click('main button:has-text("Add to cart")')
    await page.waitForSelector('main a:has-text("To the cart")')
    const shown = ['/', '/c/vases', '/c/workshops', '/search?q=blue', '/p/tall-vase', '/p/open-bench', '/promoters/pro_demo', '/sign-in', '/sign-up', '/offline', '/nothing']
    for (const path of [...shown, '/cart', '/mailbox', '/account', '/checkout']) {
      await page.goto(path)
      await look()
    }
    await fill(page, ADDRESS)
    await page.click('main button:has-text("On to paying")')
    await page.waitForURL('**/checkout/pay?**')
    await look()
    await payAtTheBank(page)
    await look()
    await page.click('button:has-text("refuse")')
    await page.waitForSelector('[role=status]')
    await look()
    await checkOut(page)
    await page.check('main [name=keep]')
    await pay(page)
    await look()
    await letter(page)
    await look()
    // What is kept now is on these.
    for (const path of ['/account', '/checkout', '/cart']) {
      await page.goto(path)
      await look()
    }
    page.mustBeFine()
  }
  strictEqual(found.join('\n'), '')
}

/** Opens the newest letter, as soon as there is one. */
async function letter(page) {
  const first = page.locator('main li a').first()
  await until('a letter', async () => {
    await page.goto('/mailbox')
    return await first.count()
  })
  await first.click()
  await page.waitForURL('**/mailbox/**')
}

/** What the shop wrote is in the mailbox, and leads to the order; a studio has a page; where parcels go is remembered. */
export async function mailbox_studio_and_country({ open }) {
  const page = await open()
  await page.goto('/p/murano-week')
  await page.click('main a:has-text("A studio beside ours")')
  await page.waitForURL('**/promoters/pro_demo')
  ok((await page.locator('article').count()) > 0)
  await page.click('footer details summary')
  await page.selectOption('footer [name=country]', 'CZ')
  await page.selectOption('footer [name=currency]', 'CZK')
  await page.click('footer button')
  await page.waitForURL('**/promoters/pro_demo?currency=CZK')
  await page.waitForSelector('footer summary:has-text("To Czechia, in CZK")')
  await signUp(page, '/p/tall-vase')
  await page.click('main button:has-text("Add to cart")')
  await page.waitForSelector('main a:has-text("To the cart")')
  await page.goto('/checkout')
  strictEqual(await page.inputValue('main [name=country]'), 'CZ')
  await fill(page, ADDRESS)
  await page.selectOption('main [name=country]', 'DE')
  await page.click('main button:has-text("On to paying")')
  await page.waitForURL('**/checkout/pay?**')
  await pay(page)
  const order = new URL(page.url()).pathname
  await letter(page)
  ok((await text(page, 'main article')).includes('thank you for your order'))
  await page.click('main a:has-text("To the order")')
  await page.waitForURL(`**${order}`)
  // Another's letter is not there.
  const stranger = await open()
  await signUp(stranger, '/mailbox')
  await stranger.goto('/mailbox/eml_00000000000000000000')
  strictEqual(await text(stranger, 'main h1'), 'There is nothing here')
  page.mustBeFine()
}

/** Search is narrowed by price and by what can be had, by plain forms and links, and says so. */
export async function narrowing({ open }) {
  const page = await open({ javaScriptEnabled: false })
  await page.goto('/search?q=glass&sort=PRICE_ASC')
  const all = await page.locator('article').count()
  await page.click('main details summary')
  await page.fill('main [name=min]', '30')
  await page.fill('main [name=max]', '60')
  await page.click('main details button')
  strictEqual(new URL(page.url()).search, '?q=glass&sort=PRICE_ASC&min=30&max=60')
  const prices = await page.locator('article h2 + p').allTextContents()
  const amounts = prices.map((price) => Number(price.replaceAll(/[^0-9.]/g, '')))
  ok(amounts.length > 0 && amounts.length < all && amounts.every((amount) => amount >= 30 && amount <= 60), amounts.join())
  await page.click('main details summary')
  await page.click('main a:has-text("Any price")')
  strictEqual(await page.locator('article').count(), all)
  await page.goto('/c/vases?min=much')
  ok((await page.locator('article').count()) > 5, 'what is no amount narrows nothing')
  page.mustBeFine()
}

/** A visitor is asked once whether they may be measured; before a yes, and after a no, nothing is told. */
export async function measuring({ open }) {
  const told = (page) => {
    const bodies = []
    page.on('request', (request) => request.url().endsWith('/v1/batch') && bodies.push(JSON.parse(request.postData())))
    return bodies
  }
  const question = 'form[aria-label=Measuring]'
  const no = await open()
  const nothing = told(no)
  await no.goto('/p/tall-vase')
  await no.waitForSelector(question)
  const sizes = await no.locator(`${question} button`).evaluateAll((all) => all.map((b) => `${b.offsetWidth}x${b.offsetHeight} ${b.className}`))
  strictEqual(sizes.length, 2)
  strictEqual(sizes[0], sizes[1])
  await no.click(`${question} button:has-text("No")`)
  await no.waitForSelector(question, { state: 'detached' })
  await no.goto('/p/storm-vase', { waitUntil: 'networkidle' })
  strictEqual(await no.locator(question).count(), 0)
  strictEqual(nothing.length, 0)
  no.mustBeFine()

  const yes = await open()
  const all = told(yes)
  await yes.goto('/p/tall-vase')
  await yes.waitForSelector(question)
  strictEqual(all.length, 0)
  const sent = yes.waitForResponse('**/v1/batch')
  await yes.click(`${question} button:has-text("Yes")`)
  strictEqual((await sent).status(), 200)
  const [{ batch, context }] = all
  strictEqual(batch.map((message) => message.event ?? message.type).join(), 'page,Product Viewed')
  ok(context.consent.categoryPreferences.analytics)
  ok(context.sessionId.startsWith('ses_') && /^[0-9a-f]{32}$/.test(context.traceId), JSON.stringify(context))
  yes.mustBeFine()

  const optedOut = await open({ extraHTTPHeaders: { 'sec-gpc': '1' } })
  await optedOut.goto('/', { waitUntil: 'networkidle' })
  strictEqual(await optedOut.locator(question).count(), 0)
}

/** What a browser tells of a page that it has loaded, used and left, and of what its script asked for. */
export async function being_told_of({ open }) {
  const page = await open()
  const sent = []
  page.on('response', (response) => response.url().endsWith('/telemetry/v1/traces') && sent.push(response))
  await page.goto('/p/tall-vase?utm_source=ada@vitrine.example')
  await page.click('main button:has-text("Add to cart")')
  await page.waitForSelector('main a:has-text("To the cart")')
  // An error in a script is what is wanted here.
  const failed = page.waitForEvent('pageerror')
  await page.evaluate(() => setTimeout(() => Promise.reject(new TypeError('ada@vitrine.example is no number'))))
  strictEqual((await failed).name, 'TypeError')
  const isTold = (span, path) =>
    sent.some((response) => {
      const body = response.request().postData()
      return body.includes(`"${span}"`) && body.includes(path)
    })
  while (!isTold('documentLoad', '/p/tall-vase')) await page.waitForEvent('response')
  // What a page tells as it is left, the browser does not show: when the next one is told of, a second later, that has gone, too.
  await page.goto('/c/vases')
  while (!isTold('documentLoad', '/c/vases')) await page.waitForEvent('response')
  for (const response of sent) strictEqual(response.status(), 200)
}

/** Without a connection what was seen is shown, with a word that it may be old; all else says so plainly; and it goes on when the connection is back. */
export async function offline_in_mid_flow({ open }) {
  const page = await open()
  await signUp(page, '/p/tall-vase')
  await page.goto('/account')
  await page.evaluate(() => navigator.serviceWorker.ready)
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await page.goto('/p/storm-vase')
  await page.waitForFunction(async () => (await caches.match('/p/storm-vase')) !== undefined)
  await page.context().setOffline(true)
  await page.goto('/p/storm-vase')
  strictEqual(await text(page, 'main h1'), 'Storm vase')
  await page.waitForSelector('text=This is what the page was when you last saw it')
  await page.click('main button:has-text("Add to cart")')
  await page.waitForSelector('text=Nothing was put into the cart')
  for (const path of ['/p/sea-bowl', '/account', '/checkout']) {
    await page.goto(path)
    strictEqual(await text(page, 'main h1'), 'You are not connected', path)
  }
  const kept = await page.evaluate(async () => {
    const requests = await (await caches.open('pages-1')).keys()
    return requests.map(({ url }) => new URL(url).pathname)
  })
  ok(kept.includes('/p/storm-vase'), kept.join())
  ok(!kept.some((path) => path.startsWith('/account') || path.startsWith('/session')), kept.join())
  await page.context().setOffline(false)
  await page.goto('/p/storm-vase')
  await page.click('main button:has-text("Add to cart")')
  await page.click('main a:has-text("To the cart"), header a:has-text("Cart")')
  await page.waitForURL('**/cart')
  strictEqual(await page.locator('main li h2').count(), 1)
  page.mustBeFine()
}
