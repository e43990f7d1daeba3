"""What people register: tenants, agents, tools, workflows."""

from alembic import op

from aumos_agent_framework.adapters.postgres.tenancy import protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANTS = """
CREATE TABLE agf_tenants (
    id uuid NOT NULL,
    name text,
    privilege_cap smallint NOT NULL DEFAULT 5,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_agf_tenants PRIMARY KEY (id),
    CONSTRAINT ck_agf_tenants_privilege_cap CHECK (privilege_cap BETWEEN 1 AND 5),
    CONSTRAINT ck_agf_tenants_name_length CHECK (char_length(name) <= 512)
)
"""

AGENTS = """
CREATE TABLE agf_agents (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    description text NOT NULL,
    capabilities text[] NOT NULL,
    privilege_level smallint NOT NULL,
    tool_access json NOT NULL,
    resource_limits json NOT NULL,
    model json NOT NULL,
    instructions text NOT NULL,
    owner text NOT NULL,
    status text NOT NULL,
    version integer NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_agf_agents PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_agf_agents_name UNIQUE (tenant_id, name),
    CONSTRAINT ck_agf_agents_privilege_level CHECK (privilege_level BETWEEN 1 AND 5),
    CONSTRAINT ck_agf_agents_status CHECK (status IN ('active', 'suspended')),
    CONSTRAINT ck_agf_agents_version CHECK (version >= 1),
    CONSTRAINT ck_agf_agents_name_length CHECK (char_length(name) <= 512),
    CONSTRAINT ck_agf_agents_owner_length CHECK (char_length(owner) <= 512),
    CONSTRAINT ck_agf_agents_created_by_length CHECK (char_length(created_by) <= 512)
)
"""

TOOLS = """
CREATE TABLE agf_tools (
    tenant_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    description text NOT NULL,
    min_privilege_level smallint NOT NULL,
    input_schema json NOT NULL,
    output_schema json,
    config json NOT NULL,
    idempotency text NOT NULL,
    status text NOT NULL,
    version integer NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_agf_tools PRIMARY KEY (tenant_id, name),
    CONSTRAINT ck_agf_tools_min_privilege_level CHECK (min_privilege_level BETWEEN 1 AND 5),
    CONSTRAINT ck_agf_tools_idempotency CHECK (idempotency IN ('idempotent', 'key', 'none')),
    CONSTRAINT ck_agf_tools_status CHECK (status IN ('active', 'disabled')),
    CONSTRAINT ck_agf_tools_version CHECK (version >= 1),
    CONSTRAINT ck_agf_tools_name_length CHECK (char_length(name) <= 512),
    CONSTRAINT ck_agf_tools_created_by_length CHECK (char_length(created_by) <= 512)
)
"""

WORKFLOWS = """
CREATE TABLE agf_workflows (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    current_version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_agf_workflows PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_agf_workflows_name UNIQUE (tenant_id, name),
    CONSTRAINT ck_agf_workflows_current_version CHECK (current_version >= 1),
    CONSTRAINT ck_agf_workflows_name_length CHECK (char_length(name) <= 512)
)
"""

WORKFLOW_VERSIONS = """
CREATE TABLE agf_workflow_versions (
    tenant_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    definition_hash text NOT NULL,
    graph_definition json NOT NULL,
    agents json NOT NULL,
    hitl_gates json NOT NULL,
    circuit_breaker_config json NOT NULL,
    limits json NOT NULL,
    run_as text NOT NULL,
    privilege_cap smallint,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_agf_workflow_versions PRIMARY KEY (tenant_id, workflow_id, version),
    CONSTRAINT fk_agf_workflow_versions_workflow
        FOREIGN KEY (tenant_id, workflow_id) REFERENCES agf_workflows (tenant_id, id),
    CONSTRAINT ck_agf_workflow_versions_privilege_cap CHECK (privilege_cap BETWEEN 1 AND 5),
    CONSTRAINT ck_agf_workflow_versions_run_as CHECK (run_as IN ('caller', 'workflow')),
    CONSTRAINT ck_agf_workflow_versions_version CHECK (version >= 1),
    CONSTRAINT ck_agf_workflow_versions_name_length CHECK (char_length(name) <= 512),
    CONSTRAINT ck_agf_workflow_versions_created_by_length CHECK (char_length(created_by) <= 512)
)
"""

INDEXES = (
    "CREATE INDEX ix_agf_agents_created ON agf_agents (tenant_id, created_at, id)",
    "CREATE INDEX ix_agf_agents_status ON agf_agents (tenant_id, status, created_at, id)",
    "CREATE INDEX ix_agf_tools_status ON agf_tools (tenant_id, status, name)",
    "CREATE INDEX ix_agf_workflows_created ON agf_workflows (tenant_id, created_at, id)",
)

# Columns and not tables: what an update does not name can never change. Nothing here is ever deleted, so that what
# an execution refers to exists without a foreign key.
GRANTS = (
    "GRANT SELECT, INSERT ON agf_tenants TO agf_app",
    """
    GRANT SELECT, INSERT, UPDATE (
        name, description, capabilities, privilege_level, tool_access, resource_limits, model, instructions, owner,
        status, version, updated_at
    ) ON agf_agents TO agf_app
    """,
    """
    GRANT SELECT, INSERT, UPDATE (
        description, min_privilege_level, input_schema, output_schema, config, idempotency, status, version, updated_at
    ) ON agf_tools TO agf_app
    """,
    "GRANT SELECT, INSERT, UPDATE (name, current_version, updated_at) ON agf_workflows TO agf_app",
    "GRANT SELECT, INSERT ON agf_workflow_versions TO agf_app",
)


def upgrade() -> None:
    tables = (TENANTS, AGENTS, TOOLS, WORKFLOWS, WORKFLOW_VERSIONS)
    row_security = (
        *protect("agf_tenants", "id"),
        *protect("agf_agents"),
        *protect("agf_tools"),
        *protect("agf_workflows"),
        *protect("agf_workflow_versions"),
    )
    for statement in (*tables, *INDEXES, *row_security, *GRANTS):
        op.execute(statement)


def downgrade() -> None:
    for table in ("agf_workflow_versions", "agf_workflows", "agf_tools", "agf_agents", "agf_tenants"):
        op.drop_table(table)
