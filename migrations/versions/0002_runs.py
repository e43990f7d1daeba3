"""What happens in a run: executions, steps, human decisions, effects."""

from alembic import op

from aumos_agent_framework.adapters.postgres.tenancy import protect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

EXECUTIONS = """
CREATE TABLE agf_executions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    workflow_id uuid,
    workflow_version integer,
    definition_hash text NOT NULL,
    agent_id uuid,
    status text NOT NULL,
    current_nodes text[] NOT NULL,
    input_data json NOT NULL,
    output_data json,
    error json,
    session_id text,
    initiated_by text NOT NULL,
    temporal_workflow_id text NOT NULL,
    usage json NOT NULL,
    cancel_requested boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    started_at timestamptz,
    completed_at timestamptz,
    plan json NOT NULL,
    CONSTRAINT pk_agf_executions PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_agf_executions_status
        CHECK (status IN ('pending', 'running', 'paused_hitl', 'completed', 'failed', 'cancelled')),
    CONSTRAINT ck_agf_executions_workflow CHECK ((workflow_id IS NULL) = (workflow_version IS NULL)),
    CONSTRAINT ck_agf_executions_session_id_length CHECK (char_length(session_id) <= 512),
    CONSTRAINT ck_agf_executions_initiated_by_length CHECK (char_length(initiated_by) <= 512),
    CONSTRAINT ck_agf_executions_temporal_workflow_id_length CHECK (char_length(temporal_workflow_id) <= 512)
)
"""

STEPS = """
CREATE TABLE agf_execution_steps (
    tenant_id uuid NOT NULL,
    execution_id uuid NOT NULL,
    seq integer NOT NULL,
    node text NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    attempts integer NOT NULL,
    input json,
    output json,
    error json,
    hitl_request_ids uuid[] NOT NULL,
    usage json NOT NULL,
    parent_seq integer,
    CONSTRAINT pk_agf_execution_steps PRIMARY KEY (tenant_id, execution_id, seq),
    CONSTRAINT fk_agf_execution_steps_execution
        FOREIGN KEY (tenant_id, execution_id) REFERENCES agf_executions (tenant_id, id),
    CONSTRAINT ck_agf_execution_steps_status
        CHECK (status IN ('running', 'waiting', 'completed', 'failed', 'cancelled')),
    CONSTRAINT ck_agf_execution_steps_seq CHECK (seq >= 1),
    CONSTRAINT ck_agf_execution_steps_attempts CHECK (attempts >= 0)
)
"""

REQUESTS = """
CREATE TABLE agf_hitl_requests (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    execution_id uuid NOT NULL,
    workflow_id uuid,
    call_id text COLLATE "C" NOT NULL,
    gate_name text NOT NULL,
    kind text NOT NULL,
    node text NOT NULL,
    agent_id uuid,
    agent_owner text,
    tool text,
    tool_version integer,
    arguments json,
    action_description text NOT NULL,
    context_data json NOT NULL,
    initiated_by text NOT NULL,
    effective_level smallint NOT NULL,
    required_level smallint NOT NULL,
    approver_roles text[] NOT NULL,
    quorum integer NOT NULL,
    digest text COLLATE "C" NOT NULL,
    status text NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    decided_by text,
    decided_at timestamptz,
    decision_notes text,
    consumed_at timestamptz,
    CONSTRAINT pk_agf_hitl_requests PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_agf_hitl_requests_execution
        FOREIGN KEY (tenant_id, execution_id) REFERENCES agf_executions (tenant_id, id),
    CONSTRAINT uq_agf_hitl_requests_asked UNIQUE (tenant_id, execution_id, call_id, digest),
    CONSTRAINT ck_agf_hitl_requests_kind CHECK (kind IN ('gate', 'tool_call')),
    CONSTRAINT ck_agf_hitl_requests_status
        CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'cancelled')),
    CONSTRAINT ck_agf_hitl_requests_effective_level CHECK (effective_level BETWEEN 1 AND 5),
    CONSTRAINT ck_agf_hitl_requests_required_level CHECK (required_level BETWEEN 1 AND 5),
    CONSTRAINT ck_agf_hitl_requests_quorum CHECK (quorum >= 1),
    CONSTRAINT ck_agf_hitl_requests_decided CHECK ((decided_at IS NULL) = (status = 'pending')),
    CONSTRAINT ck_agf_hitl_requests_consumed CHECK (consumed_at IS NULL OR status = 'approved'),
    CONSTRAINT ck_agf_hitl_requests_call_id_length CHECK (char_length(call_id) <= 512),
    CONSTRAINT ck_agf_hitl_requests_digest_length CHECK (char_length(digest) <= 512),
    CONSTRAINT ck_agf_hitl_requests_initiated_by_length CHECK (char_length(initiated_by) <= 512),
    CONSTRAINT ck_agf_hitl_requests_agent_owner_length CHECK (char_length(agent_owner) <= 512),
    CONSTRAINT ck_agf_hitl_requests_decided_by_length CHECK (char_length(decided_by) <= 512)
)
"""

