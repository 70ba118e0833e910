// The demo's console: there at once for who works on this machine, and quick.

import { STATES } from '../screens.js';
import { deployed } from '../world/deployed.js';
import { expect, test, world } from '../world/index.js';

test('the first page and its HEAD answer without signing in', async ({ page, request }) => {
  const response = await page.goto(world.local);
  expect(response.status()).toBe(200);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Pipelines');
  expect((await request.head(world.local)).status()).toBe(200);
});

/** So often the function is started. */
const STARTS = 10;

// Told, and not judged, as below.
test('how long the function takes to start', async ({ playwright }) => {
  const [inits, firsts] = [[], []];
  const request = await playwright.request.newContext({ ignoreHTTPSErrors: true });
  for (let each = 0; each < STARTS; each += 1) {
    const console = await deployed(world.stack);
    const began = performance.now();
    // It reads the sessions' keys and the registration, and asks the provider for its addresses.
    const response = await request.get(`${console.url}/sign-in/start`, { maxRedirects: 0 });
    firsts.push(performance.now() - began);
    inits.push(console.startedIn());
    expect(response.status()).toBe(303);
    await console.stop();
  }
  await request.dispose();
  const median = (all) => all.sort((one, other) => one - other)[STARTS / 2].toFixed(1);
  test.info().annotations.push({
    type: `cold start in ms, median of ${STARTS} starts`,
    description: `until it asks for its first event ${median(inits)}; from the first request, which may come before that, to its answer ${median(firsts)}`,
  });
});

/** So often each page is asked for. */
const TIMES = 40;

for (const { name, path } of STATES.filter((state) => state.path && !state.on && !state.status && state.path !== '/problems/one')) {
  // Told, and not judged: this machine may have other work.
  test(`how long the server takes for ${name}`, async () => {
    const took = [];
    for (let time = 0; time < TIMES; time += 1) {
      const began = performance.now();
      const response = await fetch(world.local + path);
      await response.arrayBuffer();
      took.push(performance.now() - began);
      expect(response.status).toBe(200);
    }
    took.sort((one, other) => one - other);
    const at = (share) => took[Math.ceil(share * TIMES) - 1].toFixed(1);
    test.info().annotations.push({
      type: `server time in ms, of ${TIMES} requests one after the other`,
      description: `${name}: p50 ${at(0.5)}, p95 ${at(0.95)}`,
    });
  });
}
