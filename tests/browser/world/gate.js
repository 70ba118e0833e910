// A gate before a service of the stack, which can be shut for some requests: a service that does not answer.

import { createServer, request as send } from 'node:http';

/** Starts a gate before the service at `url`. */
export async function gate(url) {
  const shut = new Set();
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const asked = body.toString();
    if ([...shut].some((word) => asked.includes(word))) {
      request.socket.destroy();
      return;
    }
    const passed = send(url, { method: request.method, path: request.url, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => request.socket.destroy());
    passed.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,

    /** Does `work` while no request that has one of these words in it is answered. */
    async while(words, work) {
      for (const word of words) shut.add(word);
      try {
        return await work();
      } finally {
        for (const word of words) shut.delete(word);
      }
    },

    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
