"""Check a fine-tuning file from the command line; the exit code is 1 if there are errors.

    python -m helpers.validate FILE.jsonl [--validation FILE] [--production FILE] [--longest 8192]

Does not: count tokens exactly (see check's `count`).
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from helpers.validate import LONGEST, check


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report on a file and return the exit code. Example: main(["train.jsonl"]) -> 0"""
    parser = argparse.ArgumentParser(prog="python -m helpers.validate",
                                     description="Check a fine-tuning file in OpenAI's chat JSONL format.")
    parser.add_argument("file", help="the training file")
    parser.add_argument("--validation", metavar="FILE", help="a validation file: checked too, and for leakage")
    parser.add_argument("--production", metavar="FILE",
                        help="inputs that production sends, as JSONL of messages or input, or as plain lines")
    parser.add_argument("--longest", type=int, default=LONGEST, metavar="TOKENS",
                        help="warn of longer examples (default: %(default)s tokens)")
    given = parser.parse_args(argv)
    report = check(given.file, validation=given.validation, production=given.production, longest=given.longest)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")       # a Windows console may lack the letters of a label
    print(report)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
