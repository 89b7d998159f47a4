/**
 * Who is signed in, and by what.
 *
 * An API key is held in memory alone: neither storage, nor an address, nor the history ever has it. What a reload finds
 * in this tab's session storage is a token that lasts some minutes; other tabs of ours are asked first, and the page of
 * a server on this machine brings a key of its own.
 */

import { useSyncExternalStore } from "react";

import { connection } from "../connection";
import type { WhoAmIQuery } from "../schema";
import { completeSignIn, isSignInCallback, onTokenRenewed, storedAuthorization } from "./oidc";
import { readMeta } from "./pageMeta";

export type Caller = WhoAmIQuery["getCaller"];

export type SessionState =
  | { phase: "starting" }
  /** Nobody is signed in; `refusal` says why not. */
  | { phase: "out"; errorMessage?: string }
  | { phase: "in"; caller: Caller }
  /** The credentials no longer work. The page stays as it is behind the question for others. */
  | { phase: "ended"; caller: Caller };

const TOKEN_STORAGE_KEY = "vpp-token";
const PREFIX_LENGTH = 12; // As of ApiKey.prefix, which names a key to /oauth/token.
const OTHER_TABS_TIMEOUT_MS = 150;
const WHO_AM_I = "query WhoAmI { getCaller { authType name role vppIds siteIds } }";

type Message = { ask: true } | { authorization: string } | { signedOut: true };

class Session {
  state: SessionState = { phase: "starting" };
  /** What goes out as `Authorization`: an API key, or a token. */
  authorization = "";

  private listeners = new Set<() => void>();
  private renewal: ReturnType<typeof setTimeout> | undefined;
  private tabs = new BroadcastChannel("vpp-session");

  constructor() {
    this.tabs.onmessage = ({ data }: MessageEvent<Message>) => {
      if ("ask" in data && this.state.phase === "in") this.broadcast({ authorization: this.authorization });
      if ("signedOut" in data && this.state.phase !== "out") this.clear();
    };
  }

  /** Signs in by what is there already: a sign-in under way, this tab's token, the page's key, another tab. */
  async start(): Promise<void> {
    void onTokenRenewed((renewed) => {
      this.authorization = renewed;
    });
    if (isSignInCallback()) {
      const { user, returnTo, refusal } = await completeSignIn();
      // The address that was called holds a code, which no history should.
      history.replaceState(null, "", returnTo);
      dispatchEvent(new PopStateEvent("popstate"));
      const markExpired = user ? await this.authenticate(user) : refusal;
      if (markExpired) this.setState({ phase: "out", errorMessage: markExpired });
      return;
    }
    for (const found of [
      storedAuthorization,
      storedToken,
      async () => readMeta("api-key"),
      () => this.requestFromOtherTabs(),
    ]) {
      const authorization = await found();
      if (authorization && (await this.authenticate(authorization)) === "") return;
    }
    this.setState({ phase: "out" });
  }

  /** Signs in with an API key, or a token; returns why it was refused, or nothing. */
  async signIn(secret: string): Promise<string> {
    const authorization = secret.trim();
    return this.authenticate(authorization, () => this.storeToken(authorization));
  }

  signOut(): void {
    this.broadcast({ signedOut: true });
    this.clear();
  }

  /** Notes that the credentials were refused. */
  refused(): void {
    if (this.state.phase !== "in") return;
    sessionStorage.removeItem(TOKEN_STORAGE_KEY);
    this.setState({ phase: "ended", caller: this.state.caller });
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
    this.setState({ phase: "in", caller: found });
    return "";
  }

  /** Keeps a token for the key, for a reload to find, and renews it for as long as this page is open. */
  private async storeToken(key: string): Promise<void> {
    clearTimeout(this.renewal);
    if (!key.startsWith("da2-")) return;
    const form = { grant_type: "client_credentials", client_id: key.slice(0, PREFIX_LENGTH), client_secret: key };
    try {
      const response = await fetch("/oauth/token", { method: "POST", body: new URLSearchParams(form) });
      if (!response.ok) return; // A key given by the environment has no tokens: a reload asks for it again.
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
      this.broadcast({ ask: true });
      setTimeout(() => {
        this.tabs.removeEventListener("message", listen);
        resolve("");
      }, OTHER_TABS_TIMEOUT_MS);
    });
  }

  private clear(): void {
    clearTimeout(this.renewal);
    sessionStorage.clear(); // Tokens, and what forms kept.
    this.authorization = "";
    this.setState({ phase: "out" });
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

/** Asks who the credentials are of, for as long as the server is away; returns why they are refused where they are. */
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

/** Who is signed in, on pages that are shown to nobody else. */
export function useCaller(): Caller {
  const state = useSession();
  if (state.phase !== "in" && state.phase !== "ended") throw new Error("Nobody is signed in.");
  return state.caller;
}

const ROLES = ["MEMBER", "READER", "OPERATOR", "ADMIN"] as const;

/** Whether the caller may do what a role may: each may do what the one before it may. */
export function useHasRole(role: Caller["role"]): boolean {
  return ROLES.indexOf(useCaller().role) >= ROLES.indexOf(role);
}
