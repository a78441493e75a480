"""gRPC: a client and a server of grpcio, with bytes for messages."""

import concurrent.futures
import queue
import threading
import time

import grpc

from run import INVALID, REALM, claims_of

CALLS = "test.Calls"
ADMINISTRATION = "test.Administration"


class Calls(grpc.GenericRpcHandler):
    """Every kind of call, by the name of the method."""

    def __init__(self):
        self.seen = []
        self.remaining = None
        self.started = threading.Event()
        self.cancelled = threading.Event()
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
        self._server.add_generic_rpc_handlers([self])
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        self._server.start()

    def service(self, details):
        method = details.method.rpartition("/")[2]
        self.seen.append((details.method, dict(details.invocation_metadata)))
        return {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Wrong": grpc.unary_unary_rpc_method_handler(self.wrong),
            "Slow": grpc.unary_unary_rpc_method_handler(self.slow),
            "Collect": grpc.stream_unary_rpc_method_handler(self.collect),
            "Count": grpc.unary_stream_rpc_method_handler(self.count),
            "Echo": grpc.stream_stream_rpc_method_handler(self.echo),
        }[method]

    @staticmethod
    def unary(message, context):
        context.send_initial_metadata([("x-initial", "1")])
        context.set_trailing_metadata([("x-trailing", "2"), ("x-trailing-bin", b"\x00\xff")])
        return message

    @staticmethod
    def wrong(_message, context):
        context.set_trailing_metadata([("x-why", "because")])
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "wrong as asked, 100 % of it")

    def slow(self, _message, context):
        self.remaining = context.time_remaining()
        context.add_callback(self.cancelled.set)
        self.started.set()
        self.cancelled.wait(10)
        return b""

    @staticmethod
    def collect(messages, _context):
        return b"".join(messages)

    @staticmethod
    def count(message, context):
        context.set_trailing_metadata([("x-trailing", "3")])
        for number in range(int(message)):
            yield b"%d" % number

    @staticmethod
    def echo(messages, _context):
        yield from messages

    def stop(self):
        self._server.stop(0)


