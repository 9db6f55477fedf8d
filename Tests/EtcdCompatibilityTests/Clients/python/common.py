"""What the scripts of both clients share: cases by name, each with a line of its own."""

import sys
import traceback


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def fails(call, error, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except error as found:
        return found
    raise AssertionError(f"{call} did not fail with {error}")


def run(cases, *arguments):
    """Runs every case, or those that the command line names after the port; the process ends with 1 when one fails."""
    failed = 0
    for case in cases:
        if sys.argv[2:] and case.__name__ not in sys.argv[2:]:
            continue
        try:
            case(*arguments)
            print(f"ok {case.__name__}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED {case.__name__}\n{traceback.format_exc()}", flush=True)
    print("passed" if not failed else f"{failed} failed")
    sys.exit(1 if failed else 0)
