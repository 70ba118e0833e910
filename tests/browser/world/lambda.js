// Lambda, as far as one function behind a function URL has it: the runtime API (Lambda guide, "Using the Lambda runtime
// API for custom runtimes") and the URL's payload format 2.0 ("Invoking Lambda function URLs").

import { createServer as createTls } from 'node:https';
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { certificate } from './certificate.js';
import { start } from './started.js';

const NEXT = '/2018-06-01/runtime/invocation/next';
const ANSWER = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/;

/** How long an invocation may take, in milliseconds. */
const TIMEOUT = 30_000;

const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

const read = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
};

/** Hosts a function's program at an HTTPS address. `environment` is told that address. */
export async function lambda(program, environment) {
  // As in Lambda: an execution environment has one invocation at a time, and asks for the next.
  const waiting = [];
  const underWay = new Map();
  let asking;
  const handOut = () => {
    if (!asking || waiting.length === 0) return;
    const { id, event } = waiting.shift();
    const headers = {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': id,
      'lambda-runtime-deadline-ms': String(Date.now() + TIMEOUT),
      'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:us-east-1:000000000000:function:store-freshet-console',
    };
    asking.writeHead(200, headers).end(JSON.stringify(event));
    asking = undefined;
  };

  let began;
  let startedIn;
  const runtime = createServer(async (request, response) => {
    if (request.url === NEXT) {
      startedIn ??= performance.now() - began;
      asking = response;
      handOut();
      return;
    }
    const body = await read(request);
    const [, id, kind] = request.url.match(ANSWER) ?? [];
    underWay.get(id)?.(kind === 'response' ? JSON.parse(body) : { statusCode: 502, body: body.toString() });
    underWay.delete(id);
    response.writeHead(202).end('{}');
  });

  const front = createTls(await certificate(), async (request, response) => {
    const body = await read(request);
    const id = randomUUID();
    const answer = await new Promise((resolve) => {
      underWay.set(id, resolve);
      waiting.push({ id, event: event(request, body) });
      handOut();
    });
    for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
    if (answer.cookies?.length) response.setHeader('set-cookie', answer.cookies);
    response.writeHead(answer.statusCode);
    response.end(Buffer.from(answer.body ?? '', answer.isBase64Encoded ? 'base64' : 'utf8'));
  });

  const runtimePort = await listen(runtime);
  const url = `https://127.0.0.1:${await listen(front)}`;
  const own = await environment(url);
  const environmentOfFunction = {
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${runtimePort}`,
    AWS_LAMBDA_FUNCTION_NAME: 'store-freshet-console',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/store-freshet-console',
    AWS_LAMBDA_LOG_STREAM_NAME: 'tests',
    ...own,
  };
  began = performance.now();
  const function_ = start(program, [], { env: environmentOfFunction });
  return {
    url,
    log: function_.said,
    /** How long it took from its start until it asked for its first event, in milliseconds: Lambda's Init phase. */
    startedIn: () => startedIn,
    async stop() {
      await function_.stop();
      for (const server of [front, runtime]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

/** A request as the function gets it. */
function event(request, body) {
  const { cookie, ...headers } = request.headers;
  const [path, query = ''] = request.url.split(/\?(.*)/s);
  const now = new Date();
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers,
    ...(cookie ? { cookies: cookie.split(/; */) } : {}),
    requestContext: {
      accountId: 'anonymous',
      apiId: 'tests',
      domainName: request.headers.host,
      domainPrefix: 'tests',
      http: { method: request.method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'tests' },
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 ? { body: body.toString('base64'), isBase64Encoded: true } : { isBase64Encoded: false }),
  };
}
