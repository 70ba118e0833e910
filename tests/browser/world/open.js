// Opens a state of the console, in a browser that has nothing of it yet, and counts what the last page took.

import { world } from './index.js';

/** A page at the state, and the requests of it. Whoever asks closes it. */
export async function openState(browser, state, consoles, signedIn, options = {}) {
  const host = consoles[state.on];
  const url = host?.url ?? world.local;
  const storageState = state.who ? await signedIn(host, state.who) : undefined;
  const context = await browser.newContext({ ignoreHTTPSErrors: true, storageState, ...options });
  const page = await context.newPage();
  // A state is the last page that is loaded on the way to it, as a browser with an empty cache loads it.
  const session = await context.newCDPSession(page);
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  let asked = [];
  const ever = [];
  page.on('request', (request) => {
    if (request.isNavigationRequest()) asked = [];
    asked.push(request);
    ever.push(request);
  });
  const open = () => state.open(page, { url, world });
  const response = await (state.shut ? host.dynamodb.while(state.shut, open) : open());
  if (response.status() !== (state.status ?? 200)) {
    throw new Error(`${state.name} answers ${response.status()}:\n${await page.locator('main').innerText()}`);
  }
  await page.waitForLoadState('load');
  // What a page asks for anew by itself, for as long as it is open, is no part of what it took to get there.
  const reached = new Set(asked);
  const isOfPage = (request) =>
    !request.failure() && (reached.has(request) || !['fetch', 'xhr'].includes(request.resourceType()));
  return {
    page,
    url,
    requests: () =>
      Promise.all(
        asked.filter(isOfPage).map(async (request) => ({
          url: request.url(),
          kind: request.resourceType(),
          isOwn: new URL(request.url()).origin === url,
          bytes: await bytes(request.url(), ever, context.request),
        })),
      ),
    close: () => context.close(),
  };
}

/**
 * What a file takes on its way, in bytes. What the browser has kept in its memory since an earlier page of the same way it
 * tells to be of no size, or less; the first time counts. Where a page was left before that had come, it is asked for.
 */
async function bytes(url, ever, client) {
  const whole = ever.filter((request) => request.url() === url && !request.failure());
  const sizes = await Promise.all(whole.map((request) => request.sizes()));
  const most = Math.max(...sizes.map(({ responseBodySize }) => responseBodySize));
  if (most > 0) return most;
  const length = Number((await client.get(url)).headers()['content-length']);
  if (!(length > 0)) throw new Error(`the size of ${url} is not known`);
  return length;
}
