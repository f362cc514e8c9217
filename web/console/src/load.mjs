// For tests: modules of the console without their types, and as much of a browser as they look at when they are loaded.
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const at = new URL('http://console.test/')
const go = (_state, _title, address) => Object.assign(at, { href: new URL(address, at).href })
Object.assign(globalThis, { location: at, history: { pushState: go, replaceState: go }, addEventListener: () => {}, scrollTo: () => {} })

/** Returns what a module exports that is named from a test's own address: `load('./time.ts', import.meta.url)`. */
export const load = async (name, from) => (await runnerImport(fileURLToPath(new URL(name, from)), { configFile: false, logLevel: 'error' })).module
