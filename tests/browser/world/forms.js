// Forms of the console, posted from a page of it.

/** Posts a form of the console from a page of it, with whatever is wrong with it. */
export async function post(page, action, fields) {
  // The last page that it leads to.
  const arrived = page.waitForNavigation();
  await page.evaluate(
    ({ action, fields }) => {
      const form = Object.assign(document.createElement('form'), { method: 'post', action });
      for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
      }
      document.body.append(form);
      form.submit();
    },
    { action, fields },
  );
  return arrived;
}

/** The token of the page that is open. */
export const token = (page) => page.locator('input[name=csrf]').first().inputValue();
