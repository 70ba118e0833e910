// The console's function as it is deployed: its own program on Lambda's runtime API, behind TLS, with OpenID Connect as
// its only door, over the tables of the demo.

import { join } from 'node:path';
import { PROGRAMS } from './demo.js';
import { gate } from './gate.js';
import { CLIENT, ROLES, SECRET, issuer } from './issuer.js';
import { lambda } from './lambda.js';
import { secrets } from './secrets.js';

const CONSOLE_SECRET = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:store-freshet-console';
const SESSIONS_SECRET = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:store-freshet-sessions';

/** Hosts it over a stack, as its outputs tell of it; with `at`, its identity provider is said to be there. */
export async function deployed(stack, { at } = {}) {
  const provider = await issuer();
  const dynamodb = await gate(stack.endpoints.dynamodb);
  const registration = { issuer: at ?? provider.url, client_id: CLIENT, client_secret: SECRET };
  const manager = await secrets(
    { [CONSOLE_SECRET]: JSON.stringify(registration), [SESSIONS_SECRET]: '{"keys":[]}' },
    stack.endpoints.secrets_manager,
  );
  const console = await lambda(join(PROGRAMS, 'console'), (url) => {
    provider.serve(url);
    return environment(stack, dynamodb.url, manager.url);
  });
  return {
    url: console.url,
    log: console.log,
    startedIn: console.startedIn,
    issuer: provider.url,
    dynamodb,
    async stop() {
      await console.stop();
      for (const each of [provider, dynamodb, manager]) each.stop();
    },
  };
}

/** The variables that Terraform gives the function. */
function environment(stack, dynamodb, manager) {
  const destinations = Object.entries(stack.destinations).map(([name, { connector, queue_url, lanes, settings, secret_arn }]) => [
    name,
    { connector, queue_url, lanes, settings, secret_arn },
  ]);
  return {
    AWS_REGION: stack.region,
    AWS_ACCESS_KEY_ID: stack.credentials.access_key_id,
    AWS_SECRET_ACCESS_KEY: stack.credentials.secret_access_key,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
    AWS_ENDPOINT_URL_KINESIS: stack.endpoints.kinesis,
    AWS_ENDPOINT_URL_SQS: stack.endpoints.sqs,
    AWS_ENDPOINT_URL_S3: stack.endpoints.s3,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: manager,
    PIPELINES_TABLE: stack.pipelines_table,
    LEDGER_TABLE: stack.ledger_table,
    FAILURES_TABLE: stack.failures_table,
    ACTIVITY_TABLE: stack.activity_table,
    AUDIT_TABLE: `${stack.name}-freshet-audit`,
    OVERSIZE_BUCKET: stack.bucket,
    CHANGES_STREAM: stack.changes_stream,
    CHANGES_LANES: String(stack.changes_lanes),
    CHANGES_RETENTION_HOURS: String(stack.changes_retention_hours),
    SOURCES: JSON.stringify(Object.keys(stack.sources)),
    DESTINATIONS: JSON.stringify(Object.fromEntries(destinations)),
    LOOKUP_TABLES: JSON.stringify(stack.lookup_tables),
    CONSOLE_SECRET_ARN: CONSOLE_SECRET,
    SESSIONS_SECRET_ARN: SESSIONS_SECRET,
    ROLES: JSON.stringify(ROLES),
    CONTACT: 'Ask the platform team.',
    // The provider is on this machine.
    ALLOW_PRIVATE_ADDRESSES: 'true',
  };
}
