// The console's pages of traces: found, compared, and each of them whole.
import { ok, strictEqual } from 'node:assert'
import { mustBeReadable, until } from './people.mjs'
import { id, post, string } from './telemetry.mjs'

const resourceOf = (service) => ({ attributes: [string('service.name', service)] })

/** Sends spans, each with its service; `at` and `took` are milliseconds, `at` after 5 seconds ago. */
async function send(observe, traceId, spans) {
  const base = BigInt(Date.now() - 5000) * 1_000_000n
  const ns = (ms) => String(base + BigInt(Math.round(ms * 1e6)))
  const resourceSpans = spans.map(({ service, spanId = id(8), parentSpanId = '', name, at = 0, took, message, attributes = [] }) => ({
    resource: resourceOf(service),
    scopeSpans: [{ spans: [{ traceId, spanId, parentSpanId, name, kind: 2, startTimeUnixNano: ns(at), endTimeUnixNano: ns(at + took), attributes, status: message === undefined ? {} : { code: 2, message } }] }],
  }))
  await post(observe, '/v1/traces', { resourceSpans })
}

/** Sends a purchase: many statements of one kind, a payment that may fail, and what was logged of it. Returns the trace's id and the payment's. */
async function purchase(observe, service, { statements = 25, message, took = 2300 } = {}) {
  const [traceId, root, payment] = [id(16), id(8), id(8)]
  const spans = [{ service, spanId: root, name: 'POST /purchase', took, message }]
  for (let at = 0; at < statements; at++) spans.push({ service: `${service}-stock`, parentSpanId: root, name: 'SELECT', at: 1 + at * 2, took: 1 })
  spans.push({ service: `${service}-pay`, spanId: payment, parentSpanId: root, name: 'charge', at: 100, took: took - 150, message, attributes: [string('card.brand', 'visa')] })
  await send(observe, traceId, spans)
  const record = { timeUnixNano: `${Date.now() - 4000}000000`, severityNumber: 17, body: { stringValue: 'the card network is away' }, traceId, spanId: payment }
  await post(observe, '/v1/logs', { resourceLogs: [{ resource: resourceOf(`${service}-pay`), scopeLogs: [{ logRecords: [record] }] }] })
  return { traceId, payment }
}

/** A box around what is slow says what differs there, and narrows the search to it. */
export async function console_what_differs({ observe, open }) {
  const service = `flow-${id(4)}`
  for (let at = 0; at < 60; at++) {
    const isSlow = at % 4 === 0
    await send(observe, id(16), [{ service, name: 'GET /thing', at: at * 40, took: isSlow ? 800 : 2, attributes: [string('flow.region', isSlow ? 'north' : 'south')] }])
  }
  const page = await open({ viewport: { width: 1440, height: 900 } })
  await page.goto(`${observe}/traces?from=now-5m&q=service:${service}`)
  const map = page.locator('[aria-roledescription="heat-map"]')
  await map.waitFor()
  await until('all are listed', async () => (await page.locator('[data-trace]').count()) === 60)
  const box = await map.boundingBox()
  await page.mouse.move(box.x + 60, box.y + 2)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width - 2, box.y + box.height / 2, { steps: 4 })
  await page.mouse.up()
  await page.waitForURL('**box=**')
  await page.getByText('15 spans').waitFor()
  await until('only the slow ones are listed', async () => (await page.locator('[data-trace]').count()) === 15)
  await page.getByRole('button', { name: 'What differs?' }).click()
  const first = page.locator('[aria-label="Attributes that differ"] ol > li').filter({ hasText: 'flow.region' })
  await first.getByText('north').waitFor()
  await page.getByRole('button', { name: /^Only .*flow\.region.*north/ }).first().click()
  await page.waitForURL((address) => address.searchParams.get('q').includes('flow.region'))
  await until('only those of the north are listed', async () => (await page.locator('[data-trace]').count()) === 15)
  await page.goBack()
  await page.waitForURL('**differs=box**')
  page.mustBeFine()
}

/** A trace opens where it failed, and everything of it can be reached by keyboard. */
export async function console_reading_a_trace({ observe, open }) {
  const service = `flow-${id(4)}`
  const { traceId, payment } = await purchase(observe, service, { message: 'card network' })
  const page = await open({ viewport: { width: 1440, height: 900 } })
  await page.goto(`${observe}/trace/${traceId}?focus=error`)
  await page.waitForURL(`**/trace/${traceId}?span=${payment}**`)
  const drawer = page.locator('[data-drawer]')
  await drawer.getByText('card.brand').waitFor()
  await page.getByRole('button', { name: /charge.*failed: card network/ }).waitFor()
  await page.getByRole('link', { name: 'the card network is away' }).last().waitFor()
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  const grid = page.getByRole('treegrid', { name: 'Spans' })
  const rows = (count) => until(`${count} rows`, async () => (await grid.getAttribute('aria-rowcount')) === String(count))
  // Statements of one kind fold into one row, which opens.
  await rows(3)
  await page.keyboard.press('k')
  await page.keyboard.press('l')
  await rows(28)
  await page.keyboard.press('h')
  await rows(3)
  await page.keyboard.press('[')
  await page.keyboard.press('Enter')
  await page.waitForURL((address) => address.searchParams.has('span') && address.searchParams.get('span') !== payment)
  await page.keyboard.press('Escape')
  await page.keyboard.press('w')
  await page.waitForURL('**zoom=**')
  await page.getByRole('button', { name: /^Failed/ }).click()
  await rows(2)
  await page.getByRole('button', { name: /^All/ }).click()
  await page.keyboard.press('/')
  await page.keyboard.type('select')
  await rows(26)
  await page.getByRole('tab', { name: 'Flame graph' }).click()
  await page.locator('[aria-roledescription="flame graph"]').waitFor()
  await page.getByRole('tab', { name: 'Statistics' }).click()
  strictEqual(await page.getByRole('table', { name: 'Statistics of the trace' }).locator('tbody tr').count(), 3)
  page.mustBeFine()
}

