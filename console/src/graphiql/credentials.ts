/** By whose credentials an operation is sent: read from the headers of its tab, and written into them. */

import { tryParseJSONC } from "@graphiql/react";

import { session } from "../session/session";

export type Headers = Record<string, string>;

/** The session's own, another API key, a bearer token, or none. */
export type Mode = "SESSION" | "KEY" | "TOKEN" | "NONE";

// What was written for "as signed in". The session may have renewed it since.
const sessionValues = new Set<string>();

/** The headers of whoever is signed in. */
export function sessionHeaders(): Headers {
  const { authorization } = session;
  sessionValues.add(authorization);
  return authorization.startsWith("da2-") ? { "x-api-key": authorization } : { authorization };
}

/** Whether headers hold what the session has or had. */
export const areSessionHeaders = (headers: Headers) => Object.values(headers).some((value) => sessionValues.has(value));

/** Says by what the headers, as text, are sent. */
export function readCredentials(text: string): { mode: Mode; secret: string } {
  const found = Object.entries(parseHeaders(text)).find(([name]) => isCredential(name));
  if (!found) return { mode: "NONE", secret: "" };
  const [name, value] = found;
  if (sessionValues.has(value)) return { mode: "SESSION", secret: "" };
  return name.toLowerCase() === KEY
    ? { mode: "KEY", secret: value }
    : { mode: "TOKEN", secret: value.replace(/^Bearer /, "") };
}

/** Returns the headers, as text, with other credentials; what else they hold stays. */
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

/** Half-typed headers hold nothing yet. */
function parseHeaders(text: string): Headers {
  try {
    const headers = tryParseJSONC(text) ?? {};
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  } catch {
    return {};
  }
}
