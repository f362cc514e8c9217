// Takes pictures of every page of the console for the guide: `node tests/pictures.mjs OBSERVATORY CHROMIUM FOLDER`, of a shop that runs under load.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const [observe, executablePath, folder] = process.argv.slice(2)
const SIZE = { width: 1280, height: 800 }

/** The newest trace of a service. */
async function newest(service) {
  const answer = await fetch(`${observe}/jaeger/api/traces?service=${service}&limit=20&lookback=1h`)
  const traces = (await answer.json()).data
  return traces.toSorted((a, b) => b.spans.length - a.spans.length)[0].traceID
}

const trace = await newest('checkout')
const PAGES = {
  overview: '/',
  service: '/services/checkout',
  traces: '/traces?q=service%3Acheckout',
  trace: `/trace/${trace}`,
  logs: '/logs',
  metrics: `/metrics?q=${encodeURIComponent('sum by (service) (rate(traces_spanmetrics_calls_total[1m]))')}`,
  sql: `/sql?q=${encodeURIComponent('SELECT service, count(*) AS spans, approx_percentile_cont(duration_ms(duration_ns), 0.95) AS p95_ms\nFROM spans WHERE time > now() - interval \'15 minutes\'\nGROUP BY service ORDER BY spans DESC')}`,
  dashboard: '/dashboards/shop',
  dashboards: '/dashboards',
  alerts: '/alerts',
  rules: '/alerts?tab=rules',
  objectives: '/objectives',
  targets: '/targets',
  flags: '/flags',
  faults: '/flags?tab=faults',
  shop: '/shop',
  orders: '/shop?tab=orders',
  visits: '/visits',
}

mkdirSync(folder, { recursive: true })
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
try {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: SIZE, colorScheme, reducedMotion: 'reduce' })
    const page = await context.newPage()
    const session = await context.newCDPSession(page)
    for (const [name, path] of Object.entries(PAGES)) {
      await page.goto(observe + path)
      await page.locator('main h1').first().waitFor({ state: 'attached' })
      await page.waitForLoadState('networkidle')
      await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' })
      const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 72 })
      writeFileSync(join(folder, `${name}-${colorScheme}.webp`), Buffer.from(data, 'base64'))
      console.log(`${name} ${colorScheme}`)
    }
    await context.close()
  }
} finally {
  await browser.close()
}
