"""The page in a real Chromium, whose fake microphone plays a file, against a real server."""

import json
import re
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect
from scipy.signal import correlate

from core import Library
from core.demo import demo_names, demo_track, write_audio
from core.pcm import Mixer
from docs.stage import CHROMIUM, DENIED, FAKE_DEVICE, QUIET, RATE, chromium, opened, recorded, serving, through_the_air
from docs.stage import hearing as browser_hearing
from tests.axe import violations

SECONDS = 20.0  # of a track
PLAYED, HEARD_FROM = 1, 4.0  # the seed that the microphone hears, from this second on
UNKNOWN = 77  # the seed of music that no one has
MATCH_MS = 60_000  # patience, for a busy machine
MOVES_SECONDS = 1.0  # between two positions that are shown: half of it is what they are behind, in the middle
ROUNDING = 1e-3  # seconds
POSITION_SECONDS = 0.8  # what they may differ by from that: a busy machine draws late
HEARD, AGREES = [217, 213, 247], [77, 255, 166]  # red, green, blue of peaks; the evidence for a claim has the colour of those that agree
PICTURE, EVIDENCE = (0, 11 / 16), (11 / 16, 1)  # parts of the screen's height
LOOK_MS = 250


@contextmanager
def hearing(playwright, address, sound):
    """A page whose microphone plays the wave file again and again."""
    with browser_hearing(playwright, sound) as browser, opened(browser, address) as page:
        yield page


@pytest.fixture
def known_sound(tmp_path):
    return through_the_air(tmp_path / "known.wav", PLAYED, HEARD_FROM, SECONDS)


@pytest.fixture(scope="module")
def browser_among_strangers(playwright, tmp_path_factory):
    sound = through_the_air(tmp_path_factory.mktemp("sound") / "unknown.wav", UNKNOWN, 0, SECONDS)
    with browser_hearing(playwright, sound) as browser:
        yield browser


@pytest.fixture
def among_strangers(browser_among_strangers, address):
    """A page whose microphone hears music that is not in the library."""
    with opened(browser_among_strangers, address) as page:
        yield page


def listen_button(page):
    return page.locator("#listen-button")


def seconds_of(clock):
    minutes, seconds = clock.split(":")
    return int(minutes) * 60 + int(seconds)


def sent_sound(page):
    """A function that gives the sound that the page has sent since then."""
    blocks = []
    keep = lambda frame: blocks.append(frame) if isinstance(frame, bytes) else None  # noqa: E731
    page.on("websocket", lambda socket: socket.on("framesent", keep))
    return lambda: np.frombuffer(b"".join(blocks), "<i2").astype(np.float32)


def end_of(heard, sound):
    """Seconds into the track at which what was heard ends: a busy machine's microphone leaves out sound, so that counting is not enough."""
    last = heard[-RATE:]
    return HEARD_FROM + (int(np.argmax(correlate(sound, last, "valid"))) + len(last)) / RATE


def place(page):
    """Seconds into the track, as the line shows them, and as the figure beside it does."""
    percent, clock = page.locator("#answer").evaluate("""answer => [
        parseFloat(answer.querySelector("[data-part=cursor]").style.transform.split("(")[1]),
        answer.querySelector("[data-field=position]").textContent,
    ]""")
    return SECONDS * (1 + percent / 100), seconds_of(clock)


def test_hears_a_track(playwright, address, known_sound):
    with hearing(playwright, address, known_sound) as page:
        listen_button(page).press("Space")
        expect(page.locator("#listen")).to_have_attribute("data-state", "matched", timeout=MATCH_MS)
        best = page.locator("#answer .best")
        expect(best.locator("[data-field=title]")).to_have_text(demo_names(PLAYED)[0])
        expect(listen_button(page)).to_have_text("Stop")
        expect(page.locator("#sight")).to_be_visible()
        assert violations(page) == []
        listen_button(page).click()
        expect(page.locator("#listen")).to_have_attribute("data-state", "idle")
        expect(best).to_have_attribute("data-verdict", "match")  # the answer stays
        expect(page.locator("#history-list")).to_contain_text(demo_names(PLAYED)[0])
        page.reload()
        expect(page.locator("#history-list")).to_contain_text(demo_names(PLAYED)[0])


