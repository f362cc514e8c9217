// Runs one flow against a shop: `node run.mjs FLOW PLACES`, where PLACES is a JSON object: `shop`, `partner`, `flags` and `observe` are addresses, `chromium` is
// the browser's program. Exits with 1 and says what went wrong, or prints what it saw.
import { strictEqual } from 'node:assert'
import { chromium } from 'playwright-core'
import * as buying from './buying.mjs'
import * as consoleAlerts from './console-alerts.mjs'
import * as consoleDashboards from './console-dashboards.mjs'
import * as consoleEverywhere from './console-everywhere.mjs'
import * as consoleFlags from './console-flags.mjs'
import * as consoleObjectives from './console-objectives.mjs'
import * as consoleOverview from './console-overview.mjs'
import * as consoleQueries from './console-queries.mjs'
import * as consoleShop from './console-shop.mjs'
import * as consoleTraces from './console-traces.mjs'
import * as common from './flows.mjs'
import * as widget from './widget.mjs'

const [name, places] = process.argv.slice(2)
const { chromium: executablePath, ...addresses } = JSON.parse(places)
const { shop, partner, observe } = addresses
const ofConsole = { ...consoleAlerts, ...consoleDashboards, ...consoleEverywhere, ...consoleFlags, ...consoleObjectives, ...consoleOverview, ...consoleQueries, ...consoleShop, ...consoleTraces }
const flows = { ...common, ...buying, ...ofConsole, ...widget }
const flow = flows[name]
if (flow === undefined) throw new Error(`there is no flow ${name}: expected one of ${Object.keys(flows).join(', ')}`)
const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync', '--disable-dev-shm-usage']
const browser = await chromium.launch({ executablePath, args })
try {
  await flow({ ...addresses, open: (options) => open(options) })
  console.log(`${name} passed`)
} finally {
  await browser.close()
}

/** A page in a browser of its own, which fails the flow when anything is said on its console or asked of another site. */
async function open(options = {}) {
  const context = await browser.newContext({ baseURL: shop, viewport: { width: 1280, height: 900 }, ...options })
  const page = await context.newPage()
  const wrong = []
  // A browser says itself that a page was 404 or 422: those are what flows expect, and look at.
  page.on('console', (said) => {
    if (said.type() === 'error' && !said.text().startsWith('Failed to load resource')) wrong.push(said.text())
  })
  // That a transition between two pages is not shown, because the next one came too soon or takes no part, is no error of a page.
  page.on('pageerror', (error) => error.message.startsWith('Transition was aborted') || wrong.push(error.message))
  page.on('request', (request) => {
    // What a page makes itself, to be saved, is of its own origin.
    if (![shop, partner, observe].includes(new URL(request.url()).origin)) wrong.push(`asked another site: ${request.url()}`)
  })
  page.mustBeFine = () => strictEqual(wrong.join('\n'), '')
  return page
}
