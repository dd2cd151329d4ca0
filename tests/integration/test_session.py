# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The session with a Prefect server, on the wire."""

from __future__ import annotations

import base64
import email.utils
import itertools
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import (
    Conflict,
    Invalid,
    NoServer,
    NoSuchRoute,
    NotFound,
    Unavailable,
    Unreachable,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support import certificates
from tests.support.doors import Doors
from tests.support.proxy import Proxy
from tests.support.server import PrefectServer, free_port
from tests.support.shapes import Door, MakeDeployment, Unique

pytestmark = pytest.mark.integration

GUARD = "tester:open-sesame-8264"


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def wired(proxy: Proxy, slept: list[float]) -> t.Iterator[Session]:
    """A session through the proxy that writes down how long it would have slept."""
    with Session(Connection(proxy.api_url), sleep=slept.append) as opened:
        yield opened


def test_one_connection_serves_all_requests(wired: Session, proxy: Proxy) -> None:
    for _number in range(5):
        wired.search("/flows/filter", filters.flows(names=["none"]))
    assert proxy.connections == 1
    assert wired.requests == 5
    assert wired.writes == 0
    assert wired.status == 200


def test_answers_come_compressed(wired: Session, proxy: Proxy) -> None:
    assert isinstance(wired.get("/admin/settings"), dict)
    assert proxy.seen[0].headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_troubles_are_waited_out(wired: Session, proxy: Proxy, slept: list[float], status: int) -> None:
    proxy.answer(status, times=3)
    assert wired.get("/health") is True
    assert [seen.status for seen in proxy.seen] == [status] * 3 + [200]
    assert len(slept) == 3
    # Each wait is about four times the one before, give or take the jitter.
    assert 0.01 <= slept[0] <= 0.03
    assert 0.16 <= slept[2] <= 0.48


@pytest.mark.parametrize("asked", ["7", "7.5", "date"])
def test_the_server_may_ask_for_a_pause(wired: Session, proxy: Proxy, slept: list[float], asked: str) -> None:
    value = email.utils.formatdate(time.time() + 8, usegmt=True) if asked == "date" else asked
    proxy.answer(429, headers={"Retry-After": value})
    assert wired.get("/health") is True
    assert 6 <= slept[0] <= 8


@pytest.mark.parametrize("asked", ["86400", "nonsense", "-5", "nan", ""])
def test_a_strange_pause_is_bounded(wired: Session, proxy: Proxy, slept: list[float], asked: str) -> None:
    proxy.answer(503, headers={"Retry-After": asked})
    assert wired.get("/health") is True
    assert 0 < slept[0] <= 30


def test_troubles_that_stay_end_in_one_sentence(wired: Session, proxy: Proxy, slept: list[float]) -> None:
    proxy.answer(503, times=None)
    with pytest.raises(Unavailable) as caught:
        wired.get("/health")
    assert caught.value.message == (
        "GET /health was answered with 503: made by the test. Look at the server's log, or raise retries."
    )
    assert len(proxy.seen) == 7
    assert len(slept) == 6


def test_a_page_of_another_server_is_told_from_an_answer(wired: Session, proxy: Proxy) -> None:
    proxy.page(path="/work_pools/x")
    with pytest.raises(CollectionError, match=r"a page that is not JSON, so http.* is no Prefect API"):
        wired.get("/work_pools/x")


@pytest.mark.parametrize("body", [b"<html>404</html>", b'{"message": "no route"}', b'{"detail": "Not Found"}', b""])
def test_only_prefect_can_say_that_an_object_is_not_there(wired: Session, proxy: Proxy, body: bytes) -> None:
    proxy.answer(404, body=body)
    with pytest.raises(NoSuchRoute, match=r"Is api_url \(PREFECT_API_URL\) the address of a Prefect API"):
        wired.get_or_none("/work_pools/x")
    assert wired.get_or_none("/work_pools/x") is None


def test_an_address_without_api_deletes_nothing_silently(door: Door, server: PrefectServer) -> None:
    for wrong in (server.api_url.removesuffix("/api"), f"{server.api_url}/v9"):
        refused = door("prefect_work_pool", api_url=wrong, name="x", state="absent")
        assert refused["failed"]
        assert "api_url" in refused["msg"]


def test_a_redirect_names_its_target(wired: Session, proxy: Proxy) -> None:
    proxy.answer(301, headers={"Location": "https://prefect.example/api/health"})
    with pytest.raises(Invalid, match=r"go to https://prefect\.example/api/health, so api_url"):
        wired.get("/health")


def test_nobody_listens() -> None:
    with Session(Connection(f"http://127.0.0.1:{free_port()}/api")) as lonely, pytest.raises(NoServer) as caught:
        lonely.get("/health")
    assert "Is the server running, and is api_url (PREFECT_API_URL) its address?" in caught.value.message
    assert caught.value.details == {"no_server": True}
    assert lonely.requests == 3


def test_a_host_that_has_no_address() -> None:
    with Session(Connection("http://prefect.invalid/api", retries=0)) as lost, pytest.raises(NoServer):
        lost.get("/health")


def test_a_proxy_that_refuses_says_nothing_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with Session(Connection("http://prefect.invalid/api", retries=0)) as behind, pytest.raises(Unreachable) as caught:
        behind.get("/health")
    assert not isinstance(caught.value, NoServer)


def test_an_answer_that_does_not_come(proxy: Proxy) -> None:
    proxy.delay(1.0, times=None)
    with Session(Connection(proxy.api_url, timeout=0.1, retries=1)) as hasty, pytest.raises(Unreachable) as caught:
        hasty.get("/health")
    assert "no answer within 0.1 s" in caught.value.message
    assert not isinstance(caught.value, NoServer)
    assert hasty.requests == 2


def variable(name: str) -> dict[str, t.Any]:
    return {"name": name, "value": 1}


def test_a_write_without_read_back_says_that_its_fate_is_unknown(proxy: Proxy, unique: Unique) -> None:
    name = unique("v").replace("-", "_")
    proxy.drop(before=False, method="POST", path="/variables/")
    with Session(Connection(proxy.api_url, retries=0)) as once, pytest.raises(Unreachable) as caught:
        once.write("POST", "/variables/", variable(name))
    assert caught.value.message.endswith("Whether the write took effect is not known.")


def test_the_last_attempt_is_read_back_too(proxy: Proxy, unique: Unique) -> None:
    name = unique("v").replace("-", "_")
    path = f"/variables/name/{name}"
    with Session(Connection(proxy.api_url, retries=0)) as once:
        proxy.drop(before=False, method="POST", path="/variables/")
        assert once.write("POST", "/variables/", variable(name), settle=lambda: once.get_or_none(path))["name"] == name
        lost = unique("v").replace("-", "_")
        proxy.drop(before=True, method="POST", path="/variables/")
        with pytest.raises(Unreachable) as caught:
            once.write(
                "POST", "/variables/", variable(lost), settle=lambda: once.get_or_none(f"/variables/name/{lost}")
            )
    assert "not known" not in caught.value.message


def test_a_conflict_of_our_own_making_is_no_conflict(wired: Session, proxy: Proxy, unique: Unique) -> None:
    name = unique("v").replace("-", "_")
    path = f"/variables/name/{name}"
    looks = iter([None])

    def settle() -> t.Any:
        # The first look is too early to see the write: the second attempt then meets its own first one.
        return next(looks, "second") and wired.get_or_none(path)

    proxy.drop(before=False, method="POST", path="/variables/")
    row = wired.write("POST", "/variables/", variable(name), settle=settle)
    assert row["name"] == name
    with pytest.raises(Conflict, match="already exists"):
        wired.write("POST", "/variables/", variable(name), settle=lambda: wired.get_or_none(path))


def test_a_delete_that_took_effect_unseen_is_done(
    wired: Session, proxy: Proxy, session: Session, unique: Unique
) -> None:
    name = unique("v").replace("-", "_")
    session.write("POST", "/variables/", variable(name))
    proxy.drop(before=False, method="DELETE")
    wired.write("DELETE", f"/variables/name/{name}")
    assert [seen.status for seen in proxy.seen if seen.method == "DELETE"] == [0, 404]
    with pytest.raises(NotFound):
        wired.write("DELETE", f"/variables/name/{name}")


def test_a_refused_request_is_not_echoed(wired: Session) -> None:
    with pytest.raises(Invalid) as caught:
        wired.write("POST", "/variables/", {"name": "x", "value": 1, "password": "zebra-crossing-77"})
    assert "password: Extra inputs are not permitted" in caught.value.message
    assert "zebra-crossing-77" not in caught.value.message


class TestGuarded:
    """A server that asks for Basic authentication and for CSRF tokens."""

    @pytest.fixture
    def guarded_proxy(self, guarded_server: PrefectServer) -> t.Iterator[Proxy]:
        with Proxy(guarded_server.api_url) as standing:
            yield standing

    @pytest.fixture
    def guarded(self, guarded_proxy: Proxy, tmp_path: Path) -> Doors:
        return Doors({"api_url": guarded_proxy.api_url}, tmp_path)

    def test_one_token_serves_a_whole_task(self, guarded: Doors, guarded_proxy: Proxy, unique: Unique) -> None:
        name = unique("pool")
        created = guarded.room("prefect_work_pool", auth_string=GUARD, name=name, type="process")
        assert created["changed"], created
        assert [line.partition("?")[0] for line in guarded_proxy.reads].count("GET /csrf-token") == 1
        guarded_proxy.reset()
        assert guarded.room("prefect_work_pool", auth_string=GUARD, name=name, type="process")["changed"] is False
        assert guarded_proxy.writes == []
        guarded_proxy.reset()
        found = guarded.room("prefect_info", auth_string=GUARD, kind="work_queues", work_pools=[name])
        assert [row["name"] for row in found["objects"]] == ["default"]
        assert [line.partition("?")[0] for line in guarded_proxy.reads].count("GET /csrf-token") == 1

    @pytest.mark.parametrize(
        "wrong", [{}, {"auth_string": "tester:wrong-8265"}, {"api_key": "pnu_wrong8265"}], ids=["none", "basic", "key"]
    )
    def test_who_is_not_let_in_is_told_what_to_check(
        self, guarded: Doors, guarded_proxy: Proxy, wrong: dict[str, str]
    ) -> None:
        refused = guarded.room("prefect_work_pool", name="x", type="process", **wrong)
        assert refused["msg"] == (
            "GET /work_pools/x was answered with 401: Unauthorized. Check api_key (PREFECT_API_KEY) or auth_string "
            "(PREFECT_API_AUTH_STRING)."
        )
        assert len(guarded_proxy.seen) == 1

    def test_the_environment_serves_as_well(
        self, guarded: Doors, guarded_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PREFECT_API_URL", guarded_proxy.api_url)
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", GUARD)
        guarded.connection.clear()
        assert guarded.room("prefect_info", kind="server")["objects"][0]["healthy"] is True


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Path, Path]]:
    return certificates.make(tmp_path_factory.mktemp("tls"))


