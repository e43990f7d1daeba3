"""``agf llm-stub``: scripted models."""

import typer
import uvicorn

from aumos_agent_framework.adapters.llm.stub import create_stub_app

_LOOPBACK = "127.0.0.1"


def serve_llm_stub(port: int) -> None:
    """Serve the stub on loopback until a signal comes."""
    typer.echo(f"http://{_LOOPBACK}:{port}/v1")
    uvicorn.run(create_stub_app(), host=_LOOPBACK, port=port, loop="uvloop", log_level="warning", access_log=False)
