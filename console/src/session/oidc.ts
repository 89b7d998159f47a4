/**
 * Signing in at an OIDC issuer: the authorisation code flow with PKCE, by oidc-client-ts, which is loaded only where the
 * server names an issuer. Tokens are kept in this tab's session storage.
 *
 * Source: OpenID Connect Core 1.0, section 3.1; RFC 7636, Proof Key for Code Exchange.
 */

import type { User, UserManager } from "oidc-client-ts";

import { meta } from "./pageMeta";

const CALLBACK = "/sign-in/callback";

type Finished = { user: string; returnTo: string; refusal: string };

let manager: Promise<UserManager> | undefined;

/** The issuer's name, where people may sign in at one. */
export const issuer = () => meta("oidc-issuer");

/** Whether this page was opened by the issuer, at the end of a sign-in. */
export const awaitsSignIn = () => location.pathname === CALLBACK && issuer() !== "";

/** Goes to the issuer, which sends back to the present page. */
export async function goToIssuer(): Promise<void> {
  await (await userManager()).signinRedirect({ state: location.pathname + location.search });
}

/** Takes what the issuer sent: the token to call with, and the page to go back to. */
export async function finishSignIn(): Promise<Finished> {
  try {
    const user = await (await userManager()).signinRedirectCallback();
    return { user: tokenOf(user), returnTo: String(user.state ?? "/"), refusal: "" };
  } catch (fault) {
    return { user: "", returnTo: "/", refusal: `The sign-in was not completed: ${(fault as Error).message}.` };
  }
}

/** The token of who signed in before this page was loaded anew. */
export async function storedUser(): Promise<string> {
  if (!issuer()) return "";
  const user = await (await userManager()).getUser();
  return user && !user.expired ? tokenOf(user) : "";
}

/** Tells of a token that took the place of one about to expire. */
export async function watchUser(tell: (authorization: string) => void): Promise<void> {
  if (!issuer()) return;
  const { events } = await userManager();
  events.addUserLoaded((user) => tell(tokenOf(user)));
}

// Amazon Cognito has what somebody is held to in the ID token alone.
const tokenOf = (user: User) => `Bearer ${user.id_token ?? user.access_token}`;

function userManager(): Promise<UserManager> {
  manager ??= import("oidc-client-ts").then(({ UserManager, WebStorageStateStore }) => {
    const inThisTab = new WebStorageStateStore({ store: sessionStorage });
    return new UserManager({
      authority: issuer(),
      client_id: meta("oidc-client-id"),
      redirect_uri: location.origin + CALLBACK,
      scope: meta("oidc-scope"),
      stateStore: inThisTab,
      userStore: inThisTab,
    });
  });
  return manager;
}
