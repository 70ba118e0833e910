// Every screen of the console, and every state of it that a person can meet: how to get there.
//
// `open` gets a page, where the console is and what the setup has told, and leaves the page at the state; it yields the last
// page's response. `who` is who is signed in at the deployed console; without, the state is one of the demo's own console.
// `status` is that of the page, 200 without.

import { expect } from '@playwright/test';
import { begun, edited, send, suggested, written } from './world/drafts.js';
import { post, token } from './world/forms.js';
import { ANY_CLOSED } from './world/helpdesk.js';
import { signIn } from './world/issuer.js';
import { refused, retryAll } from './world/refused.js';

const at = (path) => ({ path, open: (page, { url }) => page.goto(url + path) });

/**
 * The page of a failed change of this pipeline, by way of the list: of those with these words in what is wrong, or else of
 * those that no queue will ever be opened for.
 */
export async function oneProblem(page, url, pipeline, words) {
  await page.goto(`${url}/problems?pipeline=${pipeline}`);
  const group = page.locator('section', words ? { hasText: words } : { hasNotText: ANY_CLOSED });
  const first = group.locator('details').first();
  await expect(first, `no problem of ${pipeline}`).toBeVisible({ timeout: 5_000 });
  await first.locator('summary').click();
  const [response] = await Promise.all([page.waitForNavigation(), first.getByRole('link').first().click()]);
  return response;
}

/** A page of a draft that `make` makes. */
const ofDraft = (page_, make) => async (page, { url }) => {
  const path = await make(page, url);
  return page.goto(`${url}${path}/${page_}`);
};

/** A draft whose first name is always the same; a change that is in no other. */
const altered = (name) => (text) => text.replace(/^firstname = .*$/m, `firstname = "'${name}'"`);

/** A draft of a contact without what HubSpot requires. */
const lacking = async (page, url) => {
  const path = await suggested(page, url);
  await written(page, url, path, (text) => text.replace(/^email = .*\n/m, ''));
  return path;
};

/** A draft by which every record fails: a customer's id is no address. */
const failing = async (page, url) => {
  const path = await suggested(page, url);
  await written(page, url, path, (text) => text.replace(/^email = .*$/m, 'email = "after.customer_id"'));
  return path;
};

/** The page that a button leads to. */
async function pressed(page, button) {
  const [response] = await Promise.all([page.waitForNavigation(), button.click()]);
  return response;
}

/** A button of this name. */
const button = (page, name) => page.getByRole('button', { name });

