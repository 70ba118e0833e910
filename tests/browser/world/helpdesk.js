// A destination of the demo that is ours: it refuses each ticket whose subject asks for that, until it is told to take
// everything.

import { createServer } from 'node:http';

/** What a subject has in it that is to be refused. */
export const REFUSED = 'to be refused';

/** What the destination says of it. All of it is somebody else's text, so nothing in it may become a page's own. */
export const WORDS = 'no agent for "<script>document.title=1</script>" =HYPERLINK("http://evil.example","open")';

/** Starts it on a free port of the loopback; `PUT /taking` makes it take everything, `DELETE /taking` ends that. */
export async function helpdesk() {
  let takesAll = false;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    if (request.url === '/taking') {
      takesAll = request.method === 'PUT';
      response.writeHead(204).end();
    } else if (!takesAll && body.includes(REFUSED)) {
      response.writeHead(422, { 'content-type': 'application/json' }).end(JSON.stringify({ error: WORDS }));
    } else {
      response.writeHead(204).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}
