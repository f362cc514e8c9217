// npm's @openfeature/flagd-core: flagd_core.mjs PACKAGES DEFINITIONS SECONDS. Prints, as JSON, how long the definitions take in milliseconds, and evaluations in a
// second of the flags whose keys begin with simple and with fractional.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [, , packages, file, seconds] = process.argv;
const require = createRequire(`${packages}/node_modules/x.js`);
const { FlagdCore } = require('@openfeature/flagd-core');
for (const name of ['log', 'info', 'debug', 'warn', 'error']) console[name] = () => {};

const text = readFileSync(file, 'utf8');
const core = new FlagdCore();
const began = performance.now();
core.setConfigurations(text);
const told = { load_ms: performance.now() - began };
const context = { targetingKey: 'cus_4711', country: 'CH', email: 'ada@example.com' };
for (const kind of ['simple', 'fractional']) {
  const keys = Object.keys(JSON.parse(text).flags).filter((key) => key.startsWith(kind));
  const until = performance.now() + 1000 * Number(seconds);
  const from = performance.now();
  let count = 0;
  while (performance.now() < until) {
    for (let n = 0; n < 1000; n += 1, count += 1) core.resolveStringEvaluation(keys[(count * 7919) % keys.length], 'x', context);
  }
  told[kind] = (1000 * count) / (performance.now() - from);
}
process.stdout.write(`${JSON.stringify(told)}\n`);
