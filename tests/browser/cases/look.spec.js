// What people look up: how much goes through, what became of one customer, whether a destination accepts its credentials.

import { expect, test, world } from '../world/index.js';
import { customer, put } from '../world/rows.js';

test('an e-mail address leads to one customer over several pipelines, and to nobody else', async ({ page }) => {
  const [id, other] = ['c-searched', 'c-not-searched'];
  await put(world.stack, 'store-customers', customer(id, { email: 'Searched@Mail.example' }));
  await put(world.stack, 'store-customers', customer(other, { email: 'not-searched@mail.example' }));
  const of = (pipeline) => page.locator('.timeline > li', { hasText: `by ${pipeline}, version` });
  await page.goto(`${world.local}/activity`);
  await page.getByLabel('What became of a customer? Record id or e-mail address').fill('searched@mail.example');
  await page.getByRole('button', { name: 'Search' }).click();
  await expect(async () => {
    await page.reload();
    for (const pipeline of ['customers-to-hubspot', 'customers-to-klaviyo', 'customers-to-customer-io']) {
      await expect(of(pipeline)).toContainText('Sent', { timeout: 500 });
    }
  }).toPass();
  await expect(page.locator('main')).toContainText(id);
  await expect(page.locator('main')).not.toContainText(other);
  // The newest first.
  const times = await page.locator('.timeline time').evaluateAll((all) => all.map((time) => time.dateTime));
  expect(times).toEqual([...times].sort().reverse());
  // By the id it is the same person.
  const found = await page.locator('.timeline > li').count();
  await page.getByLabel('Record id or e-mail address').fill(id);
  await page.getByRole('button', { name: 'Search' }).first().click();
  await expect(page.locator('.timeline > li')).toHaveCount(found);
});

test('activity is followed live, and is left alone once that is paused', async ({ page }) => {
  await page.clock.install();
  let asked = 0;
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/activity/now') asked += 1;
  });
  await page.goto(`${world.local}/activity`);
  await page.clock.runFor('01:00');
  expect(asked).toBe(0);
  await page.getByRole('link', { name: 'Follow live' }).click();
  await expect(page.getByRole('link', { name: 'Pause' })).toBeVisible();
  for (const each of [1, 2]) {
    const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/activity/now');
    await page.clock.runFor(5_000);
    expect([200, 204]).toContain((await answered).status());
    expect(asked).toBeGreaterThanOrEqual(each);
  }
  await page.getByRole('link', { name: 'Pause' }).click();
  await expect(page.getByRole('link', { name: 'Follow live' })).toBeVisible();
  const before = asked;
  await page.clock.runFor('05:00');
  expect(asked).toBe(before);
});

test('a day and one pipeline are looked at by their forms', async ({ page }) => {
  await page.goto(`${world.local}/activity`);
  await page.getByLabel('Time', { exact: true }).selectOption('The last 24 hours');
  await page.getByLabel('Pipeline', { exact: true }).selectOption('customers-to-hubspot');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page.getByRole('heading', { name: 'The last 24 hours of customers-to-hubspot' })).toBeVisible();
  await page.getByText('The chart as a table').click();
  await expect(page.getByRole('region', { name: 'The chart as a table' }).locator('tbody tr')).toHaveCount(24);
});

for (const [name, said] of [
  ['hubspot', 'HubSpot accepts the credentials.'],
  ['klaviyo', 'Klaviyo accepts the credentials.'],
  ['slack', 'Slack accepts the credentials.'],
  ['warehouse', 'was not asked: its vendor has no request that only tells whether they are accepted.'],
]) {
  test(`the credentials of ${name} are checked, and the answer is said`, async ({ page }) => {
    await page.goto(`${world.local}/settings/connections`);
    await page.getByRole('link', { name, exact: true }).click();
    await page.getByRole('button', { name: 'Check the credentials' }).click();
    await expect(page.getByRole('status')).toContainText(said);
  });
}

test('a secret is replaced, and no page shows it', async ({ page }) => {
  const arn = world.stack.destinations.slack.secret_arn;
  const kept = async () => (await manager('GetSecretValue', { SecretId: arn })).SecretString;
  const before = await kept();
  const secret = 'xoxb-what-nobody-may-see';
  const pages = [];
  const typed = () => page.locator('input[type=password]');
  const replace = async (text) => {
    await page.goto(`${world.local}/settings/connections/slack`);
    await expect(typed()).toHaveValue('');
    await typed().fill(text);
    await page.getByRole('button', { name: 'Replace the secret' }).click();
    await expect(page.getByRole('status')).toContainText('The secret was replaced.');
    await expect(typed()).toHaveValue('');
    pages.push(await page.content());
  };
  try {
    await replace(secret);
    // Slack knows no such token, and that is said at once.
    await expect(page.getByRole('status')).toContainText('Slack does not accept the credentials');
    expect(await kept()).toContain(secret);
    for (const path of ['/settings/connections/slack', '/settings/connections', '/settings/audit']) {
      await page.goto(world.local + path);
      pages.push(await page.content());
    }
    const newest = page.locator('tbody tr').first();
    await expect(newest).toContainText('replace the secret destination slack');
    await expect(newest).toContainText('Done');
  } finally {
    await replace(before);
  }
  await expect(page.getByRole('status')).toContainText('Slack accepts the credentials.');
  for (const each of pages) {
    expect(each).not.toContain(secret);
    expect(each).not.toContain(before);
  }
});

/** Asks the demo's Secrets Manager. */
async function manager(operation, body) {
  const response = await fetch(world.stack.endpoints.secrets_manager, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `secretsmanager.${operation}` },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${operation}: ${response.status} ${await response.text()}`);
  return response.json();
}
