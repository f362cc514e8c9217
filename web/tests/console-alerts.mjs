// The console's alerts: one list, silenced from a row in two clicks.
import { mustBeReadable, settled } from './people.mjs'
import { fail, post } from './telemetry.mjs'

/** Tells the observatory of an alert that fires, or has ended. */
async function tell(observe, more = {}, isOver = false) {
  const now = Date.now()
  const alert = { labels: { alertname: 'FlowOfAlerts', severity: 'page', instance: '<b>one</b>', ...more }, annotations: { summary: 'told by a test' }, startsAt: new Date(now - 60_000).toISOString(), endsAt: new Date(isOver ? now - 1000 : now + 600_000).toISOString() }
  await post(observe, '/alertmanager/api/v2/alerts', [alert])
}

/** An alert is found, silenced in two clicks, and heard again. */
export async function silencing_alerts({ observe, open }) {
  await tell(observe)
  const page = await open()
  await page.goto(`${observe}/alerts?find=FlowOfAlerts`)
  const row = page.locator('main li[data-row]')
  await row.getByText('firing').waitFor()
  await row.getByText('<b>one</b>').waitFor()
  await row.locator('summary', { hasText: 'Silence' }).click()
  await row.getByRole('button', { name: '1 hour' }).click()
  await row.getByText(/silenced, ends in/).waitFor()
  await page.locator('h1').click()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  const drawer = page.locator('[data-drawer]')
  await drawer.getByText('What keeps it quiet').waitFor()
  await page.keyboard.press('Escape')
  await row.getByRole('button', { name: /End the silence/ }).click()
  await row.getByText('firing').waitFor()
  await page.getByRole('tab', { name: 'Silences' }).click()
  await page.getByLabel('Those that are over, too').check()
  await page.getByText('told by a test').first().waitFor()
  await tell(observe, {}, true)
  page.mustBeFine()
}

/** From an alert to the line of the log in three clicks. */
export async function console_from_an_alert({ observe, open }) {
  const traceId = await fail(observe, 'flow-porter', 'flow-oven', 'the oven is cold')
  await tell(observe, { service: 'flow-oven' })
  const page = await open()
  await page.goto(`${observe}/alerts?find=FlowOfAlerts`)
  await page.locator('main li[data-row]').getByText('told by a test').click()
  await page.locator(`[data-drawer] a[href*="/trace/${traceId}"]`).first().click()
  await page.getByRole('link', { name: 'the oven is cold: no gas' }).first().click()
  await page.waitForURL('**/logs?**at=**')
  await page.getByText('the oven is cold: no gas').first().waitFor()
  await tell(observe, { service: 'flow-oven' }, true)
  page.mustBeFine()
}

/** All tabs can be read by everyone: in both colours, and on a phone. */
export async function reading_alerts({ observe, open }) {
  await tell(observe)
  const tabs = ['alerts', 'rules', 'silences', 'routes', 'receivers']
  await mustBeReadable(open, tabs.map((tab) => `${observe}/alerts?tab=${tab}`), { shown: settled('main h1') })
  await tell(observe, {}, true)
}
