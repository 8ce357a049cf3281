"""Stack traces: which lines are one, what failed, and where in the own code, in the forms of five runtimes."""

from __future__ import annotations

import pytest

from agents.analysis.log_mining.frames import stack_class
from agents.analysis.log_mining.stacks import events_of
from agents.analysis.signals import LogRecord

JAVA = """java.lang.IllegalStateException: cannot pay
\tat org.springframework.web.Filter.run(Filter.java:12)
\tat com.shop.pay.Payments.pay(Payments.java:40)
Caused by: java.net.ConnectException: refused
\tat java.base/java.net.Socket.connect(Socket.java:9)
\tat com.shop.pay.Bank.call(Bank.java:77)
\t... 12 more"""
PYTHON = """Traceback (most recent call last):
  File "/app/shop/pay.py", line 40, in pay
    bank.call()
  File "/usr/lib/python3.11/site-packages/httpx/client.py", line 9, in send
    raise TimeoutError
TimeoutError: 5 s"""
GO = """panic: runtime error: invalid memory address or nil pointer dereference [recovered]
\tpanic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x6d1f2a]

goroutine 34 [running]:
net/http.(*conn).serve.func1()
\t/usr/local/go/src/net/http/server.go:1898 +0xbe
panic({0x6f1c20?, 0x9a3f10?})
\t/usr/local/go/src/runtime/panic.go:770 +0x132
github.com/shop/cart/internal/store.(*Carts).Merge(0xc0000a4000, {0xc000016080, 0x24})
\t/src/internal/store/carts.go:42 +0x1a
github.com/gorilla/mux.(*Router).ServeHTTP(0xc0000e6000)
\t/go/pkg/mod/github.com/gorilla/mux@v1.8.0/mux.go:210 +0x1cf
main.main.func2()
\t/src/main.go:31 +0x45
created by net/http.(*Server).Serve in goroutine 1
\t/usr/local/go/src/net/http/server.go:3285 +0x4b4
exit status 2"""
NODE = """TypeError: Cannot read properties of undefined (reading 'id')
    at Object.get (node:internal/util:12:3)
    at new Query (/app/node_modules/pg/lib/query.js:9:11)
    at async Cart.merge [as add] (/app/src/cart.js:42:13)
    at file:///app/src/index.mjs:10:5
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"""
NODE_CAUSED = """Error: cannot check out
    at checkout (/app/src/checkout.js:7:9)
    at /app/src/index.js:10:5 {
  [cause]: ConnectionError: refused
      at Object.<anonymous> (/app/src/bank.js:3:11)
}"""
DOTNET = """System.InvalidOperationException: no cart
   at System.Linq.Enumerable.First(IEnumerable`1 source)
   at Shop.Carts.Merge(String id) in /src/Carts.cs:line 42"""


@pytest.mark.parametrize(
    ("stack", "told"),
    [
        (JAVA, "ConnectException at Bank.call"),
        (PYTHON, "TimeoutError at pay.py:pay"),
        (GO, "panic at Carts.Merge"),
        (NODE, "TypeError at Cart.merge"),
        (NODE_CAUSED, "ConnectionError at bank.js"),
        (DOTNET, "InvalidOperationException at Carts.Merge"),
        ("    at /app/src/index.js:10:5", "at index.js"),
        ("    at main (node:internal/main:1:2)", "at main"),
        ("runtime/debug.Stack()\n\t/usr/local/go/src/runtime/debug/stack.go:24 +0x5e", "at debug.Stack"),
        ("\tat java.lang.Thread.run(Thread.java:1)", "at Thread.run"),
        ("no trace", ""),
        ("", ""),
    ],
)
def test_a_trace_is_told_by_what_failed_and_where_in_the_own_code(stack: str, told: str) -> None:
    assert stack_class(stack) == told


def test_the_line_before_names_the_exception_where_no_cause_does() -> None:
    assert stack_class("\tat com.a.Cart.add(Cart.java:1)", "NullPointerException: x") == (
        "NullPointerException at Cart.add"
    )


def trace(text: str, at: float = 0.0, service: str = "pay") -> list[LogRecord]:
    return [LogRecord(at + 0.001 * i, service, one, "error") for i, one in enumerate(text.splitlines())]


@pytest.mark.parametrize(
    "text",
    [JAVA, f"request failed\n{PYTHON}", GO, NODE, DOTNET],
    ids=["jvm", "python", "go", "node", "dotnet"],
)
def test_a_trace_written_line_by_line_is_one_event(text: str) -> None:
    (event,) = events_of(trace(text))
    assert stack_class(event.stack, event.record.message) == stack_class(text)


def test_lines_of_two_services_do_not_mix() -> None:
    mixed = sorted([*trace(JAVA), *trace(JAVA, 0.0005, "web")], key=lambda one: one.time)
    events = list(events_of(mixed))
    assert sorted(event.record.service for event in events) == ["pay", "web"]
    assert len({stack_class(event.stack) for event in events}) == 1


def test_a_frame_that_comes_later_belongs_to_nobody() -> None:
    first, *rest = trace(JAVA)
    late = [LogRecord(one.time + 5, one.service, one.message) for one in rest]
    assert len(list(events_of([first, *late]))) > 1


def test_without_records_there_are_no_events() -> None:
    assert list(events_of([])) == []


def test_what_is_written_behind_a_trace_of_go_is_not_of_it() -> None:
    events = list(events_of(trace(f"{GO}\nstarting (again)\nlistening on :8080")))
    assert [one.record.message for one in events[1:]] == ["starting (again)", "listening on :8080"]


def test_a_blank_line_belongs_to_nobody_but_a_panic() -> None:
    assert [len(one.tail) for one in events_of(trace("panic: no\n\ngoroutine 1 [running]:"))] == [2]
    assert [one.tail for one in events_of(trace("paid\n \npaid"))] == [[], [], []]


def test_a_calm_line_in_brackets_begins_an_event() -> None:
    assert len(list(events_of(trace("[INFO] paid\n[INFO] sent")))) == 2


def test_names_of_go_are_told_without_pointers_and_types() -> None:
    generic = "example.com/shop/queue.(*Queue[...]).Push(...)\n\t/src/queue/queue.go:12 +0x1"
    assert stack_class(generic, "fatal error: all goroutines are asleep") == "panic at Queue.Push"
