"""What makes requests and messages safe to repeat: the outbox and the idempotency keys."""

from alembic import op

from aumos_agent_framework.adapters.postgres.tenancy import protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OUTBOX = """
CREATE TABLE agf_outbox (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    execution_id uuid NOT NULL,
    kind text NOT NULL,
    payload json NOT NULL,
    available_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_agf_outbox PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_agf_outbox_kind CHECK (kind IN ('start', 'decision', 'cancel')),
    CONSTRAINT ck_agf_outbox_attempts CHECK (attempts >= 0)
)
"""

IDEMPOTENCY_KEYS = """
CREATE TABLE agf_idempotency_keys (
    tenant_id uuid NOT NULL,
    scope text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint text NOT NULL,
    answer json,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_agf_idempotency_keys PRIMARY KEY (tenant_id, scope, key),
    CONSTRAINT ck_agf_idempotency_keys_scope_length CHECK (char_length(scope) <= 512),
    CONSTRAINT ck_agf_idempotency_keys_key_length CHECK (char_length(key) <= 512),
    CONSTRAINT ck_agf_idempotency_keys_fingerprint_length CHECK (char_length(fingerprint) <= 512)
)
"""

INDEXES = (
    "CREATE INDEX ix_agf_outbox_order ON agf_outbox (id)",
    "CREATE INDEX ix_agf_outbox_execution ON agf_outbox (tenant_id, execution_id, id)",
    "CREATE INDEX ix_agf_idempotency_keys_expires ON agf_idempotency_keys (tenant_id, expires_at)",
)

# The one row policy that does not ask for a tenant: the relay delivers for all of them and sees nothing else.
RELAY_POLICY = "CREATE POLICY relay_delivers_for_all ON agf_outbox TO agf_relay USING (true)"

GRANTS = (
    # The app changes no message; without the right to update one column PostgreSQL would not let it lock a row.
    "GRANT SELECT, INSERT, DELETE, UPDATE (attempts) ON agf_outbox TO agf_app",
    "GRANT SELECT, DELETE, UPDATE (attempts, available_at, last_error) ON agf_outbox TO agf_relay",
    """
    GRANT SELECT, INSERT, DELETE, UPDATE (fingerprint, answer, created_at, expires_at)
    ON agf_idempotency_keys TO agf_app
    """,
)


def upgrade() -> None:
    row_security = (*protect("agf_outbox"), RELAY_POLICY, *protect("agf_idempotency_keys"))
    for statement in (OUTBOX, IDEMPOTENCY_KEYS, *INDEXES, *row_security, *GRANTS):
        op.execute(statement)


def downgrade() -> None:
    for table in ("agf_idempotency_keys", "agf_outbox"):
        op.drop_table(table)
