import type { ApiKeyDetailsFragment, CreateApiKeyMutation } from "../schema";

export type ApiKey = ApiKeyDetailsFragment;

/** The result of createApiKey: the key, and its secret, which the API returns only once. */
export type CreatedApiKey = NonNullable<CreateApiKeyMutation["createApiKey"]>;
