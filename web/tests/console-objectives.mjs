// The console's pages of objectives, targets and visits, and links to pages that were there before it.
import { ok, strictEqual } from 'node:assert'
import { mustBeReadable } from './people.mjs'
import { post, string } from './telemetry.mjs'

const SECOND_NS = 10n ** 9n

/** Answers requests of a page as an observatory does that has what the one of the flows has not been set. */
const answer = (page, path, data) => page.route((url) => url.pathname === path, (route) => route.fulfill({ json: { status: 'success', data } }))

/** A group of rules as an objective becomes one. */
function promised(name) {
  const of = (metric) => `slo:error_ratio:rate${metric}{slo="${name}"}`
  const evaluated = { health: 'ok', lastEvaluation: new Date().toISOString(), labels: { slo: name } }
  const alert = { ...evaluated, type: 'alerting', duration: 0, annotations: {} }
  const alerts = [{ state: 'firing', activeAt: new Date(Date.now() - 600e3).toISOString(), labels: {}, annotations: {}, value: '1' }]
  const rules = [
    { ...evaluated, type: 'recording', name: 'slo:error_budget_left:ratio', query: `1 - sum_over_time(slo:errors:rate5m{slo="${name}"}[30d]) / 0.01` },
    { ...alert, name: 'SloBurnsFast', state: 'firing', alerts, query: `(${of('1h')} > 0.144 and ${of('5m')} > 0.144)` },
    { ...alert, name: 'SloBurnsSlowly', state: 'inactive', alerts: [], query: `(${of('1d')} > 0.03 and ${of('2h')} > 0.03)` },
  ]
  return { name: `slo:${name}`, file: 'objectives', interval: 30, rules }
}

async function sendSeries(observe, lines) {
  const body = `${lines.join('\n')}\n`
  const response = await fetch(`${observe}/prometheus/api/v1/import/prometheus`, { method: 'POST', body })
  ok(response.ok, `${response.status}`)
}

/** What fails the promise is seen first, how fast it burns, and where its alerts are. */
export async function objectives_of_the_console({ observe, open }) {
  const names = ['flow-broken', 'flow-kept']
  const values = { 'slo:objective:ratio': [0.99, 0.99], 'slo:error_budget_left:ratio': [-0.2, 0.75], 'slo:error_ratio:rate1h': [0.2, 0.001], 'slo:error_ratio:rate5m': [0.3, 0.001] }
  await sendSeries(observe, Object.entries(values).flatMap(([metric, each]) => each.map((value, place) => `${metric}{slo="${names[place]}"} ${value}`)))
  const page = await open()
  await answer(page, '/prometheus/api/v1/rules', { groups: names.map(promised) })
  await page.goto(`${observe}/objectives`)
  await page.waitForSelector('tr:has-text("flow-broken") >> text=used up')
  ok((await page.locator('main tbody tr').first().textContent()).includes('flow-broken'))
  await page.waitForSelector('tr:has-text("1h"):has-text("20×"):has-text("burns too fast")')
  await page.click('tr:has-text("flow-kept")')
  await page.waitForURL('**/objectives?objective=flow-kept&v=1')
  await page.waitForSelector('h2:has-text("flow-kept")')
  await page.waitForSelector('text=The promise is kept.')
  const link = await page.locator('a:has-text("SloBurnsFast")').first().getAttribute('href')
  strictEqual(link, '/alerts?tab=rules&open=objectives%3Bslo%3Aflow-kept%3B1&v=1')
  await page.goBack()
  await page.waitForSelector('h2:has-text("flow-broken")')
  page.mustBeFine()
}

const labels = (address, more) => ({ instance: address, job: 'flow', ...more })
const target = (address, health, lastError = '') => ({
  discoveredLabels: { __address__: address, job: 'flow' },
  labels: labels(address, { zone: '<b>z</b>' }),
  scrapePool: 'flow',
  scrapeUrl: `http://${address}/metrics`,
  lastError,
  lastScrape: new Date().toISOString(),
  lastScrapeDuration: 0.012,
  health,
  scrapeInterval: '15s',
  scrapeTimeout: '10s',
})

/** What does not answer comes first, says why, and can be looked at; what is left out says by which rule. */
export async function targets_of_the_console({ observe, open }) {
  const page = await open()
  const droppedTargets = [{ discoveredLabels: { __scheme__: 'http', __address__: 'c.example:80', __metrics_path__: '/metrics', job: 'flow' }, scrapePool: 'flow' }]
  const activeTargets = [target('a.example:80', 'up'), target('b.example:80', 'down', 'connection refused')]
  await answer(page, '/prometheus/api/v1/targets', { activeTargets, droppedTargets, droppedTargetCounts: { flow: 3 } })
  const rule = { action: 'drop', regex: 'c.*', replacement: '$1', separator: ';', source_labels: ['__address__'] }
  await answer(page, '/prometheus/api/v1/targets/relabel_steps', { steps: [{ rule, output: {}, keep: false }] })
  await page.goto(`${observe}/targets`)
  await page.waitForSelector('text=1 of 2 up')
  ok((await page.locator('main tbody tr').first().textContent()).includes('connection refused'))
  await page.locator('main tbody tr').first().focus()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForSelector('[data-drawer] h2:has-text("a.example:80")')
  await page.keyboard.press('Escape')
  await page.waitForSelector('[data-drawer]', { state: 'detached' })
  await page.keyboard.press('/')
  await page.keyboard.type('refused')
  await page.waitForURL('**q=refused**')
  strictEqual(await page.locator('main tbody tr').count(), 1)
  await page.fill('input[type=search]', 'nowhere')
  await page.click('button:has-text("Without “nowhere”")')
  await page.click('[role=tab]:has-text("Dropped (3)")')
  await page.waitForSelector('text=2 more were dropped')
  await page.click('td:has-text("c.example")')
  await page.waitForSelector('li:has-text("drop [__address__] =~ c.*") >> text=left it out')
  page.mustBeFine()
}

