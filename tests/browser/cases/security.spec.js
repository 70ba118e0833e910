// What forged and hostile requests get, and what hostile data becomes on a page.

import { oneProblem } from '../screens.js';
import { post, token } from '../world/forms.js';
import { suggested } from '../world/drafts.js';
import { expect, test, world } from '../world/index.js';
import { customer, put } from '../world/rows.js';

const told = (what, got) => test.info().annotations.push({ type: 'refused', description: `${what}: ${got}` });

/** A page of the deployed console with this person signed in. */
async function pageOf(browser, deployed, signedIn, who) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, storageState: await signedIn(deployed, who) });
  return context.newPage();
}

const PAUSE = '/pipelines/orders-to-warehouse/pause';

/** The pipeline that the forged requests are about still runs. */
async function runs(page) {
  await page.goto(`${world.local}/pipelines/orders-to-warehouse`);
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
}

test('a viewer has no button, and a forged form changes nothing', async ({ browser, page: local, deployed, signedIn }) => {
  const page = await pageOf(browser, deployed, signedIn, 'vera');
  await page.goto(`${deployed.url}/pipelines/orders-to-warehouse`);
  await expect(page.getByRole('button', { name: 'Pause' })).toHaveCount(0);
  const response = await post(page, PAUSE, { csrf: await token(page), reason: 'forged' });
  expect(response.status()).toBe(403);
  await expect(page.locator('main')).toContainText('It takes the role editor, and you have viewer. Ask the platform team.');
  told("a viewer's forged POST", '403, It takes the role editor');
  await runs(local);
  await page.context().close();
});

for (const [what, fields] of [['no token', {}], ['an empty token', { csrf: '' }], ['a made-up token', { csrf: 'AAAA' }]]) {
  test(`a form with ${what} changes nothing`, async ({ browser, page: local, deployed, signedIn }) => {
    const page = await pageOf(browser, deployed, signedIn, 'adam');
    await page.goto(`${deployed.url}/pipelines/orders-to-warehouse`);
    const response = await post(page, PAUSE, fields);
    expect(response.status()).toBe(403);
    await expect(page.locator('main')).toContainText('The page was from another session. Nothing was changed');
    told(`a form with ${what}`, '403, The page was from another session');
    await runs(local);
    await page.context().close();
  });
}

test("another person's token is no token", async ({ browser, page: local, deployed, signedIn }) => {
  const [edith, adam] = [await pageOf(browser, deployed, signedIn, 'edith'), await pageOf(browser, deployed, signedIn, 'adam')];
  for (const page of [edith, adam]) await page.goto(`${deployed.url}/pipelines/orders-to-warehouse`);
  const response = await post(adam, PAUSE, { csrf: await token(edith) });
  expect(response.status()).toBe(403);
  told("another person's token", '403, The page was from another session');
  await runs(local);
  for (const page of [edith, adam]) await page.context().close();
});

test("another site's form is refused, with the session's own token in it", async ({ browser, page: local, deployed, signedIn }) => {
  const page = await pageOf(browser, deployed, signedIn, 'adam');
  await page.goto(`${deployed.url}/pipelines/orders-to-warehouse`);
  const csrf = await token(page);
  await page.route('http://hostile.test/', (route) => route.fulfill({ contentType: 'text/html', body: '<main></main>' }));
  await page.goto('http://hostile.test/');
  const response = await post(page, deployed.url + PAUSE, { csrf });
  expect([401, 403]).toContain(response.status());
  told("another site's form with a right token", `${response.status()}, ${await page.locator('h1').innerText()}`);
  await runs(local);
  await page.context().close();
});

test('who is not signed in changes nothing', async ({ browser, page: local, deployed }) => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(`${deployed.url}/sign-in`);
  const response = await post(page, PAUSE, {});
  expect(response.status()).toBe(401);
  told('a form of nobody', '401, You are signed out');
  await runs(local);
  await context.close();
});

test('markup in data and in what a destination says is text', async ({ page }) => {
  const dialogs = [];
  page.on('dialog', (dialog) => dialogs.push(dialog.message()));
  const title = await page.goto(`${world.local}/problems`).then(() => page.title());
  await oneProblem(page, world.local, 'tickets-to-helpdesk');
  await expect(page.locator('main')).toContainText('<script>document.title=1</script>');
  await expect(page.locator('main')).toContainText('=HYPERLINK(');
  expect(await page.locator('main script').count()).toBe(0);
  expect(await page.locator('main a[href*="evil.example"]').count()).toBe(0);
  expect(await page.title()).not.toBe('1');
  expect(title).toContain('Freshet');
  expect(dialogs).toEqual([]);
  told('<script> and =HYPERLINK in data', 'text on the page; no script, no link');
});

