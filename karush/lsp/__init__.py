"""The language server: what is known of a file while it is written. Only ``server.py`` knows the protocol."""
