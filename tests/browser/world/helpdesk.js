// A destination of the demo that is ours: it refuses each ticket whose subject asks for that, and each that is for a queue,
// until the queue is opened.

import { createServer } from 'node:http';

/** What a subject has in it that is to be refused. */
export const REFUSED = 'to be refused';

/** What the destination says of it. All of it is somebody else's text, so nothing in it may become a page's own. */
export const WORDS = 'no agent for "<script>document.title=1</script>" =HYPERLINK("http://evil.example","open")';

/** The end of a ticket's subject that is refused until this queue is opened. */
export const forQueue = (queue) => `for queue ${queue}.`;

/** What the destination says of it. It is no JSON: what stands between quotes is no part of what is wrong. */
export const isClosed = (queue) => `queue ${queue} is closed`;

/** The same of any queue. */
export const ANY_CLOSED = /queue \w+ is closed/;

/** Opens a queue, for good. */
export async function open(desk, queue) {
  const response = await fetch(`${desk}/queues/${queue}`, { method: 'PUT' });
  if (!response.ok) throw new Error(`the queue ${queue} cannot be opened: ${response.status}`);
}

/** The ids of the tickets for a queue that it has taken, in the order in which they came. */
export const taken = async (desk, queue) => (await fetch(`${desk}/queues/${queue}`)).json();

/** Starts it on a free port of the loopback. */
export async function helpdesk() {
  const isOpen = new Map();
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const [, opened] = request.url.match(/^\/queues\/(\w+)$/) ?? [];
    const [, queue] = body.match(/for queue (\w+)\./) ?? [];
    if (opened && request.method === 'PUT') {
      isOpen.set(opened, []);
      response.writeHead(204).end();
    } else if (opened) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(isOpen.get(opened) ?? []));
    } else if (queue && !isOpen.has(queue)) {
      response.writeHead(422, { 'content-type': 'text/plain' }).end(isClosed(queue));
    } else if (body.includes(REFUSED)) {
      response.writeHead(422, { 'content-type': 'application/json' }).end(JSON.stringify({ error: WORDS }));
    } else {
      if (queue) isOpen.get(queue).push(JSON.parse(body).data.ticket_id);
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