test('markup in a record is text where a mapping is made, tried and sent, and in its timeline', async ({ page }) => {
  const dialogs = [];
  page.on('dialog', (dialog) => dialogs.push(dialog.message()));
  const names = { first_name: '<script>document.title=1</script>', last_name: '=HYPERLINK("http://evil.example","open")' };
  const isText = async (path) => {
    for (const name of path === 'timeline' ? [] : Object.values(names)) await expect(page.locator('main')).toContainText(name);
    expect(await page.locator('main script').count()).toBe(0);
    expect(await page.locator('a[href*="evil.example"]').count()).toBe(0);
    expect(await page.title()).toContain('Freshet');
    told(`<script> and =HYPERLINK in a record, ${path}`, 'text on the page; no script, no link');
  };
  const draft = await suggested(page, world.local);
  // The newest records are read anew now and then, and other customers change meanwhile.
  let logins = 0;
  const option = page.getByLabel('Record', { exact: true }).locator('option', { hasText: 'c-markup' });
  await expect(async () => {
    await put(world.stack, 'store-customers', customer('c-markup', { ...names, logins: (logins += 1) }));
    await page.goto(`${world.local}${draft}/mapping`);
    await expect(option.first()).toBeAttached({ timeout: 500 });
  }).toPass();
  const record = encodeURIComponent(await option.first().getAttribute('value'));
  await page.goto(`${world.local}${draft}/mapping?record=${record}`);
  await isText('mapping');
  // What a script puts there is text, too.
  await page.getByRole('combobox', { name: 'Job title: Filled with', exact: true }).selectOption('a field');
  await page.getByLabel('Job title: Field', { exact: true }).fill('first_name');
  const title = page.locator('#result dl > div', { has: page.locator('dt').getByText('Job title', { exact: true }) });
  await expect(title.locator('dd')).toHaveText(names.first_name);
  await isText('mapping, what would be sent');
  await page.goto(`${world.local}${draft}/try?record=${record}`);
  await expect(page.locator('main pre')).toContainText(names.first_name);
  // The request is JSON, and has the quotes in it as JSON writes them.
  await expect(page.locator('main pre')).toContainText(JSON.stringify(names.last_name).slice(1, -1));
  expect(await page.locator('main script').count()).toBe(0);
  await page.getByRole('button', { name: 'Send it' }).click();
  await expect(page.getByRole('status')).toContainText('Done');
  expect(await page.locator('main script').count()).toBe(0);
  expect(await page.title()).toContain('Freshet');
  told('<script> and =HYPERLINK in a record, try it', 'text on the page; no script, no link');

  await page.goto(`${world.local}/activity/customer?q=${encodeURIComponent(names.first_name)}`);
  await expect(page.locator('main')).toContainText(`Nothing is known of “${names.first_name}”`);
  await isText('timeline');
  await page.goto(`${world.local}/activity/customer?q=t-9001`);
  // What the destination said of it, JSON again.
  await expect(page.locator('.timeline pre').first()).toContainText('<script>document.title=1</script>');
  await expect(page.locator('.timeline pre').first()).toContainText('=HYPERLINK(');
  await isText('timeline');
  expect(dialogs).toEqual([]);
});

for (const [who, action, fields] of [
  ['vera', '/drafts', { source: 'customers' }],
  ['vera', '/pipelines/orders-to-warehouse/edit', {}],
  ['vera', '/drafts/any/publish', { edit: 1, seen: 0 }],
  ['vera', '/drafts/any/try', { record: 'any' }],
  ['vera', '/problems/retry', { id: 'any', seen: 1 }],
  ['vera', '/problems/retry-newest', { id: 'any', seen: 1 }],
  ['vera', '/problems/retry-all', { until: Date.now() }],
  ['vera', '/settings/connections/hubspot/check', {}],
  ['edith', '/settings/connections/hubspot/secret', { secret: 'forged' }],
]) {
  test(`${who}'s forged form to ${action} changes nothing`, async ({ browser, deployed, signedIn }) => {
    const page = await pageOf(browser, deployed, signedIn, who);
    await page.goto(deployed.url);
    const response = await post(page, action, { csrf: await token(page), ...fields });
    expect(response.status()).toBe(403);
    await expect(page.locator('main')).toContainText(`It takes the role ${who === 'vera' ? 'editor' : 'admin'}`);
    told(`${who}'s forged POST to ${action}`, '403');
    await page.context().close();
  });
}

test('markup in a reason that a person typed is text', async ({ page }) => {
  const reason = '<img src=x onerror="document.title=1"> =HYPERLINK("http://evil.example")';
  await page.goto(`${world.local}/pipelines/orders-to-analytics`);
  await page.getByLabel('Why, for others to read').fill(reason);
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect(page.locator('main')).toContainText(reason);
  await page.goto(`${world.local}/settings/audit`);
  await page.locator('summary').first().click();
  await expect(page.locator('main')).toContainText(reason);
  expect(await page.locator('main img').count()).toBe(0);
  await page.goto(`${world.local}/pipelines/orders-to-analytics`);
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
});

test('a viewer does not see what was sent and answered', async ({ browser, deployed, signedIn }) => {
  const page = await pageOf(browser, deployed, signedIn, 'vera');
  await oneProblem(page, deployed.url, 'tickets-to-helpdesk');
  await expect(page.locator('main')).toContainText("people's data");
  expect(await page.content()).not.toContain('to be refused');
  await page.context().close();
});

test('every page is hardened, and no script is in it but ours', async ({ page }) => {
  const violations = [];
  page.on('console', (message) => /Content Security Policy/.test(message.text()) && violations.push(message.text()));
  for (const path of ['/', '/problems', '/settings/people', '/settings/audit', '/no-such-page', '/pipelines/orders-to-braze']) {
    const response = await page.goto(world.local + path);
    const headers = response.headers();
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'nonce-[\w-]{16,}'; style-src 'self'/);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'cache-control': 'no-store' });
  }
  expect(violations).toEqual([]);
});
