// Requests that break a specification on purpose, each by one thing, so that an acceptance means something.

import { resolve } from './specification.mjs';

/** Every kind of mistake, and what it is. */
export const KINDS = {
  path: 'to a path that there is not',
  method: 'by a method that there is not',
  credential: 'without the secret',
  header: 'without a required header',
  media: 'of another content type',
  body: 'without a body',
  member: 'without a required member',
  type: 'with a member of another type',
  choice: 'with a word that is not among the choices',
};

/** Kinds that not every vendor's interface can forbid: it may need no header and offer no choices. */
export const OPTIONAL = ['header', 'choice'];

/** Kinds of an operation that takes a body. */
export const OF_BODIES = ['media', 'body', 'member', 'type'];

/** Those mistakes of a good request that its specification forbids: `{ kind, what, request }` each. */
export function* mistakes({ specification: { document }, operation, declared, path, search }, good) {
  const sent = { method: good.method, path: path + search, headers: good.headers, body: good.body };
  const planted = (kind, what, change) => ({ kind, what, request: { ...sent, ...change } });

  yield planted('path', `${path}/nowhere`, { path: `${path}/nowhere${search}` });
  yield planted('method', 'TRACE', { method: 'TRACE' });

  const secured = operation.security ?? document.security ?? [];
  if (secured.length > 0) {
    const holders = Object.keys(good.headers).filter(
      (name) => name === 'authorization' || (good.secret && good.headers[name].includes(good.secret)),
    );
    for (const name of holders) yield planted('credential', name, { headers: without(good.headers, name) });
  }
  for (const parameter of declared.map((parameter) => resolve(document, parameter))) {
    const name = parameter.name.toLowerCase();
    if (parameter.in === 'header' && parameter.required && name in good.headers) {
      yield planted('header', name, { headers: without(good.headers, name) });
    }
  }

  const body = resolve(document, operation.requestBody);
  const type = good.headers['content-type']?.split(';')[0];
  const schema = body?.content?.[type]?.schema;
  if (schema === undefined) return;
  yield planted('media', 'text/plain', { headers: { ...good.headers, 'content-type': 'text/plain' } });
  if (body.required) yield planted('body', 'no body', { body: '' });
  if (!/[/+]json$/.test(type)) return;
  const value = JSON.parse(good.body);
  for (const { kind, at, wrong } of flaws(document, schema, value, [])) {
    const what = `/${at.join('/')}`;
    yield planted(kind, what, { body: JSON.stringify(changed(value, at, wrong)) });
  }
}

const WRONG = { string: {}, number: 'word', integer: 'word', boolean: 'word', object: 'word', array: 'word' };

/** Where a value could be wrong by its schema. `wrong` is what to put there; undefined takes the member away. */
function* flaws(document, reference, value, at) {
  const schema = resolve(document, reference);
  // Of alternatives a value may fit another one, so nothing is known to be wrong.
  if (schema.oneOf || schema.anyOf) return;
  for (const part of schema.allOf ?? []) yield* flaws(document, part, value, at);
  if (schema.type in WRONG) yield { kind: 'type', at, wrong: WRONG[schema.type] };
  if (schema.enum && typeof value === 'string') yield { kind: 'choice', at, wrong: 'none-of-the-choices' };
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* flaws(document, schema.items ?? {}, item, [...at, index]);
  } else if (value !== null && typeof value === 'object') {
    for (const [name, member] of Object.entries(value)) {
      const inner = [...at, name];
      if (schema.required?.includes(name)) yield { kind: 'member', at: inner, wrong: undefined };
      const below = schema.properties?.[name] ?? schema.additionalProperties;
      if (typeof below === 'object') yield* flaws(document, below, member, inner);
    }
  }
}

/** A copy of the value with one place changed. */
function changed(value, [name, ...rest], wrong) {
  if (name === undefined) return wrong;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  if (rest.length === 0 && wrong === undefined) delete copy[name];
  else copy[name] = changed(copy[name], rest, wrong);
  return copy;
}

function without(headers, name) {
  const { [name]: _, ...others } = headers;
  return others;
}
