// Buying when it does not go straight on, each flow in browsers of its own.
import { ok, strictEqual } from 'node:assert'
import { ADDRESS, CARD, PASSWORD, fill, findings, pay, person, promoter, signUp, text, toPaying, until } from './people.mjs'

/** Two want the last seat: one has it, and the other is told so and pays nothing. */
export async function the_last_seat({ shop, open }) {
  const { slug } = await (await promoter(shop)).sell('Glass harp evening', '35.50', 1)
  const pages = await Promise.all([open(), open()])
  for (const page of pages) {
    await signUp(page, `/p/${slug}`)
    await toPaying(page, slug)
    await fill(page, CARD)
  }
  await Promise.all(
    pages.map(async (page) => {
      await page.click('main button:has-text("Pay €")')
      await page.waitForSelector('h1:has-text("Thank you"), h1:has-text("Not just now"), [role=alert]')
    }),
  )
  const orders = pages.filter((page) => page.url().includes('/orders/'))
  strictEqual(orders.length, 1, pages.map((page) => page.url()).join())
  const late = pages.find((page) => !page.url().includes('/orders/'))
  ok((await text(late, 'main')).includes('Someone was quicker'), await text(late, 'main'))
  await late.goto('/account')
  strictEqual(await late.locator('main li h3').count(), 0)
  await late.goto('/cart')
  ok((await late.locator('main li [class*=problem]').count()) > 0, 'the cart says what is in the way')
  await late.click('main button:has-text("Take out")')
  await late.waitForSelector('h1:has-text("Nothing but light")')
  for (const page of pages) page.mustBeFine()
}

/** Back and forward within checkout lose nothing; back after paying does not buy again. */
export async function going_back({ open }) {
  const page = await open()
  await signUp(page, '/p/storm-vase')
  await toPaying(page, 'storm-vase')
  await page.goBack()
  await page.waitForURL('**/checkout')
  await page.goForward()
  await page.waitForURL('**/checkout/pay?**')
  await page.goBack()
  await page.waitForURL('**/checkout')
  // The address that was typed is kept by now.
  await page.reload()
  strictEqual(await page.locator('main [name=saved]').count(), 1)
  await page.click('main button:has-text("Send it there")')
  await page.waitForURL('**/checkout/pay?**')
  await pay(page)
  await page.goBack()
  await page.waitForSelector('h1:has-text("Not just now")')
  await page.goto('/account')
  strictEqual(await page.locator('main li h3').count(), 1)
  page.mustBeFine()
}

/** A sign-in that ends in mid-checkout is made again on the way, and one goes on where one was. */
export async function signed_out_in_checkout({ open }) {
  const page = await open()
  const email = await signUp(page, '/p/storm-vase')
  await toPaying(page, 'storm-vase')
  const paying = page.url()
  const other = await page.context().newPage()
  await other.goto('/account')
  await other.click('main button:has-text("Sign out")')
  await other.waitForURL('**/')
  await fill(page, CARD)
  await page.click('main button:has-text("Pay €")')
  await page.waitForURL('**/sign-in?**')
  await fill(page, { email, password: PASSWORD })
  await page.click('main button:has-text("Sign in")')
  await page.waitForURL(paying)
  await pay(page)
  await page.goto('/account')
  strictEqual(await page.locator('main li h3').count(), 1)
  page.mustBeFine()
}

/** What has become dearer since it was looked at is not bought at that price: it is said, and then it is bought. */
export async function dearer_meanwhile({ shop, open }) {
  const seller = await promoter(shop)
  const { id, slug } = await seller.sell('Lampworking by night', '20.00', 9)
  const page = await open()
  await signUp(page, `/p/${slug}`)
  await toPaying(page, slug)
  ok((await text(page, 'main form button')).includes('20.00'))
  await seller.reprice(id, '25.00')
  await fill(page, CARD)
  await page.click('main button:has-text("Pay €")')
  await page.waitForSelector('[role=alert]')
  ok((await text(page, 'main form button')).includes('25.00'), await text(page, 'main'))
  await pay(page)
  ok((await text(page, 'main')).includes('25.00'))
  page.mustBeFine()
}

/** The cart shows at once what is wanted, and what was before where that is refused or not heard. */
export async function changing_the_cart({ shop, open }) {
  const seller = await promoter(shop)
  const { id, slug } = await seller.sell('Beads for two', '10.00', 20)
  const page = await open()
  await page.goto(`/p/${slug}`)
  await page.click('main form button')
  await page.waitForSelector('main a:has-text("To the cart")')
  await page.goto('/cart', { waitUntil: 'networkidle' })
  const count = page.locator('header a:has-text("Cart") >> span').last()
  let release
  const held = new Promise((resolve) => (release = resolve))
  await page.route('**/cart', async (route) => {
    if (route.request().method() === 'POST') await held
    await route.continue()
  })
  await page.selectOption('main [name=quantity]', '3')
  strictEqual(await count.textContent(), '3')
  strictEqual(await page.locator('main [data-pending]').count(), 2)
  release()
  await page.waitForSelector('main li:has-text("€30.00")')
  strictEqual(await page.locator('main [data-pending]').count(), 0)
  await page.unroute('**/cart')
  // Not heard.
  await page.route('**/cart', (route) => route.abort())
  await page.selectOption('main [name=quantity]', '7')
  await page.waitForSelector('[role=alert]:has-text("did not answer")')
  strictEqual(await page.inputValue('main [name=quantity]'), '3')
  strictEqual(await count.textContent(), '3')
  await page.unroute('**/cart')
  // Taken out: it is gone at once, and stays so.
  await page.click('main button:has-text("Take out")')
  await page.waitForSelector('h1:has-text("Nothing but light")')
  await page.reload()
  strictEqual(await text(page, 'main h1'), 'Nothing but light in here')
  await seller.withdraw(id)
}