def test_follows_the_place_in_the_track(playwright, address, known_sound):
    with hearing(playwright, address, known_sound) as page:
        heard, sound = sent_sound(page), soundfile.read(known_sound, dtype="float32")[0]
        listen_button(page).click()
        expect(page.locator("#listen")).to_have_attribute("data-state", "matched", timeout=MATCH_MS)
        off = []
        for _ in range(10):  # a busy machine may be late with a look at the page
            page.wait_for_timeout(700)
            (line, clock), sent = place(page), heard()  # at the same moment: to find where it ends takes a while
            assert -ROUNDING <= line - clock <= 1 + ROUNDING
            off.append(end_of(sent, sound) - MOVES_SECONDS / 2 - line)
        assert abs(sorted(off)[5]) < POSITION_SECONDS, off


SHOWS = """(canvas, [[red, green, blue], from, until]) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, from * canvas.height, canvas.width, (until - from) * canvas.height);
    for (let i = 0; i < data.length; i += 4) if (data[i] === red && data[i + 1] === green && data[i + 2] === blue) return true;
    return false;
}"""


def wait_until_shown(page, colour, part):
    """Waits until a part of the screen, which is drawn in its own time, has the colour."""
    for _ in range(MATCH_MS // LOOK_MS):
        if page.locator("#picture").evaluate(SHOWS, [colour, *part]):
            return
        page.wait_for_timeout(LOOK_MS)
    pytest.fail("it is never drawn")


def test_shows_why(page, tmp_path):
    """Of a file, which is not sent faster than it is answered: what agrees is seen, however busy the machine is."""
    clip = write_audio(tmp_path / "clip.wav", demo_track(PLAYED, SECONDS, RATE)[: int(10 * RATE)], RATE)
    page.locator("#file").set_input_files(clip)
    expect(page.locator("#answer .best")).to_have_attribute("data-verdict", "match", timeout=MATCH_MS)
    wait_until_shown(page, HEARD, PICTURE)
    wait_until_shown(page, AGREES, PICTURE)
    wait_until_shown(page, AGREES, EVIDENCE)
    expect(page.locator("#sight-peaks")).to_have_text(re.compile(rf"^\d+ of \d+ peaks heard are in .{demo_names(PLAYED)[0]}.$"))


def test_the_evidence_ends_where_the_server_is(page):
    last = """async (behind) => {
        const { Evidence } = await import("/static/js/evidence.js");
        const pen = new OffscreenCanvas(400, 80).getContext("2d", { alpha: false });
        const evidence = new Evidence(pen, 10);
        evidence.fit({ width: 400, top: 0, height: 80, secondWidth: 50, scale: 1 });
        for (let second = 1; second <= 10; second += 1) evidence.add(second, 3 * second);
        evidence.show(10 + behind);
        const { data } = pen.getImageData(0, 0, 400, 80);
        const green = (x) => [...Array(80).keys()].some((y) => data[4 * (400 * y + x) + 1] - data[4 * (400 * y + x)] > 100);
        return [...Array(400).keys()].filter(green).at(-1);
    }"""
    assert page.evaluate(last, 0) == pytest.approx(400, abs=5)
    assert page.evaluate(last, 2) == pytest.approx(400 - 2 * 50, abs=5)


def test_the_spectrogram_shows_a_tone_where_it_is(page):
    """In its band, from the moment it begins, and again after a time that was not looked at."""
    columns = """async ([rate, hertz, tone, starts]) => {
        const { Spectrum } = await import("/static/js/spectrum.js");
        const spectrum = new Spectrum(rate, hertz);
        const out = [];
        for (const start of starts) {
            const samples = Int16Array.from({ length: rate }, (_, i) => 9000 * Math.sin(2 * Math.PI * tone * i / rate));
            spectrum.feed(samples, start * rate, (levels, from, until) => out.push([levels.indexOf(Math.max(...levels)), from, until]));
        }
        return out;
    }"""
    hertz = [100.0 * 1.1**i for i in range(40)]
    for rate in (16_000, 44_100, 96_000):
        found = page.evaluate(columns, [rate, hertz, hertz[20], [0, 1, 5]])
        assert {band for band, _, _ in found} == {20}
        starts, ends = [[column[i] for column in found] for i in (1, 2)]
        jumps = [later - end for end, later in zip(ends, starts[1:], strict=False)]
        assert sum(abs(jump) > 1e-6 for jump in jumps) == 1
        assert max(jumps) == pytest.approx(3, abs=0.2)


def test_the_page_mixes_channels_as_the_engine_does(page):
    """Also those that cancel each other for a while."""
    rng = np.random.default_rng(1)
    left = rng.uniform(-0.3, 0.3, 30_000).astype(np.float32)
    right = np.concatenate([left[:10_000], -left[10_000:20_000], 0.1 - left[20_000:]])
    mixed = """async (channels) => {
        const { Mixer } = await import("/static/js/mixer.js");
        const mixer = new Mixer(channels.length);
        const out = [];
        for (let i = 0; i < channels[0].length; i += 100) {
            const piece = channels.map((channel) => Float32Array.from(channel.slice(i, i + 100)));
            out.push(...mixer.mix(piece));
        }
        return out;
    }"""
    found = page.evaluate(mixed, [left.tolist(), right.tolist()])
    assert found == pytest.approx(Mixer().mix([left, right]), abs=1e-5)


def test_a_stereo_file_of_wrong_polarity_is_no_silence_for_the_page(page):
    levels = """async () => {
        const { FileSource } = await import("/static/js/file-source.js");
        const left = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin(i / 7));
        const channels = [left, left.map((sample) => -sample)];
        const sound = { duration: 1, numberOfChannels: 2, getChannelData: (channel) => channels[channel] };
        const blocks = [];
        const handlers = { onBlock: (block) => blocks.push(block.rms), onFinished: () => {}, waiting: () => 0 };
        await new FileSource(sound, handlers).run();
        return blocks;
    }"""
    assert page.evaluate(levels)[-1] == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize("width", [390, 1280])
def test_moves_nothing_when_the_match_appears(playwright, address, known_sound, width):
    edges = """() => {
        const top = (element) => (element ? element.offsetTop + top(element.offsetParent) : 0);  // where it lies, however it slides in
        return ["#answer .best-title", "#sight", "#history"].map((name) => top(document.querySelector(name)));
    }"""
    with browser_hearing(playwright, known_sound) as browser, opened(browser, address, viewport={"width": width, "height": 800}) as page:
        listen_button(page).click()
        expect(page.locator("#answer .best[data-verdict=searching]")).to_be_visible()
        before = settled(page, edges)  # a phone's dial shrinks as listening starts
        expect(page.locator("#listen")).to_have_attribute("data-state", "matched", timeout=MATCH_MS)
        assert settled(page, edges) == pytest.approx(before, abs=1)


def settled(page, script):
    """What the script says once it says so twice, a quarter of a second apart."""
    before, now = None, page.evaluate(script)
    while now != before:
        page.wait_for_timeout(250)
        before, now = now, page.evaluate(script)
    return now


def test_claims_nothing_for_music_it_does_not_know(among_strangers):
    page = among_strangers
    listen_button(page).click()
    absent = page.locator("#answer .best[data-verdict=absent]")
    expect(absent).to_contain_text("Not in this library", timeout=MATCH_MS)
    expect(page.locator("#listen")).to_have_attribute("data-state", "listening")
    expect(page.locator("#history-list li[data-id]")).to_have_count(1)
    expect(page.locator("#history-list .is-unknown")).to_contain_text("Not in this library")


@pytest.mark.parametrize(
    ("amplitude", "said"), [(0.0, "No sound comes in"), (0.005, "Very quiet"), (3.0, "Too loud")], ids=["silent", "quiet", "clipping"]
)
def test_says_how_the_sound_is(playwright, address, tmp_path, amplitude, said):
    tone = amplitude * np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE)
    sound = write_audio(tmp_path / "sound.wav", np.clip(tone, -1, 1).astype(np.float32), RATE)
    with hearing(playwright, address, sound) as page:
        listen_button(page).click()
        expect(page.locator("#status")).to_contain_text(said, timeout=MATCH_MS)
        expect(page.locator("#announcer")).to_contain_text(said)
        expect(page.locator("#answer")).not_to_contain_text("Not in this library")


