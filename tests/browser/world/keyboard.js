// A person who has a keyboard and no mouse.

import { expect } from '@playwright/test';

/** More tabs than any page has stops. */
const MOST = 200;

/** Goes with Tab to an element, which has to come, and to be seen to have the focus; then presses the key, if one is given. */
export async function press(page, locator, key) {
  await expect(locator).toBeVisible();
  const wanted = await locator.elementHandle();
  for (let tabs = 0; tabs < MOST; tabs += 1) {
    if (await wanted.evaluate((element) => element === document.activeElement)) {
      expect(await stop(page)).toMatchObject({ isSeen: true });
      if (key) await page.keyboard.press(key);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`no number of tabs leads to ${locator}`);
}

/** What has the focus: whether it shows that, and whether it is on the screen. */
export const stop = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const { top, left, bottom, right } = element.getBoundingClientRect();
    const isIn = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
    return {
      html: element.outerHTML.slice(0, 100),
      isBody: element === document.body,
      isSeen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && isIn,
    };
  });
