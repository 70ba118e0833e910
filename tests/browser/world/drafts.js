// Drafts of pipelines, made by posting the console's own forms: for cases that begin where others have come to.

import { post, token } from './forms.js';

/** A new draft of customers to HubSpot, or of what else is told, where its changes are chosen; its path. */
export async function begun(page, url, { source = 'customers', aim = 'hubspot/upsert_contact' } = {}) {
  await page.goto(`${url}/pipelines/new`);
  await post(page, '/drafts', { csrf: await token(page), source });
  const path = new URL(page.url()).pathname.replace(/\/destination$/, '');
  await send(page, `${path}/destination`, { aim });
  return path;
}

/** A new draft of all changes, at its mapping as it is suggested; its path. */
export async function suggested(page, url, aim) {
  const path = await begun(page, url, aim);
  const name = await page.getByLabel('Name of the pipeline').inputValue();
  await send(page, `${path}/changes`, { name, which: 'all' });
  return path;
}

/** A draft of a change to a pipeline, at its mapping; its path. */
export async function edited(page, url, pipeline) {
  await page.goto(`${url}/pipelines/${pipeline}`);
  await post(page, `/pipelines/${pipeline}/edit`, { csrf: await token(page) });
  return new URL(page.url()).pathname.replace(/\/mapping$/, '');
}

/** Writes a draft's text, as `change` makes it of the text that it has; the page that comes of that. */
export async function written(page, url, path, change) {
  await page.goto(`${url}${path}/text`);
  const text = await page.getByLabel('Document').inputValue();
  const document = change(text);
  if (document === text) throw new Error(`nothing of this is changed:\n${text}`);
  return send(page, `${path}/text`, { document });
}

/** Posts to a page of a draft, with the token and the edit of the page that is open. */
export async function send(page, path, fields) {
  const edit = await page.locator('input[name=edit]').first().inputValue();
  return post(page, path, { csrf: await token(page), edit, ...fields });
}
