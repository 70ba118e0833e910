// Two who work at the same, or one in two tabs: both see both, and nothing is lost.

import { edited, suggested, written } from '../world/drafts.js';
import { expect, test, world } from '../world/index.js';

const always = (page, field, text) => async () => {
  await page.getByRole('combobox', { name: `${field}: Filled with`, exact: true }).selectOption('always the same');
  await page.getByLabel(`${field}: Value`, { exact: true }).fill(text);
};

/** A draft of which two tabs have the mapping open, and the second has filled the job title. */
async function twoTabs(context) {
  const [one, other] = [await context.newPage(), await context.newPage()];
  const path = await suggested(one, world.local);
  for (const page of [one, other]) await page.goto(`${world.local}${path}/mapping`);
  await always(other, 'Job title', 'by the other tab')();
  await expect(other.locator('#result')).toContainText('by the other tab');
  return { one, other, path };
}

const documentOf = async (page, path) => {
  await page.goto(`${world.local}${path}/text`);
  return page.getByLabel('Document').inputValue();
};

/** Both texts are there, each by its sign. */
async function showsBoth(page) {
  await expect(page.locator('main')).toContainText('This draft was changed meanwhile');
  await expect(page.locator('main')).toContainText('It was kept by You, on this machine at');
  await expect(page.locator('main')).toContainText('Nothing of yours was kept yet.');
  await expect(page.locator('.text ins')).toContainText('by this tab');
  await expect(page.locator('.text del')).toContainText('by the other tab');
}

test('two tabs fill fields of a draft: the later one sees both, and keeps its own', async ({ context }) => {
  const { one, other, path } = await twoTabs(context);
  await always(one, 'Company name', 'by this tab')();
  await showsBoth(one);
  // What was typed stays, and what the other has kept does, too.
  await expect(one.getByLabel('Company name: Value', { exact: true })).toHaveValue('by this tab');
  expect(await documentOf(other, path)).toContain('by the other tab');
  await one.getByRole('button', { name: 'Keep mine in place of theirs' }).click();
  await expect(one).toHaveURL(`${world.local}${path}/mapping`);
  await expect(one.getByLabel('Company name: Value', { exact: true })).toHaveValue('by this tab');
  const kept = await documentOf(other, path);
  expect(kept).toContain('by this tab');
  expect(kept).not.toContain('by the other tab');
});

test('two tabs fill fields of a draft: the later one sees both, and takes what the other has kept', async ({ context }) => {
  const { one, path } = await twoTabs(context);
  await always(one, 'Company name', 'by this tab')();
  await showsBoth(one);
  await one.getByRole('link', { name: 'Take theirs, and drop mine' }).click();
  await expect(one.getByLabel('Job title: Value', { exact: true })).toHaveValue('by the other tab');
  expect(await documentOf(one, path)).not.toContain('by this tab');
});

/** Keeps the answer to what the page keeps by itself back, until it is released; what is kept is kept at once. */
async function heldBack(page, path) {
  let release;
  const released = new Promise((resolve) => { release = resolve; });
  let arrived;
  const first = new Promise((resolve) => { arrived = resolve; });
  await page.route(`**${path}/mapping`, async (route) => {
    if (route.request().method() !== 'POST' || !route.request().headers()['hx-request']) return route.continue();
    const response = await route.fetch();
    arrived();
    await released;
    // The page may have gone on to another.
    await route.fulfill({ response }).catch(() => {});
  });
  return { first, release };
}

for (const way of ['goes on typing', 'presses the button']) {
  test(`who ${way} before the page has heard that it was kept meets nobody, and nothing is lost`, async ({ page }) => {
    const path = await suggested(page, world.local);
    await page.goto(`${world.local}${path}/mapping`);
    const { first, release } = await heldBack(page, path);
    await always(page, 'Company name', 'Co')();
    await first;
    await page.getByLabel('Company name: Value', { exact: true }).fill('Company');
    if (way === 'goes on typing') {
      release();
      // The field's name has the word in it, too: the value alone tells that it is kept.
      await expect(page.locator('#result dd', { hasText: /^Company$/ })).toBeVisible();
    } else {
      await page.getByRole('button', { name: 'Keep and check' }).click();
      await page.waitForURL(/#result$/);
      release();
    }
    await expect(page.locator('main')).not.toContainText('This draft was changed meanwhile');
    await expect(page.getByLabel('Company name: Value', { exact: true })).toHaveValue('Company');
    expect(await documentOf(page, path)).toContain("'Company'");
  });
}

test('two tabs write the text of a draft: the later one sees both, and may go on being overtaken', async ({ context }) => {
  const [one, other] = [await context.newPage(), await context.newPage()];
  const path = await suggested(one, world.local);
  await one.goto(`${world.local}${path}/text`);
  await written(other, world.local, path, (text) => `# by the other tab\n${text}`);
  const mine = `# by this tab\n${await one.getByLabel('Document').inputValue()}`;
  await one.getByLabel('Document').fill(mine);
  await one.getByRole('button', { name: 'Keep' }).click();
  await showsBoth(one);
  // Meanwhile the other one writes once more: again both are seen.
  await written(other, world.local, path, (text) => text.replace('by the other tab', 'by the other tab again'));
  await one.getByRole('button', { name: 'Keep mine in place of theirs' }).click();
  await showsBoth(one);
  await expect(one.locator('.text del')).toContainText('by the other tab again');
  await one.getByRole('button', { name: 'Keep mine in place of theirs' }).click();
  expect(await documentOf(one, path)).toBe(mine);
});

test('a pipeline that was published meanwhile is not replaced before both were compared', async ({ context }) => {
  const [one, other] = [await context.newPage(), await context.newPage()];
  const name = 'page-views-to-analytics';
  const [mine, theirs] = [await edited(one, world.local, name), await edited(other, world.local, name)];
  await written(one, world.local, mine, (text) => `# by this tab\n${text}`);
  await written(other, world.local, theirs, (text) => `# by the other tab\n${text}`);
  await one.goto(`${world.local}${mine}/publish`);
  await expect(one.locator('main')).not.toContainText('while you were editing');

  await other.goto(`${world.local}${theirs}/publish`);
  await other.getByRole('button', { name: 'Publish' }).click();
  await expect(other).toHaveURL(`${world.local}/pipelines/${name}`);
  const newest = await other.locator('tbody th', { hasText: '(newest)' }).innerText();
  const version = newest.match(/\d+/)[0];

  await one.getByRole('button', { name: 'Publish' }).click();
  const said = `Version ${version} was published by You, on this machine at`;
  await expect(one.locator('main')).toContainText(said);
  await expect(one.locator('main')).toContainText('while you were editing. Nothing of yours was published; compare the two.');
  await other.reload();
  await expect(other.locator('tbody th', { hasText: '(newest)' })).toHaveText(newest);

  await one.getByRole('link', { name: 'Look at it' }).click();
  await expect(one.locator('main')).toContainText(said);
  await expect(one.locator('main')).toContainText('while you were editing. Compare: what is published now would replace it.');
  await expect(one.locator('.text ins')).toContainText('by this tab');
  await expect(one.locator('.text del')).toContainText('by the other tab');
  // Who has compared them may.
  await one.getByRole('button', { name: 'Publish' }).click();
  await expect(one.locator('tbody th', { hasText: '(newest)' })).toHaveText(`Version ${Number(version) + 1} (newest)`);
});
