// Sends messages by a stock library: node send.mjs PACKAGES LIBRARY URL WRITE_KEY HOW_MANY
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, library, url, writeKey, many] = process.argv.slice(2);
const require = createRequire(join(packages, 'node_modules', 'x.js'));

const tracked = (i) => ({
    userId: `u-${i % 7}`,
    event: 'Product Viewed',
    properties: { product_id: `prd_${i}`, price: 29.5, seen: new Date() },
});

if (library === 'segment') {
    const { Analytics } = require('@segment/analytics-node');
    const analytics = new Analytics({ writeKey, host: url, flushInterval: 100 });
    const failed = [];
    analytics.on('error', (error) => failed.push(error));
    for (let i = 0; i < Number(many) - 4; i += 1) analytics.track(tracked(i));
    analytics.identify({ userId: 'u-1', traits: { plan: 'gold' } });
    analytics.page({ anonymousId: 'a-1', name: 'Home' });
    analytics.group({ userId: 'u-1', groupId: 'g-1' });
    analytics.alias({ userId: 'u-1', previousId: 'a-1' });
    await analytics.closeAndFlush({ timeout: 20000 });
    if (failed.length > 0) throw new Error(JSON.stringify(failed[0]));
} else {
    const RudderAnalytics = require('@rudderstack/rudder-sdk-node');
    const Client = RudderAnalytics.default ?? RudderAnalytics;
    const client = new Client(writeKey, { dataPlaneUrl: url, flushInterval: 100, logLevel: 'error' });
    for (let i = 0; i < Number(many) - 4; i += 1) client.track(tracked(i));
    client.identify({ userId: 'u-1', traits: { plan: 'gold' } });
    client.page({ anonymousId: 'a-1', name: 'Home' });
    client.group({ userId: 'u-1', groupId: 'g-1' });
    client.alias({ userId: 'u-1', previousId: 'a-1' });
    await client.flush();
    // One flush sends at most what is one request of the library's.
    while (client.queue !== undefined && client.queue.length > 0) await client.flush();
}
