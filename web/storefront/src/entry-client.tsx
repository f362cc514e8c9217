import '@vitrine/kit/src/tokens.css'
import '@vitrine/kit/src/fonts.css'
import '@vitrine/kit/src/base.css'
import { watch } from './telemetry'

watch()
// What can be seen is seen before the page's script runs; browsers fetch it meanwhile, for the document names it.
requestAnimationFrame(() => setTimeout(() => void import('./hydrate')))
// After all that the page itself needs.
addEventListener('load', () => navigator.serviceWorker?.register('/sw.js').catch(() => {}))
