"""The command line: ``agf``. One file per command or group; each parses, makes one call and prints."""
