"""Audit signing keys, and the access keys of an API key"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INSTANT = """to_char({0} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""

# The functions of the audit trail lock a row and return the object as jsonb. Neither returns a secret.
AUDITED_SIGNING_KEYS = f"""
    create function audited_signing_keys(uuid) returns jsonb language plpgsql volatile as $$
    begin
        perform from signing_keys where id = $1 for no key update;
        return (
            select jsonb_build_object(
                'createdAt', {INSTANT.format("created_at")},
                'validUntil', {INSTANT.format("good_until")}
            )
            from signing_keys
            where id = $1
        );
    end
    $$
"""  # noqa: S608 Only constants.
AUDITED_API_KEYS = f"""
    create or replace function audited_api_keys(uuid) returns jsonb language plpgsql volatile as $$
    begin
        perform from api_keys where id = $1 for no key update;
        return (
            select jsonb_build_object(
                'name', name,
                'prefix', prefix,
                'role', role,
                'vppIds', vpp_ids,
                'siteIds', site_ids,
                'expiresAt', {INSTANT.format("expires_at")},
                'revokedAt', {INSTANT.format("revoked_at")}
            ) {{more}}
            from api_keys
            where id = $1
        );
    end
    $$
"""  # noqa: S608 Only constants.
# Access keys are included only if there are any, so that other API keys look as they do in earlier entries.
ACCESS_KEY_IDS = """|| coalesce(
    (
        select jsonb_build_object('accessKeyIds', jsonb_agg(access_keys.id order by access_keys.created_at))
        from access_keys
        where api_key_id = $1
        having count(*) > 0
    ),
    jsonb_build_object()
)"""


def upgrade() -> None:
    op.execute(AUDITED_SIGNING_KEYS)
    op.execute(AUDITED_API_KEYS.format(more=ACCESS_KEY_IDS))


def downgrade() -> None:
    op.execute(AUDITED_API_KEYS.format(more=""))
    op.execute("drop function audited_signing_keys")
