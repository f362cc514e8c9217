import '@vitrine/kit/src/tokens.css'
import '@vitrine/kit/src/fonts.css'
import '@vitrine/kit/src/base.css'
import { PageSource } from '@vitrine/kit/src/data'
import { hydrateRoot } from 'react-dom/client'
import { App } from './app'
import type { PageInput } from './page'
import { watch } from './telemetry'

watch()
const root = document.getElementById('root')
const data = document.getElementById('data')
if (root !== null && data !== null) {
  const input = JSON.parse(data.textContent) as PageInput
  hydrateRoot(root, <App input={input} source={new PageSource(input.results)} />)
}
// After all that the page itself needs.
addEventListener('load', () => navigator.serviceWorker?.register('/sw.js').catch(() => {}))
