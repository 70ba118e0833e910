// Secrets Manager with the console's two secrets; the stack's own has those of the destinations.

import { createServer } from 'node:http';

/** Starts it with these texts by their ARN; what it does not have is asked of the service at `beyond`. */
export async function secrets(texts, beyond) {
  const kept = new Map(Object.entries(texts));
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const { SecretId: arn, SecretString: text } = JSON.parse(body);
    const reply = (status, json) => response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(json);
    if (!kept.has(arn)) {
      const headers = { 'content-type': request.headers['content-type'], 'x-amz-target': request.headers['x-amz-target'] };
      const answer = await fetch(beyond, { method: 'POST', headers, body });
      reply(answer.status, await answer.text());
      return;
    }
    if (text !== undefined) kept.set(arn, text);
    reply(200, JSON.stringify({ ARN: arn, Name: arn, SecretString: kept.get(arn) }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
