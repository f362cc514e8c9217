// The observatory's page of log records.
import { ok, strictEqual } from 'node:assert'
import { findings } from './people.mjs'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

/** Sends a log record of now to the observatory. */
async function send(observe, severityNumber, text) {
  const string = (key, stringValue) => ({ key, value: { stringValue } })
  const record = {
    timeUnixNano: `${Date.now()}000000`,
    severityNumber,
    body: { stringValue: text },
    traceId: TRACE,
    spanId: '00f067aa0ba902b7',
    attributes: [string('http.route', '/orders')],
  }
  const resource = { attributes: [string('service.name', 'flow')] }
  const body = JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record] }] }] })
  const answer = await fetch(`${observe}/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  strictEqual(answer.status, 200)
}

/** Records are found, narrowed, opened, followed, and lead to their traces. */
export async function following_logs({ observe, open }) {
  await send(observe, 17, '<b>card</b> declined')
  await send(observe, 9, 'order placed')
  const page = await open()
  await page.goto(`${observe}/logs?query=service:flow`)
  strictEqual(await page.locator('details.line').count(), 2)
  await page.click('summary:has-text("declined")')
  await page.click('details[open] a[aria-label="Only level:17"]')
  await page.waitForURL('**/logs?query=service%3Aflow%20level%3A17&**')
  strictEqual(await page.locator('details.line').count(), 1)
  await page.goto(`${observe}/logs?query=service:flow+level:error`)
  await page.click('#tail')
  await page.waitForSelector('#tail-status:has-text("Following")')
  await send(observe, 9, 'not looked for')
  await send(observe, 17, '<i>it</i> came later')
  const line = page.locator('details.line').first()
  await page.waitForSelector('.msg:has-text("<i>it</i> came later")')
  strictEqual(await page.locator('details.line').count(), 2)
  strictEqual(await page.locator('.row').first().locator('a.to').getAttribute('href'), `/trace/${TRACE}`)
  await page.locator('h1').click()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await line.locator('td:has-text("/orders")').waitFor()
  await page.keyboard.press('f')
  await page.waitForSelector('#tail-status:has-text("Stopped")')
  await page.keyboard.press('/')
  strictEqual(await page.evaluate(() => document.activeElement.id), 'query')
  page.mustBeFine()
}

/** It can be read by everyone: in both colours, on a phone, and without script. */
export async function reading_logs({ observe, open }) {
  await send(observe, 17, `a message that is ${'very '.repeat(40)}long`)
  await send(observe, 13, 'w'.repeat(400))
  const found = []
  for (const [colorScheme, width] of [['light', 1440], ['dark', 360]]) {
    const page = await open({ colorScheme, viewport: { width, height: 900 } })
    for (const more of ['', '&view=patterns']) {
      await page.goto(`${observe}/logs?query=service:flow${more}`)
      const say = (what) => found.push(`${more} ${colorScheme} ${width}: ${what}`)
      const content = await page.evaluate(() => document.documentElement.scrollWidth)
      if (content > width) say(`is ${content} pixels wide`)
      for (const what of await findings(page)) say(what)
    }
  }
  strictEqual(found.join('\n'), '')
  const plain = await open({ javaScriptEnabled: false })
  await plain.goto(`${observe}/logs?query=service:flow`)
  ok(await plain.locator('details.line').count() >= 2)
  strictEqual(await plain.locator('#tail').isVisible(), false)
  await plain.locator('summary').first().click()
  await plain.click('a:has-text("Before and after")')
  await plain.waitForSelector('details.here')
}
