// A person's first pipeline: from the first page to a change that it has delivered, in each way of working.

import { expect, test, world } from '../world/index.js';
import { customer, put } from '../world/rows.js';
import { WAYS } from '../world/ways.js';

const NAMES = {
  'by mouse': 'first-by-mouse',
  'by keyboard alone': 'first-by-keyboard',
  'without JavaScript': 'first-without-javascript',
};

/** The value that stands beside a name, in the record or in what would be sent. */
const value = (part, name) => part.locator('dl > div', { has: part.page().locator('dt').getByText(name, { exact: true }) }).locator('dd');

for (const [way, { options, type, press, choose, pick }] of Object.entries(WAYS)) {
  test.describe(way, () => {
    test.use(options);

    test('a first pipeline, from the first page to a change that is delivered', async ({ page }) => {
      const name = NAMES[way];
      const main = page.locator('main');
      await page.goto(world.local);
      await press(page, 'link', 'Create a pipeline');

      await expect(page.getByRole('heading', { level: 1 })).toHaveText('A new pipeline');
      // What a source holds is told by names that somebody knows.
      await expect(main).toContainText('marketing_consent');
      await choose(page, 'customers');
      await press(page, 'button', 'Go on: destination');

      await expect(main).toContainText('each change of customers');
      await choose(page, 'HubSpot: Create or update a contact');
      await press(page, 'button', 'Go on: which changes');

      // Another pipeline has the name that would be the first to think of.
      await expect(page.getByLabel('Name of the pipeline')).toHaveValue('customers-to-hubspot-2');
      await type(page, 'Name of the pipeline', name);
      await choose(page, 'changes of records for which all of this is true');
      await type(page, 'Condition 1: Field', 'marketing_consent');
      await pick(page, 'Condition 1: how it is compared', 'is true or filled in');
      await pick(page, 'When a record that was sent is no longer among them', 'Archive it in HubSpot, so that it can be restored');
      await press(page, 'button', 'Go on: mapping');

      await expect(page.getByRole('heading', { level: 1 })).toHaveText(name);
      // What could be told by names is filled already.
      const group = (legend) => page.getByRole('group', { name: legend });
      await expect(group('First name').getByLabel('First name: Filled with')).toHaveValue('field');
      await expect(group('First name').getByLabel('First name: Field')).toHaveValue('first_name');
      await expect(group('Email').getByLabel('Email: Field')).toHaveValue('email');
      const [record, result] = [page.locator('.record'), page.locator('#result')];
      const of = async (field) => (await value(record, field).innerText()).trim();
      const [first, plan, email] = [await of('first_name'), await of('plan'), await of('email')];
      await expect(value(result, 'Email')).toHaveText(email.toLowerCase());
      await expect(value(result, 'First name')).toHaveText(first);

      // A page without scripts tells when it is asked; the others do by themselves.
      const told = async () => {
        if (way === 'without JavaScript') await press(page, 'button', 'Keep and check');
      };
      await pick(page, 'Job title: Filled with', 'always the same');
      await type(page, 'Job title: Value', 'Customer of the store');
      await told();
      await expect(value(result, 'Job title')).toHaveText('Customer of the store');
      await pick(page, 'Company name: Filled with', 'a formula');
      await type(page, 'Company name: Formula', "after.first_name ~ ' & <Co.>'");
      await told();
      await expect(value(result, 'Company name')).toHaveText(`${first} & <Co.>`);
      await pick(page, 'City: Filled with', 'a field');
      // The picker has the fields of the record.
      const picker = page.locator(`#${await page.getByLabel('City: Field', { exact: true }).getAttribute('list')} option`);
      expect(await picker.evaluateAll((options) => options.map(({ value }) => value))).toEqual(expect.arrayContaining(['plan', 'email']));
      await type(page, 'City: Field', 'plan');
      await told();
      await expect(value(result, 'City')).toHaveText(plan);

      await pick(page, 'Email: Filled with', 'nothing');
      await told();
      await expect(result).toContainText('Email is required by HubSpot. Pick a field or type a value.');
      await press(page, 'link', 'Publish');
      await expect(page.getByRole('heading', { level: 2 })).toHaveText('Publish');
      await expect(main).toContainText('It cannot be published yet');
      await expect(page.getByRole('button', { name: 'Publish' })).toHaveCount(0);
      await press(page, 'link', 'Mapping');
      await pick(page, 'Email: Filled with', 'a field, changed');
      await type(page, 'Email: Field', 'email');
      await pick(page, 'Email: Changed', 'lower: In small letters.');
      await told();
      await expect(result).not.toContainText('is required');
      await expect(result).toContainText(/Last \d+ records: [1-9]\d* fine/);
      // Of itself the page shows a record that is sent.
      await Promise.all([page.waitForNavigation(), press(page, 'link', 'Mapping')]);
      await expect(value(result, 'Email')).toHaveText((await of('email')).toLowerCase());

      await press(page, 'link', 'Try it');
      await expect(main).toContainText('The request, byte for byte');
      const [, line, body] = (await page.locator('main pre').innerText()).match(/^([^\n]*)\n\n(.*)$/s);
      // As HubSpot's reference of contacts has it.
      expect(line).toMatch(/^POST \S+\/crm\/v3\/objects\/contacts\/batch\/upsert$/);
      const [input] = JSON.parse(body).inputs;
      expect(input).toMatchObject({ idProperty: 'email', properties: { jobtitle: 'Customer of the store' } });
      expect(input.properties.company).toMatch(/^.+ & <Co\.>$/);
      expect(input.id).toBe(input.id.toLowerCase());
      await expect(main).toContainText('The credentials are not shown.');
      // What sending does is said before it is done.
      await expect(main).toContainText(
        /This is real: in HubSpot it will create or update a contact\.|An earlier change brings HubSpot the same values; sending them twice does no harm\./,
      );
      await press(page, 'button', 'Send it');
      const answer = page.getByRole('status');
      await expect(answer).toContainText('HubSpot answered');
      await expect(answer).toContainText('Done');
      await expect(answer).toContainText(/It was (created|there, and was updated), under the id \d+\./);
      const [status, ...answered] = (await answer.locator('pre').innerText()).split('\n');
      expect(status).toMatch(/^20[01]$/);
      expect(JSON.parse(answered.join('\n')).results).toHaveLength(1);

      await press(page, 'link', 'Publish');
      await expect(main).toContainText(/Of the newest records \d+ are fine/);
      await expect(page.locator('.text')).toContainText('when = "after.marketing_consent"');
      await expect(page.locator('.text')).toContainText('on_leave = "archive"');
      await press(page, 'button', 'Publish');
      await expect(page).toHaveURL(`${world.local}/pipelines/${name}`);
      await expect(main).toContainText('customers → HubSpot: Create or update a contact');
      await expect(page.locator('tbody th')).toHaveText('Version 1 (newest)');

      // It says from when on it takes changes.
      await expect(async () => {
        await page.reload();
        await expect(main).toContainText('Live.', { timeout: 500 });
        await expect(main).not.toContainText('is in effect in', { timeout: 500 });
      }).toPass();
      await put(world.stack, 'store-customers', customer(`c-${name}`, { email: `${name}@Mail.example` }));
      await press(page, 'link', 'Activity');
      await expect(page).toHaveURL(`${world.local}/activity`);
      await type(page, 'What became of a customer? Record id or e-mail address', `${name}@mail.example`);
      await press(page, 'button', 'Search');
      await expect(page).toHaveURL(/\/activity\/customer\?q=/);
      const moment = page.locator('.timeline > li', { hasText: `by ${name}, version 1` });
      await expect(async () => {
        await page.reload();
        await expect(moment).toContainText('Sent', { timeout: 500 });
      }).toPass();
      await expect(moment).toContainText('HubSpot');

      await press(page, 'link', name);
      await expect(page).toHaveURL(`${world.local}/pipelines/${name}`);
      await expect(async () => {
        await page.reload();
        const sent = page.locator('.facts > div', { has: page.getByText('Sent', { exact: true }) }).locator('dd');
        expect(Number(await sent.innerText())).toBeGreaterThanOrEqual(1);
      }).toPass();
    });
  });
}
