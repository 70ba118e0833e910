// The cases of the connectors' files: requests that the engine is proven to make, byte for byte, by
// shared/tests/destinations.rs, and vendors' answers.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Every connector with its cases.
 *
 * A request is `{ name, secret, method, url, headers, body }`. An answer is `{ name, status, headers, body, request }`,
 * where the request is the case's own, or else one of the same action and step.
 *
 * @param {string} folder where the files are
 * @param {(text: string) => object} parse reads TOML
 */
export function connectors(folder, parse) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.toml'))
    .sort()
    .map((file) => {
      const { slug, tests = [] } = parse(readFileSync(join(folder, file), 'utf8'));
      const operation = ({ action, step = 'apply' }) => `${action} ${step}`;
      const requests = new Map();
      for (const test of tests.filter((test) => test.request)) {
        requests.set(test, { name: test.name, secret: test.secret, ...test.request });
      }
      const first = (wanted) => [...requests].find(([test]) => operation(test) === operation(wanted))?.[1];
      const answers = tests
        .filter((test) => test.response)
        .map((test) => ({
          name: test.name,
          status: test.response.status,
          headers: test.response.headers ?? {},
          body: test.response.body ?? '',
          request: requests.get(test) ?? first(test),
        }));
      const asked = polls(tests);
      return {
        slug,
        requests: [...requests.values(), ...asked.filter(({ own }) => own).map(({ request }) => request)],
        answers: [...answers, ...asked],
      };
    });
}

/** Questions after a job and their answers; without a request of its own one is asked as another test's of its place. */
function polls(tests) {
  const first = new Map();
  return tests.flatMap((test) =>
    (test.polls ?? []).map((poll, index) => {
      const name = `${test.name}, poll ${index + 1}`;
      const place = `${test.action} ${index}`;
      const own = poll.request && { name, secret: test.secret, body: '', ...poll.request };
      if (own && !first.has(place)) first.set(place, own);
      const { status, headers = {}, body = '' } = poll.response;
      return { name, status, headers, body, request: own ?? first.get(place), own };
    }),
  );
}
