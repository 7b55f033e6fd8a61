"""`autoscale-go`: waits, computes and allocates as the query says: `?sleep=MS&prime=N&bloat=MB`."""

from __future__ import annotations

import time

from knlab.embedded.programs._http import Steps, run


def largest_prime(limit: int) -> int | None:
    """The largest prime up to `limit` by Eratosthenes' sieve; None if there is none."""
    if limit < 2:
        return None
    sieve = bytearray(b"\x01") * (limit + 1)
    for number in range(2, int(limit**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit + 1, number)))
    return sieve.rindex(1)


def answer(_path: str, query: dict[str, str]) -> Steps:
    """One line for each thing that was asked for and done; 400 for what is no number."""
    try:
        wait, limit, megabytes = (_number(query, name) for name in ("sleep", "prime", "bloat"))
    except ValueError as problem:
        return 400, f"{problem}\n"
    began = time.monotonic()
    text = ""
    held = b""
    if megabytes:
        held = b"\x01" * (megabytes << 20)
        text += f"Allocated {megabytes} Mb of memory.\n"
    if limit:
        text += _prime_line(limit)
    if wait:
        yield max(0.0, wait / 1000 - (time.monotonic() - began))
        text += f"Slept for {(time.monotonic() - began) * 1000:.2f} milliseconds.\n"
    del held
    return 200, text


def _prime_line(limit: int) -> str:
    found = largest_prime(limit)
    if found is None:
        return f"There are no primes smaller than {limit}.\n"
    return f"The largest prime less than {limit} is {found}.\n"


def _number(query: dict[str, str], name: str) -> int:
    text = query.get(name, "")
    try:
        return max(0, int(text)) if text else 0
    except ValueError:
        raise ValueError(f'strconv.Atoi: parsing "{text}": invalid syntax') from None


def main() -> None:
    """Serve until SIGTERM."""
    run("autoscale-go", answer)


if __name__ == "__main__":
    main()
