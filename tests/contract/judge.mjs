// What is asked of Prism, and what its verdicts mean. `found` collects over all connectors; `count` is one connector's.

import { answers as differences, loose } from './known.mjs';
import { KINDS, OF_BODIES, OPTIONAL, mistakes } from './mistakes.mjs';
import { send } from './prism.mjs';

const NOTHING = { status: 204, headers: {}, body: '' };

/** A connector's counts, all of them 0. */
export const zero = () => ({ requests: 0, mistakes: 0, answers: 0, spoilt: 0, differing: 0, unread: 0, unjudged: 0 });

/** The findings of a run: what failed, which entries of known.mjs were looked up, and which of these hold. */
export const findings = () => ({ problems: [], judged: new Set(), held: new Set() });

/** A request as the file has it. */
export async function validate({ slug, port, upstream, count, found }, request, place) {
  upstream.say(NOTHING);
  // Whatever is thought of that answer: a request that the vendor gets was accepted.
  const before = upstream.heard();
  const { reasons } = await send(port, { ...request, path: place.path + place.search });
  if (upstream.heard() > before) count.requests += 1;
  else found.problems.push(`${slug}: the request of "${request.name}" breaks the specification: ${reasons.join('; ')}`);
}

/** The request's mistakes that were not planted yet; `planted` has which were, and whether each was refused. */
export async function plant({ port, upstream, count, found }, operation, request, place, planted) {
  upstream.say(NOTHING);
  for (const { kind, what, request: broken } of mistakes(place, request)) {
    const name = `${kind} ${what}`;
    if (planted.has(name)) continue;
    const { verdict } = await send(port, broken);
    planted.set(name, { kind, refused: verdict === 'refused' });
    if (verdict === 'refused') count.mistakes += 1;
    else found.problems.push(`${operation}: a request ${KINDS[kind]} (${what}) was accepted`);
  }
}

/** Kinds of which no mistake of the operation was refused. */
export function unforbidden({ found }, operation, place, planted) {
  const possible = Object.keys(KINDS).filter((kind) => place.operation.requestBody || !OF_BODIES.includes(kind));
  const refused = new Set([...planted.values()].filter((mistake) => mistake.refused).map(({ kind }) => kind));
  for (const kind of possible) {
    const name = `${operation}: ${kind}`;
    found.judged.add(name);
    if (refused.has(kind)) continue;
    if (name in loose) found.held.add(name);
    else if (!OPTIONAL.includes(kind)) found.problems.push(`${operation}: no request ${KINDS[kind]} was refused`);
  }
  return possible.filter((kind) => !refused.has(kind));
}

/** An answer as the file has it; and one that is only a word, to see that the specification was looked at. */
export async function read({ slug, port, upstream, count, found }, { name, status, headers, body, request }, place) {
  if (status < 200 || status >= 500) return;
  if (body === '' ? status >= 300 : !isJson(body)) {
    // A page of some proxy in between, or a bare status: nothing that a specification describes.
    count.unread += 1;
    return;
  }
  const asked = { ...request, path: place.path + place.search };
  const type = { 'content-type': request.headers.accept ?? 'application/json' };
  upstream.say({ status, headers: body === '' ? headers : { ...type, ...headers }, body });
  const { verdict, reasons } = await send(port, asked);
  const known = `${slug}: ${name}`;
  found.judged.add(known);
  if (verdict === 'accepted') {
    count.answers += 1;
  } else if (known in differences && reasons.every((reason) => differences[known].only.test(reason))) {
    found.held.add(known);
    count.differing += 1;
  } else {
    found.problems.push(`${slug}: the answer of "${name}" breaks the specification: ${reasons.join('; ')}`);
  }
  if (body === '') return;
  upstream.say({ status, headers: { ...type, ...headers }, body: '"word"' });
  if ((await send(port, asked)).verdict === 'mismatch') count.spoilt += 1;
  else found.problems.push(`${slug}: in place of the answer of "${name}" any other would pass, too`);
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
