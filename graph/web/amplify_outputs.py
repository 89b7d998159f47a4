"""What Amplify's clients are configured with: `amplify_outputs.json`."""

import os
import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

# Of its schema: https://github.com/aws-amplify/amplify-backend, packages/client-config/src/client-config-schema
VERSION = "1.4"
# A name, an IPv4 address, or an IPv6 one in brackets; and perhaps a port.
HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)


def aws_region(given: str | None) -> str:
    """Return the region that clients name as ours, unless one is given found as the object store finds its own."""
    return given or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def amplify_outputs(*, api_key: str | None, region: str) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers with the outputs: the endpoint at the address by which the client came, and the key."""

    async def answer(request: Request) -> Response:
        host = request.headers.get("host", "")
        if not HOST.fullmatch(host):
            return PlainTextResponse("The Host header must be a name or an address, and may have a port.", 400)
        data = {
            "url": f"{request.url.scheme}://{host}/graphql",
            "aws_region": region,
            "default_authorization_type": "API_KEY",
            "authorization_types": ["API_KEY", "AWS_IAM"],
        }
        if api_key is not None:
            data["api_key"] = api_key
        # It may hold a key, and depends on the address.
        return JSONResponse({"version": VERSION, "data": data}, headers={"cache-control": "no-store"})

    return answer
