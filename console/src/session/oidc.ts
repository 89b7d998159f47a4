/**
 * Signs in at an OIDC issuer: the authorisation code flow with PKCE, using oidc-client-ts, which is loaded only if the
 * server is configured with an issuer. Tokens are kept in this tab's session storage.
 *
 * Source: OpenID Connect Core 1.0, section 3.1; RFC 7636, Proof Key for Code Exchange.
 */

import type { User, UserManager } from "oidc-client-ts";

import { readMeta } from "./pageMeta";

const CALLBACK = "/sign-in/callback";

type SignInResult = { authorization: string; returnTo: string; errorMessage: string };

let manager: Promise<UserManager> | undefined;

/** Returns the issuer's URL, or "" if the server is configured without one. */
export const issuer = () => readMeta("oidc-issuer");

/** Whether the current page is the redirect URI of a sign-in. */
export const isSignInCallback = () => location.pathname === CALLBACK && issuer() !== "";

/** Redirects to the issuer, which afterwards redirects to the current page. */
export async function redirectToIssuer(): Promise<void> {
  await (await userManager()).signinRedirect({ state: location.pathname + location.search });
}

/** Exchanges the issuer's code for a token, and returns the page to go back to. */
export async function completeSignIn(): Promise<SignInResult> {
  try {
    const user = await (await userManager()).signinRedirectCallback();
    return { authorization: authorizationOf(user), returnTo: String(user.state ?? "/"), errorMessage: "" };
  } catch (error) {
    const errorMessage = `The sign-in was not completed: ${(error as Error).message}.`;
    return { authorization: "", returnTo: "/", errorMessage };
  }
}

/** Returns the authorization stored by an earlier page load in this tab, or "" if there is none or it has expired. */
export async function storedAuthorization(): Promise<string> {
  if (!issuer()) return "";
  const user = await (await userManager()).getUser();
  return user && !user.expired ? authorizationOf(user) : "";
}

/** Calls back with the new authorization each time oidc-client-ts renews an expiring token. */
export async function onTokenRenewed(listener: (authorization: string) => void): Promise<void> {
  if (!issuer()) return;
  const { events } = await userManager();
  events.addUserLoaded((user) => listener(authorizationOf(user)));
}

// Amazon Cognito puts the claims that restrict a caller's scope only into the ID token.
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
