"""Between the daemon and its node: passes calls on, until a rule for a method says otherwise."""
import collections
import contextlib
import http.client
import http.server
import json
import threading
import urllib.parse

BRACKETS = b"[" * (1 << 20)
PASS_SECONDS = 5  # a node that is stopped answers nothing: then the rule holds for what comes
SENDS = {"bitcoin": "sendrawtransaction", "rootstock": "eth_sendRawTransaction"}


class Cut(Exception):
    """Close the connection without an answer."""


# ---- rules: (call, forward) -> the body of the answer. forward() asks the node. ----

def lost(call, forward):
    """The node got it and did it; the answer never comes."""
    forward()
    raise Cut


def refused(call, forward):
    raise Cut


def never(call, forward):
    """Neither an answer nor an end, until the rule is taken back."""
    call.proxy.released.wait(60)
    raise Cut


def answers(body):
    return lambda call, forward: body


def error(code, message):
    return lambda call, forward: json.dumps({"id": call.id, "result": None, "error": {"code": code, "message": message}}).encode()


def rewritten(change):
    """change(result, params) -> result."""

    def rule(call, forward):
        reply = json.loads(forward())
        if reply.get("error") is None:
            reply["result"] = change(reply["result"], call.params)
        return json.dumps(reply).encode()

    return rule


def half(call, forward):
    """A status line and a length that promise more than comes."""
    body = forward()
    call.handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
    call.handler.wfile.write(body[:len(body) // 2])
    raise Cut


class Call:
    def __init__(self, proxy, handler, body):
        self.proxy, self.handler = proxy, handler
        try:
            asked = json.loads(body)
            self.id, self.method, self.params = asked.get("id"), asked.get("method"), asked.get("params") or []
        except (ValueError, AttributeError):
            self.id, self.method, self.params = None, "?", []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    node = None

    def log_message(self, *args):
        pass

    def forward(self, body):
        headers = {k: v for k, v in self.headers.items() if k.lower() in ("authorization", "content-type")}
        for attempt in (0, 1):
            if self.node is None:
                target = urllib.parse.urlsplit(self.server.proxy.target)
                self.node = http.client.HTTPConnection(target.hostname, target.port, timeout=30)
            try:
                self.node.request("POST", "/", body, headers)
                answer = self.node.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                # an idle connection that the node closed, or a node that is not there
                self.node.close()
                self.node = None
                if attempt:
                    raise Cut from None

    def do_POST(self):
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        call = Call(proxy, self, body)
        status = 200

        def forward():
            nonlocal status
            status, answer = self.forward(body)
            return answer

        if call.method in SENDS.values():
            proxy.keep(call.params[0])
        try:
            with proxy.passing(call) as rule:
                answer = rule(call, forward) if rule else forward()
        except Cut:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # the other side went away: that is what is being tested


class Proxy:
    def __init__(self, target):
        self.target, self.rules, self.hits = target, {}, collections.Counter()
        self.raws = []  # signed transactions that were sent, in order, each once
        self.released = threading.Event()
        self.lock = threading.Condition()
        self.plain = collections.Counter()  # how many calls of each method pass under no rule just now
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.proxy = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @contextlib.contextmanager
    def passing(self, call):
        """The rule for the call, or None. What it does for the call happens inside."""
        method = call.method
        with self.lock:
            rule = self.rules.get(method) or self.rules.get("*")
            if not rule:
                self.plain[method] += 1
        try:
            yield rule
        finally:
            with self.lock:
                if rule:
                    self.hits[method] += 1
                else:
                    self.plain[method] -= 1
                    self.lock.notify_all()

    def keep(self, raw):
        with self.lock:
            if raw not in self.raws:
                self.raws.append(raw)

    def on(self, method, rule):
        """Until off(): the method ("*": each that has no rule of its own) is answered by the rule. When this returns, what
        was asked before has its answer: none can bring what the node learns from here on."""
        self.released.clear()
        with self.lock:
            self.rules[method] = rule
            self.lock.wait_for(lambda: not any(n for m, n in self.plain.items() if method in ("*", m)), PASS_SECONDS)

    def off(self, *methods):
        for method in methods or list(self.rules):
            self.rules.pop(method, None)
        self.released.set()

    def hit(self, method):
        """How often a rule was used for it since the last time this was asked."""
        with self.lock:
            return self.hits.pop(method, 0)

    def close(self):
        self.off()
        self.server.shutdown()
        self.server.server_close()

