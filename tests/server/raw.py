# SPDX-License-Identifier: Apache-2.0
"""Raw requests for the abuse tests: bytes out, strictly parsed answers back; and the rule that after each batch of abuse the server lives and answers well."""
import json
import select
import socket

# What an answer may be to a request that is wrong: never 5xx but for what HTTP has no better word for.
REFUSED = {400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 417, 422, 431, 501, 505}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.body[:100]!r}"


def parse(data, is_head=False):
    """Every answer in data, which must be nothing but whole, well-formed answers."""
    answers = []
    while data:
        head, blank, data = data.partition(b"\r\n\r\n")
        assert blank, f"half an answer: {head[:200]!r}"
        status_line, *lines = head.split(b"\r\n")
        version, status, _ = status_line.split(b" ", 2)
        assert version == b"HTTP/1.1" and len(status) == 3, status_line
        headers = {}
        for line in lines:
            name, colon, value = line.partition(b": ")
            assert colon and name.lower() not in headers, head
            headers[name.lower().decode()] = value.decode()
        if int(status) == 100:
            continue
        length = 0 if is_head or int(status) == 204 else int(headers["content-length"])
        body, data = data[:length], data[length:]
        assert len(body) == length, f"half a body: {head[:200]!r}"
        if headers.get("content-type") == "application/json" and body:
            json.loads(body)
        answers.append(Answer(int(status), headers, body))
    return answers


def send(port, data, half_close=None, is_head=False, timeout=10):
    """Sends data on a connection of its own, reads until the server closes it. half_close: ends our side once a byte of the
    answer is there, or after so many seconds without one (the server takes that for a client that has left)."""
    parts = []
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        try:
            sock.sendall(data)
            if half_close is not None:
                select.select([sock], [], [], half_close)
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all of it was sent: the answer is there
        try:
            while part := sock.recv(1 << 16):
                parts.append(part)
        except ConnectionResetError:
            pass
        except TimeoutError:
            raise AssertionError(f"no end of the answer to {data[:200]!r}: {b''.join(parts)[:200]!r}") from None
    return parse(b"".join(parts), is_head)


def post(path, body, *headers, close=True):
    """A well-framed request, whatever its body."""
    lines = [b"POST %s HTTP/1.1" % path.encode(), b"Host: localhost", b"Content-Type: application/json", b"Content-Length: %d" % len(body), *headers]
    lines += [b"Connection: close"] if close else []
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def ask(port, path, body):
    [answer] = send(port, post(path, body))
    return answer


def assert_well(server):
    """The server lives, has no connection left over that it works on, and answers."""
    assert server.process.poll() is None, server.log_path.read_text()
    answer = ask(server.port, "/embed", b'{"inputs":"still here"}')
    assert answer.status == 200 and len(json.loads(answer.body)[0]) > 0


class Tally:
    """Counts the abusive requests of a module, so that a last test can see that there were enough."""

    def __init__(self):
        self.n = 0

    def run(self, server, cases):
        """cases: (data, wanted): a set of statuses for the only answer, or a list of statuses, one an answer. Reports all that went wrong."""
        wrong = []
        for data, wanted in cases:
            self.n += 1
            try:
                answers = send(server.port, data)
                got = [answer.status for answer in answers]
            except (AssertionError, OSError, ValueError, KeyError) as error:
                answers, got = [], repr(error)
            if isinstance(wanted, list) and got != wanted or isinstance(wanted, set) and (len(got) != 1 or got[0] not in wanted):
                wrong.append(f"{data[:160]!r} -> {got} {answers[:1]}, wanted {wanted}")
        assert not wrong, f"{len(wrong)} of them:\n" + "\n".join(wrong[:20])
        assert_well(server)