class TestTls:
    @pytest.fixture
    def tls(self, server: PrefectServer, papers: tuple[Path, tuple[Path, Path]]) -> t.Iterator[Proxy]:
        with Proxy(server.api_url, certificate=papers[1]) as standing:
            yield standing

    def test_an_authority_of_our_own(self, door: Door, tls: Proxy, papers: tuple[Path, tuple[Path, Path]]) -> None:
        found = door("prefect_info", api_url=tls.api_url, ca_path=str(papers[0]), kind="server")
        assert found["objects"][0]["ready"] is True

    def test_an_unknown_authority(self, door: Door, tls: Proxy) -> None:
        refused = door("prefect_info", api_url=tls.api_url, kind="server")
        assert "certificate verify failed" in refused["msg"]
        assert refused["msg"].endswith("Name the authority's certificate in ca_path (PREFECT_API_SSL_CERT_FILE).")
        assert tls.seen == []
        assert tls.connections == 1

    def test_no_verification(self, door: Door, tls: Proxy) -> None:
        assert door("prefect_info", api_url=tls.api_url, validate_certs=False, kind="server")["objects"]

    def test_no_such_file(self, door: Door, tls: Proxy) -> None:
        refused = door("prefect_info", api_url=tls.api_url, ca_path="/no/such.pem", kind="server")
        assert refused["msg"] == "ca_path names /no/such.pem, and there is no such file."

    def test_a_file_that_holds_no_certificate(self, door: Door, tls: Proxy, tmp_path: Path) -> None:
        (tmp_path / "empty.pem").write_text("nothing\n")
        refused = door("prefect_info", api_url=tls.api_url, ca_path=str(tmp_path / "empty.pem"), kind="server")
        assert refused["failed"]
        assert refused["msg"].endswith("Name the authority's certificate in ca_path (PREFECT_API_SSL_CERT_FILE).")


