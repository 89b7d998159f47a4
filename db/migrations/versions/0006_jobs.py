"""The job queue of the workers: the tables of pgqueuer"""

from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _run(QueryBuilderEnvironment().build_install_query())


def downgrade() -> None:
    _run(QueryBuilderEnvironment().build_uninstall_query())


def _run(script: str) -> None:
    # Many statements at once, with a function's body among them: only the driver itself takes those as they are.
    op.get_bind().connection.run_async(lambda driver: driver.execute(script))
