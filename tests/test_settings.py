import pytest
from pydantic import ValidationError

from graph.settings import OidcSettings, OwnTokenSettings, describe_invalid_settings, is_safe_to_fetch

COGNITO = {
    "VPP_OIDC_ISSUER": "https://cognito-idp.ap-southeast-2.amazonaws.com/ap-southeast-2_a1B2c3D4e",
    "VPP_OIDC_AUDIENCE": "3n4b5urk1ft4fl3mg5e62d9ado",
}
ALGORITHMS = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA"


def given(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


def test_an_issuer_and_an_audience_are_all_that_cognito_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, COGNITO)

    oidc = OidcSettings()

    assert (oidc.issuer, oidc.audience) == (COGNITO["VPP_OIDC_ISSUER"], (COGNITO["VPP_OIDC_AUDIENCE"],))
    assert (oidc.client_id, oidc.scope) == (None, "openid email")
    assert (oidc.algorithms, oidc.leeway_s, oidc.roles_claim) == (("RS256", "ES256"), 30, "cognito:groups")


def test_several_are_written_with_commas_or_spaces_and_roles_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, COGNITO | {"VPP_OIDC_AUDIENCE": "one, two three", "VPP_OIDC_ROLES": '{"staff": "OPERATOR"}'})

    oidc = OidcSettings()

    assert (oidc.audience, oidc.roles) == (("one", "two", "three"), {"staff": "OPERATOR"})


def test_what_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {"VPP_OIDC_ISSUER": "", "VPP_OIDC_AUDIENCE": ""})

    assert OidcSettings().issuer is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"VPP_OIDC_AUDIENCE": ""},
            "VPP_OIDC_AUDIENCE is missing: without it, tokens for anyone else would be taken.",
        ),
        ({"VPP_OIDC_ISSUER": ""}, "VPP_OIDC_ISSUER is missing: without it, the other settings mean nothing."),
        (
            {"VPP_OIDC_ISSUER": "http://issuer.example.com"},
            "VPP_OIDC_ISSUER is expected to be an address of https, unless VPP_OIDC_JWKS_URL is given.",
        ),
        (
            {"VPP_OIDC_JWKS_URL": "http://issuer.example.com/keys"},
            "VPP_OIDC_JWKS_URL: expected an address of https, or of this machine.",
        ),
        ({"VPP_OIDC_ALGORITHMS": "RS256 none"}, f"VPP_OIDC_ALGORITHMS holds 'none'; expected some of {ALGORITHMS}."),
        ({"VPP_OIDC_ALGORITHMS": "HS256"}, f"VPP_OIDC_ALGORITHMS holds 'HS256'; expected some of {ALGORITHMS}."),
        (
            {"VPP_OIDC_ROLES": '{"staff": "BOSS"}'},
            "VPP_OIDC_ROLES: Input should be 'MEMBER', 'READER', 'OPERATOR' or 'ADMIN'.",
        ),
        ({"VPP_OIDC_LEEWAY_S": "601"}, "VPP_OIDC_LEEWAY_S: Input should be less than or equal to 600."),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], told: str
) -> None:
    given(monkeypatch, COGNITO | settings)

    with pytest.raises(ValidationError) as refused:
        OidcSettings()

    assert describe_invalid_settings(refused.value) == told


@pytest.mark.parametrize(
    ("url", "is_so"),
    [
        *(("https://issuer.example.com/keys", True), ("http://localhost:8000/keys", True)),
        *(("http://127.0.0.1/keys", True), ("http://[::1]:8000/keys", True), ("http://127.9.9.9", True)),
        *(("http://issuer.example.com", False), ("http://localhost.example.com", False), ("https://", False)),
        *(("http://10.0.0.1/keys", False), ("ftp://127.0.0.1", False), ("/keys", False), ("http://[", False)),
    ],
)
def test_keys_are_fetched_by_https_or_on_this_machine(url: str, is_so: bool) -> None:
    assert is_safe_to_fetch(url) is is_so


def test_a_token_cannot_last_longer_than_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {"VPP_TOKEN_LIFETIME_S": "86401"})

    with pytest.raises(ValidationError) as refused:
        OwnTokenSettings()

    assert (
        describe_invalid_settings(refused.value) == "VPP_TOKEN_LIFETIME_S: Input should be less than or equal to 86400."
    )
