// A certificate for this machine, made anew each time: a function URL is behind TLS, and the console's cookies need it.

import { generate } from 'selfsigned';

export async function certificate() {
  const { private: key, cert } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  return { key, cert };
}
