// Builds what the program embeds: `dist/public` is the storefront's, `dist/console` the console's, `dist/server` is read by the server. `make web` calls it.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import vm from 'node:vm'
import react from '@vitejs/plugin-react'
import { build } from 'vite'
import { checkBudget } from './budget.mjs'
import { compress } from './compress.mjs'
import { buildConsole } from './console/build.mjs'
import { buildWidget } from './widget/build.mjs'

const here = import.meta.dirname
const root = join(here, 'storefront')
const dist = join(here, 'dist')
const publicFolder = join(dist, 'public')
const serverFolder = join(dist, 'server')
const ENTRY = 'src/entry-client.tsx'

const common = {
  root,
  configFile: false,
  logLevel: 'warn',
  plugins: [react()],
  css: { modules: { generateScopedName: '[name]_[local]_[hash:base64:5]' } },
  define: { 'process.env.NODE_ENV': '"production"' },
}

rmSync(publicFolder, { recursive: true, force: true })
rmSync(serverFolder, { recursive: true, force: true })
await build({
  ...common,
  build: {
    outDir: publicFolder,
    emptyOutDir: false,
    target: 'baseline-widely-available',
    manifest: 'manifest.json',
    assetsInlineLimit: 0,
    // The document names what is to be loaded.
    modulePreload: false,
    cssCodeSplit: false,
    rollupOptions: { input: join(root, ENTRY) },
  },
})
await build({
  ...common,
  publicDir: false,
  build: {
    outDir: serverFolder,
    emptyOutDir: false,
    // What QuickJS understands.
    target: 'es2022',
    cssCodeSplit: false,
    lib: { entry: join(root, 'src/entry-server.tsx'), formats: ['iife'], name: 'storefront', fileName: () => 'storefront.js' },
  },
})

const manifestFile = join(publicFolder, 'manifest.json')
const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'))
rmSync(manifestFile)
for (const name of readdirSync(serverFolder)) if (name.endsWith('.css')) rmSync(join(serverFolder, name))
const { file, assets, dynamicImports } = manifest[ENTRY]
const address = (name) => `/${name}`
write('assets.json', {
  script: address(file),
  later: dynamicImports.map((name) => address(manifest[name].file)),
  styles: [address(manifest['style.css'].file)],
  fonts: assets.filter((name) => name.endsWith('.woff2')).map(address),
})

write('widget.json', await buildWidget(publicFolder))

const sandbox = vm.createContext({})
vm.runInContext(readFileSync(join(serverFolder, 'storefront.js'), 'utf8'), sandbox)
write('routes.json', vm.runInContext('storefront.routes', sandbox))
const hash = (text) => createHash('sha256').update(text).digest('hex')
write('documents.json', Object.fromEntries(vm.runInContext('storefront.documents', sandbox).map((text) => [`sha256:${hash(text)}`, text])))

const consoleFolder = join(dist, 'console')
await buildConsole(consoleFolder)

checkBudget(publicFolder, join(here, 'budget.json'))
checkBudget(consoleFolder, join(here, 'console', 'budget.json'))
compress(publicFolder)
compress(consoleFolder)

function write(name, value) {
  mkdirSync(serverFolder, { recursive: true })
  writeFileSync(join(serverFolder, name), JSON.stringify(value))
}