const DRAFTS = [
  { name: 'new pipeline', ...at('/pipelines/new') },
  { name: 'new pipeline, nothing has passed yet', on: 'empty', who: 'adam', ...at('/pipelines/new') },
  { name: 'new pipeline, as a viewer', on: 'deployed', who: 'vera', status: 403, ...at('/pipelines/new') },
  { name: 'draft, destination', open: ofDraft('destination', begun) },
  { name: 'draft, which changes', open: ofDraft('changes', begun) },
  {
    name: 'draft, which changes by conditions',
    open: async (page, { url }) => {
      const path = await suggested(page, url);
      await written(page, url, path, (text) => `when = "after.plan != 'free' and after.marketing_consent"\n${text}`);
      return page.goto(`${url}${path}/changes`);
    },
  },
  {
    name: 'draft, which changes by a formula',
    open: async (page, { url }) => {
      const path = await suggested(page, url);
      await written(page, url, path, (text) => `when = "after.plan in ['pro', 'team']"\n${text}`);
      return page.goto(`${url}${path}/changes`);
    },
  },
  { name: 'draft, no destination yet', status: 409, open: async (page, { url }) => {
    await page.goto(`${url}/pipelines/new`);
    await post(page, '/drafts', { csrf: await token(page), source: 'customers' });
    return page.goto(page.url().replace(/destination$/, 'mapping'));
  } },
  { name: 'mapping, suggested', open: ofDraft('mapping', suggested) },
  {
    name: 'mapping, a formula is completed',
    open: async (page, { url }) => {
      const path = await suggested(page, url);
      const response = await page.goto(`${url}${path}/mapping`);
      await page.getByLabel('City: Filled with').selectOption('a formula');
      await page.getByLabel('City: Formula').pressSequentially('after.country | ');
      await page.getByLabel('City: Formula').press('ArrowDown');
      await expect(page.getByRole('listbox').getByRole('option', { selected: true })).toBeVisible();
      return response;
    },
  },
  { name: 'mapping, a required field is empty', open: ofDraft('mapping', lacking) },
  { name: 'mapping, records that would fail', open: ofDraft('mapping', failing) },
  {
    name: 'mapping, changed meanwhile',
    open: async (page, { url }) => {
      const path = await suggested(page, url);
      const response = await page.goto(`${url}${path}/mapping`);
      await overtaken(page, url, path);
      await page.getByLabel('First name: Filled with').selectOption('nothing');
      await expect(page.locator('main')).toContainText('This draft was changed meanwhile');
      return response;
    },
  },
  { name: 'try it', open: ofDraft('try', suggested) },
  { name: 'try it, with a problem', open: ofDraft('try', lacking) },
  {
    name: 'try it, sent',
    open: async (page, { url }) => {
      await page.goto(`${url}${await suggested(page, url)}/try`);
      return pressed(page, button(page, 'Send it'));
    },
  },
  { name: 'publish, a new pipeline', open: ofDraft('publish', suggested) },
  { name: 'publish, with a problem', open: ofDraft('publish', lacking) },
  {
    name: 'publish, a change of a pipeline',
    open: async (page, { url }) => {
      const path = await edited(page, url, 'customers-to-hubspot');
      await written(page, url, path, altered('Somebody'));
      return page.goto(`${url}${path}/publish`);
    },
  },
  {
    name: 'publish, nothing is changed',
    open: ofDraft('publish', (page, url) => edited(page, url, 'customers-to-hubspot')),
  },
  {
    name: 'publish, a name that is taken',
    open: async (page, { url }) => {
      const path = await suggested(page, url);
      await written(page, url, path, (text) => text.replace(/^name = .*$/m, 'name = "customers-to-hubspot"'));
      return page.goto(`${url}${path}/publish`);
    },
  },
  { name: 'as text', open: ofDraft('text', suggested) },
  {
    name: 'as text, what is no TOML',
    open: async (page, { url }) => {
      const path = await suggested(page, url);
      return written(page, url, path, (text) => `${text}\n[fields\n`);
    },
  },
  {
    name: 'draft, changed meanwhile',
    status: 409,
    open: async (page, { url }) => {
      const path = await suggested(page, url);
      await page.goto(`${url}${path}/text`);
      await overtaken(page, url, path);
      const mine = altered('mine')(await page.getByLabel('Document').inputValue());
      return send(page, `${path}/text`, { document: mine });
    },
  },
  { name: 'draft, gone', status: 404, ...at('/drafts/nothing-of-this-name/mapping') },
  { name: 'draft, as a viewer', on: 'deployed', who: 'vera', status: 403, ...at('/drafts/nothing-of-this-name/mapping') },
];

/** Changes a draft in a tab of its own, behind the back of who has it open. */
async function overtaken(page, url, path) {
  const other = await page.context().newPage();
  await written(other, url, path, altered('theirs'));
  await other.close();
}

const ACTIVITY = [
  { name: 'activity', ...at('/activity') },
  { name: 'activity, of a day', ...at('/activity?span=day') },
  { name: 'activity, of one pipeline', ...at('/activity?pipeline=customers-to-hubspot&span=hour') },
  { name: 'activity, followed live', open: async (page, { url }) => {
    const response = await page.goto(`${url}/activity`);
    await page.getByRole('link', { name: 'Follow live' }).click();
    await expect(page.getByRole('link', { name: 'Pause' })).toBeVisible();
    return response;
  } },
  { name: 'activity, nothing yet', on: 'empty', who: 'adam', ...at('/activity') },
  { name: 'activity, of no pipeline that there is', status: 404, ...at('/activity?pipeline=nothing-of-this-name') },
  { name: 'activity, as a viewer', on: 'deployed', who: 'vera', ...at('/activity') },
  { name: 'activity, counts do not answer', on: 'deployed', who: 'adam', shut: ['freshet-activity'], ...at('/activity') },
  { name: 'activity, nothing answers', on: 'deployed', who: 'adam', status: 503, shut: ['freshet-'], ...at('/activity') },
  { name: 'customer, not searched yet', ...at('/activity/customer') },
  { name: 'customer, found by id', ...at('/activity/customer?q=c-9001') },
  { name: 'customer, found by address', ...at('/activity/customer?q=c-9003%40mail.example') },
  { name: 'customer, nothing known', ...at('/activity/customer?q=nobody%40nowhere.example') },
  { name: 'customer, nothing yet', on: 'empty', who: 'adam', ...at('/activity/customer?q=c-9001') },
  { name: 'customer, as a viewer', on: 'deployed', who: 'vera', ...at('/activity/customer?q=c-9001') },
  {
    name: 'customer, failures do not answer',
    on: 'deployed',
    who: 'adam',
    shut: ['freshet-failures'],
    ...at('/activity/customer?q=c-9003%40mail.example'),
  },
  {
    name: 'customer, the ledger does not answer',
    on: 'deployed',
    who: 'adam',
    shut: ['freshet-ledger'],
    ...at('/activity/customer?q=c-9003%40mail.example'),
  },
  {
    name: 'customer, nothing answers',
    on: 'deployed',
    who: 'adam',
    status: 503,
    shut: ['freshet-'],
    ...at('/activity/customer?q=c-9001'),
  },
];

