"""Names on the wire between workflow, activities and client. Runs in progress depend on them: never change one."""

WORKFLOW = "AgentWorkflow"
SETTLE_SIGNAL = "settle"
STEPS_QUERY = "steps"

THINK = "think"
ACT = "act"
OPEN_GATE = "open_gate"
EXPIRE_REQUEST = "expire_request"
WITHDRAW_REQUESTS = "withdraw_requests"
BEGIN_RUN = "begin_run"
SAVE_STEPS = "save_steps"
FINISH_RUN = "finish_run"

UNAVAILABLE = "Unavailable"
"""Error type of a step that could not even try because something of our own was away: always worth repeating."""
