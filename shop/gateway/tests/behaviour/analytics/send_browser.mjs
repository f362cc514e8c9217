// Sends messages by Segment's stock library in a page of another site: node send_browser.mjs PACKAGES WEB CHROMIUM URL WRITE_KEY HOW_MANY STRATEGY
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, web, executablePath, url, writeKey, many, strategy] = process.argv.slice(2);
const { chromium } = createRequire(join(web, 'node_modules', 'x.js'))('playwright-core');
const library = readFileSync(join(packages, 'node_modules/@segment/analytics-next/dist/umd/index.js'));

const site = createServer((request, response) => {
    const isLibrary = request.url === '/library.js';
    response.writeHead(200, { 'content-type': isLibrary ? 'text/javascript' : 'text/html' });
    response.end(isLibrary ? library : '<!doctype html><title>A page</title><script src="/library.js"></script>');
});
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
try {
    const page = await browser.newPage();
    const wrong = [];
    page.on('pageerror', (error) => wrong.push(error.message));
    page.on('response', (answer) => answer.status() >= 400 && wrong.push(`${answer.status()} ${answer.url()}`));
    page.on('requestfailed', (request) => wrong.push(`${request.url()}: ${request.failure()?.errorText}`));
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    await page.evaluate(
        async ([writeKey, host, many, strategy]) => {
            // Where the settings are known the library asks no one for them.
            const integration = { apiKey: writeKey };
            const delivery = { apiHost: host, protocol: 'http', deliveryStrategy: { strategy, config: { size: 10, timeout: 100 } } };
            const [analytics] = await window.AnalyticsNext.AnalyticsBrowser.load(
                { writeKey, cdnSettings: { integrations: { 'Segment.io': integration }, plan: {} } },
                { integrations: { 'Segment.io': delivery } },
            );
            await analytics.page('Home');
            await analytics.identify('u-1', { plan: 'gold' });
            await analytics.group('g-1');
            await analytics.alias('u-2');
            for (let i = 0; i < many - 4; i += 1) await analytics.track('Product Viewed', { product_id: `prd_${i}`, price: 29.5 });
        },
        [writeKey, url.replace('http://', ''), Number(many), strategy],
    );
    // What the library still holds it sends when the page is left.
    await page.goto('about:blank');
    // A request that the leaving of its page cut short from the page's view has been sent all the same.
    const failed = wrong.filter((what) => !what.endsWith('net::ERR_ABORTED'));
    if (failed.length > 0) throw new Error(failed.join('\n'));
} finally {
    await browser.close();
    site.close();
}
