"""The token issuer of the embedded platform: OAuth 2 with client credentials, and the documents by which others find its keys.

    server.py SETTINGS LISTEN

SETTINGS is a file that `tidegate` writes (tidegate/embedded/identity/token_issuer.py). Keys and clients are read again whenever
it changes, addresses at the start only. LISTEN is the path of a Unix socket, or an address and port. Whoever stands in front
speaks TLS.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, Response, request
from joserfc.jwk import KeySet
from settings import GRANT, METHODS, Client, Kept, log
from waitress import serve
from werkzeug.exceptions import HTTPException

LONGEST_BODY_BYTES = 16 * 1024
"""A token request takes some hundred bytes."""

KEYS_LAST_SECONDS = 300
"""How long whoever fetched the keys may keep them."""

_ONCE = ("grant_type", "scope", "client_id", "client_secret")


class Tokens(JWTBearerTokenGenerator):
    """Tokens as the edge reads them: beside RFC 9068's claims the tenant's, and a beginning."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(kept.settings.issuer, expires_generator=lambda _client, _grant_type: kept.settings.lifetime_seconds)
        self._kept = kept

    def get_jwks(self) -> KeySet:
        """The key that signs now, in a set of its own: only from a set its name gets into the header."""
        settings = self._kept.settings
        return KeySet([settings.keys[settings.signs_with]])

    def get_audiences(self, client: Client, user: object, scope: str) -> str:
        """The same for all: the edges."""
        del client, user, scope
        return self._kept.settings.audience

    def get_extra_claims(self, client: Client, grant_type: str, user: object, scope: str) -> dict[str, object]:
        """The tenant and the beginning."""
        del grant_type, user
        log("token", subject=client.subject, tenant=scope, key=self._kept.settings.signs_with)
        return {self._kept.settings.tenant_claim: scope, "nbf": int(time.time())}


class OneTenant(ClientCredentialsGrant):
    """Client credentials with a tenant's name for a scope."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def validate_token_request(self) -> None:
        """Raises Authlib's errors, whose form is that of RFC 6749."""
        super().validate_token_request()
        client: Client = self.request.client
        if client.get_allowed_scope(self.request.payload.scope) is None:
            raise InvalidScopeError(f"scope: name one of {', '.join(client.tenants)}")


class Server(AuthorizationServer):
    """Refuses first what could be read in two ways."""

    def create_token_response(self, asked: object = None) -> Response:
        """An answer to the request that Flask holds, whatever it is."""
        if problem := _ambiguity():
            return self.handle_error_response(asked, InvalidRequestError(problem))
        try:
            return super().create_token_response(asked)
        except ValueError:  # Authlib decodes the header without looking: base64, UTF-8
            return self.handle_error_response(asked, InvalidClientError(status_code=401))

    def handle_error_response(self, asked: object, error: OAuth2Error) -> Response:
        """The error as JSON, after a line in the log."""
        given = request.authorization
        log("refused", error=error.error, client=request.form.get("client_id") or (given.get("username") if given else None))
        if isinstance(error, InvalidClientError):  # one answer for all: who is no client shall not be told from a wrong secret
            error = InvalidClientError("no such client, or another secret", status_code=401)
        return super().handle_error_response(asked, error)


def _ambiguity() -> str:
    if request.args:
        return "parameters belong into the body; addresses are logged"
    if twice := [name for name in _ONCE if len(request.form.getlist(name)) > 1]:
        return f"{', '.join(twice)}: more than once"
    if "Authorization" in request.headers and "client_secret" in request.form:
        return "one way to authenticate is enough"
    return ""


def application(kept: Kept) -> Flask:
    """The issuer as a WSGI application."""
    app = Flask("issuer", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY_BYTES

    def find_client(name: str) -> Client | None:
        return kept.settings.clients.get(name)

    server = Server(app, query_client=find_client, save_token=lambda _token, _request: None)
    server.register_grant(OneTenant)
    server.register_token_generator("default", Tokens(kept))
    at_start = kept.settings
    path = urlsplit(at_start.issuer).path.rstrip("/")

    def discovery() -> dict[str, object]:
        return {
            "issuer": at_start.issuer, "token_endpoint": at_start.token_endpoint, "jwks_uri": at_start.jwks_uri,
            "grant_types_supported": [GRANT], "token_endpoint_auth_methods_supported": list(METHODS),
            "response_types_supported": [], "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
        }  # fmt: skip

    def keys() -> Response:
        published = [key.as_dict(private=False) for _, key in sorted(kept.settings.keys.items())]
        answer = Response(json.dumps({"keys": published}), mimetype="application/json")
        answer.headers["Cache-Control"] = f"public, max-age={KEYS_LAST_SECONDS}"
        return answer

    app.add_url_rule(f"{path}/.well-known/openid-configuration", "discovery", discovery)
    app.add_url_rule(f"/.well-known/oauth-authorization-server{path}", "metadata", discovery)
    app.add_url_rule(urlsplit(at_start.jwks_uri).path, "keys", keys)
    app.add_url_rule(urlsplit(at_start.token_endpoint).path, "token", server.create_token_response, methods=["POST"])

    def refuse(error: HTTPException) -> tuple[dict[str, str], int]:
        return {"error": error.name.lower().replace(" ", "_")}, error.code or 500

    app.register_error_handler(HTTPException, refuse)
    return app


def main(arguments: list[str]) -> None:
    """Serves until it is ended."""
    settings, listen = arguments
    where = {"unix_socket": listen, "unix_socket_perms": "600"} if listen.startswith("/") else {"listen": listen}
    serve(
        application(Kept(Path(settings))), **where, url_scheme="https", threads=4, ident=None, channel_timeout=20,
        max_request_header_size=32 * 1024, max_request_body_size=2 * LONGEST_BODY_BYTES,
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