@pytest.mark.parametrize(
    ("settings", "said"), [({"noiseSuppression": True}, "suppresses noise"), ({"sampleRate": 16_000}, "no more than a telephone")]
)
def test_says_what_the_device_does_to_music(among_strangers, settings, said):
    treat = """settings => {
        const { getSettings } = MediaStreamTrack.prototype;
        MediaStreamTrack.prototype.getSettings = function () { return { ...getSettings.call(this), ...settings }; };
    }"""
    page = among_strangers
    page.evaluate(treat, settings)
    listen_button(page).click()
    expect(page.locator("#status")).to_contain_text(said, timeout=MATCH_MS)


def test_says_that_the_microphone_is_muted(among_strangers):
    keep = """() => {
        const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
        devices.getUserMedia = async (wishes) => (window.stream = await ask(wishes));
    }"""
    page = among_strangers
    page.evaluate(keep)
    listen_button(page).click()
    expect(page.locator("#listen")).to_have_attribute("data-state", "listening", timeout=MATCH_MS)
    for event, said in (("mute", "The microphone is muted"), ("unmute", "Listening")):
        page.evaluate("event => window.stream.getAudioTracks()[0].dispatchEvent(new Event(event))", event)
        expect(page.locator("#status")).to_contain_text(said)


def test_says_that_the_sound_comes_with_gaps(page):
    paces = """async (paces) => {
        const { Level } = await import("/static/js/level.js");
        return paces.map((pace) => {
            let now = 0;
            const level = new Level(() => now);
            for (let i = 0; i < 250; i += 1, now += 0.1 / pace) level.add({ peak: 0.5, rms: 0.1, seconds: 0.1 });
            return level.hints;
        });
    }"""
    assert page.evaluate(paces, [1, 0.97, 0.8, 1.2]) == [[], [], ["pace"], ["pace"]]


