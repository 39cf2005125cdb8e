# SPDX-License-Identifier: Apache-2.0
"""SIGTERM while many ask without a pause: whoever could connect is answered. bench/serve's `sigterm` does the same a hundred times."""
import signal
import threading
import time

import raw

REQUEST = raw.post("/embed", b'{"inputs":"a"}')


class Hammer(threading.Thread):
    """Connects, asks and reads, again and again, until nobody listens any more."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.answered, self.lost = server, 0, []
        self.start()

    def run(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                sock = self.server.connect()
            except OSError:
                return
            with sock:
                try:
                    sock.sendall(REQUEST)
                    answer = b""
                    while more := sock.recv(65536):
                        answer += more
                except OSError as error:
                    self.lost.append(repr(error))
                    continue
            if answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"]]"):
                self.answered += 1
            else:
                self.lost.append(answer[:50])


def test_who_could_connect_is_answered(launch, tmp_path):
    answered = 0
    for round_number in range(4):
        server = launch(tmp_path, ("--model", "m", "--log-level", "warn"))
        hammers = [Hammer(server) for _ in range(3)]
        server.wait_for(lambda: sum(hammer.answered for hammer in hammers) >= 30 + 10 * round_number)
        server.signal(signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0
        for hammer in hammers:
            hammer.join()
        answered += sum(hammer.answered for hammer in hammers)
        lost = [one for hammer in hammers for one in hammer.lost]
        assert not lost, (round_number, lost)
    assert answered > 200