def test_headers_of_a_gateway_are_sent_and_never_shown(door: Door, proxy: Proxy) -> None:
    secret = "zebra-crossing-77"
    proxy.answer(403, body=f"denied: {secret}".encode())
    refused = door("prefect_info", kind="flows", custom_headers={"X-Gateway": secret, "X-Tenant": "blue"})
    assert "denied: (secret)" in refused["msg"]
    assert proxy.seen[0].headers["X-Gateway"] == secret


def test_no_pause_is_longer_than_the_longest() -> None:
    assert max(Session._backoff(attempt) for attempt in range(1, 21) for _try in range(20)) == 30.0


class TestBehindAProxy:
    """The environment's ``http_proxy``, which may hold a user and a password."""

    USER = "me:zebra%2077"

    def test_it_is_let_in_and_the_password_is_never_shown(
        self, proxy: Proxy, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host = proxy.api_url.removeprefix("http://").partition("/")[0]
        token = base64.b64encode(b"me:zebra 77").decode()
        proxy.answer(407, body=f"not you: zebra 77, {token}".encode(), times=None)
        for address in (f"http://{self.USER}@{host}", f"{self.USER}@{host}"):
            proxy.seen.clear()
            monkeypatch.setenv("http_proxy", address)
            refused = door("prefect_info", kind="flows", api_url="http://prefect.example/api")
            assert "not you: (secret), (secret)" in refused["msg"]
            assert proxy.seen[0].headers["proxy-authorization"] == f"Basic {token}"

    @pytest.mark.parametrize("host", ["127.0.0.1:1", "[::1", "h:http"])
    def test_one_that_cannot_be_reached_is_told_without_the_password(
        self, door: Door, monkeypatch: pytest.MonkeyPatch, host: str
    ) -> None:
        monkeypatch.setenv("http_proxy", f"http://{self.USER}@{host}")
        refused = door("prefect_info", kind="flows", api_url="http://prefect.example/api", retries=0)
        assert refused["failed"]
        assert "zebra" not in refused["msg"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"api_url": "127.0.0.1:4200/api"}, "it must be an http or https address"),
        (
            {"api_url": "http://me:zebra-77@h/api"},
            "api_url holds a user or password; pass them as auth_string instead.",
        ),
        ({"api_url": "http://[::1/api"}, "The host or the port in api_url cannot be one"),
        ({"api_url": "http://h:70000/api"}, "The host or the port in api_url cannot be one"),
        ({"api_url": "http://h:http/api"}, "The host or the port in api_url cannot be one"),
        ({"api_key": "zebra-77", "auth_string": "a:zebra-77"}, "Both api_key (PREFECT_API_KEY) and auth_string"),
        ({"timeout": 0}, "timeout is 0.0; it must be more than 0 seconds."),
        ({"retries": 21}, "retries is 21; allowed are 0 to 20."),
        ({"custom_headers": {"X-A": "zebra-77\r\nX-B: 1"}}, "custom_headers.X-A holds a line break"),
        ({"api_key": "zebra-77\n"}, "api_key holds a line break"),
    ],
)
def test_a_connection_that_cannot_be_is_refused(
    door: Door, proxy: Proxy, options: dict[str, t.Any], sentence: str
) -> None:
    refused = door("prefect_info", kind="flows", **options)
    assert sentence in refused["msg"]
    assert "zebra-77" not in refused["msg"]
    assert proxy.seen == []


