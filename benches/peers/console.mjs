// Chromium at a trace: console.mjs PACKAGES OBSERVATORY CHROMIUM SPANS LOOKS. Sends a trace of so many spans, opens it from the list, scrolls for 5 s and
// folds. Prints, as JSON, the median from the click to the second frame with rows, the 95th percentile of what the page does in a frame, and the longest task.

import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';

const [, , packages, observe, executablePath, spans, looks] = process.argv;
const { chromium } = createRequire(`${packages}/node_modules/x.js`)('playwright-core');
/** Spans of one request, and services of the trace. */
const BATCH = 5_000;
const SERVICES = 12;
const SCROLL_MS = 5_000;
/** How long a pointer is on a link before it is pressed: less than a hand takes. */
const POINTED_AT_MS = 100;
const hex = (bytes) => randomBytes(bytes).toString('hex');

const traceId = hex(16);
await send(Number(spans));
const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync', '--disable-dev-shm-usage'];
const browser = await chromium.launch({ executablePath, args });
const seen = [];
for (let look = 0; look < Number(looks); look += 1) seen.push(await lookAt());
await browser.close();
const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];
const of = (name) => median(seen.map((one) => one[name]));
process.stdout.write(`${JSON.stringify({ drawn_ms: of('drawn_ms'), frame_p95_ms: of('frame_p95_ms'), longest_task_ms: of('longest_task_ms') })}\n`);

async function lookAt() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(`${observe}/traces`, { waitUntil: 'networkidle' });
  const link = page.locator(`a[href*="/trace/${traceId}"]`).first();
  await link.hover();
  await page.waitForTimeout(POINTED_AT_MS);
  // From the click until the second frame with rows is done.
  const drawn = page.evaluate(async () => {
    const click = await new Promise((resolve) => addEventListener('click', (event) => resolve(event.timeStamp), { capture: true, once: true }));
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    while (document.querySelector('[role=treegrid] [data-item]') === null) await frame();
    await frame();
    await frame();
    return performance.now() - click;
  });
  await link.click();
  const drawn_ms = await drawn;
  const frames = await page.evaluate(scrolled, SCROLL_MS);
  await context.close();
  return { drawn_ms, ...frames };
}

/** Runs in the page. */
async function scrolled(forMs) {
  const tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
  const box = [...document.querySelectorAll('*')].find((one) => one.scrollHeight > one.clientHeight + 100 && one.querySelector('[data-item]') !== null && getComputedStyle(one).overflowY !== 'visible');
  const frames = [];
  // What the page itself does in a frame: from its beginning until it is painted. Frames come no quicker than the screen shows them.
  const frame = () =>
    new Promise((resolve) =>
      requestAnimationFrame((began) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => resolve(performance.now() - began);
        port2.postMessage(null);
      }),
    );
  const end = performance.now() + forMs;
  let step = 0;
  while (performance.now() < end) {
    box.scrollTop += 56;
    step += 1;
    if (step % 60 === 0) document.querySelector('[data-toggle]')?.click();
    frames.push(await frame());
  }
  frames.sort((a, b) => a - b);
  return { frame_p95_ms: frames[Math.floor(frames.length * 0.95)], longest_task_ms: Math.max(0, ...tasks) };
}

async function send(count) {
  const start = BigInt(Date.now() - 60_000) * 1_000_000n;
  const all = [{ id: hex(8), parent: '', from: 0, to: 30_000_000_000 }];
  while (all.length < count) {
    const parent = all[Math.max(0, all.length - 1 - Math.floor(Math.random() * 200))];
    const from = parent.from + Math.random() * (parent.to - parent.from) * 0.5;
    all.push({ id: hex(8), parent: parent.id, from, to: from + Math.random() * (parent.to - from) });
  }
  const at = (ns) => String(start + BigInt(Math.round(ns)));
  for (let first = 0; first < count; first += BATCH) {
    const batch = all.slice(first, first + BATCH);
    const resourceSpans = Array.from({ length: SERVICES }, (_, service) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: `service-${service}` } }] },
      scopeSpans: [{ spans: batch.filter((_, place) => place % SERVICES === service).map(({ id, parent, from, to }, place) => ({ traceId, spanId: id, parentSpanId: parent, name: `operation ${place % 40}`, kind: 2, startTimeUnixNano: at(from), endTimeUnixNano: at(to) })) }],
    }));
    const answer = await fetch(`${observe}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ resourceSpans }) });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  }
}
