// Builds the console: one page, and what it loads.
import { join } from 'node:path'
import react from '@vitejs/plugin-react'
import { build } from 'vite'

const root = import.meta.dirname

/** What building and working on the console have in common. */
export const consoleConfig = {
  root,
  configFile: false,
  logLevel: 'warn',
  plugins: [react()],
  css: { modules: { generateScopedName: '[name]_[local]_[hash:base64:5]' } },
}

/** Fills a folder with the page and its files. */
export async function buildConsole(folder) {
  await build({
    ...consoleConfig,
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'baseline-widely-available',
      assetsInlineLimit: 0,
      // The policy of the page allows no script but its own files.
      modulePreload: { polyfill: false },
      rollupOptions: { input: join(root, 'index.html') },
    },
  })
}
