// Keeps the shop readable without a connection. What comes over the network always comes first; what was seen stands in for it: files whose names
// hold a hash for good, pages and pictures for a day. What the server has marked as someone's own is never kept. What is sent does not pass here: the
// server sees as before from where it comes, and nothing is sent later than it was.

const ASSETS = 'assets-1'
const PAGES = 'pages-1'
/** What is shown where nothing was kept. */
const OFFLINE = '/offline'
/** Most files and most pages, with their pictures, that are kept; beyond, the first to come are the first to go. */
const MOST = { [ASSETS]: 60, [PAGES]: 200 }
const DAY_MS = 24 * 3600 * 1000

addEventListener('install', (event) => {
  // What is sent as a page is left is lost on its way through here: browsers that can be told so send it past the worker.
  event.addRoutes?.({ condition: { requestMethod: 'POST' }, source: 'network' }).catch(() => {})
  event.waitUntil(prepare())
})
addEventListener('activate', (event) => event.waitUntil(begin()))
addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (origin !== location.origin || request.method !== 'GET') return
  if (request.mode === 'navigate') event.respondWith(page(event))
  else if (pathname.startsWith('/assets/')) event.respondWith(asset(event))
  else if (request.destination === 'image') event.respondWith(seen(event, fetch(request)).then((found) => found ?? Response.error()))
})

/** The page that says that there is no connection, with all that it is made of. */
async function prepare() {
  const response = await fetch(OFFLINE, { cache: 'reload' })
  const files = new Set((await response.clone().text()).match(/\/assets\/[\w.-]+/g))
  await (await caches.open(PAGES)).put(OFFLINE, response)
  await (await caches.open(ASSETS)).addAll([...files])
  await skipWaiting()
}

async function begin() {
  for (const name of await caches.keys()) if (!(name in MOST)) await caches.delete(name)
  await registration.navigationPreload?.enable()
  await clients.claim()
}

async function asset(event) {
  const { request } = event
  const kept = await caches.match(request, { cacheName: ASSETS })
  if (kept !== undefined) return kept
  const response = await fetch(request)
  if (response.ok) event.waitUntil(keep(ASSETS, request, response.clone()))
  return response
}

async function page(event) {
  const { request } = event
  const coming = Promise.resolve(event.preloadResponse).then((preloaded) => preloaded ?? fetch(request))
  const found = await seen(event, coming)
  if (found !== undefined) return found
  const offline = await caches.match(OFFLINE, { cacheName: PAGES })
  return offline === undefined ? Response.error() : new Response(offline.body, { status: 503, headers: offline.headers })
}

/** What is coming, which is kept where everyone may see it; else what was kept within a day. */
async function seen(event, coming) {
  try {
    const response = await coming
    const told = response.headers.get('cache-control') ?? 'no-store'
    if (response.ok && !/no-store|private/.test(told)) event.waitUntil(keep(PAGES, event.request, response.clone()))
    return response
  } catch {
    const kept = await caches.match(event.request, { cacheName: PAGES })
    const age = Date.now() - Date.parse(kept?.headers.get('date') ?? '')
    return age < DAY_MS ? kept : undefined
  }
}

async function keep(name, request, response) {
  const cache = await caches.open(name)
  await cache.put(request, response)
  const kept = (await cache.keys()).filter(({ url }) => new URL(url).pathname !== OFFLINE)
  for (const old of kept.slice(0, Math.max(0, kept.length - MOST[name]))) await cache.delete(old)
}
