"""Tokens and cookies, and what needs them: on the real application, with a library behind it."""

import shutil
from contextlib import ExitStack
from http.cookies import SimpleCookie
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from web.app import create_app
from web.auth import COOKIE, COOKIE_SECONDS, Keys
from web.routes import ROUTES
from web.settings import Settings

TOKEN = "correct-horse-battery"
BEARER = {"authorization": f"Bearer {TOKEN}"}
OPEN_TO_ALL = {"/", "/login", "/logout", "/health", "/health/ready"}  # whatever the settings


class TestKeys:
    def test_a_cookie_is_valid_for_its_time(self):
        now = SimpleNamespace(seconds=1e9)
        keys = Keys(TOKEN, lambda: now.seconds)
        cookie = keys.cookie()
        assert keys.is_cookie(cookie)
        assert cookie != keys.cookie()
        now.seconds += COOKIE_SECONDS - 1
        assert keys.is_cookie(cookie)
        now.seconds += 1
        assert not keys.is_cookie(cookie)

    def test_another_token_ends_all_cookies(self):
        assert not Keys("another-token-entirely").is_cookie(Keys(TOKEN).cookie())

    def test_a_cookie_cannot_be_made_up(self):
        keys = Keys(TOKEN)
        expires, nonce, signature = keys.cookie().split(".")
        later = f"{int(expires) + 1}.{nonce}.{signature}"
        for forged in ("", ".", "..", TOKEN, later, f"{expires}.{nonce}.", f"{expires}.{nonce}", "x.y.z", "é.é.é", "9" * 5000):
            assert not keys.is_cookie(forged)

    def test_the_cookie_is_not_the_token(self):
        assert TOKEN not in Keys(TOKEN).cookie()

    @pytest.mark.parametrize("given", ["", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é", "\udc80"])
    def test_only_the_token_is_the_token(self, given):
        assert Keys(TOKEN).is_token(TOKEN)
        assert not Keys(TOKEN).is_token(given)


@pytest.fixture(scope="module")
def serve(data, tmp_path_factory):
    """A function that makes a client of a server of its own: in one process a library can be open only once."""
    with ExitStack() as stack:

        def make(**changes):
            folder = shutil.copytree(data, tmp_path_factory.mktemp("auth") / "data")
            return stack.enter_context(TestClient(create_app(Settings(data=folder, **changes)), follow_redirects=False))

        yield make


@pytest.fixture(scope="module", params=[False, True], ids=["public", "private"])
def private(request):
    return request.param


@pytest.fixture(scope="module")
def server(serve, private):
    return serve(token=TOKEN, private=private)


@pytest.fixture
def client(server):
    """A browser that has not been here before."""
    server.cookies.clear()
    server.base_url = "http://testserver"
    return server


def refusal(response):
    return (response.status_code, response.json()["error"]["code"])


def requests():
    """Each route with each of its methods, and paths that there are not."""
    for route in ROUTES:
        for method in route.methods or ("GET", "PATCH", "DELETE"):
            yield method, route.path.replace("{id:track}", "1")
    yield from (("POST", "/nothing"), ("PUT", "/tracks/1"), ("DELETE", "/"), ("POST", "/upload/"))


def test_what_needs_the_token(client, private):
    """What is not meant for everybody does: that holds for routes that are still to come, too."""
    for method, path in requests():
        reading = method in ("GET", "HEAD")
        free = path in OPEN_TO_ALL or (not private and (path == "/predict" or (reading and path not in ("/metrics", "/removed"))))
        answer = client.request(method, path)
        needs = answer.status_code == 401 and (method == "HEAD" or refusal(answer)[1] == "token_needed")
        assert needs is not free, (method, path)
        if needs:
            assert answer.headers["www-authenticate"] == "Bearer"
            assert client.request(method, path, headers=BEARER).status_code != 401, (method, path)
            client.post("/tracks/1/restore", headers=BEARER)  # what a DELETE has taken


def test_a_wrong_token_is_refused_even_where_none_is_needed(client):
    for given in ("Bearer wrong", "Bearer", f"Bearer {TOKEN}x", "bearer  "):
        assert refusal(client.get("/health", headers={"authorization": given})) == (401, "bad_token")


def test_another_scheme_is_not_ours(client):
    """Such as a proxy's password."""
    assert client.get("/health", headers={"authorization": "Basic abc"}).status_code == 200


def log_in(client, token=TOKEN, **options):
    return client.post("/login", data={"token": token}, **options)


def test_a_browser_logs_in_and_out(client, private):
    answer = log_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "./")
    assert client.patch("/tracks/1", json={"album": "Logged in"}).json()["album"] == "Logged in"
    assert client.get("/metrics").status_code == 200
    assert client.post("/logout").status_code == 303
    assert refusal(client.patch("/tracks/1", json={"album": ""})) == (401, "token_needed")


@pytest.mark.parametrize("secure", [False, True])
def test_the_cookie(client, secure):
    """No script reads it, no other site's page sends it; over https it never goes over http."""
    client.base_url = "https://testserver" if secure else "http://testserver"
    cookie = SimpleCookie(log_in(client).headers["set-cookie"])[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], bool(cookie["secure"])) == (True, "strict", "/", secure)
    assert int(cookie["max-age"]) == COOKIE_SECONDS
    assert TOKEN not in cookie.value