/** A card that is kept pays the next purchase by a click, is there once, and is forgotten at a word. */
export async function keeping_a_card({ open }) {
  const page = await open()
  await signUp(page, '/p/pebble-vase')
  for (const slug of ['pebble-vase', 'tall-vase']) {
    await toPaying(page, slug)
    await page.check('main [name=keep]')
    await pay(page)
  }
  await page.goto('/account')
  strictEqual(await page.locator('main li:has-text("ends in 4242")').count(), 1)
  await page.goto('/p/storm-vase')
  await page.click('main button:has-text("Add to cart")')
  await page.waitForSelector('main a:has-text("To the cart")')
  await page.goto('/checkout')
  await page.click('main button:has-text("Send it there")')
  await page.waitForURL('**/checkout/pay?**')
  ok(!(await page.content()).includes('424242424242'), 'no number is shown')
  await page.click('main button:has-text("with it")')
  await page.waitForURL('**/orders/**')
  await page.goto('/account')
  strictEqual(await page.locator('main li h3').count(), 3)
  await page.click('main button:has-text("Forget"):right-of(:text("ends in 4242"))')
  await page.waitForSelector('main p:has-text("None is kept")')
  page.mustBeFine()
}

/** A purchase by keyboard alone, from a piece to its order. */
export async function by_keyboard({ open }) {
  const page = await open()
  await page.goto('/p/tall-vase', { waitUntil: 'networkidle' })
  /** Goes on to something by Tab alone; what has the focus is seen to have it. */
  const to = async (selector) => {
    const wanted = page.locator(selector).first()
    await wanted.waitFor()
    for (let steps = 0; steps < 120; steps++) {
      await page.keyboard.press('Tab')
      const isThere = await wanted.evaluate((element) => element === document.activeElement)
      if (!isThere) continue
      const outline = await wanted.evaluate((element) => getComputedStyle(element).outlineStyle)
      ok(outline !== 'none', `${selector} does not show that it has the focus`)
      return
    }
    ok(false, `${selector} is not reached`)
  }
  const type = async (name, value) => {
    await to(`main [name=${name}]`)
    await page.keyboard.type(value)
  }
  const press = async (selector, url) => {
    await to(selector)
    await page.keyboard.press('Enter')
    if (url) await page.waitForURL(url)
  }
  await press('main button:has-text("Add to cart")')
  await press('main a:has-text("To the cart")', '**/cart')
  await press('main a:has-text("Sign in and check out")', '**/sign-in?**')
  await press('main a:has-text("Make an account")', '**/sign-up?**')
  await type('displayName', 'Ada Brenner')
  await type('email', person())
  await type('password', PASSWORD)
  await page.keyboard.press('Enter')
  await page.waitForURL('**/checkout')
  for (const name of ['line1', 'postalCode', 'city']) await type(name, ADDRESS[name])
  await type('country', 'Germany')
  await press('main button:has-text("On to paying")', '**/checkout/pay?**')
  for (const [name, value] of Object.entries(CARD)) await type(name, value)
  await page.keyboard.press('Enter')
  await page.waitForURL('**/orders/**')
  strictEqual(await text(page, 'main h1'), 'Thank you')
  page.mustBeFine()
}

/** Where the catalog does not answer, a page says so, in both themes; what is known is shown on. */
export async function something_breaks({ flags, open }) {
  const fault = {
    what: { error: { code: 'UNAVAILABLE' } },
    where: { at: 'callee', service: ['catalog'], method: ['SearchProducts'] },
    share: { rate: 1, seed: 7 },
    timing: { ttl_s: 300 },
  }
  const ask = (path, method, body) =>
    fetch(`${flags}/api/v1/faults${path}`, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) })
  const { id } = await until('a fault that is taken', async () => {
    const answer = await ask('?why=test', 'POST', fault)
    return answer.status === 201 && answer.json()
  })
  await until('a fault at work', async () => (await (await ask(`/${id}`, 'GET')).json()).state === 'running')
  for (const colorScheme of ['light', 'dark']) {
    const page = await open({ colorScheme, reducedMotion: 'reduce' })
    const answer = await page.goto(`/search?q=bowl${colorScheme}`)
    strictEqual(answer.status(), 503)
    strictEqual(await text(page, 'main h1'), 'Something broke')
    strictEqual((await findings(page)).join('\n'), '')
    strictEqual((await page.goto('/c/bowls')).status(), 200)
  }
  await ask(`/${id}?why=enough`, 'DELETE')
}
