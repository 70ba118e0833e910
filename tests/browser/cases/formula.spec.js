// Formulas are completed while they are typed, by mouse and by keyboard.

import { suggested } from '../world/drafts.js';
import { expect, test, world } from '../world/index.js';

const takes = {
  'by mouse': (page, name) => page.getByRole('option', { name }).click(),
  'by keyboard alone': async (page, name) => {
    const wanted = page.getByRole('option', { name });
    const all = page.getByRole('option');
    for (let each = 0; each < (await all.count()) && (await wanted.getAttribute('aria-selected')) !== 'true'; each += 1) {
      await page.keyboard.press('ArrowDown');
    }
    await page.keyboard.press('Enter');
  },
};

for (const [way, take] of Object.entries(takes)) {
  test(`a formula is completed, ${way}`, async ({ page }) => {
    await page.goto(`${world.local}${await suggested(page, world.local)}/mapping`);
    await page.getByLabel('City: Filled with').selectOption('a formula');
    const formula = page.getByRole('combobox', { name: 'City: Formula' });
    const list = page.getByRole('listbox', { name: 'What can be written here' });

    await formula.pressSequentially('af');
    await take(page, /^after /);
    await expect(formula).toHaveValue('after.');
    await formula.pressSequentially('coun');
    await expect(list).toBeVisible();
    await expect(formula).toHaveAttribute('aria-expanded', 'true');
    await take(page, /^country/);
    await expect(formula).toHaveValue('after.country');
    await expect(list).toBeHidden();
    await formula.pressSequentially(' | up');
    // What it does stands beside its name.
    await take(page, /^upper In capitals/);
    await expect(formula).toHaveValue('after.country | upper');
    await expect(formula).toBeFocused();
    // What was completed is kept and checked as what was typed.
    const country = page.locator('.record dl > div', { has: page.getByText('country', { exact: true }) }).locator('dd');
    const city = page.locator('#result dl > div', { has: page.getByText('City', { exact: true }) }).locator('dd');
    await expect(city).toHaveText((await country.innerText()).toUpperCase());

    // A text is nobody's name, and who wants no list has none.
    await formula.fill('');
    await formula.pressSequentially("'af");
    await expect(list).toBeHidden();
    await formula.fill('');
    await formula.pressSequentially('af');
    await expect(list).toBeVisible();
    await formula.press('Escape');
    await expect(list).toBeHidden();
    await expect(formula).toHaveValue('af');
  });
}
