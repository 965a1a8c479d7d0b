"""`python -m node` and the command `ggzy`."""

from __future__ import annotations


def main() -> None:
    from node.cli.main import run

    run()


if __name__ == "__main__":
    main()
