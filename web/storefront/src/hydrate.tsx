// Takes over the page that the server has drawn.
import { PageSource } from '@vitrine/kit/src/data'
import { hydrateRoot } from 'react-dom/client'
import { App } from './app'
import type { PageInput } from './page'

const root = document.getElementById('root')
const data = document.getElementById('data')
if (root !== null && data !== null) {
  const input = JSON.parse(data.textContent) as PageInput
  hydrateRoot(root, <App input={input} source={new PageSource(input.results)} />)
}
