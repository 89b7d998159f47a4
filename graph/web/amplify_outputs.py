"""`amplify_outputs.json`: the configuration file of Amplify's clients."""

import os
import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

# The version of its JSON schema:
# https://github.com/aws-amplify/amplify-backend, packages/client-config/src/client-config-schema
VERSION = "1.4"
# A host name, an IPv4 address, or an IPv6 address in brackets; a port is optional.
HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)


def aws_region(given: str | None) -> str:
    """Return the AWS region that clients are configured with: the given region, or the region in the environment."""
    return given or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def amplify_outputs(*, api_key: str | None, region: str) -> Callable[[Request], Awaitable[Response]]:
    """Return the request handler: the endpoint is at the host that the client called; the key is included if given."""

    async def answer(request: Request) -> Response:
        host = request.headers.get("host", "")
        if not HOST.fullmatch(host):
            return PlainTextResponse(
                "The Host header must be a host name or an IP address, with or without a port.", 400
            )
        data = {
            "url": f"{request.url.scheme}://{host}/graphql",
            "aws_region": region,
            "default_authorization_type": "API_KEY",
            "authorization_types": ["API_KEY", "AWS_IAM"],
        }
        if api_key is not None:
            data["api_key"] = api_key
        # The response may hold a key, and depends on the Host header.
        return JSONResponse({"version": VERSION, "data": data}, headers={"cache-control": "no-store"})

    return answer
