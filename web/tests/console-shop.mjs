// The shop's back office in the console.
import { ok, strictEqual } from 'node:assert'
import { mustBeReadable, settled, until } from './people.mjs'

/** Asks the shop as the page's own requests do. */
async function ask(page, method, path, body, headers = {}) {
  return page.evaluate(
    async ([method, path, body, headers]) => {
      const answer = await fetch(`/console/shop/api/v1/${path}`, { method, body: body && JSON.stringify(body), headers: { ...(body && { 'content-type': 'application/json' }), ...headers } })
      return { status: answer.status, etag: answer.headers.get('etag'), body: await answer.json().catch(() => null) }
    },
    [method, path, body, headers],
  )
}

/** A product is made, changed against somebody else, and sold no more. */
export async function keeping_products({ observe, open }) {
  const page = await open()
  await page.goto(`${observe}/shop`)
  await page.getByRole('button', { name: 'New product' }).click()
  const form = page.locator('dialog[open]')
  await form.getByLabel('Name', { exact: true }).fill('Flow bowl')
  await form.getByLabel('Description').fill('It holds what flows.')
  await form.getByLabel('Category').selectOption('bowls')
  await form.getByLabel('Price').fill('12.50')
  await form.getByRole('button', { name: 'Sell it' }).click()
  await page.waitForURL('**open=prd_**')
  const id = new URL(page.url()).searchParams.get('open')
  const drawer = page.locator('[data-drawer]')
  await drawer.getByText('12.50 EUR').waitFor()

  await drawer.getByLabel('Price').fill('13.00')
  await drawer.getByText('Changes price').waitFor()
  const there = await ask(page, 'GET', `products/${id}`)
  strictEqual((await ask(page, 'PATCH', `products/${id}`, { name: 'Their bowl' }, { 'if-match': there.etag })).status, 200)
  await drawer.getByRole('button', { name: 'Save', exact: true }).click()
  await drawer.getByText('Nothing of what you typed is lost.').waitFor()
  await drawer.getByText('It is now: Their bowl').waitFor()
  await drawer.getByRole('button', { name: 'Save mine over it' }).click()
  await drawer.getByText('13.00 EUR').waitFor()
  const now = (await ask(page, 'GET', `products/${id}`)).body
  strictEqual(`${now.name} ${now.price.amount}`, 'Their bowl 13.00')

  await drawer.getByRole('button', { name: 'Sell it no more …' }).click()
  await page.locator('dialog[open]').getByRole('button', { name: 'Sell it no more', exact: true }).click()
  await drawer.waitFor({ state: 'detached' })
  strictEqual((await ask(page, 'GET', `products/${id}`)).status, 404)
  page.mustBeFine()
}

/** A source of analytics is made, gets a destination, and goes. */
export async function keeping_sources({ observe, open }) {
  const page = await open()
  await page.goto(`${observe}/shop?tab=sources`)
  await page.getByRole('button', { name: 'New source' }).click()
  await page.locator('dialog[open]').getByLabel('Name').fill('Flow')
  await page.locator('dialog[open]').getByRole('button', { name: 'Make it' }).click()
  const drawer = page.locator('[data-drawer]')
  await drawer.getByRole('button', { name: 'Add' }).click()
  const form = page.locator('dialog[open]')
  await form.getByLabel('Kind').selectOption('mixpanel')
  await form.getByLabel('Project’s token').fill('token')
  await form.getByRole('button', { name: 'Send there from now on' }).click()
  await drawer.getByRole('button', { name: 'Undelivered' }).click()
  await drawer.getByText('mixpanel took all that was sent.').waitFor()
  await drawer.getByRole('button', { name: 'Replay …' }).click()
  await page.locator('dialog[open]').getByRole('button', { name: 'Send again' }).click()
  await page.locator('dialog[open]').waitFor({ state: 'detached' })
  await drawer.getByRole('button', { name: 'Delete …' }).click()
  await page.locator('dialog[open]').getByRole('button', { name: 'Take no more with its key' }).click()
  await drawer.waitFor({ state: 'detached' })
  page.mustBeFine()
}

/** An order leads to its trace, its customer and the ledger, where there are orders. */
export async function following_orders({ observe, open }) {
  const page = await open()
  await page.goto(`${observe}/shop?tab=orders`)
  await until('there is an order', async () => (await ask(page, 'GET', 'admin/orders?limit=1')).body.items.length > 0)
  await page.reload()
  await page.locator('tbody a[href^="/trace/"]').first().waitFor()
  await page.locator('tbody tr').first().focus()
  await page.keyboard.press('Enter')
  const drawer = page.locator('[data-drawer]')
  await drawer.getByText('Its course').waitFor()
  await drawer.getByText('order placed').waitFor()
  ok((await drawer.locator('a[href^="/trace/"]').count()) > 0)
  await drawer.getByRole('link', { name: 'In the ledger' }).click()
  await page.waitForURL('**tab=ledger**')
  await page.getByText('debits and credits are equal').waitFor()
  strictEqual(await page.locator('table[aria-label=Transactions] tbody tr').count() > 0, true)
  await page.goBack()
  await drawer.getByText('Its course').waitFor()
  page.mustBeFine()
}

/** Each tab can be read by everyone: in both colours, and on a phone. */
export async function reading_shop({ observe, open }) {
  const tabs = ['products', 'orders', 'customers', 'promoters', 'payments', 'ledger', 'fraud', 'mailbox', 'funnel', 'sources', 'products&open=prd_tall-vase']
  await mustBeReadable(open, tabs.map((tab) => `${observe}/shop?tab=${tab}`), { shown: settled('main h2') })
}
