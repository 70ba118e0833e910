// Every stop of the keyboard on every page: each is reached, in order, and seen.

import { STATES } from '../screens.js';
import { expect, test, world } from '../world/index.js';
import { stop } from '../world/keyboard.js';

for (const { name, open } of STATES.filter((state) => !state.on && !state.status && !state.takesLong)) {
  test(`every stop of ${name}`, async ({ page }) => {
    await open(page, { url: world.local, world });
    // Where the page has the focus after it was used says nothing of the way through it.
    await page.evaluate(() => {
      document.body.tabIndex = -1;
      document.body.focus();
      document.body.removeAttribute('tabindex');
    });
    const stops = await page.evaluate(() => {
      const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')];
      const seen = all.filter((element) => element.checkVisibility());
      // A group of radio buttons is one stop: arrows go within.
      const isLater = (element, at) => seen.slice(0, at).some(({ type, name }) => type === 'radio' && name === element.name);
      return seen.filter((element, at) => element.type !== 'radio' || !isLater(element, at)).length;
    });
    const seen = [];
    for (let each = 0; each < stops; each += 1) {
      await page.keyboard.press('Tab');
      seen.push(await stop(page));
    }
    expect(seen[0].html).toContain('class="skip"');
    expect(seen.filter(({ isBody, isSeen }) => isBody || !isSeen)).toEqual([]);
    expect(new Set(seen.map(({ html }) => html)).size).toBeGreaterThanOrEqual(3);
    // Around once: after the last stop there is none that was left out.
    await page.keyboard.press('Tab');
    const { isBody, html } = await stop(page);
    expect(isBody || html === seen[0].html, html).toBe(true);
  });
}

test('who skips to the content is there', async ({ page }) => {
  await page.goto(world.local);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.locator('main')).toBeFocused();
  await page.keyboard.press('Tab');
  expect((await page.evaluate(() => document.activeElement.closest('main') !== null))).toBe(true);
});
