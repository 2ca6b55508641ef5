"""The command line: it parses, calls the layers below, and prints.

What a command finds goes to stdout, a readable line each, or with --json one JSON object a line for other programs;
progress and errors go to stderr. Heavy libraries are imported inside of the commands, so that `earprint --help` answers
at once.
"""
