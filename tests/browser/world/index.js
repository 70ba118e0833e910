// What a case has: the consoles, and a browser that has signed in at the deployed one.

import { test as base } from '@playwright/test';
import { deployed as host } from './deployed.js';
import { signIn } from './issuer.js';
import { nothing } from './tables.js';

export { expect } from '@playwright/test';

/** What the setup has told. */
export const world = JSON.parse(process.env.FRESHET_WORLD ?? '{}');

export const test = base.extend({
  /** The console's function, as deployed; with OpenID Connect. */
  deployed: [
    async ({}, use) => {
      const console = await host(world.stack);
      await use(console);
      await console.stop();
    },
    { scope: 'worker' },
  ],

  /** The same, and its identity provider is not there: nothing listens at port 1. */
  broken: [
    async ({}, use) => {
      const console = await host(world.stack, { at: 'http://127.0.0.1:1' });
      await use(console);
      await console.stop();
    },
    { scope: 'worker' },
  ],

  /** The same, over tables in which nothing is yet. */
  empty: [
    async ({}, use) => {
      const console = await host(await nothing(world.stack));
      await use(console);
      await console.stop();
    },
    { scope: 'worker' },
  ],

  /** Cookies of a person who has signed in at a deployed console, by the name there. */
  signedIn: [
    async ({ browser }, use) => {
      const held = new Map();
      await use(async ({ url }, who) => {
        const key = `${url} ${who}`;
        if (!held.has(key)) {
          const context = await browser.newContext({ ignoreHTTPSErrors: true });
          const page = await context.newPage();
          await page.goto(`${url}/sign-in`);
          await signIn(page, who);
          await page.waitForURL(`${url}/**`);
          held.set(key, await context.storageState());
          await context.close();
        }
        return held.get(key);
      });
    },
    { scope: 'worker' },
  ],
});
