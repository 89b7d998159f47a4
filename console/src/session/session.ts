/**
 * The session: who is signed in, and with which credentials.
 *
 * An API key is kept only in memory, never in storage, a URL or the history. For reloads, session storage holds a
 * token that was exchanged for the key and lasts some minutes. A new tab receives the authorization from another tab
 * by BroadcastChannel, and the page of an embedded server contains an API key.
 */

import { useSyncExternalStore } from "react";

import { connection } from "../connection";
import type { WhoAmIQuery } from "../schema";
import { completeSignIn, isSignInCallback, onTokenRenewed, storedAuthorization } from "./oidc";
import { readMeta } from "./pageMeta";

export type Caller = WhoAmIQuery["getCaller"];

export type SessionState =
  | { phase: "starting" }
  /** No caller is signed in; `errorMessage` is the reason why a sign-in failed. */
  | { phase: "signedOut"; errorMessage?: string }
  | { phase: "signedIn"; caller: Caller }
  /** The credentials were rejected. The page stays as it is, behind a dialog that prompts for new credentials. */
  | { phase: "expired"; caller: Caller };

const TOKEN_STORAGE_KEY = "vpp-token";
const PREFIX_LENGTH = 12; // The length of ApiKey.prefix, which is the client id for /oauth/token.
const OTHER_TABS_TIMEOUT_MS = 150;
const WHO_AM_I = "query WhoAmI { getCaller { authType name role vppIds siteIds } }";

type Message = { requestAuthorization: true } | { authorization: string } | { signedOut: true };

class Session {
  state: SessionState = { phase: "starting" };
  /** The value of the `Authorization` header: an API key, or a bearer token. */
  authorization = "";

  private listeners = new Set<() => void>();
  private renewal: ReturnType<typeof setTimeout> | undefined;
  private tabs = new BroadcastChannel("vpp-session");

  constructor() {
    this.tabs.onmessage = ({ data }: MessageEvent<Message>) => {
      if ("requestAuthorization" in data && this.state.phase === "signedIn")
        this.broadcast({ authorization: this.authorization });
      if ("signedOut" in data && this.state.phase !== "signedOut") this.clear();
    };
  }

  /** Signs in without user input: from the OIDC redirect, a stored token, the page's API key, or another tab. */
  async start(): Promise<void> {
    void onTokenRenewed((renewed) => {
      this.authorization = renewed;
    });
    if (isSignInCallback()) {
      const { authorization, returnTo, errorMessage } = await completeSignIn();
      // The redirect URI contains the authorisation code, which must not stay in the history.
      history.replaceState(null, "", returnTo);
      dispatchEvent(new PopStateEvent("popstate"));
      const failure = authorization ? await this.authenticate(authorization) : errorMessage;
      if (failure) this.setState({ phase: "signedOut", errorMessage: failure });
      return;
    }
    for (const source of [
      storedAuthorization,
      storedToken,
      async () => readMeta("api-key"),
      () => this.requestFromOtherTabs(),
    ]) {
      const authorization = await source();
      if (authorization && (await this.authenticate(authorization)) === "") return;
    }
    this.setState({ phase: "signedOut" });
  }

  /** Signs in with an API key or a token. Returns an error message, "" on success. */
  async signIn(secret: string): Promise<string> {
    const authorization = secret.trim();
    return this.authenticate(authorization, () => this.storeToken(authorization));
  }

  signOut(): void {
    this.broadcast({ signedOut: true });
    this.clear();
  }

  /** Marks the session as expired, after the server has rejected its credentials. */
  markExpired(): void {
    if (this.state.phase !== "signedIn") return;
    sessionStorage.removeItem(TOKEN_STORAGE_KEY);
    this.setState({ phase: "expired", caller: this.state.caller });
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private async authenticate(authorization: string, onSuccess = async () => {}): Promise<string> {
    const found = await fetchCaller(authorization);
    if (typeof found === "string") return found;
    await onSuccess();
    this.authorization = authorization;
    this.setState({ phase: "signedIn", caller: found });
    return "";
  }

  /** Exchanges the key for a token, stores it for reloads, and renews it as long as this page is open. */
  private async storeToken(key: string): Promise<void> {
    clearTimeout(this.renewal);
    if (!key.startsWith("da2-")) return;
    const form = { grant_type: "client_credentials", client_id: key.slice(0, PREFIX_LENGTH), client_secret: key };
    try {
      const response = await fetch("/oauth/token", { method: "POST", body: new URLSearchParams(form) });
      if (!response.ok) return; // A key from the server's environment has no tokens: after a reload it has to be entered again.
      const { access_token, expires_in } = (await response.json()) as { access_token: string; expires_in: number };
      sessionStorage.setItem(TOKEN_STORAGE_KEY, access_token);
      this.renewal = setTimeout(() => void this.storeToken(key), (expires_in * 1000) / 3);
    } catch {
      this.renewal = setTimeout(() => void this.storeToken(key), 10_000);
    }
  }

  private requestFromOtherTabs(): Promise<string> {
    return new Promise((resolve) => {
      const listen = ({ data }: MessageEvent<Message>) => "authorization" in data && resolve(data.authorization);
      this.tabs.addEventListener("message", listen);
      this.broadcast({ requestAuthorization: true });
      setTimeout(() => {
        this.tabs.removeEventListener("message", listen);
        resolve("");
      }, OTHER_TABS_TIMEOUT_MS);
    });
  }

  private clear(): void {
    clearTimeout(this.renewal);
    sessionStorage.clear(); // Tokens and form drafts.
    this.authorization = "";
    this.setState({ phase: "signedOut" });
  }

  private broadcast(message: Message): void {
    this.tabs.postMessage(message);
  }

  private setState(state: SessionState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

const storedToken = async () => sessionStorage.getItem(TOKEN_STORAGE_KEY) ?? "";

/** Returns the caller to whom the credentials belong, or an error message. Retries while the server is unreachable. */
async function fetchCaller(authorization: string): Promise<Caller | string> {
  let response: Response;
  try {
    response = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", authorization },
      body: JSON.stringify({ query: WHO_AM_I }),
    });
  } catch {
    connection.markOffline();
    await connection.untilOnline();
    return fetchCaller(authorization);
  }
  const { data, errors } = (await response.json()) as { data?: WhoAmIQuery; errors?: { message: string }[] };
  return data?.getCaller ?? errors?.[0]?.message ?? "The server refused these credentials.";
}

export const session = new Session();

export const useSession = () => useSyncExternalStore(session.subscribe, () => session.state);

/** Returns the signed-in caller. Throws on pages that are rendered without a signed-in caller. */
export function useCaller(): Caller {
  const state = useSession();
  if (state.phase !== "signedIn" && state.phase !== "expired") throw new Error("No caller is signed in.");
  return state.caller;
}

const ROLES = ["MEMBER", "READER", "OPERATOR", "ADMIN"] as const;

/** Whether the caller's role includes `role`: each role includes the ones before it. */
export function useHasRole(role: Caller["role"]): boolean {
  return ROLES.indexOf(useCaller().role) >= ROLES.indexOf(role);
}
