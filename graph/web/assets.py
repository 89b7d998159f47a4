"""The files of the console, whose names hold a hash of their content."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class Assets(StaticFiles):
    """
    Serves files that browsers may cache for ever, since a changed file has another name.

    If the build left a .gz file beside a file, the .gz file is sent: compressing 3 MB takes 0.15 s for each request.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the response with a file. Raises HTTPException (404) if there is none."""
        response = await self._compressed(path, scope) or await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response

    async def _compressed(self, path: str, scope: Scope) -> Response | None:
        if "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            return None
        try:
            response = await super().get_response(f"{path}.gz", scope)
        except HTTPException:
            return None
        response.headers["content-encoding"] = "gzip"
        response.headers["vary"] = "Accept-Encoding"
        return response
