// The console's alerts: one list, silenced from a row in two clicks.
import { strictEqual } from 'node:assert'
import { findings } from './people.mjs'

/** Tells the observatory of an alert that fires, or has ended. */
async function tell(observe, isOver = false) {
  const now = Date.now()
  const alert = { labels: { alertname: 'FlowOfAlerts', severity: 'page', instance: '<b>one</b>' }, annotations: { summary: 'told by a test' }, startsAt: new Date(now - 60_000).toISOString(), endsAt: new Date(isOver ? now - 1000 : now + 600_000).toISOString() }
  const answer = await fetch(`${observe}/alertmanager/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([alert]) })
  strictEqual(answer.status, 200)
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
  await tell(observe, true)
  page.mustBeFine()
}

/** All tabs can be read by everyone: in both colours, and on a phone. */
export async function reading_alerts({ observe, open }) {
  await tell(observe)
  const found = []
  for (const [colorScheme, width] of [['light', 1440], ['dark', 360]]) {
    const page = await open({ colorScheme, viewport: { width, height: 900 } })
    for (const tab of ['alerts', 'rules', 'silences', 'routes', 'receivers']) {
      await page.goto(`${observe}/alerts?tab=${tab}`)
      await page.locator('main h1').waitFor()
      await page.waitForFunction(() => document.querySelector('main [aria-busy="true"]') === null)
      const content = await page.evaluate(() => document.documentElement.scrollWidth)
      if (content > width) found.push(`${tab} ${colorScheme}: is ${content} pixels wide`)
      for (const what of await findings(page)) found.push(`${tab} ${colorScheme} ${width}: ${what}`)
    }
  }
  await tell(observe, true)
  strictEqual(found.join('\n'), '')
}