/** Two traces are ticked and compared. */
export async function console_comparing_traces({ observe, open }) {
  const service = `flow-${id(4)}`
  const slow = await purchase(observe, service, { statements: 2 })
  const quick = await purchase(observe, service, { statements: 0, took: 400 })
  const page = await open()
  await page.goto(`${observe}/traces?from=now-5m&q=service:${service}`)
  for (const { traceId } of [slow, quick]) await page.getByRole('checkbox', { name: new RegExp(traceId.slice(0, 8)) }).check()
  await page.locator('h1').first().waitFor({ state: 'attached' })
  await page.keyboard.press('c')
  await page.waitForURL(({ pathname, searchParams }) => pathname === '/traces/diff' && searchParams.get('a') === slow.traceId && searchParams.get('b') === quick.traceId)
  const grid = page.getByRole('treegrid', { name: 'Spans of both traces by path' })
  await grid.getByText('only in A').first().waitFor()
  strictEqual(await grid.getByRole('row').filter({ hasText: 'only in A' }).count(), 1)
  await page.goto(`${observe}/traces?from=now-5m&view=tree&q=service:${service}`)
  await page.getByRole('treegrid', { name: 'Merged calls' }).waitFor()
  page.mustBeFine()
}

/** What is odd is told, long names and script in them do no harm, and everyone can read it: both themes, on a phone, with a screen reader. */
export async function console_odd_traces({ observe, open }) {
  const service = `flow-${id(4)}`
  const [traceId, root, lost] = [id(16), id(8), id(8)]
  const script = '<img src=x onerror="document.title=1"><script>document.title=1</script>'
  await send(observe, traceId, [
    { service, spanId: root, name: script, took: 500, attributes: [string(script, script), string('long', 'w'.repeat(10_000))] },
    { service: 's'.repeat(300), parentSpanId: root, name: 'n'.repeat(10_000), at: 10, took: 300 },
    { service, parentSpanId: lost, name: 'lost', at: 20, took: 100, message: script },
  ])
  const whole = `/trace/${traceId}`
  const pages = [`/traces?from=now-5m&q=service:${service}`, `${whole}?span=${root}`, `${whole}?view=statistics`, `${whole}?view=flame`, `/traces/diff?a=${traceId}&b=${traceId}`, whole]
  const shown = async (page, address) => {
    await page.locator('main').getByText(address.includes('/traces?') ? 'Traces' : service).first().waitFor({ state: 'attached' })
    await page.waitForLoadState('networkidle')
    if (address !== observe + whole) return
    await page.locator('summary', { hasText: 'odd' }).first().waitFor()
    ok((await page.title()).startsWith('Trace'), 'script in names did run')
  }
  await mustBeReadable(open, pages.map((path) => observe + path), { shown })
  const page = await open()
  const [ring, first, second] = [id(16), id(8), id(8)]
  await send(observe, ring, [
    { service, spanId: first, parentSpanId: second, name: 'hen', at: 400, took: 50 },
    { service, spanId: second, parentSpanId: first, name: 'egg', at: 10, took: 500 },
    { service, parentSpanId: first, name: 'chick', at: 300, took: 20 },
  ])
  await page.goto(`${observe}/trace/${ring}`)
  await page.locator('summary', { hasText: 'odd' }).first().waitFor()
  for (const said of ['Spans name each other as parents.', 'clocks of their machines disagree']) await page.getByText(said).first().waitFor({ state: 'attached' })
  for (const name of ['hen', 'egg', 'chick']) await page.getByRole('treegrid').getByText(name).first().waitFor()
  await page.goto(`${observe}/trace/${id(16)}`)
  await page.getByRole('heading', { name: 'No such trace' }).waitFor()
  await page.goto(`${observe}/traces?q=two+words`)
  await page.getByRole('alert').first().waitFor()
}

/** A backend that is away, slow, or answers half says so, what was read stays, and all is well as soon as it is back. */
export async function console_while_the_backend_is_away({ observe, open }) {
  const service = `flow-${id(4)}`
  await send(observe, id(16), [{ service, name: 'GET /thing', took: 5 }])
  const page = await open()
  const map = (url) => url.pathname === '/api/heatmap'
  const address = `${observe}/traces?from=now-5m&q=service:${service}`
  const problem = page.getByRole('alert')
  for (const [answered, said] of [
    [(route) => route.abort(), 'The observatory does not answer.'],
    [(route) => route.fulfill({ status: 200, contentType: 'application/json', body: '{"spans": 1, "rows": [[1' }), 'The answer broke off'],
    [(route) => route.fulfill({ status: 503, contentType: 'application/json', body: '{"error":"the disk is full"}' }), 'the disk is full'],
  ]) {
    await page.route(map, answered)
    await page.goto(address)
    await problem.filter({ hasText: said }).first().waitFor()
    await page.locator('[data-trace]').first().waitFor()
    await page.unroute(map)
    await problem.getByRole('button', { name: 'Try again' }).first().click()
    await page.locator('[aria-roledescription="heat-map"]').waitFor()
  }
  let letGo
  const held = new Promise((resolve) => (letGo = resolve))
  await page.route(map, async (route) => {
    await held
    await route.continue()
  })
  await page.goto(address)
  await page.getByRole('status').filter({ hasText: 'Still reading' }).first().waitFor()
  letGo()
  await page.locator('[aria-roledescription="heat-map"]').waitFor()
  page.mustBeFine()
}
