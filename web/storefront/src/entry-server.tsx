// What the server's engine runs: one function that makes a whole document of a page's input. It knows no clock, no chance and no network.
import './stand-ins'
import { PageSource } from '@vitrine/kit/src/data'
import { renderToString } from 'react-dom/server.edge'
import { App } from './app'
import { head } from './head'
import { escape } from './html'
import type { PageInput } from './page'

/** Returns `{status, html}` as JSON text. */
export function render(text: string): string {
  const input = JSON.parse(text) as PageInput
  const source = new PageSource(input.results)
  const body = renderToString(<App input={input} source={source} />)
  const { status, html } = head(input, source)
  const data = JSON.stringify(input).replaceAll('<', '\\u003c')
  const { script, later, styles, fonts } = input.assets
  const links = [
    ...fonts.map((font) => `<link rel="preload" as="font" type="font/woff2" href="${escape(font)}" crossorigin>`),
    ...styles.map((style) => `<link rel="stylesheet" href="${escape(style)}">`),
    ...later.map((script) => `<link rel="modulepreload" href="${escape(script)}">`),
    `<script type="module" src="${escape(script)}"></script>`,
  ]
  const document = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">${html}${links.join('')}</head><body><div id="root">${body}</div><script type="application/json" id="data">${data}</script></body></html>`
  return JSON.stringify({ status, html: document })
}

export { documents } from './documents'
export { routes } from './routes'
