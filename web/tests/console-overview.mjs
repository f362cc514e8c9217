// The console's overview, its pages of services, and signing in.
import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { mustBeReadable, read, until } from './people.mjs'
import { fail } from './telemetry.mjs'

/** Fails until the series of such calls tell of it, which takes two samples. Then opens the overview, and returns the failing call there. */
async function failing(observe, page, client, server, message) {
  const failed = `traces_service_graph_request_failed_total{client="${client}",server="${server}"}`
  for (const query of [failed, `rate(${failed}[5m]) > 0`]) {
    await fail(observe, client, server, message)
    await until(query, async () => (await promql(observe, query)).length > 0)
  }
  await page.goto(`${observe}/`)
  return page.locator(`[role=button][aria-label^="${client} to ${server}"]`)
}

async function promql(observe, query) {
  const answer = await fetch(`${observe}/prometheus/api/v1/query?query=${encodeURIComponent(query)}`)
  return (await answer.json()).data.result
}

/** From a red edge to the line of the log in three clicks; going back closes what was opened. */
export async function console_three_clicks({ observe, open }) {
  const page = await open()
  const edge = await failing(observe, page, 'flow-shop', 'flow-furnace', 'the furnace is cold')
  await edge.click()
  await page.waitForURL('**client=flow-shop&server=flow-furnace**')
  const drawer = page.locator('[data-drawer]')
  await drawer.getByText('the furnace is cold').first().waitFor()
  const trace = drawer.locator('a[href*="/trace/"]').first()
  const traceId = /\/trace\/([0-9a-f]{32})\?focus=error/.exec(await trace.getAttribute('href'))[1]
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  await page.goBack()
  await trace.click()
  await page.waitForURL(`**/trace/${traceId}?**`)
  await page.getByRole('link', { name: 'the furnace is cold: no gas' }).first().click()
  await page.waitForURL('**/logs?**at=**')
  await page.getByText('the furnace is cold: no gas').first().waitFor()
  page.mustBeFine()
}

/** The map is gone through with keys, and says in its table what it shows. */
export async function console_map_by_keyboard({ observe, open }) {
  const page = await open()
  await failing(observe, page, 'flow-shop', 'flow-furnace', 'the furnace is cold')
  await page.locator('tr:has-text("flow-furnace")').first().waitFor()
  const first = page.locator('svg [role=button][tabindex="0"]')
  await first.focus()
  const before = await first.getAttribute('data-key')
  await page.keyboard.press('ArrowRight')
  const after = await page.evaluate(() => document.activeElement.getAttribute('data-key'))
  ok(after !== null && after !== before)
  await page.keyboard.press('Enter')
  await page.locator('[data-drawer]').waitFor()
  await page.keyboard.press('Escape')
  await page.locator('[data-drawer]').waitFor({ state: 'detached' })
  page.mustBeFine()
}

/** A service's page: an operation is chosen by a click, which is in the address; its failures lead to traces. */
export async function console_service({ observe, open }) {
  const page = await open()
  await failing(observe, page, 'flow-caller', 'flow-kiln', 'the kiln is cold')
  const traceId = await fail(observe, 'flow-caller', 'flow-kiln', 'the kiln is cold')
  await page.goto(`${observe}/services/flow-kiln`)
  strictEqual(await page.textContent('main h1'), 'flow-kiln')
  await page.locator(`a[href*="/trace/${traceId}"]`).first().waitFor()
  await page.locator('tr:has-text("7.1")').waitFor()
  const operation = page.locator('tr[data-row]:has-text("Furnace/Heat")').first()
  await operation.click()
  await page.waitForURL('**op=Furnace%2FHeat**')
  await page.goBack()
  strictEqual(new URL(page.url()).searchParams.get('op'), null)
  page.mustBeFine()
}

/** It can be read by everyone, in both colours and on a phone, and long names break nothing. */
export async function console_overview_for_everyone({ observe, open }) {
  await fail(observe, 'flow-shop', `flow-<b>${'long'.repeat(250)}`, `<img src=x onerror=alert(1)> ${'cold '.repeat(200)}`)
  await mustBeReadable(open, ['/', '/?service=flow-shop', '/services/flow-shop', '/sign-in'].map((path) => observe + path), { shown: read })
}

/** Signing in with a token says what is wrong, and leads only to pages of this site. */
export async function console_sign_in({ observe, open }) {
  const page = await open()
  let session = { user: null, isOpen: false, ways: { token: true, provider: 'the shop' }, shop: false, flags: false, version: '1' }
  await page.route('**/console/session', (route) => route.fulfill({ json: session }))
  await page.route('**/console/sign-in', (route) => {
    const { token } = route.request().postDataJSON()
    if (token !== 'good') return route.fulfill({ status: 401, json: { error: 'unknown token' } })
    session = { ...session, user: { name: 'ada', role: 'viewer' } }
    return route.fulfill({ json: {} })
  })
  await page.goto(`${observe}/traces?q=service%3Ax&v=1`)
  await page.waitForURL('**/sign-in?**')
  const back = encodeURIComponent('/traces?q=service%3Ax&v=1')
  deepStrictEqual(await page.getByRole('link', { name: 'Sign in with the shop' }).getAttribute('href'), `/console/sign-in/oidc?back=${back}`)
  await page.fill('[name=token]', 'bad')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('alert').getByText('not known').waitFor()
  await page.fill('[name=token]', 'good')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.waitForURL('**/traces?q=service%3Ax**')
  for (const elsewhere of ['//elsewhere.example', '/\\elsewhere.example', 'https://elsewhere.example', '/\t/elsewhere.example']) {
    await page.goto(`${observe}/sign-in?back=${encodeURIComponent(elsewhere)}`)
    strictEqual(await page.getByRole('link', { name: 'Go on' }).getAttribute('href'), '/')
  }
  page.mustBeFine()
}