def check(run, calls, port):
    """The checks, told to `run`."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        suite = Suite(run, calls, channel)
        suite.unary()
        suite.streams()
        suite.statuses()
        suite.refusals()
        suite.expiry()


class Suite:
    def __init__(self, run, calls, channel):
        self.run = run
        self.calls = calls
        self.channel = channel
        self.token = run.issuer.mint()

    def with_token(self, token=None):
        return [("authorization", f"Bearer {token or self.token}")]

    def unary(self):
        call = self.channel.unary_unary(f"/{CALLS}/Unary")
        forged = [("x-authgear-user-id", "forged"), ("x_authgear_user_id", "forged"), ("x-own", "own")]
        for what, message in (("an empty message", b""), ("a message of 3 MiB", b"x" * (3 << 20))):
            answer, told = call.with_call(message, metadata=self.with_token() + forged, timeout=20)
            self.run.check(f"gRPC unary, {what}: comes back", answer == message, True)
            metadata = (dict(told.initial_metadata()).get("x-initial"), dict(told.trailing_metadata()))
            expected = ("1", {"x-trailing": "2", "x-trailing-bin": b"\x00\xff"})
            self.run.check(f"gRPC unary, {what}: metadata in head and trailers", metadata, expected)
            self.run.check(f"gRPC unary, {what}: status", told.code(), grpc.StatusCode.OK)
        _, metadata = self.calls.seen[-1]
        names = ("x-authgear-user-id", "x_authgear_user_id", "authorization", "x-own")
        found = [metadata.get(name) for name in names]
        expected = [claims_of(self.token)["sub"], None, None, "own"]
        self.run.check("gRPC unary: the server has the user from the token, and not the token", found, expected)

    def streams(self):
        collect = self.channel.stream_unary(f"/{CALLS}/Collect")
        answer = collect((b"%d," % number for number in range(1000)), metadata=self.with_token(), timeout=20)
        expected = b"".join(b"%d," % number for number in range(1000))
        self.run.check("gRPC client streaming: 1000 messages", answer == expected, True)

        count = self.channel.unary_stream(f"/{CALLS}/Count")(b"1000", metadata=self.with_token(), timeout=20)
        numbers = [int(number) for number in count]
        self.run.check("gRPC server streaming: 1000 messages", numbers == list(range(1000)), True)
        found = (count.code(), dict(count.trailing_metadata()))
        self.run.check("gRPC server streaming: its status and trailers", found, (grpc.StatusCode.OK, {"x-trailing": "3"}))

        asked = queue.Queue()
        echo = self.channel.stream_stream(f"/{CALLS}/Echo")
        answers = echo(iter(asked.get, None), metadata=self.with_token(), timeout=20)
        echoed = []
        for number in range(100):
            # The next is sent when this one is back: nothing on the way waits for more.
            asked.put(b"%d" % number)
            echoed.append(int(next(answers)))
        asked.put(None)
        self.run.check("gRPC both streaming: 100 messages, each answered before the next", echoed, list(range(100)))
        self.run.check("gRPC both streaming: the end of one is the end of the other", list(answers), [])

    def statuses(self):
        error = self.failed("Wrong")
        found = (error.code(), error.details(), dict(error.trailing_metadata()).get("x-why"))
        expected = (grpc.StatusCode.FAILED_PRECONDITION, "wrong as asked, 100 % of it", "because")
        self.run.check("gRPC, an error of the server: status, message, metadata", found, expected)

        began = time.monotonic()
        error = self.failed("Slow", timeout=0.5)
        took = time.monotonic() - began
        self.run.check("gRPC, a deadline: status", error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.run.holds("gRPC, a deadline: in time", took < 2, round(took, 1))
        left = self.calls.remaining
        is_known = left is not None and left <= 0.6
        self.run.holds("gRPC, a deadline: the server knows it", is_known, left)
        self.run.check("gRPC, a deadline: the server is told of the end", self.calls.cancelled.wait(5), True)

        self.calls.cancelled.clear()
        self.calls.started.clear()
        slow = self.channel.unary_unary(f"/{CALLS}/Slow").future(b"", metadata=self.with_token())
        self.run.check("gRPC, without a deadline: the server is asked", self.calls.started.wait(5), True)
        slow.cancel()
        self.run.check("gRPC, cancelled by the client: the server is told", self.calls.cancelled.wait(5), True)

    def refusals(self):
        denied = grpc.StatusCode.UNAUTHENTICATED
        self.refused("no token", denied, REALM, None)
        expired = self.run.issuer.mint(expires_in=-3600)
        self.refused("an expired token", denied, INVALID, self.with_token(expired))
        other = self.run.issuer.mint(audience="https://other.example.com")
        self.refused("a token for another audience", denied, INVALID, self.with_token(other))
        forbidden = grpc.StatusCode.PERMISSION_DENIED
        self.refused("a role is missing", forbidden, None, self.with_token(), service=ADMINISTRATION)
        self.refused("no route", forbidden, None, self.with_token(), service="test.Other")
        unavailable = grpc.StatusCode.UNAVAILABLE
        self.refused("nobody listens at the upstream", unavailable, None, self.with_token(), service="test.Nobody")
        claims = {"https://authgear.com/claims/user/roles": ["admin"]}
        token = self.run.issuer.mint(claims=claims)
        call = self.channel.unary_unary(f"/{ADMINISTRATION}/Unary")
        answer = call(b"x", metadata=self.with_token(token), timeout=20)
        self.run.check("gRPC, the role is there: answered", answer, b"x")

        count = len(self.calls.seen)
        stream = self.channel.stream_stream(f"/{CALLS}/Echo")(iter(lambda: time.sleep(60), 0), timeout=10)
        try:
            next(stream)
            found = "an answer"
        except grpc.RpcError as error:
            found = error.code()
        self.run.check("gRPC both streaming, no token: refused by its head", found, denied)
        self.run.check("gRPC both streaming, no token: the server is not asked", len(self.calls.seen), count)

    def refused(self, what, code, challenge, metadata, service=CALLS):
        count = len(self.calls.seen)
        call = self.channel.unary_unary(f"/{service}/Unary")
        try:
            call(b"x" * 100_000, metadata=metadata, timeout=20)
            self.run.fail(f"gRPC, {what}", code, "an answer")
            return
        except grpc.RpcError as error:
            told = {**dict(error.initial_metadata() or ()), **dict(error.trailing_metadata() or ())}
            found = (error.code(), told.get("www-authenticate"), len(self.calls.seen) - count)
        self.run.check(f"gRPC, {what}: {code.name}, and the challenge", found, (code, challenge, 0))

    def failed(self, method, **options):
        call = self.channel.unary_unary(f"/{CALLS}/{method}")
        try:
            call(b"", metadata=self.with_token(), **options)
        except grpc.RpcError as error:
            return error
        raise AssertionError(f"{method} was answered")

    def expiry(self):
        short = self.run.issuer.mint(expires_in=2)
        began = time.monotonic()
        asked = queue.Queue()
        answers = self.channel.stream_stream(f"/{CALLS}/Echo")(
            iter(asked.get, None), metadata=self.with_token(short), timeout=20
        )
        asked.put(b"one")
        first = next(answers)
        try:
            next(answers)
            found = (first, "another answer")
        except grpc.RpcError as error:
            found = (first, error.code())
        took = time.monotonic() - began
        asked.put(None)
        expected = (b"one", grpc.StatusCode.UNAUTHENTICATED)
        self.run.check("gRPC both streaming: ends when its token expires", found, expected)
        self.run.holds("gRPC both streaming: then, and not earlier", 0.9 <= took <= 4, round(took, 1))
