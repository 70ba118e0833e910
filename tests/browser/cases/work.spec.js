// What people do in the console, by mouse, by keyboard alone, and without JavaScript.

import { oneProblem } from '../screens.js';
import { ANY_CLOSED, WORDS } from '../world/helpdesk.js';
import { expect, test, world } from '../world/index.js';
import { WAYS } from '../world/ways.js';

const PIPELINE = `${world.local}/pipelines/orders-to-braze`;

const VERSIONED = {
  'by mouse': 'tickets-to-slack',
  'by keyboard alone': 'customers-to-customer-io',
  'without JavaScript': 'customers-to-warehouse',
};

for (const [way, { options, type, press }] of Object.entries(WAYS)) {
  test.describe(way, () => {
    test.use(options);

    test('pause a pipeline with a reason, see it, resume it', async ({ page }) => {
      await page.goto(world.local);
      await press(page, 'link', 'orders-to-braze');
      await expect(page).toHaveURL(PIPELINE);
      await type(page, 'Why, for others to read', `a sale ends, ${way}`);
      await press(page, 'button', 'Pause');
      await expect(page.locator('main')).toContainText(`Paused by You, on this machine since`);
      await expect(page.locator('main')).toContainText(`“a sale ends, ${way}” Changes made meanwhile are kept until`);
      await press(page, 'link', 'Home');
      await expect(page.locator('.card', { hasText: 'orders-to-braze' })).toContainText('Paused');
      await press(page, 'link', 'orders-to-braze');
      await press(page, 'button', 'Resume');
      await expect(page.locator('main')).toContainText('Live.', { timeout: 1_000 }).catch(() => {
        // What was left out is sent first, and until then the page says that.
        return expect(page.locator('main')).toContainText('What was left out meanwhile is being sent');
      });
      await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
    });

    test('compare two versions, and go back to the first', async ({ page }) => {
      // Each way has a pipeline of its own, of which two versions are there.
      const name = VERSIONED[way];
      await page.goto(`${world.local}/pipelines/${name}`);
      const newest = Number((await page.locator('tbody th', { hasText: '(newest)' }).innerText()).match(/\d+/)[0]);
      await press(page, 'link', 'Version 2');
      await expect(page.locator('.text ins')).toHaveCount(1);
      await expect(page.locator('.text del')).toHaveCount(1);
      await page.goBack();
      await press(page, 'link', 'Version 1');
      await expect(page.locator('main')).toContainText('Changes already sent are not undone.');
      await press(page, 'button', 'Publish version 1 again');
      await expect(page.locator('tbody th', { hasText: '(newest)' })).toContainText(`Version ${newest + 1}`);
      await press(page, 'link', `Version ${newest + 1}`);
      await expect(page.locator('h1')).toContainText(`version ${newest + 1}`);
    });

    test('find a failed change, see what was sent and answered, and give it up', async ({ page }) => {
      await page.goto(world.local);
      await press(page, 'link', 'Problems');
      // A key does not wait for the page that it leads to.
      await expect(page).toHaveURL(`${world.local}/problems`);
      const pipeline = 'tickets-to-helpdesk';
      if (way === 'by mouse') {
        await oneProblem(page, world.local, pipeline);
      } else {
        await page.goto(`${world.local}/problems?pipeline=${pipeline}`);
        // A summary opens by its own, with JavaScript or without.
        const summary = page.locator('section', { hasNotText: ANY_CLOSED }).locator('summary').first();
        await summary.focus();
        await page.keyboard.press('Enter');
        await press(page, 'link', new RegExp(`^${pipeline}/`));
      }
      await expect(page.locator('main')).toContainText('to be refused');
      await expect(page.locator('main')).toContainText(WORDS.replaceAll('"', '\\"'));
      const id = new URL(page.url()).searchParams.get('id');
      await type(page, 'Why', `nobody waits for it, ${way}`);
      await press(page, 'button', 'Give it up');
      await expect(page).toHaveURL(/\/problems/);
      await page.goto(`${world.local}/problems/one?id=${encodeURIComponent(id)}`);
      await expect(page.locator('main')).toContainText(`nobody waits for it, ${way}`);
      await expect(page.getByRole('button', { name: 'Give it up' })).toHaveCount(0);
      await press(page, 'link', 'Settings');
      await press(page, 'link', 'Audit log');
      await expect(page.locator('tbody tr').first()).toContainText(`discard failure ${id}`);
      await expect(page.locator('tbody tr').first()).toContainText('Done');
    });
  });
}

test('a second tab goes back first, and the first is told, and changes nothing', async ({ context }) => {
  const name = 'customers-to-customer-io';
  const [one, other] = [await context.newPage(), await context.newPage()];
  await one.goto(`${world.local}/pipelines/${name}/versions/1`);
  await other.goto(`${world.local}/pipelines/${name}/versions/2`);
  const publish = (page) => page.getByRole('button', { name: /^Publish version/ }).click();
  if ((await other.getByRole('button', { name: /^Publish/ }).count()) === 0) await other.goto(`${world.local}/pipelines/${name}/versions/1`);
  await publish(other);
  await expect(other.locator('tbody th', { hasText: '(newest)' })).toBeVisible();
  const after = await other.locator('tbody th', { hasText: '(newest)' }).innerText();
  await publish(one);
  await expect(one.getByRole('heading', { level: 1 })).toHaveText('Somebody else was here meanwhile');
  await expect(one.locator('main')).toContainText('You, on this machine published version');
  await one.getByRole('link', { name: 'Look at it' }).click();
  await expect(one.getByRole('heading', { level: 1 })).toContainText(name);
  await other.reload();
  await expect(other.locator('tbody th', { hasText: '(newest)' })).toHaveText(after);
});

test('a second tab pauses first, and the first is told', async ({ context }) => {
  const [one, other] = [await context.newPage(), await context.newPage()];
  const url = `${world.local}/pipelines/page-views-to-analytics`;
  for (const page of [one, other]) await page.goto(url);
  await other.getByRole('button', { name: 'Pause' }).click();
  await expect(other.getByRole('button', { name: 'Resume' })).toBeVisible();
  await one.getByRole('button', { name: 'Pause' }).click();
  await expect(one.getByRole('heading', { level: 1 })).toHaveText('It stands so already');
  await other.getByRole('button', { name: 'Resume' }).click();
  await expect(other.getByRole('button', { name: 'Pause' })).toBeVisible();
});
