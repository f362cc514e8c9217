// Runs flagd's scenarios with npm's providers: provider.mjs PACKAGES SCENARIOS LAUNCHPAD KIND. Prints a line of JSON for each.
// KIND is one of rpc, in-process, file (@openfeature/flagd-provider), connect (flagd-web-provider), ofrep and ofrep-web.

import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';

const [, , packages, file, launchpad, kind] = process.argv;
const require = createRequire(`${packages}/node_modules/x.js`);
const isWeb = kind === 'connect' || kind === 'ofrep-web';
const sdk = require(isWeb ? '@openfeature/web-sdk' : '@openfeature/server-sdk');
const SIDE_BY_SIDE = 12;
// How long an event may take, in milliseconds.
const PATIENCE = 30000;
const EVENTS = {
  ready: sdk.ProviderEvents.Ready,
  error: sdk.ProviderEvents.Error,
  stale: sdk.ProviderEvents.Stale,
  change: sdk.ProviderEvents.ConfigurationChanged,
};

// The provider's own reading of its options, which it does not export.
function configuration() {
  const path = require.resolve('@openfeature/flagd-provider').replace(/index\.cjs\.\w+$/, 'index.cjs.js');
  const module = new Module(path);
  module.filename = path;
  module.paths = Module._nodeModulePaths(path);
  module._compile(readFileSync(path, 'utf8') + '\nexports.getConfig = getConfig;', path);
  return module.exports.getConfig;
}

function typed(kind, text) {
  switch (kind) {
    case 'Boolean':
      return text.toLowerCase() === 'true';
    case 'Integer':
    case 'Long':
    case 'Float':
      return Number(text);
    case 'Object':
      return JSON.parse(text.replaceAll('\\"', '"'));
    case 'StringList':
      return text ? text.split(',').map((part) => part.trim()) : [];
    case 'ResolverType':
      return text.toLowerCase();
    default:
      return text;
  }
}

