import type { CombinedError } from "urql";

interface ApiError {
  errorType?: string;
  errorInfo?: { field?: string[] } & Record<string, unknown>;
}

/** Returns an API error's errorType and errorInfo, which AppSync puts beside `message`, not into `extensions`. */
export function apiErrorOf(error: CombinedError): ApiError {
  return (error.graphQLErrors[0]?.originalError as ApiError | undefined) ?? {};
}

/** Returns an error as a sentence for the user. */
export function errorMessage(error: CombinedError): string {
  const [first] = error.graphQLErrors;
  if (!first) {
    return error.response?.status
      ? `The server responded with status ${error.response.status}. Try again in a moment.`
      : "The server cannot be reached. Nothing was lost: try again in a moment.";
  }
  if (apiErrorOf(error).errorType === "InternalFailure") {
    return "Something went wrong on the server, and it is logged there. Trying again is safe.";
  }
  return first.message;
}

/** Returns the id under which the server logged the request. */
export function requestId(error: CombinedError): string | null {
  return error.response?.headers?.get("x-amzn-requestid") ?? null;
}
