// Builds the widget: the script that other pages load, under an address that stays, and the frame that it opens.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'

const root = import.meta.dirname
const ENTRY = 'src/frame.tsx'
const common = {
  root,
  configFile: false,
  publicDir: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // The button is drawn in the scheme of the page around: what stands in for light-dark() would need one of its own.
  build: { cssTarget: ['chrome123', 'firefox120', 'safari17.5'] },
  define: { 'process.env.NODE_ENV': '"production"' },
}

/** Returns what the frame's document loads: its script, its styles. */
export async function buildWidget(publicFolder) {
  await build({
    ...common,
    build: {
      ...common.build,
      outDir: publicFolder,
      emptyOutDir: false,
      target: 'baseline-widely-available',
      lib: { entry: join(root, 'src/loader.ts'), formats: ['iife'], name: 'vitrineWidget', fileName: () => 'widget/v1.js' },
    },
  })
  await build({
    ...common,
    build: {
      ...common.build,
      outDir: publicFolder,
      emptyOutDir: false,
      target: 'baseline-widely-available',
      manifest: 'manifest.json',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rollupOptions: { input: join(root, ENTRY), output: { entryFileNames: 'assets/widget-[hash].js' } },
    },
  })
  const manifestFile = join(publicFolder, 'manifest.json')
  const { file, css } = JSON.parse(readFileSync(manifestFile, 'utf8'))[ENTRY]
  rmSync(manifestFile)
  return { script: `/${file}`, styles: css.map((name) => `/${name}`) }
}
