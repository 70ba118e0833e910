// Rows of the store's tables, written as the store writes them: by DynamoDB's own protocol.

/** Puts a row into a table of the demo. */
export const put = (stack, table, row) => ask(stack, 'PutItem', { TableName: table, Item: attributes(row).M });

/** Asks the demo's DynamoDB for something. */
export async function ask(stack, operation, body) {
  const response = await fetch(stack.endpoints.dynamodb, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-date': '20260101T000000Z',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      // The local service checks no signature, but wants one.
      authorization:
        'AWS4-HMAC-SHA256 Credential=freshet/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${operation} ${JSON.stringify(body)}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** A value as DynamoDB writes it. */
function attributes(value) {
  if (value === null) return { NULL: true };
  switch (typeof value) {
    case 'boolean':
      return { BOOL: value };
    case 'number':
      return { N: String(value) };
    case 'object':
      return { M: Object.fromEntries(Object.entries(value).map(([name, each]) => [name, attributes(each)])) };
    default:
      return { S: value };
  }
}

/** A ticket that the helpdesk is told of. */
export const ticket = (id, subject) => ({
  ticket_id: id,
  customer_id: 'c-1001',
  subject,
  status: 'open',
  priority: 'high',
  messages: 1,
  updated_at: Date.now(),
});

/** A customer that is somebody in HubSpot, in Klaviyo and in Customer.io. */
export const customer = (id, more = {}) => ({
  customer_id: id,
  email: `${id}@mail.example`,
  first_name: 'Ada',
  last_name: 'Lovelace',
  country: 'gb',
  plan: 'pro',
  mrr_cents: 12900,
  marketing_consent: true,
  logins: 3,
  updated_at: Date.now(),
  ...more,
});