def test_says_what_to_do_when_the_microphone_is_denied(playwright, address):
    with (
        chromium(playwright, FAKE_DEVICE, DENIED) as browser,
        opened(browser, address) as page,
    ):
        listen_button(page).click()
        expect(page.get_by_role("alert")).to_contain_text("not allowed to listen")
        expect(listen_button(page)).to_have_text("Listen")


def test_says_that_there_is_no_microphone(page):
    listen_button(page).click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile("No microphone found|not allowed to listen"))


def test_explains_an_insecure_address(playwright, address):
    with (
        chromium(playwright, "--host-resolver-rules=MAP example.test 127.0.0.1") as browser,
        opened(browser, address.replace("127.0.0.1", "example.test")) as page,
    ):
        listen_button(page).click()
        expect(page.get_by_role("alert")).to_contain_text("Listening needs a secure address")


def answered_by(page, answer):
    """Sockets of a server that this test is: `answer(socket)` follows on each start."""
    sockets = []

    def serve(socket):
        sockets.append(socket)
        socket.on_message(lambda message: answer(socket) if isinstance(message, str) else None)

    page.route_web_socket(re.compile("/listen$"), serve)
    page.reload()
    return sockets


def is_ready(socket):
    socket.send('{"type": "ready"}')


def test_comes_back_after_the_connection_broke(among_strangers):
    page = among_strangers
    sockets = answered_by(page, is_ready)
    listen_button(page).click()
    expect(page.locator("#status")).to_have_text("Listening\u2026")
    sockets[0].close(code=1012)
    expect(page.locator("#listen")).to_have_attribute("data-state", "reconnecting")
    expect(page.locator("#listen")).to_have_attribute("data-state", "listening")
    assert len(sockets) == 2
    listen_button(page).click()


def test_says_that_answers_come_late(among_strangers):
    page = among_strangers
    answered_by(page, is_ready)
    listen_button(page).click()
    expect(page.locator("#status")).to_have_text("The server or the network is slow: answers come late.", timeout=MATCH_MS)


@pytest.mark.parametrize(
    ("close", "code", "said"),
    [
        (1008, "silence", "It has long been silent"),
        (1008, "too_long", "Listening has ended after a long time"),
        (1008, "idle", "No sound has reached the server for a while"),
        (1008, "bad_message", "Said by the server."),
        (1000, None, "The server ended listening"),
        (1009, None, "A message was too big for it."),
    ],
)
def test_says_why_the_server_ended_listening(among_strangers, close, code, said):
    def end(socket):
        is_ready(socket)
        if code:
            socket.send(json.dumps({"type": "error", "code": code, "message": "Said by the server."}))
        socket.close(code=close)

    page = among_strangers
    answered_by(page, end)
    listen_button(page).click()
    expect(page.get_by_role("alert")).to_contain_text(said)
    expect(page.locator("#listen")).to_have_attribute("data-state", "idle")


