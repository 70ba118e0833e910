// An identity provider that is not ours: npm's oidc-provider, certified for OpenID Connect, on a port of this machine.

import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

export const CLIENT = 'freshet-console';
export const SECRET = 'the secret of the client, for tests only';

/** Who has an account: by the name to sign in with, what the provider says of them. */
export const PEOPLE = {
  vera: { name: 'Vera Viewer', groups: ['staff'] },
  edith: { name: 'Edith Editor', groups: ['staff', 'sales'] },
  adam: { name: 'Adam Admin', groups: ['platform'] },
  sam: { name: 'Sam Stranger', groups: ['visitors'] },
};

/** Which groups have which role in the console. */
export const ROLES = { claim: 'groups', viewer: ['staff'], editor: ['sales'], admin: ['platform'] };

/** Starts it; `clients` are added once their address is known. */
export async function issuer() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,

    /** Serves a console at this address. */
    serve(console) {
      const provider = new Provider(url, {
        clients: [{ client_id: CLIENT, client_secret: SECRET, redirect_uris: [`${console}/sign-in/return`] }],
        claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email'] },
        // The claims of the scopes go into the ID token.
        conformIdTokenClaims: false,
        findAccount: (_, id) => ({
          accountId: id,
          claims: () => ({ sub: id, email: `${id}@mail.example`, ...PEOPLE[id] }),
        }),
        cookies: { keys: ['for tests only'] },
        pkce: { required: () => true },
        ttl: { Session: 3600, Interaction: 3600, Grant: 3600, IdToken: 3600, AccessToken: 3600 },
      });
      server.on('request', provider.callback());
    },

    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Signs somebody in, on the provider's own pages, from the console's button on. */
export async function signIn(page, who) {
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.locator('input[name=login]').fill(who);
  await page.locator('input[name=password]').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}
