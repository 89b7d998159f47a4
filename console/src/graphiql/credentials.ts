/** Reads and writes the credentials in the headers of a GraphiQL tab. */

import { tryParseJSONC } from "@graphiql/react";

import { session } from "../session/session";

export type Headers = Record<string, string>;

/** The session's credentials, another API key, a bearer token, or none. */
export type Mode = "SESSION" | "KEY" | "TOKEN" | "NONE";

// The credentials of the session that were ever written into headers: the session may have renewed its token since.
const sessionValues = new Set<string>();

/** Returns the headers with the session's credentials. */
export function sessionHeaders(): Headers {
  const { authorization } = session;
  sessionValues.add(authorization);
  return authorization.startsWith("da2-") ? { "x-api-key": authorization } : { authorization };
}

/** Whether headers contain current or earlier credentials of the session. */
export const areSessionHeaders = (headers: Headers) => Object.values(headers).some((value) => sessionValues.has(value));

/** Reads the credentials out of a tab's headers, given as text. */
export function readCredentials(text: string): { mode: Mode; secret: string } {
  const found = Object.entries(parseHeaders(text)).find(([name]) => isCredential(name));
  if (!found) return { mode: "NONE", secret: "" };
  const [name, value] = found;
  if (sessionValues.has(value)) return { mode: "SESSION", secret: "" };
  return name.toLowerCase() === KEY
    ? { mode: "KEY", secret: value }
    : { mode: "TOKEN", secret: value.replace(/^Bearer /, "") };
}

/** Replaces the credentials in a tab's headers, given as text, and keeps the other headers. */
export function withCredentials(text: string, mode: Mode, secret: string): string {
  const others = Object.entries(parseHeaders(text)).filter(([name]) => !isCredential(name));
  const credentials = {
    SESSION: sessionHeaders,
    KEY: () => ({ [KEY]: secret }),
    TOKEN: () => ({ authorization: `Bearer ${secret}` }),
    NONE: () => ({}),
  }[mode]();
  return JSON.stringify({ ...credentials, ...Object.fromEntries(others) }, null, 2);
}

const KEY = "x-api-key";

const isCredential = (name: string) => [KEY, "authorization"].includes(name.toLowerCase());

/** Parses headers; half-typed ones that are not valid JSON count as none. */
function parseHeaders(text: string): Headers {
  try {
    const headers = tryParseJSONC(text) ?? {};
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  } catch {
    return {};
  }
}
