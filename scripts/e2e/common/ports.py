"""Ports of loopback for programs that are to listen."""

import pathlib
import random
import socket


def free_port():
    """A port that was free a moment ago, and that this run has not handed out before.

    It lies below those that the system gives to outgoing connections and to whoever asks for any port:
    one of them could take it before the program that is to listen there does.
    """
    while True:
        port = random.randrange(10_000, _first_ephemeral())
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _handed_out.add(port)
        return port


def _first_ephemeral():
    try:
        first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        first = 32_768
    return max(first, 11_000)


_handed_out = set()