DECISIONS = """
CREATE TABLE agf_hitl_decisions (
    tenant_id uuid NOT NULL,
    request_id uuid NOT NULL,
    decided_by text COLLATE "C" NOT NULL,
    decision text NOT NULL,
    notes text,
    decided_at timestamptz NOT NULL,
    CONSTRAINT pk_agf_hitl_decisions PRIMARY KEY (tenant_id, request_id, decided_by),
    CONSTRAINT fk_agf_hitl_decisions_request
        FOREIGN KEY (tenant_id, request_id) REFERENCES agf_hitl_requests (tenant_id, id),
    CONSTRAINT ck_agf_hitl_decisions_decision CHECK (decision IN ('approve', 'reject')),
    CONSTRAINT ck_agf_hitl_decisions_decided_by_length CHECK (char_length(decided_by) <= 512)
)
"""

EFFECTS = """
CREATE TABLE agf_effects (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    execution_id uuid NOT NULL,
    call_id text NOT NULL,
    tool text NOT NULL,
    tool_version integer NOT NULL,
    agent_id uuid,
    arguments json NOT NULL,
    hitl_request_id uuid,
    status text NOT NULL,
    attempts integer NOT NULL,
    result json,
    message text NOT NULL,
    reserved_at timestamptz NOT NULL,
    settled_at timestamptz,
    CONSTRAINT pk_agf_effects PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_agf_effects_execution
        FOREIGN KEY (tenant_id, execution_id) REFERENCES agf_executions (tenant_id, id),
    CONSTRAINT fk_agf_effects_hitl_request
        FOREIGN KEY (tenant_id, hitl_request_id) REFERENCES agf_hitl_requests (tenant_id, id),
    CONSTRAINT ck_agf_effects_status CHECK (status IN ('reserved', 'released', 'done', 'failed', 'unknown')),
    CONSTRAINT ck_agf_effects_attempts CHECK (attempts >= 1),
    CONSTRAINT ck_agf_effects_settled CHECK ((settled_at IS NULL) = (status IN ('reserved', 'released'))),
    CONSTRAINT ck_agf_effects_call_id_length CHECK (char_length(call_id) <= 512),
    CONSTRAINT ck_agf_effects_tool_length CHECK (char_length(tool) <= 512)
)
"""

INDEXES = (
    "CREATE INDEX ix_agf_executions_created ON agf_executions (tenant_id, created_at, id)",
    "CREATE INDEX ix_agf_executions_status ON agf_executions (tenant_id, status, created_at, id)",
    """
    CREATE INDEX ix_agf_executions_workflow ON agf_executions (tenant_id, workflow_id, created_at, id)
    WHERE workflow_id IS NOT NULL
    """,
    """
    CREATE INDEX ix_agf_executions_agent ON agf_executions (tenant_id, agent_id, created_at, id)
    WHERE agent_id IS NOT NULL
    """,
    """
    CREATE INDEX ix_agf_executions_session ON agf_executions (tenant_id, session_id, created_at, id)
    WHERE session_id IS NOT NULL
    """,
    "CREATE INDEX ix_agf_hitl_requests_inbox ON agf_hitl_requests (tenant_id, status, expires_at, id)",
    "CREATE INDEX ix_agf_hitl_requests_workflow ON agf_hitl_requests (tenant_id, workflow_id, expires_at, id)",
    "CREATE INDEX ix_agf_hitl_requests_agent ON agf_hitl_requests (tenant_id, agent_id, expires_at, id)",
    "CREATE INDEX ix_agf_effects_execution ON agf_effects (tenant_id, execution_id)",
)

# Who asked, what level is required and whose votes count is written once; so are votes.
GRANTS = (
    """
    GRANT SELECT, INSERT, UPDATE (
        status, current_nodes, output_data, error, usage, cancel_requested, updated_at, started_at, completed_at
    ) ON agf_executions TO agf_app
    """,
    """
    GRANT SELECT, INSERT, UPDATE (
        node, kind, status, started_at, ended_at, attempts, input, output, error, hitl_request_ids, usage, parent_seq
    ) ON agf_execution_steps TO agf_app
    """,
    """
    GRANT SELECT, INSERT, UPDATE (
        arguments, context_data, digest, status, decided_by, decided_at, decision_notes, consumed_at
    ) ON agf_hitl_requests TO agf_app
    """,
    "GRANT SELECT, INSERT ON agf_hitl_decisions TO agf_app",
    "GRANT SELECT, INSERT, UPDATE (status, attempts, result, message, settled_at) ON agf_effects TO agf_app",
)


def upgrade() -> None:
    tables = (EXECUTIONS, STEPS, REQUESTS, DECISIONS, EFFECTS)
    row_security = (
        *protect("agf_executions"),
        *protect("agf_execution_steps"),
        *protect("agf_hitl_requests"),
        *protect("agf_hitl_decisions"),
        *protect("agf_effects"),
    )
    for statement in (*tables, *INDEXES, *row_security, *GRANTS):
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "agf_effects",
        "agf_hitl_decisions",
        "agf_hitl_requests",
        "agf_execution_steps",
        "agf_executions",
    ):
        op.drop_table(table)
