// What all cases share: a demo that runs, with something to see.

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROGRAMS, demo } from './world/demo.js';
import { REFUSED, helpdesk } from './world/helpdesk.js';
import { customer, put, ticket } from './world/rows.js';
import { run } from './world/started.js';

const STORE = 'infra/examples/store';

export default async function setup() {
  // What an earlier run has left.
  rmSync('target/browser', { recursive: true, force: true });
  const desk = await helpdesk();
  const store = await demo([
    '--changes', '300', '--rate', '300', '--webhook-url', desk.url, '--webhook-destination', 'helpdesk',
  ]);
  const teardown = async () => {
    await store.stop();
    await desk.stop();
    rmSync(store.folder, { recursive: true, force: true });
  };
  try {
    await fill(store);
  } catch (error) {
    await teardown();
    throw error;
  }
  const { url, outputs, stack } = store;
  process.env.FRESHET_WORLD = JSON.stringify({ local: url, outputs, stack, helpdesk: desk.url });
  return teardown;
}

/** Rows that fail at the destination and in the mapping, and a second version of three pipelines. */
async function fill({ stack, outputs }) {
  for (let each = 1; each <= 3; each += 1) {
    await put(stack, 'store-tickets', ticket(`t-900${each}`, `Ticket ${each} ${REFUSED}`));
  }
  const markup = { first_name: '<script>document.title=1</script>', last_name: '=HYPERLINK("http://evil.example","open")' };
  await put(stack, 'store-customers', customer('c-9001', { email: '', ...markup }));
  await put(stack, 'store-customers', customer('c-9002', { email: '' }));
  await put(stack, 'store-customers', customer('c-9003'));
  const folder = 'target/browser/changed';
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(join(STORE, 'pipelines')).filter((name) => name.endsWith('.toml'))) {
    let text = readFileSync(join(STORE, 'pipelines', file), 'utf8');
    if (file === 'customers-to-customer-io.toml') text = text.replace('plan = "after.plan"\n', 'plan = "after.plan | title"\n');
    if (file === 'tickets-to-slack.toml') text = text.replace("' is urgent: '", "' is very urgent: '");
    if (file === 'customers-to-warehouse.toml') text = text.replace("\"'customer'\"", "\"'a customer'\"");
    writeFileSync(join(folder, file), text);
  }
  await run(join(PROGRAMS, 'freshet'), ['pipelines', 'push', folder, '--by', 'Grace Hopper', '--outputs', outputs]);
}
