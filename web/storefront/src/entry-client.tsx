import '@vitrine/kit/src/tokens.css'
import '@vitrine/kit/src/fonts.css'
import '@vitrine/kit/src/base.css'
import { PageSource } from '@vitrine/kit/src/data'
import { hydrateRoot } from 'react-dom/client'
import { App } from './app'
import type { PageInput } from './page'

const root = document.getElementById('root')
const data = document.getElementById('data')
if (root !== null && data !== null) {
  const hydrate = () => {
    const input = JSON.parse(data.textContent) as PageInput
    hydrateRoot(root, <App input={input} source={new PageSource(input.results)} />)
  }
  // After the first frame: what can be seen is seen first.
  requestAnimationFrame(() => setTimeout(hydrate))
}
