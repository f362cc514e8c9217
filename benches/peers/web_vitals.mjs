// Chromium at the shop's first page: web_vitals.mjs PACKAGES SHOP CHROMIUM LOOKS. Prints, as JSON, medians of the largest paint, of shifts of the
// layout and of the slowest answer to a hand, with a processor as it is and with one that is four times slower. Each look has an empty cache.

import { createRequire } from 'node:module';

const [, , packages, shop, executablePath, looks] = process.argv;
const { chromium } = createRequire(`${packages}/node_modules/x.js`)('playwright-core');
const SLOWER = { plain: 1, slow: 4 };
const PAUSE_MS = 300;

const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync', '--disable-dev-shm-usage'];
const browser = await chromium.launch({ executablePath, args });
const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];
const told = {};
for (const [speed, rate] of Object.entries(SLOWER)) {
  const seen = { lcp: [], cls: [], inp: [] };
  for (let look = 0; look < Number(looks); look += 1) {
    const one = await lookAt(rate);
    for (const [vital, all] of Object.entries(seen)) all.push(one[vital]);
  }
  told[speed] = Object.fromEntries(Object.entries(seen).map(([vital, all]) => [vital, median(all)]));
}
await browser.close();
process.stdout.write(`${JSON.stringify(told)}\n`);

async function lookAt(rate) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate });
  await page.addInitScript(() => {
    globalThis.vitals = { lcp: 0, cls: 0, inp: 0 };
    const see = (type, note) =>
      new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true, durationThreshold: 16 });
    see('largest-contentful-paint', (entry) => { globalThis.vitals.lcp = entry.startTime; });
    see('layout-shift', (entry) => { if (!entry.hadRecentInput) globalThis.vitals.cls += entry.value; });
    see('event', (entry) => { if (entry.interactionId) globalThis.vitals.inp = Math.max(globalThis.vitals.inp, entry.duration); });
  });
  await page.goto(shop, { waitUntil: 'networkidle' });
  await page.click('[name=q]');
  await page.keyboard.type('storm', { delay: 60 });
  await page.waitForSelector('[role=option]');
  await page.keyboard.press('ArrowDown');
  await page.waitForTimeout(PAUSE_MS);
  const vitals = await page.evaluate(() => globalThis.vitals);
  await context.close();
  return vitals;
}
