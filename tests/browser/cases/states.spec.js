// Every screen and state, looked at as far as a machine can: WCAG 2.2 AA by axe in light and in dark, one column at 400 %
// zoom, targets of 24 pixels, nothing that moves for who wants no motion, what it weighs, and a picture for people.

import AxeBuilder from '@axe-core/playwright';
import { STATES } from '../screens.js';
import { expect, test } from '../world/index.js';
import { openState } from '../world/open.js';

const AA = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** The bounds of issue "the console": gzipped bytes a page, and of its scripts; requests. */
const MOST = { bytes: 75_000, script: 30_000, requests: 6 };

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
/** 1280 by 1024 pixels at 400 % (WCAG 2.2, 1.4.10). */
const ZOOMED = { width: 320, height: 256 };

for (const state of STATES) {
  test(state.name, async ({ browser, deployed, broken, empty, signedIn }) => {
    const { page, requests, close } = await openState(browser, state, { deployed, broken, empty }, signedIn);
    try {
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        const { violations, passes } = await new AxeBuilder({ page })
          .options({ rules: { 'target-size': { enabled: true } } })
          .withTags(AA)
          .analyze();
        expect(violations.map(told), `${state.name}, ${colorScheme}`).toEqual([]);
        expect(passes.length).toBeGreaterThan(10);
        test.info().annotations.push({ type: 'axe', description: `${state.name}, ${colorScheme}: 0 violations of ${passes.length} rules` });
        await page.setViewportSize(PHONE);
        await picture(page, state, `390${colorScheme === 'dark' ? '-dark' : ''}`);
        await page.setViewportSize(DESKTOP);
        await picture(page, state, `1280${colorScheme === 'dark' ? '-dark' : ''}`);
      }
      expect(await page.evaluate(() => document.getAnimations().length), 'what moves').toBe(0);
      await page.setViewportSize(ZOOMED);
      expect(await wide(page), 'wider than one column at 400 %').toEqual([]);
      expect(await smallTargets(page), 'targets below 24 pixels').toEqual([]);
      await page.setViewportSize(DESKTOP);
      expect(await smallTargets(page), 'targets below 24 pixels').toEqual([]);
      weigh(state, await requests());
    } finally {
      await close();
    }
  });
}

const told = ({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`;

async function picture(page, { name }, width) {
  const file = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  await page.screenshot({ path: `target/browser/pictures/${file}-${width}.png`, fullPage: true });
}

/** What makes the page scroll sideways; what scrolls within itself does not. */
function wide(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const over = [...document.querySelectorAll('body *')].filter(
      (element) => element.getBoundingClientRect().right > clientWidth && !element.closest('.scroll'),
    );
    return [`${scrollWidth} of ${clientWidth}`, ...over.map((element) => element.outerHTML.slice(0, 120))];
  });
}

/** What can be clicked and is smaller than 24 by 24 CSS pixels; links within a sentence may be (WCAG 2.2, 2.5.8). */
function smallTargets(page) {
  return page.evaluate(() => {
    const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')];
    const isInline = (element) =>
      element.matches('a') && element.parentElement.textContent.trim() !== element.textContent.trim() &&
      getComputedStyle(element).display === 'inline';
    return all
      .filter((element) => element.checkVisibility() && !element.matches('.skip') && !isInline(element))
      .map((element) => [element.outerHTML.slice(0, 90), element.getBoundingClientRect()])
      .filter(([, { width, height }]) => width > 0 && (width < 24 || height < 24))
      .map(([html, { width, height }]) => `${html} ${width.toFixed(0)}x${height.toFixed(0)}`);
  });
}

function weigh({ name }, requests) {
  const sum = (of) => of.reduce((total, { bytes }) => total + bytes, 0);
  const all = sum(requests);
  const script = sum(requests.filter(({ kind }) => kind === 'script'));
  test.info().annotations.push({
    type: 'weights (bytes as sent, of them script; requests)',
    description: `${name}: ${all}, ${script}; ${requests.length}`,
  });
  expect(requests.filter(({ isOwn }) => !isOwn).map(({ url }) => url), 'requests to another host').toEqual([]);
  expect(all).toBeLessThanOrEqual(MOST.bytes);
  expect(script).toBeLessThanOrEqual(MOST.script);
  expect(requests.length).toBeLessThanOrEqual(MOST.requests);
  // A page without its style sheet and script would pass all of that.
  expect(requests.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['document', 'stylesheet', 'script']));
}
