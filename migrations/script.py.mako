"""${message}."""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
from aumos_agent_framework.adapters.postgres.tenancy import protect

revision = "${up_revision}"
down_revision = ${'"%s"' % down_revision if down_revision else None}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


# A new table needs more than its columns: `protect`, grants for agf_app on the columns it writes, and keys that begin
# with tenant_id. The catalog guard names what is missing. The release before this one must still work afterwards.
def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
