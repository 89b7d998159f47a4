/**
 * Signing in at an OIDC issuer: the authorisation code flow with PKCE, by oidc-client-ts, which is loaded only where the
 * server names an issuer. Tokens are kept in this tab's session storage.
 *
 * Source: OpenID Connect Core 1.0, section 3.1; RFC 7636, Proof Key for Code Exchange.
 */

import type { User, UserManager } from "oidc-client-ts";

import { readMeta } from "./pageMeta";

const CALLBACK = "/sign-in/callback";

type SignInResult = { user: string; returnTo: string; refusal: string };

let manager: Promise<UserManager> | undefined;

/** The issuer's name, where people may sign in at one. */
export const issuer = () => readMeta("oidc-issuer");

/** Whether this page was opened by the issuer, at the end of a sign-in. */
export const isSignInCallback = () => location.pathname === CALLBACK && issuer() !== "";

/** Goes to the issuer, which sends back to the present page. */
export async function redirectToIssuer(): Promise<void> {
  await (await userManager()).signinRedirect({ state: location.pathname + location.search });
}

/** Takes what the issuer sent: the token to call with, and the page to go back to. */
export async function completeSignIn(): Promise<SignInResult> {
  try {
    const user = await (await userManager()).signinRedirectCallback();
    return { user: authorizationOf(user), returnTo: String(user.state ?? "/"), refusal: "" };
  } catch (fault) {
    return { user: "", returnTo: "/", refusal: `The sign-in was not completed: ${(fault as Error).message}.` };
  }
}

/** The token of who signed in before this page was loaded anew. */
export async function storedAuthorization(): Promise<string> {
  if (!issuer()) return "";
  const user = await (await userManager()).getUser();
  return user && !user.expired ? authorizationOf(user) : "";
}

/** Tells of a token that took the place of one about to expire. */
export async function onTokenRenewed(listener: (authorization: string) => void): Promise<void> {
  if (!issuer()) return;
  const { events } = await userManager();
  events.addUserLoaded((user) => listener(authorizationOf(user)));
}

// Amazon Cognito has what somebody is held to in the ID token alone.
const authorizationOf = (user: User) => `Bearer ${user.id_token ?? user.access_token}`;

function userManager(): Promise<UserManager> {
  manager ??= import("oidc-client-ts").then(({ UserManager, WebStorageStateStore }) => {
    const tabStorage = new WebStorageStateStore({ store: sessionStorage });
    return new UserManager({
      authority: issuer(),
      client_id: readMeta("oidc-client-id"),
      redirect_uri: location.origin + CALLBACK,
      scope: readMeta("oidc-scope"),
      stateStore: tabStorage,
      userStore: tabStorage,
    });
  });
  return manager;
}
