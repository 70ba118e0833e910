// Prism as the judge: a proxy that refuses what breaks a specification, whether request or answer.

import { spawn } from 'node:child_process';
import { createServer, request as open } from 'node:http';
import { once } from 'node:events';

const PROBLEM = 'https://stoplight.io/prism/errors#';

/**
 * A server in the vendor's place: it gives the answer that it was told last.
 *
 * @returns `{ url, say(answer), heard(), stop() }`; `heard` is how many requests have come
 */
export async function vendor() {
  let answer;
  let count = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      count += 1;
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    say: (next) => (answer = next),
    heard: () => count,
    stop: () => (server.closeAllConnections(), server.close()),
  };
}

/**
 * Starts Prism between us and the vendor.
 *
 * @param {string} prism the program
 * @param {string} file the specification
 * @param {string} upstream the vendor's address
 * @returns `{ port, stop() }`
 */
export async function start(prism, file, upstream) {
  const child = spawn(process.execPath, [prism, 'proxy', '--errors', '--host', '127.0.0.1', '--port', '0', file, upstream], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = () => child.kill();
  process.once('exit', end);
  let log = '';
  const port = await new Promise((resolve, reject) => {
    const read = (bytes) => {
      log += bytes;
      const listening = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(log);
      if (listening) resolve(Number(listening[1]));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`Prism ended with ${code} before it listened, on ${file}:\n${log}`)));
  });
  return {
    port,
    async stop() {
      process.off('exit', end);
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

/**
 * Sends a request as it is, and says what Prism thinks of it.
 *
 * @returns `{ verdict, reasons }`: "accepted"; "refused" for a request, "mismatch" for an answer that breaks the
 *     specification
 */
export async function send(port, { method, path, headers, body }) {
  const bytes = Buffer.from(body ?? '');
  const outgoing = open({ host: '127.0.0.1', port, method, path, agent: false });
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
  outgoing.setHeader('content-length', bytes.length);
  outgoing.end(bytes);
  const [response] = await once(outgoing, 'response');
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  if (!/^application\/problem\+json/.test(response.headers['content-type'] ?? '') || !text.includes(PROBLEM)) {
    return { verdict: 'accepted', reasons: [] };
  }
  const problem = JSON.parse(text);
  const reasons = (problem.validation ?? []).map(({ location = [], message }) => `${location.join('.')}: ${message}`);
  if (reasons.length === 0) reasons.push(problem.detail ?? problem.title);
  const kind = problem.type.slice(PROBLEM.length);
  if (kind === 'VIOLATIONS') return { verdict: 'mismatch', reasons };
  const refusals = ['UNAUTHORIZED', 'UNPROCESSABLE_ENTITY', 'NO_PATH_MATCHED_ERROR', 'NO_METHOD_MATCHED_ERROR'];
  if (refusals.includes(kind)) return { verdict: 'refused', reasons };
  throw new Error(`Prism could not judge ${method} ${path}: ${text}`);
}
