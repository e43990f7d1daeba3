"""``python -m aumos_agent_framework.cli``: how the stack starts its own processes, whatever is on the path."""

from aumos_agent_framework.cli.app import main

if __name__ == "__main__":
    main()
