// The console's pages of flags and faults.
import { ok, strictEqual } from 'node:assert'
import { mustBeReadable, settled, until } from './people.mjs'
import { fail } from './telemetry.mjs'

const KEY = 'flow/one'
const DEFINITION = { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off' }
const ALONE = 'flow'

/** Asks the API as the page's own requests do. */
async function ask(page, method, path, body) {
  return page.evaluate(
    async ([method, path, body]) => {
      const answer = await fetch(`/console/flags/api/v1/${path}`, { method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json' } })
      return { status: answer.status, body: await answer.json().catch(() => null) }
    },
    [method, path, body],
  )
}

const flagPath = (rest = '') => `flags/${encodeURIComponent(KEY)}${rest}`

/** Answers the question that is open. */
async function because(page, why, button) {
  const dialog = page.locator('dialog[open]')
  await dialog.getByLabel('Why').fill(why)
  await dialog.getByRole('button', { name: button, exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
}

async function withoutFlag(page) {
  const there = await ask(page, 'GET', `${flagPath()}?set=${ALONE}`)
  if (there.status === 200) await ask(page, 'DELETE', `${flagPath()}?set=${ALONE}&revision=${there.body.revision}&why=flow`)
}

/** A flag is made, explained, changed against somebody else, switched, taken back and deleted. */
export async function changing_flags({ observe, open }) {
  const page = await open()
  await page.goto(`${observe}/flags?set=${ALONE}`)
  await page.getByRole('button', { name: 'New flag' }).waitFor()
  await withoutFlag(page)
  await page.keyboard.press('n')
  await page.locator('dialog[open]').getByLabel('Key').fill(KEY)
  await because(page, 'a new thing', 'Make it')
  await page.waitForURL(`**/flags/flow%2Fone?**set=${ALONE}**`)
  const editor = page.getByLabel('Definition', { exact: true })
  await page.getByText('everyone → off').waitFor()
  await page.getByText('because it has no rule (STATIC)').waitFor()

  // Somebody is quicker: what was typed stays.
  await editor.fill(JSON.stringify({ ...DEFINITION, targeting: { if: [{ '==': [{ var: 'country' }, 'DE'] }, 'on', null] } }))
  await page.getByText('where country is DE → on').waitFor()
  const { body: there } = await ask(page, 'GET', `${flagPath()}?set=${ALONE}`)
  strictEqual((await ask(page, 'PUT', `${flagPath()}?set=${ALONE}&revision=${there.revision}&why=quicker`, { ...DEFINITION, metadata: { purpose: 'theirs' } })).status, 200)
  await page.getByRole('button', { name: 'Save …' }).click()
  await page.locator('dialog[open]').getByLabel('Why').fill('mine')
  await page.locator('dialog[open]').getByRole('button', { name: 'Save', exact: true }).click()
  await page.locator('dialog[open]').getByText('Somebody was quicker.').waitFor()
  ok((await page.locator('dialog[open] pre').textContent()).includes('theirs'))
  await page.getByRole('button', { name: 'Save all the same' }).click()
  await page.locator('dialog[open]').waitFor({ state: 'detached' })
  await page.getByText('because its rule says so (TARGETING_MATCH)').waitFor()

  // Switched, and taken back.
  await page.getByRole('switch').click()
  await because(page, 'enough', 'Switch off')
  await page.locator('[role=switch][aria-checked=false]').waitFor()
  await page.getByText('it is switched off: what stands in code holds').waitFor()
  await page.locator('li', { hasText: 'enough' }).first().getByRole('button', { name: /^Undo/ }).click()
  await because(page, 'not enough', 'Undo it')
  await page.locator('[role=switch][aria-checked=true]').waitFor()
  await withoutFlag(page)
  page.mustBeFine()
}

/** A fault is armed with a guard, looked at, and all are stopped with one key, wherever one is. */
export async function stopping_faults({ observe, open }) {
  const page = await open()
  await page.goto(`${observe}/flags?tab=faults&arm=callee:payments`)
  const form = page.locator('dialog[open]')
  await form.getByLabel('Milliseconds', { exact: true }).fill('1')
  await form.getByLabel('Seconds to live').fill('60')
  await form.getByLabel('Guard: ends early by').selectOption('error_ratio')
  await form.getByLabel('Value', { exact: true }).fill('0.99')
  ok((await form.locator('pre').textContent()).includes('"ttl_s": 60'))
  await because(page, 'flow', 'Arm it for 60 s')
  await page.locator('tr', { hasText: 'delay ms=1' }).first().click()
  await page.locator('[data-drawer]').getByText('ends if error_ratio of payments is above 0.99 for 10 s').waitFor()
  await page.locator('[data-drawer]').getByText('Sites that carry it').waitFor()
  await page.goto(`${observe}/flags?tab=changes`)
  await page.getByText('at work.').waitFor()
  await page.locator('h1').click()
  await page.keyboard.press('!')
  await because(page, 'flow is over', 'Stop all')
  await page.getByText('All faults are stopped: none can begin.').waitFor()
  await page.getByRole('button', { name: 'Let faults begin again' }).click()
  await because(page, 'flow goes on', 'Release')
  await until('faults can begin', async () => (await ask(page, 'GET', 'faults')).body.stopped === null)
  page.mustBeFine()
}

/** From the charts of what a flag did to the line of the log in three clicks, the first of which opens one of several services. */
export async function console_from_a_flags_chart({ observe, open }) {
  const traceId = await fail(observe, 'flow-buyer', 'checkout', 'the till is cold')
  const page = await open()
  await page.goto(`${observe}/flags/checkout-free-shipping-from`)
  await page.getByRole('heading', { name: 'Errors', exact: true }).waitFor()
  const group = page.locator('details', { has: page.locator('summary', { hasText: 'What failed in checkout' }) })
  if (!(await group.evaluate((details) => details.open))) await group.locator('summary').click()
  await group.locator(`a[href*="/trace/${traceId}"]`).first().click()
  await page.getByRole('link', { name: 'the till is cold: no gas' }).first().click()
  await page.waitForURL('**/logs?**at=**')
  await page.getByText('the till is cold: no gas').first().waitFor()
  page.mustBeFine()
}

/** Each tab can be read by everyone: in both colours, and on a phone. */
export async function reading_flags({ observe, open }) {
  const tabs = ['flags', 'faults', 'changes', 'planned', 'sets', 'segments', 'campaigns']
  await mustBeReadable(open, tabs.map((tab) => `${observe}/flags?tab=${tab}`), { shown: settled('main h2') })
}
