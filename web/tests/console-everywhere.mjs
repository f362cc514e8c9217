// What holds on every page of the console.
import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { mustBeReadable, read, until } from './people.mjs'

/** Each area, by the key behind `g`. */
const AREAS = { o: '/', t: '/traces', l: '/logs', m: '/metrics', s: '/sql', d: '/dashboards', a: '/alerts', f: '/flags', p: '/shop' }
const OTHERS = ['/services/checkout', '/objectives', '/targets', '/visits', '/dashboards/shop', '/sign-in']

/** Opens a page, and waits until it has read what it shows. */
async function show(page, address) {
  await page.goto(address)
  await read(page)
}

/** The newest trace of an order. */
async function newestTrace(observe) {
  const answer = await fetch(`${observe}/jaeger/api/traces?service=checkout&limit=1`)
  return (await answer.json()).data[0]?.traceID
}

/** Every page can be read by everyone, in both themes, on a phone and on a desk, and none says anything on the browser's console. */
export async function console_for_everyone({ observe, open }) {
  const trace = await until('a trace of an order', () => newestTrace(observe))
  // 720 pixels are a desk at 200 %.
  const ways = [...['light', 'dark'].flatMap((theme) => [1440, 360].map((width) => [theme, width])), ['light', 720]]
  const addresses = [...Object.values(AREAS), ...OTHERS, `/trace/${trace}`].map((path) => observe + path)
  await mustBeReadable(open, addresses, { shown: read, ways, more: { reducedMotion: 'reduce' } })
}

/** Every area is reached by two keys, every control by Tab, and what keys do is listed. */
export async function console_by_keyboard({ observe, open }) {
  const page = await open()
  await show(page, observe)
  for (const [letter, path] of Object.entries(AREAS)) {
    await page.keyboard.press('g')
    await page.keyboard.press(letter)
    await page.waitForURL((url) => url.pathname === path)
    await page.locator('main h1').first().waitFor()
    await page.waitForLoadState('networkidle')
    const missed = await page.evaluate(unreachable)
    deepStrictEqual(missed, [], `${path} has controls that no key reaches`)
  }
  await page.keyboard.press('?')
  const list = page.getByRole('dialog', { name: 'What keys do' })
  ok((await list.locator('dt').count()) > 10)
  await page.keyboard.press('Escape')
  await list.waitFor({ state: 'detached' })
  // By search, to a service.
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search everything' }).waitFor()
  await page.keyboard.type('gateway')
  await page.getByRole('option', { name: /gateway\s*service/ }).first().waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.waitForURL((url) => url.pathname === '/services/gateway')
  page.mustBeFine()
}

/** Runs in the page: what can be clicked, but is reached neither by Tab nor by arrows within something that is. */
function unreachable() {
  const roving = '[role=tablist], tbody, [role=treegrid], [role=listbox], [role=grid], [role=tree], [role=group], [role=toolbar], [role=radiogroup], svg'
  // Rows are gone through with j and k, from the one that Tab reaches.
  const isRow = (one) => one.dataset.row !== undefined && document.querySelector('main [data-row][tabindex="0"]') !== null
  const clickable = [...document.querySelectorAll('main button, main [role=button], main [role=tab], main a')]
  return clickable
    .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex < 0 && one.closest(roving) === null && !isRow(one))
    .map((one) => one.outerHTML.slice(0, 120))
}

/** The address is the state: who is sent a link sees the same, and going back undoes a step. */
export async function console_links({ observe, open }) {
  const page = await open()
  await show(page, `${observe}/traces?q=${encodeURIComponent('service:checkout')}&from=now-1h&v=1`)
  await page.keyboard.press('g')
  await page.keyboard.press('l')
  await page.waitForURL((url) => url.pathname === '/logs' && url.searchParams.get('from') === 'now-1h')
  await page.goBack()
  await page.waitForURL((url) => url.pathname === '/traces' && url.searchParams.get('q') === 'service:checkout')
  // Links of the pages that were there before.
  for (const [before, path, name, value] of [
    ['/explore?expr=up', '/metrics', 'q', 'up'],
    ['/graph?g0.expr=up', '/metrics', 'q', 'up'],
    ['/logs?query=service:checkout', '/logs', 'q', 'service:checkout'],
  ]) {
    await page.goto(observe + before)
    await page.waitForURL((url) => url.pathname === path && url.searchParams.get(name) === value)
  }
  await show(page, `${observe}/logs?v=9`)
  await page.getByText('newer version of the console').waitFor()
  page.mustBeFine()
}

/** Who runs the shop signs in by the shop, sees its orders, and signs out again. */
export async function console_by_the_shop({ observe, shop, open }) {
  const page = await open()
  await page.goto(`${observe}/sign-in?back=/shop`)
  await page.getByRole('link', { name: 'Sign in with the shop' }).click()
  await page.waitForURL(`${shop}/**`)
  await page.fill('[name=email]', 'ada@vitrine.example')
  await page.fill('[name=password]', 'through the looking glass')
  await page.keyboard.press('Enter')
  await page.waitForURL(`${observe}/shop**`)
  await page.getByRole('tab', { name: 'Orders' }).click()
  await page.waitForURL('**tab=orders**')
  strictEqual((await page.request.get(`${observe}/console/shop/api/v1/admin/orders`)).status(), 200)
  // A page of another site that has the browser send its cookie may not act.
  const foreign = await page.request.post(`${observe}/console/shop/api/v1/products`, { data: {}, headers: { 'sec-fetch-site': 'cross-site' } })
  strictEqual(foreign.status(), 403)
  await page.locator('header summary', { hasText: 'ada@vitrine.example' }).click()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await until('signed out', async () => (await (await page.request.get(`${observe}/console/session`)).json()).shop === false)
  strictEqual((await page.request.get(`${observe}/console/shop/api/v1/admin/orders`)).status(), 401)
  page.mustBeFine()
}
