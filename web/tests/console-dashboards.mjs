// The console's dashboards: made, edited, changed by two at once, imported, deleted.
import { match, ok, strictEqual } from 'node:assert'
import { mustBeReadable, settled } from './people.mjs'

const TITLE = 'Flow of dashboards'
const NAME = 'flow-of-dashboards'

const api = (observe, name = '') => `${observe}/api/dashboards${name && `/${name}`}`

/** Deletes what a flow before left. */
async function clean(observe, name) {
  const found = await fetch(api(observe, name))
  if (found.ok) await fetch(api(observe, name), { method: 'DELETE', headers: { 'if-match': found.headers.get('etag') } })
}

/** Makes a dashboard with two panels of text, and leaves it open for editing. */
async function made(observe, open) {
  await clean(observe, NAME)
  const page = await open()
  await page.goto(`${observe}/dashboards`)
  await page.click('button:has-text("New")')
  await page.getByLabel('Title').fill(TITLE)
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/dashboards/${NAME}?**edit=1**`)
  await page.getByRole('button', { name: 'Add a panel' }).waitFor()
  for (const text of ['# First', '<b>second</b> of **two**']) {
    await page.keyboard.press('a')
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Shown as').selectOption('Markdown')
    await dialog.getByLabel('Title').fill(text.slice(-5))
    await dialog.getByLabel(/^Text/).fill(text)
    await dialog.getByRole('button', { name: 'Done' }).click()
    await dialog.waitFor({ state: 'detached' })
  }
  return page
}

/** A dashboard is made, its panels are moved by keys, it is saved, looked at, copied, exported, and deleted after a question. */
export async function making_dashboards({ observe, open }) {
  const page = await made(observe, open)
  const panels = page.locator('[data-panel]')
  strictEqual(await panels.count(), 2)
  strictEqual(await page.locator('main b').count(), 0)
  await page.locator('[aria-label^="Move First"]').focus()
  await page.keyboard.press('Shift+ArrowRight')
  await page.locator('[role="status"]:has-text("First: column 1, row 1, 13 wide, 8 high")').waitFor({ state: 'attached' })
  await page.keyboard.press('Control+s')
  await page.waitForURL((url) => !url.searchParams.has('edit'))
  await page.reload()
  await page.locator('text=revision 2').waitFor()
  await page.getByText('<b>second</b> of two').waitFor()
  const stored = await (await fetch(api(observe, NAME))).json()
  strictEqual(stored.kind, 'Dashboard')
  strictEqual(stored.spec.layouts[0].spec.items[0].width, 13)
  match(stored.spec.layouts[0].spec.items[0].content.$ref, /^#\/spec\/panels\//)
  await page.click('[aria-label="More about this dashboard"]')
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('button:has-text("Export as JSON")')])
  strictEqual(file.suggestedFilename(), `${NAME}.json`)
  await page.click('[aria-label="More about this dashboard"]')
  await page.click('button:has-text("Delete")')
  await page.getByRole('dialog').getByRole('button', { name: 'Delete it' }).click()
  await page.waitForURL((url) => url.pathname === '/dashboards')
  strictEqual((await fetch(api(observe, NAME))).status, 404)
  page.mustBeFine()
}

/** Two change it at once: both are shown, and both are kept. */
export async function changing_a_dashboard_at_once({ observe, open }) {
  const page = await made(observe, open)
  const now = await fetch(api(observe, NAME))
  const document = await now.json()
  document.spec.display.description = 'Said by somebody else'
  const put = await fetch(api(observe, NAME), { method: 'PUT', headers: { 'content-type': 'application/json', 'if-match': now.headers.get('etag') }, body: JSON.stringify(document) })
  ok(put.ok)
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('The panel “First” is new.').waitFor()
  await dialog.getByText('Its description changed.').waitFor()
  await dialog.getByRole('button', { name: 'Save both' }).click()
  await page.waitForURL((url) => !url.searchParams.has('edit'))
  await page.getByText('Said by somebody else').waitFor()
  const stored = await (await fetch(api(observe, NAME))).json()
  strictEqual(Object.keys(stored.spec.panels).length, 2)
  strictEqual(stored.spec.display.description, 'Said by somebody else')
  await clean(observe, NAME)
  page.mustBeFine()
}

const GRAFANA = {
  title: 'Taken over',
  schemaVersion: 39,
  templating: { list: [{ type: 'custom', name: 'service', query: 'cart,checkout', multi: true, includeAll: true, current: { value: ['$__all'] } }] },
  annotations: { list: [{ name: 'Down', enable: true, datasource: { type: 'prometheus' }, expr: 'up == 0' }] },
  panels: [
    { type: 'timeseries', title: 'Up', gridPos: { x: 0, y: 0, w: 12, h: 8 }, datasource: { type: 'prometheus' }, targets: [{ expr: 'up', refId: 'A' }] },
    { type: 'timeseries', title: 'Of $service', repeat: 'service', gridPos: { x: 0, y: 8, w: 24, h: 8 }, datasource: { type: 'prometheus' }, targets: [{ expr: 'up{job="$service"}', refId: 'A' }] },
    { type: 'geomap', title: 'World', gridPos: { x: 12, y: 0, w: 12, h: 8 } },
  ],
}

/** A dashboard of Grafana is taken, with a panel for each value of a variable and an annotation, and what could not be is said. */
export async function importing_dashboards({ observe, open }) {
  await clean(observe, 'taken-over')
  const page = await open()
  await page.goto(`${observe}/dashboards?open=import`)
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Or its JSON').fill('{')
  await dialog.getByText('It is no JSON').waitFor()
  await dialog.getByLabel('Or its JSON').fill(JSON.stringify(GRAFANA))
  await dialog.getByText('panel “World”').waitFor()
  await dialog.getByText('panels of the kind geomap cannot be shown here').waitFor()
  await dialog.getByRole('button', { name: 'Import it' }).click()
  await page.waitForURL('**/dashboards/taken-over?**')
  await page.locator('[data-panel="up"]').waitFor()
  await page.getByRole('heading', { name: 'Of cart' }).waitFor()
  await clean(observe, 'taken-over')
  page.mustBeFine()
}

/** Dashboards that come with the observatory can be read by everyone: in both colours, and on a phone. */
export async function reading_dashboards({ observe, open }) {
  const [list, host] = ['', '/host'].map((path) => `${observe}/dashboards${path}`)
  const shown = async (page, address) => {
    await settled('main h1')(page)
    if (address !== host) return
    await page.getByRole('button', { name: 'Save a copy' }).first().waitFor()
    strictEqual(await page.getByRole('link', { name: 'Edit', exact: true }).count(), 0)
  }
  await mustBeReadable(open, [list, host], { shown })
}
