// The deployed console's door, at an identity provider that is not ours.

import { expect, test } from '../world/index.js';
import { PEOPLE, signIn } from '../world/issuer.js';

test.use({ ignoreHTTPSErrors: true });

const ROLE = { vera: 'viewer', edith: 'editor', adam: 'admin' };

for (const [who, role] of Object.entries(ROLE)) {
  test(`${role}: goes to the provider and comes back to the page that was asked for`, async ({ page, deployed }) => {
    await page.goto(`${deployed.url}/settings/people`);
    await expect(page).toHaveURL(`${deployed.url}/sign-in?to=%2Fsettings%2Fpeople`);
    await signIn(page, who);
    await expect(page).toHaveURL(`${deployed.url}/settings/people`);
    await expect(page.locator('main')).toContainText(`You have the role ${role}.`);
    await expect(page.locator('header')).toContainText(PEOPLE[who].name);
    await expect(page.locator('main')).toContainText(`${deployed.issuer} says who people are`);
    await expect(page.getByRole('link', { name: 'Audit log' })).toHaveCount(role === 'admin' ? 1 : 0);
  });
}

test('the session is for this browser, its scripts have no part in it, and signing out ends it', async ({ page, context, deployed }) => {
  await page.goto(`${deployed.url}/sign-in`);
  await signIn(page, 'edith');
  await expect(page).toHaveURL(`${deployed.url}/`);
  const cookies = (await context.cookies(deployed.url)).filter(({ name }) => name.includes('freshet'));
  expect(cookies).toMatchObject([{ name: '__Host-freshet-session', httpOnly: true, secure: true, sameSite: 'Lax', path: '/' }]);
  expect(await page.evaluate(() => document.cookie)).not.toContain('freshet');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(`${deployed.url}/signed-out`);
  await page.goto(`${deployed.url}/problems`);
  await expect(page).toHaveURL(`${deployed.url}/sign-in?to=%2Fproblems`);
});

test('who goes away from the provider without signing in is told, and can begin again', async ({ page, deployed }) => {
  await page.goto(`${deployed.url}/sign-in`);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: /cancel/i }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('You could not be signed in');
  await page.getByRole('link', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(`${deployed.url}/sign-in`);
});

test('a code that has come back once is worth nothing the second time', async ({ page, context, deployed }) => {
  await page.goto(`${deployed.url}/sign-in`);
  const back = page.waitForRequest((request) => request.url().startsWith(`${deployed.url}/sign-in/return`));
  await signIn(page, 'vera');
  const url = (await back).url();
  await expect(page).toHaveURL(`${deployed.url}/`);
  await context.clearCookies({ name: /freshet/ });
  const response = await page.goto(url);
  expect(response.status()).toBe(400);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('You could not be signed in');
});

for (const to of ['//evil.example', 'https://evil.example/', '/\\evil.example', '/\t/evil.example', '/..//evil.example']) {
  test(`nobody is sent to ${JSON.stringify(to)}`, async ({ page, deployed }) => {
    const hosts = new Set();
    page.on('request', (request) => request.isNavigationRequest() && hosts.add(new URL(request.url()).host));
    await page.goto(`${deployed.url}/sign-in?to=${encodeURIComponent(to)}`);
    await signIn(page, 'vera');
    await expect(page).toHaveURL(`${deployed.url}/`);
    expect([...hosts].sort()).toEqual([new URL(deployed.url).host, new URL(deployed.issuer).host].sort());
    test.info().annotations.push({ type: 'refused', description: `to=${JSON.stringify(to)}: the first page` });
  });
}