def test_a_wrong_token_does_not_log_in(client):
    for token in ("", "wrong", TOKEN + "x"):
        answer = log_in(client, token)
        assert refusal(answer) == (401, "bad_token")
        assert "set-cookie" not in answer.headers


def test_another_site_cannot_use_the_cookie(client):
    """It would not be sent; if it were, it would not help."""
    log_in(client)
    for headers in ({"origin": "http://testserver:81"}, {"sec-fetch-site": "same-site"}):
        assert refusal(client.delete("/tracks/1", headers=headers)) == (403, "foreign_origin")
        assert refusal(log_in(client, headers=headers)) == (403, "foreign_origin")


def test_the_page_asks_for_the_token(client, private):
    listed = client.get("/tracks", headers=BEARER).json()["total"]  # some other tests have added some
    client.cookies.clear()
    before = client.get("/").text
    assert 'id="login"' in before
    assert before.count('class="track"') == 1 + (0 if private else listed)  # the template is one
    log_in(client)
    after = client.get("/").text
    assert 'id="login"' not in after
    assert 'action="logout"' in after
    assert after.count('class="track"') == 1 + listed


def test_without_a_token_everything_is_open(serve):
    client = serve(private=True)
    assert client.get("/tracks").status_code == client.get("/metrics").status_code == 200
    assert refusal(log_in(client)) == (409, "no_token")
    page = client.get("/").text
    assert 'id="login"' not in page
    assert 'action="logout"' not in page


ELSEWHERE = {"x-forwarded-for": "203.0.113.7"}  # through a proxy that was not declared


@pytest.fixture(scope="module")
def narrow(serve):
    return serve(token=TOKEN, requests_per_minute=30, work_per_minute=3)


@pytest.fixture
def stranger(narrow):
    """An address that has not been here before."""
    for rate in ("requests", "work"):
        narrow.app_state[rate]._buckets.clear()
    return narrow


def test_guessing_the_token_is_slow(stranger):
    codes = [log_in(stranger, "wrong", headers=ELSEWHERE).status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]


@pytest.mark.parametrize("path", ["/tracks", "/nothing", "/static/favicon.svg", "/vendor/nothing"])
def test_with_each_request_too(stranger, path):
    wrong = {"authorization": "Bearer wrong"}
    codes = [stranger.get(path, headers=wrong | ELSEWHERE).status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]


def test_work_is_counted_apart(stranger):
    answers = [stranger.post("/predict", headers=ELSEWHERE) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
    assert refusal(answers[-1]) == (429, "too_many_requests")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert stranger.get("/health", headers=ELSEWHERE).status_code == 200


def test_listening_is_work(stranger):
    for _ in range(3):
        with stranger.websocket_connect("/listen", headers=ELSEWHERE):
            pass
    with pytest.raises(WebSocketDenialResponse) as denial, stranger.websocket_connect("/listen", headers=ELSEWHERE):
        pass
    assert refusal(denial.value) == (429, "too_many_requests")


def test_requests_are_counted(stranger):
    codes = [stranger.get("/tracks", headers=ELSEWHERE).status_code for _ in range(31)]
    assert codes == [200] * 30 + [429]
    assert stranger.get("/static/favicon.svg", headers=ELSEWHERE).status_code == 200


def test_this_machine_and_whoever_knows_the_token_are_not(stranger):
    assert {stranger.get("/tracks").status_code for _ in range(40)} == {200}
    assert {stranger.get("/tracks", headers=BEARER | ELSEWHERE).status_code for _ in range(40)} == {200}