COUNT = 450


def add_runs(session: Session, deployment: str, count: int) -> None:
    """Add runs that are due in the far future, so that the server does not busy itself with marking them late."""
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}
    left = count
    while left:
        runs = [{"state": state} for _number in range(min(100, left))]
        answer = session.write("POST", f"/deployments/{deployment}/create_flow_run/bulk", runs)
        # Where SQLite is locked the server still answers 200, and says FAILED of each run.
        left -= sum(result["status"] == "CREATED" for result in answer["results"])


@pytest.fixture(scope="module")
def many(server: PrefectServer) -> t.Iterator[str]:
    """The id of a deployment with so many runs that a list of them has several pages."""
    with Session(Connection(server.api_url, retries=10)) as session:
        flow = session.write("POST", "/flows/", {"name": "paging"})
        row = session.write("POST", "/deployments/", {"name": f"p{time.time_ns()}", "flow_id": flow["id"]})
        add_runs(session, row["id"], COUNT)
        yield str(row["id"])
        session.write("DELETE", f"/deployments/{row['id']}")


class TestPaging:
    @staticmethod
    def remove(session: Session, ids: t.Sequence[str]) -> None:
        answer = session.write(
            "POST", "/flow_runs/bulk_delete", {"flow_runs": {"id": {"any_": list(ids)}}, "limit": 50}
        )
        assert len(answer["deleted"]) == len(ids)

    def test_every_row_is_read_once(self, wired: Session, proxy: Proxy, many: str) -> None:
        rows = reading.read_all(wired, reading.FLOW_RUNS, filters.flow_runs(deployment_ids=[many]))
        assert len({row["id"] for row in rows}) == len(rows) == COUNT
        assert len(proxy.seen) == 3
        assert wired.writes == 0

    def test_rows_that_come_and_go_meanwhile_lose_no_other(
        self, wired: Session, proxy: Proxy, session: Session, many: str
    ) -> None:
        body = filters.flow_runs(deployment_ids=[many])
        before = {row["id"] for row in reading.read_all(session, reading.FLOW_RUNS, body)}
        ordered = sorted(before)
        # Some of the first page, some of the last, never those that end a page.
        doomed = [ordered[-3:], ordered[2:7], ordered[-20:-10], ordered[20:22]]

        def disturb(number: int) -> None:
            self.remove(session, doomed[number])
            add_runs(session, many, 7 if number % 2 else len(doomed[number]))

        proxy.before(lambda _number: None, path="/flow_runs/filter")
        proxy.before(disturb, path="/flow_runs/filter", times=4)
        rows = reading.read_all(wired, reading.FLOW_RUNS, body)
        found = [row["id"] for row in rows]
        # A reading of a list at rest takes three requests: this one was begun anew.
        assert len(proxy.seen) > 3
        assert len(set(found)) == len(found)
        assert before - set(itertools.chain(*doomed)) <= set(found)
        after = {row["id"] for row in reading.read_all(session, reading.FLOW_RUNS, body)}
        assert set(found) <= before | after

    def test_a_list_that_never_rests_is_an_error(
        self, wired: Session, proxy: Proxy, session: Session, many: str
    ) -> None:
        body = filters.flow_runs(deployment_ids=[many])

        def disturb(_number: int) -> None:
            rows = session.search("/flow_runs/filter", {**body, "sort": "ID_DESC", "limit": 200})
            self.remove(session, [rows[-1]["id"]])

        for _attempt in range(5):
            proxy.before(lambda _number: None, path="/flow_runs/filter")
            proxy.before(disturb, path="/flow_runs/filter")
        with pytest.raises(CollectionError, match="The list of flow runs changed during each of 5 readings"):
            reading.read_all(wired, reading.FLOW_RUNS, body)

    @pytest.mark.parametrize("count", [0, 1, 199, 200, 201])
    def test_full_and_empty_pages(
        self, wired: Session, make_deployment: MakeDeployment, session: Session, count: int
    ) -> None:
        row = make_deployment()
        add_runs(session, row["id"], count)
        rows = reading.read_all(wired, reading.FLOW_RUNS, filters.flow_runs(deployment_ids=[row["id"]]))
        assert len({row["id"] for row in rows}) == count
