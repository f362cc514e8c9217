// The console's pages that ask: logs, metrics, SQL.
import { match, strictEqual } from 'node:assert'
import { mustBeReadable, until } from './people.mjs'
import { post, string } from './telemetry.mjs'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4737'

/** Sends log records of now, each later than the one before. */
async function send(observe, service, records) {
  const now = BigInt(Date.now()) * 1_000_000n
  const logRecords = records.map(([severityNumber, text, route], place) => ({
    timeUnixNano: String(now - BigInt(records.length - place) * 1_000_000n),
    severityNumber,
    body: { stringValue: text },
    traceId: TRACE,
    spanId: '00f067aa0ba902b7',
    attributes: [string('http.route', route ?? '/orders')],
  }))
  const resource = { attributes: [string('service.name', service), string('service.instance.id', `${service}-1`)] }
  await post(observe, '/v1/logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] })
}

const rows = (page) => page.locator('[data-logs] [data-row]')

/** Waits until a locator finds so many. */
const count = (locator, wanted) => until(`${wanted} of ${locator}`, async () => (await locator.count()) === wanted)

/** Records are narrowed by what they have, opened, seen in context and lead to their trace. */
export async function console_logs({ observe, open }) {
  const service = `queries-${process.pid}`
  await send(observe, service, [[9, 'order placed'], [17, '<b>card</b> declined\n  at pay.js:1'], [9, '{"msg":"shipped","parcel":{"kg":3}}', '/parcels'], [9, `long ${'w'.repeat(10_000)}`]])
  const page = await open()
  await page.goto(`${observe}/logs?q=service:${service}`)
  await count(rows(page), 4)
  await page.getByRole('link', { name: /^error 1$/ }).click()
  await page.waitForURL('**level%3Aerror**')
  await count(rows(page), 1)
  await page.goBack()
  await count(rows(page), 4)
  await rows(page).filter({ hasText: 'shipped' }).click()
  await page.waitForURL('**open=**')
  await page.getByRole('rowheader', { name: 'parcel.kg' }).waitFor()
  await page.getByRole('link', { name: 'Only http.route:"/parcels"' }).click()
  await count(rows(page), 1)
  await page.goBack()
  await rows(page).filter({ hasText: 'declined' }).click()
  strictEqual(await page.getByRole('link', { name: 'Trace', exact: true }).first().getAttribute('href').then((href) => href.startsWith(`/trace/${TRACE}?span=00f067aa0ba902b7`)), true)
  await page.locator('[data-logs] [aria-expanded=true]').filter({ hasText: 'declined' }).locator('xpath=ancestor::*[@role="listitem"]').getByRole('link', { name: 'Before and after' }).click()
  await page.waitForURL('**at=**')
  await page.locator('[aria-current=true]').filter({ hasText: 'declined' }).waitFor()
  await count(rows(page), 4)
  await page.getByRole('link', { name: 'Back to the list' }).click()
  await page.getByRole('tab', { name: 'Patterns' }).click()
  await page.getByRole('row').filter({ hasText: 'order placed' }).getByRole('link', { name: 'Only' }).click()
  await count(rows(page), 1)
  await page.goto(`${observe}/logs?q=service:${service}+nowhere`)
  await page.getByText('4 without').waitFor()
  await page.getByRole('link', { name: 'Take it away' }).click()
  await count(rows(page), 4)
  page.mustBeFine()
}

/** What comes is shown while one looks at the newest line, and counted while one does not; keys go from line to line. */
export async function console_logs_followed({ observe, open }) {
  const service = `follow-${process.pid}`
  await send(observe, service, Array.from({ length: 150 }, (_, place) => [9, `line ${place}`]))
  const page = await open()
  await page.goto(`${observe}/logs?q=service:${service}+level:info`)
  await rows(page).first().filter({ hasText: 'line 149' }).waitFor()
  await page.keyboard.press('f')
  await page.getByText('Following.').waitFor()
  await send(observe, service, [[17, 'not asked for'], [9, '<i>it</i> came later']])
  await rows(page).first().filter({ hasText: '<i>it</i> came later' }).waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.locator('[data-row]:focus').filter({ hasText: 'line 149' }).waitFor()
  await page.keyboard.press('Enter')
  await page.locator('[aria-expanded=true]').filter({ hasText: 'line 149' }).waitFor()
  await page.locator('[data-logs] [role=region][aria-label="Log records"]').evaluate((list) => list.scrollTo(0, 1500))
  await send(observe, service, [[9, 'and another']])
  await page.getByText('1 came since you scrolled away.').waitFor()
  await page.getByRole('button', { name: 'Go to them' }).click()
  await rows(page).first().filter({ hasText: 'and another' }).waitFor()
  await page.locator('body').click({ position: { x: 5, y: 300 } })
  await page.keyboard.press('f')
  await page.getByRole('button', { name: 'Follow', exact: true }).waitFor()
  page.mustBeFine()
}

/** A query is written with completion, drawn, read as a table, and explained part by part. */
export async function console_metrics({ observe, open }) {
  const page = await open()
  await page.goto(`${observe}/metrics`)
  const query = page.locator('[data-editor] .cm-content')
  await query.click()
  await page.keyboard.type('vector(3')
  await page.keyboard.press('Control+Enter')
  await page.waitForURL('**q=vector%283%29**')
  await page.getByRole('application', { name: /What the queries say/ }).waitFor()
  await page.getByRole('tab', { name: 'Table' }).click()
  await page.getByRole('cell', { name: '3', exact: true }).waitFor()
  await page.getByRole('tab', { name: 'Explained' }).click()
  await page.getByText('A number as a series without labels.').waitFor()
  await page.getByRole('button', { name: 'One more query' }).click()
  await page.locator('[data-editor] .cm-content').nth(1).click()
  await page.keyboard.type('sum(')
  await page.keyboard.press('Control+Enter')
  await page.getByRole('tab', { name: 'Graph' }).click()
  await page.getByRole('alert').filter({ hasText: /^B: .*parse error/ }).waitFor()
  await page.getByRole('application', { name: /What the queries say/ }).waitFor()
  page.mustBeFine()
}

/** A statement is run, shown as rows and as a chart, kept as a file, and its mistakes are shown where they are. */
export async function console_sql({ observe, open }) {
  const service = `sql-${process.pid}`
  await send(observe, service, [[9, 'one'], [9, 'two'], [9, 'three']])
  const page = await open()
  await page.goto(`${observe}/sql`)
  const statement = page.locator('[data-editor] .cm-content')
  await statement.click()
  await page.keyboard.insertText(`SELECT time, service, 9007199254740993 AS big, trace_id FROM logs WHERE service = '${service}' ORDER BY time`)
  await page.keyboard.press('Control+Enter')
  await page.getByRole('gridcell', { name: '9007199254740993' }).first().waitFor()
  strictEqual(await page.getByRole('grid', { name: 'Rows' }).getAttribute('aria-rowcount'), '4')
  const saved = page.waitForEvent('download')
  await page.locator('section', { has: page.getByRole('grid') }).getByLabel('More about this panel').click()
  await page.getByRole('button', { name: 'Export all as CSV' }).click()
  match((await saved).suggestedFilename(), /\.csv$/)
  await page.getByRole('tab', { name: 'Chart' }).click()
  await page.getByRole('application', { name: /What the statement returned/ }).waitFor()
  await page.getByRole('tab', { name: 'Rows' }).click()
  await page.getByRole('gridcell', { name: service }).first().click()
  await page.locator('[data-drawer]').getByRole('link', { name: TRACE }).waitFor()
  await page.keyboard.press('Escape')
  await statement.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText('SELECT nothing_such FROM logs')
  await page.keyboard.press('Control+Enter')
  await page.getByRole('alert').filter({ hasText: 'No field named nothing_such' }).waitFor()
  await page.locator('.cm-lintRange-error').filter({ hasText: 'nothing_such' }).waitFor()
  page.mustBeFine()
}

/** Everyone can read them: in both colours, on a wide screen and on a phone. */
export async function console_queries_read({ observe, open }) {
  const service = `read-${process.pid}`
  await send(observe, service, [[9, 'order placed'], [17, `${'very '.repeat(200)}long`], [13, 'w'.repeat(10_000)]])
  const pages = new Map([
    [`${observe}/logs?q=service:${service}`, '[data-logs] [data-row]'],
    [`${observe}/logs?q=service:${service}&view=patterns`, 'td'],
    [`${observe}/metrics?q=vector(1)`, '[aria-roledescription=chart]'],
    [`${observe}/metrics?q=sum(vector(1))&view=explain`, 'text=The sum of all.'],
    [`${observe}/sql?q=SELECT+1+AS+one,+2+AS+two`, '[role=gridcell]'],
  ])
  const shown = (page, address) => page.locator(pages.get(address)).first().waitFor()
  await mustBeReadable(open, [...pages.keys()], { shown })
}