/** Sends a visit: what analytics told of it, and the trace of its page. */
async function visit(observe, place, atMs, events, durationMs) {
  const start = BigInt(atMs) * (SECOND_NS / 1000n)
  const traceId = (BigInt(atMs) * 1000n + BigInt(place)).toString(16).padStart(32, '0')
  const logRecords = events.map((eventName) => ({
    timeUnixNano: `${start}`,
    eventName,
    traceId,
    attributes: [string('session.id', `flow-${atMs}-${place}`), string('analytics.type', eventName === 'page' ? 'page' : 'track')],
  }))
  const span = { traceId, spanId: traceId.slice(16), name: 'GET /flow', kind: 2, startTimeUnixNano: `${start}`, endTimeUnixNano: `${start + BigInt(durationMs) * (SECOND_NS / 1000n)}` }
  const of = (name) => ({ attributes: [string('service.name', name)] })
  await post(observe, '/v1/logs', { resourceLogs: [{ resource: of('analytics'), scopeLogs: [{ logRecords }] }] })
  await post(observe, '/v1/traces', { resourceSpans: [{ resource: of('flow-storefront'), scopeSpans: [{ spans: [span] }] }] })
}

const ALL = ['page', 'Product Viewed', 'Product Added', 'Order Completed']

/** How far visits came is told by how quickly they were answered, and leads to the traces of slow pages. */
export async function visits_of_the_console({ observe, open }) {
  // A time of its own, in which nobody else visits.
  const from = Date.now() - 6 * 3600e3
  await visit(observe, 0, from + 1000, ALL, 20)
  await visit(observe, 1, from + 2000, ALL.slice(0, 2), 20)
  await visit(observe, 2, from + 3000, ALL.slice(0, 1), 900)
  const page = await open()
  await page.goto(`${observe}/visits?over=time&from=${from}&to=${from + 10_000}&v=1`)
  await page.waitForSelector('tr:has-text("All visits")')
  const counts = await page.locator('tr:has-text("All visits") b').allTextContents()
  strictEqual(counts.join(), '3,2,1,1')
  strictEqual((await page.locator('tr:has-text("within 100 ms") b').allTextContents()).join(), '2,2,1,1')
  await page.click('a:has-text("in 500 ms or more")')
  await page.waitForSelector('h2:has-text("Pages answered in 500 ms or more")')
  const trace = page.locator('a[href^="/trace/"]')
  await page.waitForSelector('td:has-text("900 ms")')
  strictEqual(await trace.count(), 1)
  page.mustBeFine()
}

/** Addresses of the pages that were there before lead to what they meant. */
export async function older_links_of_the_console({ observe, open }) {
  const places = {
    '/?service=checkout': '/traces?q=service%3Acheckout&v=1',
    '/?query=status%3Aerror': '/traces?q=status%3Aerror&v=1',
    '/logs?query=level%3Aerror&since=15m': '/logs?q=level%3Aerror&from=now-15m&v=1',
    '/logs?query=trace:ab&start=1796000000000000000&end=1796000060000000000': '/logs?q=trace%3Aab&from=1796000000000&to=1796000060000&v=1',
    '/logs?query=a&since=1h30m&view=patterns': '/logs?q=a&from=now-1h30m&view=patterns&v=1',
    '/explore?expr=up&range=6h': '/metrics?q=up&from=now-6h&v=1',
    '/explore?focus=job': '/metrics?q=sort_desc%28count+by+%28job%29+%28%7Bjob%21%3D%22%22%7D%29%29&from=now-1h&v=1',
    '/graph?g0.expr=up&g0.tab=1&g1.expr=down': '/metrics?q=up&q=down&v=1',
    '/service-graph?range=1d': '/?from=now-1d&v=1',
    '/alerts/rule?file=shop.yml&group=shop.calls&rule=0': '/alerts?tab=rules&open=shop.yml%3Bshop.calls%3B0&v=1',
    '/funnel': '/visits',
    '/?service=checkout&v=1': '/?service=checkout&v=1',
  }
  const page = await open()
  for (const [older, today] of Object.entries(places)) {
    await page.goto(observe + older)
    await page.waitForSelector('main')
    strictEqual(await page.evaluate(() => location.pathname + location.search), today, older)
  }
}

/** The pages can be read by everyone: in both colours, and on a phone. */
export async function reading_what_is_promised({ observe, open }) {
  const prepare = async (page) => {
    await answer(page, '/prometheus/api/v1/rules', { groups: [promised('flow-broken'), promised('w'.repeat(10_000)), promised('<img src=x onerror=alert(1)>')] })
    await answer(page, '/prometheus/api/v1/targets', { activeTargets: [target(`${'w'.repeat(10_000)}:80`, 'down', 'e'.repeat(10_000))], droppedTargets: [], droppedTargetCounts: { flow: 0 } })
  }
  const pages = new Map([['/objectives', 'tr'], ['/targets', 'tr'], ['/visits', 'summary']].map(([path, seen]) => [observe + path, `main ${seen}`]))
  const shown = (page, address) => page.waitForSelector(pages.get(address))
  await mustBeReadable(open, [...pages.keys()], { prepare, shown })
}
