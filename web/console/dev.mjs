// Serves the console's sources while one works on them: `node console/dev.mjs OBSERVATORY [PORT]`. All but the pages comes from an observatory that runs.
import { createServer } from 'vite'
import { consoleConfig } from './build.mjs'

const [target = 'http://127.0.0.1:9000', port = '5173'] = process.argv.slice(2)
const server = await createServer({
  ...consoleConfig,
  server: {
    host: '127.0.0.1',
    port: Number(port),
    // The observatory sees its own name and its own page.
    proxy: { '^/(api|console|jaeger|zipkin|prometheus|alertmanager|loki|elastic|config)/': { target, changeOrigin: true, ws: true, headers: { origin: target } } },
  },
})
await server.listen()
server.printUrls()
