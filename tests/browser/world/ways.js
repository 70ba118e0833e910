// The ways in which people work: with a mouse, with a keyboard alone, and where no script runs.

import { expect } from '@playwright/test';
import { press } from './keyboard.js';

const field = (page, label) => page.getByLabel(label, { exact: true });

// The text of a label around a list has the list's options in it, which are no part of its name.
const list = (page, label) => page.getByRole('combobox', { name: label, exact: true });

const POINTING = {
  type: (page, label, text) => field(page, label).fill(text),
  press: (page, role, name) => page.getByRole(role, { name }).first().click(),
  choose: (page, label) => field(page, label).check(),
  pick: (page, label, option) => list(page, label).selectOption({ label: option }),
};

/**
 * How a text is typed in place of what a field has, a button or link pressed, one of several radio buttons chosen and an
 * option picked, in each way of working.
 */
export const WAYS = {
  'by mouse': { options: {}, ...POINTING },
  'by keyboard alone': {
    options: {},
    type: async (page, label, text) => {
      await press(page, field(page, label), null);
      await page.keyboard.type(text);
    },
    press: (page, role, name) => press(page, page.getByRole(role, { name }).first(), 'Enter'),
    choose: async (page, label) => {
      // Tab leads to one of the group, and arrows to the others.
      const wanted = field(page, label);
      const group = page.locator(`input[type=radio][name="${await wanted.getAttribute('name')}"]`);
      const checked = group.and(page.locator(':checked'));
      await press(page, (await checked.count()) > 0 ? checked : group.first(), 'Space');
      await arrows(page, await group.count(), () => wanted.isChecked());
    },
    pick: async (page, label, option) => {
      const wanted = list(page, label);
      await press(page, wanted, 'Home');
      const chosen = () => wanted.evaluate((select) => select.selectedOptions[0].label);
      await arrows(page, await wanted.locator('option').count(), async () => (await chosen()) === option);
    },
  },
  'without JavaScript': { options: { javaScriptEnabled: false }, ...POINTING },
};

/** Presses the arrow down until it is so. */
async function arrows(page, most, isSo) {
  for (let each = 0; each < most && !(await isSo()); each += 1) await page.keyboard.press('ArrowDown');
  expect(await isSo()).toBe(true);
}