const RETRIES = [
  {
    name: 'retry, what became of them',
    open: async (page, { url, world }) => {
      const queue = await refused(page, url, world.stack, 2);
      return pressed(page, retryAll(page, queue));
    },
  },
  {
    name: 'retry, going on',
    // More than a request deals with take a while to fail.
    takesLong: true,
    open: async (page, { url, world }) => {
      const queue = await refused(page, url, world.stack, 101);
      // What the page asks for by itself has no answer, so it stays as it is.
      await page.route('**/problems/retry-all', (route) => (route.request().isNavigationRequest() ? route.continue() : route.abort()));
      return pressed(page, retryAll(page, queue));
    },
  },
  {
    name: 'retry, nothing is left to do',
    open: async (page, { url }) => {
      await page.goto(`${url}/problems`);
      return post(page, '/problems/retry-all', { csrf: await token(page), until: 1 });
    },
  },
  { name: 'retry, looked at later', ...at('/problems/retried?since=1') },
];

const CONNECTIONS = [
  { name: 'alerts', ...at('/settings/alerts') },
  {
    name: 'alerts, one that was added',
    open: async (page, { url }) => {
      await page.goto(`${url}/settings/alerts`);
      await page.getByLabel('a share of an hour').check();
      return pressed(page, button(page, 'Add the alert'));
    },
  },
  { name: 'alerts, as a viewer', on: 'deployed', who: 'vera', ...at('/settings/alerts') },
  { name: 'alerts, nothing answers', on: 'deployed', who: 'adam', status: 503, shut: ['freshet-'], ...at('/settings/alerts') },
  { name: 'connections', ...at('/settings/connections') },
  { name: 'connections, as a viewer', on: 'deployed', who: 'vera', ...at('/settings/connections') },
  { name: 'connections, nothing answers', on: 'deployed', who: 'adam', shut: ['freshet-'], ...at('/settings/connections') },
  { name: 'connection', ...at('/settings/connections/hubspot') },
  { name: 'connection, as a viewer', on: 'deployed', who: 'vera', ...at('/settings/connections/hubspot') },
  { name: 'connection, as an editor', on: 'deployed', who: 'edith', ...at('/settings/connections/hubspot') },
  {
    name: 'connection, nothing answers',
    on: 'deployed',
    who: 'adam',
    shut: ['freshet-'],
    ...at('/settings/connections/hubspot'),
  },
  { name: 'connection, not there', status: 404, ...at('/settings/connections/nothing-of-this-name') },
  ...[
    ['accepted', 'hubspot'],
    ['nobody to ask', 'warehouse'],
  ].map(([what, name]) => ({
    name: `connection, checked: ${what}`,
    open: async (page, { url }) => {
      await page.goto(`${url}/settings/connections/${name}`);
      return pressed(page, button(page, 'Check the credentials'));
    },
  })),
  {
    name: 'connection, a secret that is not taken',
    open: async (page, { url }) => {
      await page.goto(`${url}/settings/connections/hubspot`);
      return post(page, '/settings/connections/hubspot/secret', { csrf: await token(page) });
    },
  },
];

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
  ...DRAFTS,
  ...ACTIVITY,
  ...RETRIES,
  ...CONNECTIONS,
];
