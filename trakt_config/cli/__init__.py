"""The command line: words, streams and exit statuses; one module for each command."""
