"""The program `earprint`.

The command line is imported when it runs, and not with this file: the processes that analyse files import this file, too.
"""


def main() -> None:
    """Run the console script."""
    from cli.app import run

    run()


if __name__ == "__main__":
    main()
