// Every screen of the console, and every state of it that a person can meet: how to get there.
//
// `open` gets a page and where the consoles are, and leaves the page at the state. `who` is who is signed in at the
// deployed console; without, the state is one of the demo's own console. `status` is that of the page, 200 without.

import { expect } from '@playwright/test';
import { signIn } from './world/issuer.js';

const at = (path) => ({ path, open: (page, { url }) => page.goto(url + path) });

/** Posts a form of the console from a page of it, with whatever is wrong with it. */
export async function post(page, action, fields) {
  const arrived = page.waitForResponse((response) => response.request().isNavigationRequest() && response.status() !== 303);
  await page.evaluate(
    ({ action, fields }) => {
      const form = Object.assign(document.createElement('form'), { method: 'post', action });
      for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
      }
      document.body.append(form);
      form.submit();
    },
    { action, fields },
  );
  const response = await arrived;
  await page.waitForLoadState();
  return response;
}

/** The token of the page that is open. */
export const token = (page) => page.locator('input[name=csrf]').first().inputValue();

/** The page of a failed change of this pipeline, by way of the list. */
export async function oneProblem(page, url, pipeline) {
  await page.goto(`${url}/problems?pipeline=${pipeline}`);
  const first = page.locator('section details').first();
  await expect(first, `no problem of ${pipeline}`).toBeVisible({ timeout: 5_000 });
  await first.locator('summary').click();
  const [response] = await Promise.all([page.waitForNavigation(), first.getByRole('link').first().click()]);
  return response;
}

export const STATES = [
  { name: 'home', ...at('/') },
  { name: 'home, nothing yet', on: 'empty', who: 'adam', ...at('/') },
  { name: 'pipeline', ...at('/pipelines/customers-to-hubspot') },
  { name: 'pipeline, two versions', ...at('/pipelines/customers-to-customer-io') },
  { name: 'version, compared', ...at('/pipelines/customers-to-customer-io/versions/2') },
  { name: 'version, the first', ...at('/pipelines/customers-to-customer-io/versions/1') },
  { name: 'problems', ...at('/problems') },
  { name: 'problems, of one pipeline', ...at('/problems?pipeline=tickets-to-helpdesk') },
  { name: 'problems, none', on: 'empty', who: 'adam', ...at('/problems') },
  {
    name: 'problem, refused by the destination',
    path: '/problems/one',
    open: (page, { url }) => oneProblem(page, url, 'tickets-to-helpdesk'),
  },
  {
    name: 'problem, in the mapping',
    path: '/problems/one',
    open: (page, { url }) => oneProblem(page, url, 'customers-to-hubspot'),
  },
  { name: 'audit log', ...at('/settings/audit') },
  { name: 'audit log, empty', on: 'empty', who: 'adam', ...at('/settings/audit') },
  { name: 'people and roles', ...at('/settings/people') },
  { name: 'not found', status: 404, ...at('/no-such-page') },
  { name: 'not found, a pipeline', status: 404, ...at('/pipelines/nothing-of-this-name') },
  { name: 'signed out', ...at('/signed-out') },
  {
    name: 'conflict',
    status: 409,
    open: async (page, { url }) => {
      await page.goto(`${url}/pipelines/customers-to-customer-io/versions/1`);
      return post(page, '/pipelines/customers-to-customer-io/roll-back', { csrf: await token(page), to: 1, seen: 1 });
    },
  },
  {
    name: 'a form that lacks its token',
    status: 403,
    open: async (page, { url }) => {
      await page.goto(`${url}/pipelines/customers-to-hubspot`);
      return post(page, '/pipelines/customers-to-hubspot/pause', { reason: 'none' });
    },
  },
  {
    name: 'too much at once',
    status: 413,
    open: async (page, { url }) => {
      await page.goto(`${url}/pipelines/customers-to-hubspot`);
      const fields = { csrf: await token(page), reason: 'x'.repeat(300_000) };
      return post(page, '/pipelines/customers-to-hubspot/pause', fields);
    },
  },
  {
    name: 'a reason that is missing',
    status: 400,
    open: async (page, { url }) => {
      await page.goto(`${url}/problems`);
      return post(page, '/problems/discard', { csrf: await token(page), id: 'any', reason: ' ' });
    },
  },
  { name: 'sign in', on: 'deployed', ...at('/sign-in') },
  {
    name: 'sign in, refused',
    on: 'deployed',
    status: 400,
    ...at('/sign-in/return?code=any&state=any'),
  },
  {
    name: 'sign in, provider does not answer',
    on: 'broken',
    status: 503,
    ...at('/sign-in/start'),
  },
  {
    name: 'no role yet',
    on: 'deployed',
    status: 403,
    open: async (page, { url }) => {
      await page.goto(`${url}/sign-in`);
      const arrived = page.waitForResponse((response) => response.url().startsWith(`${url}/sign-in/return`));
      await signIn(page, 'sam');
      return arrived;
    },
  },
  { name: 'home, as a viewer', on: 'deployed', who: 'vera', ...at('/') },
  { name: 'pipeline, as a viewer', on: 'deployed', who: 'vera', ...at('/pipelines/customers-to-hubspot') },
  {
    name: 'problem, as a viewer',
    on: 'deployed',
    who: 'vera',
    path: '/problems/one',
    open: (page, { url }) => oneProblem(page, url, 'tickets-to-helpdesk'),
  },
  { name: 'people and roles, by a provider', on: 'deployed', who: 'vera', ...at('/settings/people') },
  { name: 'no permission', on: 'deployed', who: 'vera', status: 403, ...at('/settings/audit') },
  { name: 'home, failures do not answer', on: 'deployed', who: 'adam', shut: ['freshet-failures'], ...at('/') },
  {
    name: 'home, failures and activity do not answer',
    on: 'deployed',
    who: 'adam',
    shut: ['freshet-failures', 'freshet-activity'],
    ...at('/'),
  },
  {
    name: 'pipeline, failures and activity do not answer',
    on: 'deployed',
    who: 'adam',
    shut: ['freshet-failures', 'freshet-activity'],
    ...at('/pipelines/customers-to-hubspot'),
  },
  { name: 'home, nothing answers', on: 'deployed', who: 'adam', status: 503, shut: ['freshet-'], ...at('/') },
  {
    name: 'problems, nothing answers',
    on: 'deployed',
    who: 'adam',
    status: 503,
    shut: ['freshet-failures'],
    ...at('/problems'),
  },
  {
    name: 'audit log, does not answer',
    on: 'deployed',
    who: 'adam',
    status: 503,
    shut: ['freshet-audit'],
    ...at('/settings/audit'),
  },
];
