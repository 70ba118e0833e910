// What has failed is mended in the page: sent again, one or all, or by a mapping that is changed.

import { oneProblem } from '../screens.js';
import { isClosed, open, taken } from '../world/helpdesk.js';
import { expect, test, world } from '../world/index.js';
import { PIPELINE, problemsOf, refused, retryAll } from '../world/refused.js';
import { customer, put } from '../world/rows.js';
import { WAYS } from '../world/ways.js';

/** Waits until it is so; a page that no script follows is asked again. */
const until = (page, way, check) =>
  way === 'without JavaScript'
    ? expect(async () => {
        await page.getByRole('link', { name: 'Look again' }).click({ timeout: 500 }).catch(() => {});
        await check({ timeout: 500 });
      }).toPass()
    : check({});

for (const [way, { options, type, press }] of Object.entries(WAYS)) {
  test.describe(way, () => {
    test.use(options);

    test('a failed change is sent again, then all with which the same is wrong', async ({ page }) => {
      const main = page.locator('main');
      const queue = await refused(page, world.local, world.stack, 3);
      await oneProblem(page, world.local, PIPELINE, isClosed(queue));
      await expect(main).toContainText(isClosed(queue));
      await expect(main).toContainText('The destination has refused it.');
      await expect(main).toContainText('It waits for somebody to look.');

      // As long as the queue is closed, it fails again, and that is said.
      await press(page, 'button', 'Send it again');
      await until(page, way, (options) => expect(main).toContainText('and has failed again.', options));
      expect(await taken(world.helpdesk, queue)).toEqual([]);

      await open(world.helpdesk, queue);
      if (way !== 'without JavaScript') await page.reload();
      await press(page, 'button', 'Send it again');
      await until(page, way, (options) => expect(main).toContainText('The destination has it, since', options));
      expect(await taken(world.helpdesk, queue)).toHaveLength(1);
      await page.reload();
      await expect(page.getByRole('button', { name: 'Send it again' })).toHaveCount(0);

      await press(page, 'link', 'Problems');
      await expect(problemsOf(page, queue)).toContainText('2 changes of tickets-to-helpdesk');
      await press(page, 'button', new RegExp(`^Send all 2 again.*${isClosed(queue)}`));
      await expect(main).toContainText('2 of 2 failed changes');
      await expect(page.getByRole('progressbar')).toHaveJSProperty('value', 2);
      await expect(main).toContainText('2 sent again.');
      await until(page, way, (options) => expect(main).toContainText('2 delivered', options));
      const ids = [1, 2, 3].map((each) => `t-${queue}-${each}`);
      expect((await taken(world.helpdesk, queue)).sort()).toEqual(ids);

      await page.goto(`${world.local}/problems`);
      await expect(problemsOf(page, queue)).toHaveCount(0);
      await page.goto(`${world.local}/settings/audit`);
      await expect(page.locator('tbody tr').first()).toContainText('retry 2 failures of tickets-to-helpdesk for helpdesk at deliver');
      await expect(page.locator('tbody tr').first()).toContainText('Done');
    });

    test('more than a request deals with are sent again, with how far it is', async ({ page }) => {
      const main = page.locator('main');
      const queue = await refused(page, world.local, world.stack, 101);
      await open(world.helpdesk, queue);
      await retryAll(page, queue).click();
      if (way === 'without JavaScript') {
        await expect(main).toContainText('100 of 101 failed changes');
        await expect(page.getByRole('progressbar')).toHaveJSProperty('value', 100);
        await expect(main).toContainText('Nothing is lost where this page is left: what was not sent waits among the problems.');
        await press(page, 'button', 'Go on with the next 1');
      }
      await expect(main).toContainText('101 of 101 failed changes');
      await expect(main).toContainText('101 sent again.');
      await expect.poll(async () => new Set(await taken(world.helpdesk, queue)).size).toBe(101);
    });

    test('a mapping that fails is changed, and what has failed by it is sent again and arrives', async ({ page }) => {
      const main = page.locator('main');
      const id = `c-mend-${way.replaceAll(' ', '-')}`;
      // Whoever wrote this row did not know the amount, and no pipeline but this one reads it where there is no country.
      const { country, ...row } = customer(id, { mrr_cents: `unknown ${way}` });
      await put(world.stack, 'store-customers', row);
      const timeline = `${world.local}/activity/customer?q=${id}`;
      const moment = page.locator('.timeline > li', { hasText: 'by customers-to-klaviyo' });
      await expect(async () => {
        await page.goto(timeline);
        await expect(moment).toContainText('Failed', { timeout: 500 });
      }).toPass();
      await moment.getByRole('link', { name: 'Look at this failure' }).click();
      await expect(main).toContainText('The mapping fails for this row. Change the mapping, or the row, and send it again.');
      const failure = page.url();

      await press(page, 'link', 'change it');
      await press(page, 'button', 'Change the mapping');
      await expect(page).toHaveURL(/\/drafts\/.*\/mapping$/);
      // It says what becomes of this row alone, so the next way has something to mend, too.
      const formula = `0 if after.mrr_cents == 'unknown ${way}' else after.mrr_cents / 100`;
      // A page with scripts keeps what is typed by itself.
      const kept = page.waitForResponse((response) =>
        new URLSearchParams(response.request().postData() ?? '').getAll('formula').includes(formula));
      await type(page, 'mrr: Formula', formula);
      if (way === 'without JavaScript') await press(page, 'button', 'Keep and check');
      await kept;
      await expect(page.getByLabel('mrr: Formula', { exact: true })).toHaveValue(formula);
      await press(page, 'link', 'Publish');
      await expect(page.locator('.text ins', { hasText: formula })).toBeVisible();
      await press(page, 'button', 'Publish');
      await expect(page).toHaveURL(`${world.local}/pipelines/customers-to-klaviyo`);
      await expect(async () => {
        await page.reload();
        await expect(main).toContainText('Live.', { timeout: 500 });
        await expect(main).not.toContainText('is in effect in', { timeout: 500 });
      }).toPass();

      await page.goto(failure);
      await press(page, 'button', 'Send it again');
      // A key does not wait for the page that it leads to.
      await expect(main).not.toContainText('It waits for somebody to look.');
      await expect(async () => {
        await page.goto(timeline);
        await expect(moment.filter({ has: page.locator('.badge', { hasText: /Sent$/ }) })).toHaveCount(1, { timeout: 500 });
      }).toPass();
      await page.goto(failure);
      await expect(main).toContainText('The destination has it, since');
    });
  });
}

test('who asks a second time, in another tab, sends nothing twice', async ({ context }) => {
  const [one, other] = [await context.newPage(), await context.newPage()];
  const queue = await refused(one, world.local, world.stack, 1);
  await oneProblem(one, world.local, PIPELINE, isClosed(queue));
  await other.goto(one.url());
  await open(world.helpdesk, queue);
  for (const page of [one, other]) {
    await page.getByRole('button', { name: 'Send it again' }).click();
    await expect(page.locator('main')).toContainText('The destination has it, since');
  }
  expect(await taken(world.helpdesk, queue)).toHaveLength(1);
});
