import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

import graph.settings
from graph.settings import (
    DatabaseSettings,
    OidcSettings,
    OwnTokenSettings,
    Settings,
    describe_invalid_settings,
    is_safe_to_fetch,
)

SETTINGS_CLASSES = [
    each
    for each in vars(graph.settings).values()
    if isinstance(each, type) and each.__module__ == "graph.settings" and issubclass(each, BaseSettings)
]

COGNITO = {
    "VPP_OIDC_ISSUER": "https://cognito-idp.ap-southeast-2.amazonaws.com/ap-southeast-2_a1B2c3D4e",
    "VPP_OIDC_AUDIENCE": "3n4b5urk1ft4fl3mg5e62d9ado",
}
ALGORITHMS = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA"


def set_environment(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


def test_cognito_needs_only_issuer_and_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, COGNITO)

    oidc = OidcSettings()

    assert (oidc.issuer, oidc.audience) == (COGNITO["VPP_OIDC_ISSUER"], (COGNITO["VPP_OIDC_AUDIENCE"],))
    assert (oidc.client_id, oidc.scope) == (None, "openid email")
    assert (oidc.algorithms, oidc.leeway_s, oidc.roles_claim) == (("RS256", "ES256"), 30, "cognito:groups")


def test_lists_are_separated_by_commas_or_spaces_and_roles_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(
        monkeypatch, COGNITO | {"VPP_OIDC_AUDIENCE": "one, two three", "VPP_OIDC_ROLES": '{"staff": "OPERATOR"}'}
    )

    oidc = OidcSettings()

    assert (oidc.audience, oidc.roles) == (("one", "two", "three"), {"staff": "OPERATOR"})


def test_empty_oidc_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, {"VPP_OIDC_ISSUER": "", "VPP_OIDC_AUDIENCE": ""})

    assert OidcSettings().issuer is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"VPP_OIDC_AUDIENCE": ""},
            "VPP_OIDC_AUDIENCE is missing: without it, tokens for other applications would be accepted.",
        ),
        ({"VPP_OIDC_ISSUER": ""}, "VPP_OIDC_ISSUER is missing: the other VPP_OIDC_ settings need it."),
        (
            {"VPP_OIDC_ISSUER": "http://issuer.example.com"},
            "VPP_OIDC_ISSUER: expected an https URL, unless VPP_OIDC_JWKS_URL is given.",
        ),
        (
            {"VPP_OIDC_JWKS_URL": "http://issuer.example.com/keys"},
            "VPP_OIDC_JWKS_URL: expected an https URL, or an http URL of this machine.",
        ),
        (
            {"VPP_OIDC_ALGORITHMS": "RS256 none"},
            f"VPP_OIDC_ALGORITHMS contains 'none'; expected one or more of {ALGORITHMS}.",
        ),
        (
            {"VPP_OIDC_ALGORITHMS": "HS256"},
            f"VPP_OIDC_ALGORITHMS contains 'HS256'; expected one or more of {ALGORITHMS}.",
        ),
        (
            {"VPP_OIDC_ROLES": '{"staff": "BOSS"}'},
            "VPP_OIDC_ROLES: Input should be 'MEMBER', 'READER', 'OPERATOR' or 'ADMIN'.",
        ),
        ({"VPP_OIDC_LEEWAY_S": "601"}, "VPP_OIDC_LEEWAY_S: Input should be less than or equal to 600."),
    ],
)
def test_invalid_oidc_settings_are_rejected_with_their_variable(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], message: str
) -> None:
    set_environment(monkeypatch, COGNITO | settings)

    with pytest.raises(ValidationError) as refused:
        OidcSettings()

    assert describe_invalid_settings(refused.value) == message


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        *(("https://issuer.example.com/keys", True), ("http://localhost:8000/keys", True)),
        *(("http://127.0.0.1/keys", True), ("http://[::1]:8000/keys", True), ("http://127.9.9.9", True)),
        *(("http://issuer.example.com", False), ("http://localhost.example.com", False), ("https://", False)),
        *(("http://10.0.0.1/keys", False), ("ftp://127.0.0.1", False), ("/keys", False), ("http://[", False)),
    ],
)
def test_keys_are_fetched_only_over_https_or_from_this_machine(url: str, is_safe: bool) -> None:
    assert is_safe_to_fetch(url) is is_safe


def test_token_lifetime_is_at_most_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, {"VPP_TOKEN_LIFETIME_S": "86401"})

    with pytest.raises(ValidationError) as refused:
        OwnTokenSettings()

    assert (
        describe_invalid_settings(refused.value) == "VPP_TOKEN_LIFETIME_S: Input should be less than or equal to 86400."
    )


@pytest.mark.parametrize("settings_class", SETTINGS_CLASSES)
def test_every_setting_has_a_description_of_whole_sentences(settings_class: type[BaseSettings]) -> None:
    descriptions = [field.description or "" for field in settings_class.model_fields.values()]

    assert descriptions
    assert all(text.endswith(".") and text[:1].isupper() for text in descriptions)


@pytest.mark.parametrize("settings_class", SETTINGS_CLASSES)
def test_errors_name_a_setting_by_its_environment_variable(settings_class: type[BaseSettings]) -> None:
    assert settings_class.model_config["title"] == settings_class.model_config["env_prefix"]


def test_pool_sizes_are_set_apart_from_the_database_url(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, {"VPP_DATABASE_URL": "postgresql://127.0.0.1/vpp", "VPP_DATABASE_READ_POOL_SIZE": "3"})

    assert Settings().database_url == "postgresql://127.0.0.1/vpp"
    assert DatabaseSettings().read_pool_size == 3
    assert DatabaseSettings().pool_size == 10


def test_default_pools_of_two_api_processes_and_two_workers_fit_into_postgres() -> None:
    pools = DatabaseSettings()
    # Each process has one more connection: for notices, or for the jobs of a worker.
    api_process = pools.pool_size + pools.read_pool_size + pools.write_pool_size + 1
    worker = pools.worker_pool_size + 1

    # Of Postgres's default of 100 connections, 3 are reserved for superusers.
    assert 2 * api_process + 2 * worker <= 97


def test_empty_pool_is_rejected_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, {"VPP_DATABASE_POOL_SIZE": "0"})

    with pytest.raises(ValidationError) as refused:
        DatabaseSettings()

    expected = "VPP_DATABASE_POOL_SIZE: Input should be greater than or equal to 1."
    assert describe_invalid_settings(refused.value) == expected


def test_invalid_port_is_rejected_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, {"VPP_PORT": "http"})

    with pytest.raises(ValidationError) as refused:
        Settings()

    expected = "VPP_PORT: Input should be a valid integer, unable to parse string as an integer."
    assert describe_invalid_settings(refused.value) == expected