def test_a_long_silence_ends_listening(playwright, music, tmp_path):
    silence = recorded(tmp_path / "silence.wav", np.zeros(0, np.float32))
    with serving(tmp_path / "data", silence_seconds=2) as address, hearing(playwright, address, silence) as page:
        listen_button(page).click()
        expect(page.get_by_role("alert")).to_contain_text("It has long been silent", timeout=MATCH_MS)


def test_guesses_change_places_only_with_a_clear_lead(page):
    order = """async ([before, now]) => {
        const { stable } = await import("/static/js/heard.js");
        const guesses = (pairs) => pairs.map(([id, confidence]) => ({ track: { id }, confidence }));
        return stable(guesses(before), guesses(now)).map((guess) => guess.track.id);
    }"""
    before = [[1, 0.4], [2, 0.3], [3, 0.1]]
    assert page.evaluate(order, [before, [[2, 0.42], [1, 0.4], [3, 0.1]]]) == [1, 2, 3]
    assert page.evaluate(order, [before, [[3, 0.6], [1, 0.3], [2, 0.1]]]) == [3, 1, 2]
    assert page.evaluate(order, [before, [[4, 0.9], [2, 0.05]]]) == [4, 2]
    assert page.evaluate(order, [[], [[5, 0.2], [6, 0.19]]]) == [5, 6]