function quoted(step, count) {
  const parts = step.split('"');
  const values = [];
  for (let n = 1; n < count; n += 1) values.push(parts[2 * n - 1]);
  values.push(parts.slice(2 * count - 1).join('"').trimEnd().replace(/"$/, ''));
  return values;
}

async function within(work, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${PATIENCE} ms`)), PATIENCE);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

class Scenario {
  constructor(scenario) {
    this.scenario = scenario;
    this.domain = `scenario-${scenario.n}`;
    this.options = {};
    this.environment = {};
    this.context = {};
    this.events = [];
    this.waiting = () => {};
  }

  async post(path, query) {
    const answer = await fetch(`${launchpad}/${path}?${new URLSearchParams(query)}`, { method: 'POST' });
    return answer.json();
  }

  provider(config) {
    const at = this.at;
    const tls = config === 'ssl';
    const url = `${tls ? 'https' : 'http'}://localhost:${at.port}`;
    const selecting = this.options.selector ? { headers: [['Flagd-Selector', this.options.selector]] } : {};
    if (kind === 'connect') {
      const { FlagdWebProvider } = require('@openfeature/flagd-web-provider');
      return new FlagdWebProvider({ host: 'localhost', port: at.port, tls, maxDelay: 200, maxRetries: config === 'unavailable' ? 1 : 0 });
    }
    if (kind === 'ofrep') {
      const { OFREPProvider } = require('@openfeature/ofrep-provider');
      return new OFREPProvider({ baseUrl: url, ...selecting });
    }
    if (kind === 'ofrep-web') {
      const { OFREPWebProvider } = require('@openfeature/ofrep-web-provider');
      return new OFREPWebProvider({ baseUrl: url, pollInterval: 200, ...selecting });
    }
    const { FlagdProvider } = require('@openfeature/flagd-provider');
    // As the testbed's own suites have it: sooner than in production.
    const usual = { deadlineMs: 3000, retryBackoffMs: 100, retryBackoffMaxMs: 500, retryGracePeriod: 2 };
    const options = { ...usual, ...this.options, host: 'localhost', port: at.port };
    options.resolverType = kind === 'rpc' ? 'rpc' : 'in-process';
    if (kind === 'file') options.offlineFlagSourcePath = at.file;
    if (config === 'ssl') Object.assign(options, { tls: true, certPath: at.cert });
    if (config === 'socket') Object.assign(options, { socketPath: at.socket });
    return new FlagdProvider(options);
  }

  async start(config) {
    const texts = this.scenario.steps.map(([step]) => step).join(' ');
    const own = texts.includes('connection is lost') || texts.includes('was modified');
    const fractional = (this.scenario.tags.find((tag) => tag.startsWith('@fractional-v')) ?? '').slice(-2);
    this.at = await this.post('start', { config, own, fractional, source: this.options.selector ?? '' });
    this.running = this.provider(config);
    const client = sdk.OpenFeature.getClient(this.domain);
    for (const [name, event] of Object.entries(EVENTS)) {
      client.addHandler(event, (details) => {
        this.events.push({ name, details });
        this.waiting();
      });
    }
    if (config === 'unavailable' || config === 'forbidden') sdk.OpenFeature.setProvider(this.domain, this.running);
    else await within(sdk.OpenFeature.setProviderAndWait(this.domain, this.running), 'the provider');
    this.client = client;
  }

  async evaluate() {
    const [kind, key, fallback] = this.flag;
    const named = { Boolean: 'Boolean', String: 'String', Integer: 'Number', Float: 'Number', Object: 'Object' }[kind];
    if (isWeb) {
      await within(sdk.OpenFeature.setContext(this.domain, { ...this.context }), 'the context');
      this.details = this.client[`get${named}Details`](key, fallback);
    } else {
      this.details = await this.client[`get${named}Details`](key, fallback, this.context);
    }
  }

  // Waits for an event; those before it are past.
  async fired(name, within = PATIENCE) {
    const until = Date.now() + within;
    for (;;) {
      while (this.events.length > 0) {
        this.event = this.events.shift();
        if (this.event.name === name) return;
      }
      assert(Date.now() < until, `no ${name} within ${within} ms`);
      let timer;
      await new Promise((resolve) => {
        this.waiting = resolve;
        timer = setTimeout(resolve, until - Date.now());
      });
      clearTimeout(timer);
    }
  }

  configure() {
    const options = { ...this.options };
    if ('resolver' in options) {
      options.resolverType = options.resolver;
      delete options.resolver;
    }
    // Nothing else runs between: one that waits has another turn.
    Object.assign(process.env, this.environment);
    this.config = configuration()(options);
    for (const name of Object.keys(this.environment)) delete process.env[name];
  }

  async step(step, table) {
    if (step.startsWith('an option ')) {
      const [name, kind, value] = quoted(step, 3);
      this.options[name] = typed(kind, value);
    } else if (step.startsWith('an environment variable ')) {
      const [name, value] = quoted(step, 2);
      this.environment[name] = value;
    } else if (step === 'a config was initialized') {
      this.configure();
    } else if (step.startsWith('the option ')) {
      const [name, kind, value] = quoted(step, 3);
      const seen = this.config[name === 'resolver' ? 'resolverType' : name];
      if (value === 'null') assert(seen === undefined || seen === '', `${name} is ${seen}`);
      else assert.deepStrictEqual(seen, typed(kind, value));
    } else if (step.endsWith(' flagd provider')) {
      await this.start(step.split(' ')[1]);
    } else if (step.includes('-flag with key')) {
      const [key, fallback] = quoted(step, 2);
      const kind = step.split(' ')[1].replace('-flag', '');
      this.flag = [kind, key, typed(kind, fallback)];
    } else if (step.startsWith('a context containing a key')) {
      const [key, kind, value] = quoted(step, 3);
      this.context[key] = typed(kind, value);
    } else if (step.startsWith('a context containing a targeting key')) {
      [this.context.targetingKey] = quoted(step, 1);
    } else if (step.startsWith('a context containing a nested property')) {
      const [outer, inner, value] = quoted(step, 3);
      this.context[outer] = { [inner]: value };
    } else if (step === 'the flag was evaluated with details') {
      await this.evaluate();
    } else if (step.startsWith('the resolved details value should be')) {
      assert.deepStrictEqual(this.details.value, typed(this.flag[0], quoted(step, 1)[0]));
    } else if (step.startsWith('the reason should be')) {
      assert.strictEqual(this.details.reason, quoted(step, 1)[0]);
    } else if (step.startsWith('the variant should be')) {
      assert.strictEqual(this.details.variant, quoted(step, 1)[0]);
    } else if (step.startsWith('the error-code should be')) {
      assert.strictEqual(this.details.errorCode ?? '', quoted(step, 1)[0]);
    } else if (step === 'the resolved metadata is empty') {
      assert.deepStrictEqual({ ...this.details.flagMetadata }, {});
    } else if (step === 'the resolved metadata should contain') {
      for (const [name, kind, value] of table.slice(1))
        assert.deepStrictEqual(this.details.flagMetadata[name], typed(kind, value), name);
    } else if (step.endsWith(' event handler')) {
      // All are there from the beginning.
    } else if (step.includes('event handler should have been executed')) {
      const within = step.includes('within') ? Number.parseInt(step.split(' ').at(-1)) : PATIENCE;
      await this.fired(step.split(' ')[1], within);
    } else if (step.endsWith('event was fired')) {
      await this.fired(step.split(' ')[1]);
    } else if (step.startsWith('the connection is lost for')) {
      await this.post('lose', { id: this.at.id, seconds: Number.parseInt(step.split(' ').at(-1)) });
    } else if (step === 'the flag was modified') {
      await this.post('change', { id: this.at.id });
    } else if (step === 'the flag should be part of the event payload') {
      assert(this.event.details.flagsChanged.includes(this.flag[1]));
    } else if (step === 'the client should be in fatal state') {
      assert.strictEqual(this.client.providerStatus, 'FATAL');
    } else {
      throw new Error(`an unknown step: ${step}`);
    }
  }

  async run() {
    let at;
    let outcome = { passed: true };
    try {
      for (const [step, table] of this.scenario.steps) {
        at = step;
        await this.step(step, table);
      }
    } catch (problem) {
      outcome = { passed: false, step: at, problem: String(problem.message ?? problem).replaceAll('\n', ' ') };
    }
    try {
      await within(this.running?.onClose?.(), 'the end');
    } catch {
      // Its end is no part of the scenario.
    }
    process.stdout.write(`${JSON.stringify({ n: this.scenario.n, ...outcome })}\n`);
  }
}

// Providers say what is wrong on the console, line by line; standard output is for outcomes.
for (const name of ['log', 'info', 'debug', 'warn', 'error']) console[name] = () => {};
process.on('unhandledRejection', () => {});
const scenarios = JSON.parse(readFileSync(file, 'utf8'));
const next = scenarios.values();
await Promise.all(
  Array.from({ length: SIDE_BY_SIDE }, async () => {
    for (const scenario of next) await new Scenario(scenario).run();
  }),
);
process.exit(0);