def test_listens_to_a_file(page, tmp_path):
    clip = tmp_path / "clip.wav"
    write_audio(clip, demo_track(PLAYED, SECONDS, RATE)[int(5 * RATE) : int(13 * RATE)], RATE)
    page.locator("#file").set_input_files(clip)
    best = page.locator("#answer .best")
    expect(best).to_have_attribute("data-verdict", "match", timeout=MATCH_MS)
    expect(page.locator("#listen")).to_have_attribute("data-state", "idle", timeout=MATCH_MS)
    expect(best.locator("[data-field=title]")).to_have_text(demo_names(PLAYED)[0])
    assert seconds_of(best.locator("[data-field=position]").inner_text()) in (12, 13)  # where the clip ends
    expect(page.locator("#history-list time")).to_have_text("clip.wav, 0:00\u20130:08")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_fits_the_width(browser, address, width):
    with opened(browser, address, viewport={"width": width, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        small = "[...document.querySelectorAll('button, .btn, select, input:not(.visually-hidden)')]"
        small += ".map(e => e.getBoundingClientRect()).filter(r => r.width && (r.width < 44 || r.height < 44)).length"
        assert page.evaluate(small) == 0


def test_goes_on_when_the_server_comes_back(playwright, music, known_sound, tmp_path):
    with Library(tmp_path / "data") as library:
        assert all(added.status == "added" for added in library.add(music))
    with browser_hearing(playwright, known_sound) as browser:
        page = browser.new_page()  # not `opened`: the browser itself complains of the server that is gone
        with serving(tmp_path / "data") as address:
            page.goto(address)
            listen_button(page).click()
            expect(page.locator("#listen")).to_have_attribute("data-state", "matched", timeout=MATCH_MS)
        expect(page.locator("#listen")).to_have_attribute("data-state", "reconnecting", timeout=MATCH_MS)
        expect(page.locator("#answer [data-field=title]")).to_have_text(demo_names(PLAYED)[0])
        with serving(tmp_path / "data", port=int(address.rstrip("/").rpartition(":")[2])):
            expect(page.locator("#listen")).to_have_attribute("data-state", "matched", timeout=2 * MATCH_MS)
            expect(page.locator("#history-list li[data-id]")).to_have_count(1)
            expect(page.locator("#history-list .is-unknown")).to_have_count(0)
            listen_button(page).click()


def test_two_pages_listen_at_once(playwright, address, known_sound):
    with browser_hearing(playwright, known_sound) as browser, opened(browser, address) as one, opened(browser, address) as other:
        for page in (one, other):
            listen_button(page).click()
        for page in (one, other):
            expect(page.locator("#listen")).to_have_attribute("data-state", "matched", timeout=MATCH_MS)


def test_hears_another_tab(playwright, address):
    arguments = [*QUIET, "--auto-select-tab-capture-source-by-title=Radio", "--autoplay-policy=no-user-gesture-required"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, ignore_default_args=["--mute-audio"])
    try:
        radio, page = browser.new_page(), browser.new_page()
        radio.goto(f"{address}tracks")
        radio.evaluate("document.title = 'Radio'; const all = new Audio('tracks/1/audio'); all.loop = true; all.play()")
        page.goto(address)
        page.get_by_text("Computer", exact=True).click()
        listen_button(page).click()
        expect(page.locator("#listen")).to_have_attribute("data-state", "matched", timeout=MATCH_MS)
    finally:
        browser.close()


def test_the_keyboard_is_enough(among_strangers):
    page = among_strangers
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "listen-button":
            break
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#status")).to_have_text("Press to name what this computer plays.")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#listen")).to_have_attribute("data-state", "listening", timeout=MATCH_MS)
    page.keyboard.press("Space")
    expect(page.locator("#listen")).to_have_attribute("data-state", "idle")


def test_says_that_music_is_absent_when_it_is_likely(page):
    """Not before known music would have been named, not for silence, and no longer than the evidence says so."""
    verdicts = """async (messages) => {
        const { Heard } = await import("/static/js/heard.js");
        const heard = new Heard();
        return messages.map(([elapsed, absent, silent]) => {
            heard.apply({ type: "guesses", elapsed, guesses: [], absent }, silent);
            return heard.answer.verdict === "absent";
        });
    }"""
    assert page.evaluate(verdicts, [[2, 1, False], [6, 1, False], [7, 1, False], [8, 0.7, False], [9, 0.5, False]]) == [0, 0, 1, 1, 0]
    assert page.evaluate(verdicts, [[7, 1, True], [9, 1, False], [14, 1, False]]) == [0, 0, 1]


def test_says_what_is_heard_where_it_is_no_music_and_that_a_library_is_empty(page):
    """A moment of talk is nothing yet; and talk is not music that the library lacks."""
    verdicts = """async ([tracks, messages]) => {
        const { Heard, answerOfFile } = await import("/static/js/heard.js");
        const heard = new Heard(tracks);
        const live = messages.map(([elapsed, kind]) => {
            heard.apply({ type: "guesses", elapsed, guesses: [], absent: 1, heard: kind }, false);
            return heard.answer.verdict;
        });
        const last = { match: null, guesses: [], absent: 1, heard: messages.at(-1)[1], tracks };
        return [...live, heard.ended(last).verdict, answerOfFile(last).verdict];
    }"""
    talk = [[2, "music"], [4, "other"], [7, "other"], [9, "other"]]
    assert page.evaluate(verdicts, [3, talk]) == ["searching", "searching", "other", "other", "other", "other"]
    assert page.evaluate(verdicts, [3, [[9, "silence"]]]) == ["silence", "silence", "silence"]
    assert page.evaluate(verdicts, [3, [[9, "music"]]]) == ["absent", "absent", "absent"]
    assert page.evaluate(verdicts, [0, talk]) == ["empty"] * 6


def test_a_file_of_several_songs_says_which_part_is_named(page):
    facts = """async () => {
        const { AnswerView } = await import("/static/js/answer-view.js");
        const { answerOfFile } = await import("/static/js/heard.js");
        const track = { id: 1, title: "One", artist: "", album: "", duration: 100 };
        const match = { track, twins: [], twins_total: 12, confidence: 0.99, offset: -30, speed: 1, pitch_cents: 0 };
        const [root, others] = [document.createElement("div"), document.createElement("div")];
        const answer = { match, guesses: [match], absent: 0.01, from: 30, to: 90, others: 2, heard: "music", tracks: 9 };
        new AnswerView(root, others, {}).show(answerOfFile(answer));
        return root.textContent;
    }"""
    said = page.evaluate(facts)
    for words in ("12 copies", "from 0:30 to 1:30 of the file", "2 other tracks are heard in the file"):
        assert words in said


def test_a_claim_has_to_be_made_again_after_a_break(page):
    """Counted from what the new session hears first, however long there was no connection."""
    claims = """async () => {
        const { Heard } = await import("/static/js/heard.js");
        const heard = new Heard();
        const at = (type, elapsed, more) => {
            heard.apply({ type, elapsed, guesses: [], ...more }, false);
            return [Boolean(heard.match), heard.isAbsent];
        };
        const guess = { track: { id: 1 }, confidence: 1, offset: 0, speed: 1 };
        const before = [at("match", 3, { guess }), at("guesses", 4)];
        heard.resumed(60);
        return [...before, at("guesses", 61), at("guesses", 65.9), at("guesses", 66.1)];
    }"""
    assert page.evaluate(claims) == [[True, False], [True, False], [True, False], [True, False], [False, False]]
