"""The node `camera` on real middleware, playing real files, alone and into `video_activity`."""

from __future__ import annotations

import http.server
import socketserver
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from co_perception.data.video import VideoError, VideoReader
from co_perception.data.video_source import SourceFrame, VideoSource
from co_perception.nodes import live_reader, playback
from co_perception.nodes.live_reader import LiveClock, LiveReader
from co_perception.nodes.playback import LATE_S, MOST_BEHIND_S, Events, Playback, PlayClock

rclpy = pytest.importorskip("rclpy")
av = pytest.importorskip("av")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from helpers.node_stream import RELIABLE, RecognizerStream, overrides_of, stamps_of  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from co_perception.data.messages.image import to_rgb  # noqa: E402
from co_perception.nodes.camera import CameraNode  # noqa: E402
from co_perception.nodes.core.messages import to_time  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402

MakeVideo = Callable[..., Path]


def camera(source: object, **settings: Any) -> CameraNode:
    """A camera that loses nothing and waits for the test to listen."""
    chosen = {"source": str(source), "queue_depth": 100, "wait_for_subscribers": 1, "rate": 20.0, **settings}
    return CameraNode(parameter_overrides=overrides_of(chosen))


def pictures(bench: Any, count: int, kind: Any = Image, topic: str = "image_raw") -> list[Any]:
    """The pictures published, once there are `count`."""
    heard: list[Any] = bench.listen(kind, topic, RELIABLE)
    bench.until(lambda: len(heard) >= count, f"{count} pictures")
    return heard


def test_every_frame_of_a_file_comes_in_order_with_its_media_time(bench: Any, make_video: MakeVideo) -> None:
    node = bench.add(camera(make_video(frames=10, rate_hz=25), start_stamp_s=100.0, frame_id="door"))
    told: list[tuple[int, str]] = []
    node.on_published = lambda stamp_ns, origin: told.append((stamp_ns, Path(origin).name))
    heard = pictures(bench, 10)
    bench.until(lambda: node.finished)
    assert stamps_of(heard) == [100_000_000_000 + i * 40_000_000 for i in range(10)]
    assert {(message.encoding, message.header.frame_id) for message in heard} == {("rgb8", "door")}
    assert told == [(stamp, "clip.mp4") for stamp in stamps_of(heard)]
    brightness = [to_rgb(message).mean() for message in heard]
    assert np.abs(np.array(brightness) - np.arange(20, 120, 10)).max() < 7, brightness  # the codec is lossy
    assert node.published == 10


def test_the_end_of_a_file_is_logged_once(bench: Any, make_video: MakeVideo, capfd: Any) -> None:
    """So that nobody looks for a fault where nothing comes any more."""
    node = bench.add(camera(make_video(frames=3)))
    pictures(bench, 3)
    bench.until(lambda: node.finished)
    assert [node.health()[1] for _ in range(3)] == ["finished"] * 3
    assert capfd.readouterr().err.count("clip.mp4 was played to its end") == 1


def test_without_a_start_stamp_the_file_begins_now(bench: Any, make_video: MakeVideo) -> None:
    before = bench.node.get_clock().now().nanoseconds
    bench.add(camera(make_video(frames=3)))
    heard = pictures(bench, 3)
    assert before <= stamps_of(heard)[0] <= bench.node.get_clock().now().nanoseconds
    assert set(np.diff(stamps_of(heard))) == {40_000_000}


def test_camera_sim(bench: Any, make_video: MakeVideo) -> None:
    """It played before /clock was received, and on while the clock stood."""
    clock = bench.node.create_publisher(Clock, "/clock", 10)
    node = bench.add(camera(make_video(frames=50), use_sim_time=True, rate=1.0))
    heard = bench.listen(Image, "image_raw", RELIABLE)

    def tick(seconds: float) -> None:
        clock.publish(Clock(clock=to_time(round(seconds * 1e9))))
        bench.until(lambda: node.get_clock().now().nanoseconds == round(seconds * 1e9))

    bench.until(lambda: clock.get_subscription_count())
    bench.spin(0.3)
    assert not heard and node.health()[0] == DiagnosticStatus.WARN and "/clock" in node.health()[1]
    tick(100.0)
    bench.until(lambda: len(heard) == 1)
    bench.spin(0.3)
    assert stamps_of(heard) == [100_000_000_000]
    for step in range(1, 11):
        tick(100.0 + step / 100)
    bench.until(lambda: len(heard) == 3)
    assert stamps_of(heard) == [100_000_000_000, 100_040_000_000, 100_080_000_000]
    tick(20.0)  # the simulation begins anew
    bench.spin(0.1)
    tick(20.1)
    bench.until(lambda: len(heard) > 3)
    assert 20_000_000_000 <= stamps_of(heard)[3] <= 20_100_000_000


def test_pace_and_stamps_are_two_things(bench: Any, make_video: MakeVideo) -> None:
    slow = bench.add(camera(make_video(frames=4, rate_hz=25), rate=0.5))
    heard = pictures(bench, 1)
    begun = time.monotonic()
    bench.until(lambda: len(heard) == 4)
    assert time.monotonic() - begun > 0.15  # three frames of 80 ms; sleeping is never shorter than asked for
    assert set(np.diff(stamps_of(heard))) == {40_000_000}
    assert slow.set_parameters([Parameter("rate", value=2.0)])[0].successful


def test_a_row_of_files_is_one_video_or_has_gaps(bench: Any, make_video: MakeVideo) -> None:
    path = make_video("cam1.mp4", frames=3)
    make_video("cam2.mp4", frames=2)
    bench.add(camera(path.parent / "cam*.mp4", start_stamp_s=1.0, gap_s=2.0))
    assert [stamp // 1_000_000 for stamp in stamps_of(pictures(bench, 5))] == [1000, 1040, 1080, 3120, 3160]


def test_a_loop_goes_on_in_time(bench: Any, make_video: MakeVideo) -> None:
    node = bench.add(camera(make_video(frames=3), start_stamp_s=1.0, loop=True))
    assert set(np.diff(stamps_of(pictures(bench, 7)))) == {40_000_000}
    assert int(str(node.values()["rounds"])) >= 2
    assert not node.finished


def test_large_frames_are_shrunk_before_they_travel(bench: Any, make_video: MakeVideo) -> None:
    bench.add(camera(make_video(frames=1, size=(160, 120)), short_side=60))
    (heard,) = pictures(bench, 1)
    assert (heard.width, heard.height, heard.step) == (80, 60, 240)


def test_compressed_frames(bench: Any, make_video: MakeVideo) -> None:
    pytest.importorskip("cv2")
    bench.add(camera(make_video(frames=2), image_transport="compressed"))
    heard = pictures(bench, 2, CompressedImage, "image_raw/compressed")
    assert to_rgb(heard[0]).shape == (48, 64, 3)
    assert abs(to_rgb(heard[1]).mean() - 30) < 5


@pytest.mark.parametrize(
    ("source", "teaches"),
    [
        pytest.param("", "no source given", id="nothing"),
        pytest.param("/nowhere/clip.mp4", "clip.mp4", id="no such file"),
        pytest.param("cut", "cut off", id="file without its index"),
    ],
)
def test_a_source_that_cannot_play_fails_configuration(
    bench: Any, make_video: MakeVideo, capfd: Any, source: str, teaches: str
) -> None:
    if source == "cut":
        path = make_video()
        path.write_bytes(path.read_bytes().partition(b"moov")[0])
        source = str(path)
    node = bench.add(camera(source), up=False)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert teaches in capfd.readouterr().err
    node.set_parameters([Parameter("source", value=str(make_video("whole.mp4")))])
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS


def test_a_file_that_ends_too_early_is_said_and_the_node_lives_on(bench: Any, make_video: MakeVideo) -> None:
    path = make_video("clip.avi", frames=30)
    whole = path.read_bytes()
    path.write_bytes(whole[: (whole.index(b"movi") + len(whole)) // 2])
    node = bench.add(camera(path))
    heard = bench.listen(Image, "image_raw", RELIABLE)
    told = bench.listen(DiagnosticArray, "/diagnostics")
    bench.until(lambda: node.finished)
    bench.until(lambda: any(array.status[0].level == DiagnosticStatus.ERROR for array in told))
    assert "clip.avi" in next(a.status[0].message for a in told if a.status[0].level == DiagnosticStatus.ERROR)
    bench.until(lambda: len(heard) == node.published)
    assert 0 < len(heard) < 30
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS


def test_who_is_ready_gets_pictures_and_who_is_not_is_named(bench: Any, make_video: MakeVideo, capfd: Any) -> None:
    node = bench.add(camera(make_video(frames=3), wait_for_subscribers=3, wait_s=0.0))
    bench.spin(0.1)
    assert node.published == 0 and "there: none" in node.health()[1], "nobody is there"
    pictures(bench, 3)
    assert "starts without having 3 subscriber(s), there: /bench" in capfd.readouterr().err


def test_stopping_in_the_middle_and_twice(bench: Any, make_video: MakeVideo) -> None:
    node = bench.add(camera(make_video(frames=10), loop=True, rate=1.0))
    pictures(bench, 1)
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    count = node.published
    bench.spin(0.2)
    assert node.published == count
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_shutdown() == TransitionCallbackReturn.SUCCESS
    node.on_shutdown(None)


def test_camera_into_recognizer_without_loss(bench: Any, fake: Any, make_video: MakeVideo) -> None:
    overrides = overrides_of({"image_reliability": "reliable", "queue_depth": 100, "model_rate_hz": 0.0})
    stream = RecognizerStream(bench, VideoActivityNode(lambda settings: fake, parameter_overrides=overrides), {})
    node = bench.add(camera(make_video(frames=20), start_stamp_s=50.0))
    heard = stream.answered(20)
    assert node.published == 20
    assert stamps_of(heard) == [50_000_000_000 + i * 40_000_000 for i in range(20)]
    assert fake.shown == [tuple(stamps_of(heard))]
    assert stream.node.counters.dropped == 0
    assert [message.activities[0].label for message in heard[:5]] == [""] * 5
    assert heard[-1].activities[0].label != ""


@pytest.fixture
def stream_url() -> Iterator[Callable[[str, Iterable[tuple[float, bytes]]], str]]:
    """Serves parts of a body over HTTP, each after its pause [s]; gives the address."""
    servers: list[socketserver.ThreadingTCPServer] = []

    def serve(kind: str, parts: Iterable[tuple[float, bytes]]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.end_headers()
                with suppress(OSError):
                    for pause_s, part in parts:
                        time.sleep(pause_s)
                        self.wfile.write(part)
                        self.wfile.flush()

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/stream"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def live_ts(tmp_path: Path) -> bytes:
    """Two seconds of a transport stream, each frame brighter by four than the one before."""
    path = tmp_path / "live.ts"
    with av.open(str(path), "w", format="mpegts") as container:
        out = container.add_stream("mpeg2video", rate=30, options={"g": "12", "sc_threshold": "1000000000"})
        out.width, out.height, out.pix_fmt = 64, 48, "yuv420p"
        for level in range(60):
            picture = np.full((48, 64, 3), 4 * level, np.uint8)
            container.mux(out.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(out.encode())
    return path.read_bytes()


@pytest.fixture
def all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """No live frame is left out because this machine had no time for it for a moment."""
    monkeypatch.setattr(live_reader, "KEPT_S", 100.0)
    monkeypatch.setattr(live_reader, "MOST_KEPT", 1000)


@pytest.mark.usefixtures("all_kept")
def test_live_burst(bench: Any, live_ts: bytes, stream_url: Any) -> None:
    """Frames of a live stream that waited on the way are stamped as far apart as they were taken, and never ahead."""
    node = bench.add(camera(stream_url("video/mp2t", [(0.0, live_ts)])))
    ahead: list[int] = []
    node.on_published = lambda stamp_ns, origin: ahead.append(stamp_ns - node.get_clock().now().nanoseconds)
    heard = pictures(bench, 59)
    assert np.diff(stamps_of(heard)[:59]) / 1e9 == pytest.approx([1 / 30] * 58, abs=5e-3)
    assert stamps_of(heard)[58] - stamps_of(heard)[0] == pytest.approx(58e9 / 30, abs=2e7)
    assert max(ahead) <= 0
    assert float(str(node.values()["lag_s"])) < 1.0


@pytest.mark.usefixtures("all_kept")
def test_a_live_stream_without_times_is_stamped_as_it_comes(bench: Any, stream_url: Any) -> None:
    cv2 = pytest.importorskip("cv2")
    coded = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(coded)}\r\n\r\n".encode()
    url = stream_url("multipart/x-mixed-replace; boundary=frame", [(0.1, head + coded + b"\r\n")] * 12)
    bench.add(camera(url))
    steps = np.diff(stamps_of(pictures(bench, 11)))[-6:] / 1e9
    assert steps.mean() == pytest.approx(0.1, abs=0.03), "FFmpeg would count 25 frames a second"


@pytest.mark.usefixtures("all_kept")
def test_one_corrupt_picture_of_a_live_stream_is_counted_and_the_others_go_on(bench: Any, stream_url: Any) -> None:
    cv2 = pytest.importorskip("cv2")
    coded = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    parts = [coded[:30] + bytes(len(coded) - 30) if n in (4, 7) else coded for n in range(12)]
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(coded)}\r\n\r\n".encode()
    url = stream_url("multipart/x-mixed-replace; boundary=frame", [(0.05, head + part + b"\r\n") for part in parts])
    node = bench.add(camera(url))
    pictures(bench, 9)
    assert node.counters.counts().get("corrupt") == 2


def test_a_live_clock_keeps_distances_follows_drift_and_survives_jumps() -> None:
    clock = LiveClock()
    assert clock.due(5.0, 100.0) == (100.0, False)
    # Three seconds of stall, then a burst: as far apart as they were taken.
    dues = [clock.due(5.0 + 0.1 * i, 103.0 + 0.001 * i)[0] for i in range(1, 31)]
    assert np.diff(dues) == pytest.approx([0.1] * 29, abs=1e-4) and dues[-1] == pytest.approx(103.0, abs=1e-2)
    # A camera whose clock is 0.01 % slow is followed for hours.
    behind = [100e-6 * i - (clock.due(8.0 + i, 103.0 + i * (1 + 100e-6))[0] - 103.0 - i) for i in range(20_000)]
    assert abs(behind[-1]) < 0.1
    assert clock.due(90_000.0, 30_000.0) == (30_000.0, True)
    assert clock.due(90_000.1, 30_000.1)[0] == pytest.approx(30_000.1)
    assert clock.due(90_008.0, 30_000.2) == (30_000.2, True), "a jump of its times, not a frame to wait for"


class Source:
    """Frames 0.04 s apart, or live ones without a time."""

    rate_hz = 25.0

    def __init__(self, count: int, live: bool = False) -> None:
        self.count, self.live, self.closed = count, live, False

    def frames(self) -> Iterator[SourceFrame]:
        for index in range(self.count):
            yield SourceFrame(np.zeros((1, 1, 3), np.uint8), None if self.live else index * 0.04)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


def play(make: Callable[[], Any], **options: Any) -> tuple[list[float | None], list[str], Playback]:
    times: list[float | None] = []
    failed: list[str] = []
    options.setdefault("speed", lambda: 1000.0)
    events = options.pop("events", Events(failed.append))
    return times, failed, Playback(make, lambda frame, time_s, lag_s: times.append(time_s), events, **options)


@pytest.mark.parametrize(("live", "expected"), [(False, [0.0, 0.04, 0.08]), (True, [None, None, None])])
def test_a_source_is_played_once_and_closed_and_live_frames_have_no_media_time(live: bool, expected: Any) -> None:
    source = Source(3, live)
    times, failed, playback = play(lambda: source)
    assert playback.finished.wait(10)
    assert times == pytest.approx(expected)
    assert failed == []
    assert source.closed


def test_what_opening_a_file_takes_makes_no_frame_late() -> None:
    """The clock of a file begins with its first frame, however slow the disk."""
    passed_s, moved, left_out = [0.0], list[float](), list[int]()

    def opened() -> Source:
        passed_s[0] = 3.0
        return Source(3)

    told = Events(lambda reason: None, left_out=lambda: left_out.append(1), moved=moved.append)
    clock = PlayClock(lambda: time.monotonic() + passed_s[0])
    times, _, playback = play(opened, events=told, in_time=lambda: True, clock=clock)
    assert playback.finished.wait(10)
    assert times == pytest.approx([0.0, 0.04, 0.08])
    assert not moved and not left_out


def test_an_abandoned_playback_tells_of_no_failure_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("co_perception.nodes.playback.ENDS_S", 0.01)
    opening, go_on = Event(), Event()

    def slow() -> Source:
        opening.set()
        go_on.wait(10)
        raise OSError("no answer")

    _, failed, playback = play(slow)
    assert opening.wait(10)
    playback.stop()
    go_on.set()
    assert playback.finished.wait(10) and failed == []


def test_time_runs_on_from_round_to_round() -> None:
    sources = iter([Source(2), Source(2), Source(2)])

    def make() -> Source:
        source = next(sources, None)
        if source is None:
            raise OSError("unplugged")
        return source

    times, failed, playback = play(make, loop=True)
    assert playback.finished.wait(10)
    assert times == pytest.approx([0.04 * i for i in range(6)])
    assert failed == ["unplugged"]


def test_stream_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live source that was refused once was never played again."""
    monkeypatch.setattr(playback, "PATIENCE_S", 0.01)
    sources: list[Any] = [Source(2, live=True), None, None, Source(3, live=True)]
    again = Event()

    def make() -> Source:
        source = sources.pop(0) if sources else None
        if source is None:
            again.set() if not sources else None
            raise OSError("refused")
        return source

    times, failed, played = play(make, loop=True, live=True)
    assert again.wait(20)
    played.stop()
    assert times == [None] * 5
    assert len(failed) >= 3 and set(failed) == {"refused"}


def test_stream_back_is_well_again(bench: Any, stream_url: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures came again, and the diagnostics had the break as an error for ever."""
    cv2 = pytest.importorskip("cv2")
    monkeypatch.setattr(playback, "PATIENCE_S", 0.01)
    coded = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(coded)}\r\n\r\n".encode()
    mended: list[bool] = []

    class Parts:
        """What each connection is sent: five pictures, and many once it is mended."""

        def __iter__(self) -> Iterator[tuple[float, bytes]]:
            return iter([(0.02, head + coded + b"\r\n")] * (500 if mended else 5))

    node = bench.add(camera(stream_url("multipart/x-mixed-replace; boundary=frame", Parts()), loop=True))
    pictures(bench, 3)
    bench.until(lambda: node.health()[0] == DiagnosticStatus.ERROR, "the break")
    mended.append(True)
    bench.until(lambda: node.health() == (DiagnosticStatus.OK, "playing"), f"well again, said {node.health()}")
    assert node.counters.counts()["problems"] >= 1


class Slow(Source):
    """Frames of a file on a machine that takes `read_s` to read one and `show_s` to show it: it moves the clock."""

    def __init__(self, count: int, read_s: float, show_s: float = 0.0) -> None:
        super().__init__(count)
        self.now_s, self.read_s, self.show_s = 1.0, read_s, show_s
        self.behind: list[float] = []

    def frames(self) -> Iterator[SourceFrame]:
        for frame in super().frames():
            self.now_s += self.read_s
            yield frame

    def show(self, frame: SourceFrame, time_s: float | None, late_s: float) -> None:
        self.behind.append(self.now_s - 1.0 - (time_s or 0.0))
        self.now_s += self.show_s

    def clock(self) -> PlayClock:
        def now_s() -> float:
            self.now_s += 1e-3  # time passes while it is waited for
            return self.now_s

        return PlayClock(now_s, simulated=True)


@pytest.mark.parametrize(
    ("read_s", "show_s", "leaves_out", "moves"),
    [(0.02, 0.01, False, False), (0.01, 0.07, True, False), (0.07, 0.0, True, True)],
)
def test_camera_slips(
    monkeypatch: pytest.MonkeyPatch, read_s: float, show_s: float, leaves_out: bool, moves: bool
) -> None:
    """A file fell behind the clock without end: late frames are left out, or stamps are moved on."""
    monkeypatch.setattr(playback, "POLL_S", 1e-4)
    source, failed, left_out, moved = Slow(200, read_s, show_s), list[str](), list[int](), list[float]()
    make: Any = lambda: source  # noqa: E731
    events = Events(failed.append, left_out=lambda: left_out.append(1), moved=moved.append)
    played = Playback(make, source.show, events, in_time=lambda: True, clock=source.clock())
    assert played.finished.wait(20) and not failed
    assert (bool(left_out), bool(moved)) == (leaves_out, moves)
    assert len(source.behind) + len(left_out) == 200
    assert max(source.behind) < (MOST_BEHIND_S if moves else LATE_S) + read_s + show_s


def test_a_file_that_is_to_be_played_whole_is_played_whole_however_slowly() -> None:
    source = Slow(50, 0.3)
    times, _, playback = play(lambda: source, clock=source.clock(), speed=lambda: 1.0)
    assert playback.finished.wait(20)
    assert times == pytest.approx([0.04 * i for i in range(50)])


def test_the_first_frame_waits_until_somebody_is_ready() -> None:
    ready, asked = Event(), Event()

    def is_ready() -> bool:
        asked.set()
        return ready.is_set()

    times, _, playback = play(lambda: Source(1), ready=is_ready)
    assert asked.wait(10)
    assert times == []
    ready.set()
    assert playback.finished.wait(10)
    assert times == [0.0]


def test_stopping_does_not_wait_for_a_frame_that_is_far_away() -> None:
    times, _, playback = play(lambda: Source(2), speed=lambda: 1e-6)
    end = time.monotonic() + 10
    while not times and time.monotonic() < end:
        time.sleep(0.001)
    playback.stop()
    playback.stop()
    assert playback.finished.is_set()
    assert times == [0.0]


def test_stopping_while_nobody_is_ready() -> None:
    times, _, playback = play(lambda: Source(1), ready=lambda: False)
    playback.stop()
    assert playback.finished.is_set()


class Clocked(Source):
    """Live frames with times, which are all there at once."""

    def frames(self) -> Iterator[SourceFrame]:
        for index in range(self.count):
            yield SourceFrame(np.full((1, 1, 3), index, np.uint8), 0.0)


def test_who_takes_long_gets_the_newest_frame_and_the_others_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_reader, "KEPT_S", -1.0)  # no frame is new enough to wait
    source, left_out = Clocked(100, live=True), list[int]()
    reader: Any = LiveReader(source, Event(), lambda: left_out.append(1), lambda: None)  # type: ignore[arg-type]
    end = time.monotonic() + 10
    while not source.closed and time.monotonic() < end:
        time.sleep(0.001)
    assert [reader.next().frame.pixels[0, 0, 0], reader.next()] == [99, None]
    assert len(left_out) == 99


def test_frames_that_wait_for_the_reader_are_caught_up_with() -> None:
    """A stream's opening reads a second of it ahead, which would stand between camera and robot for ever."""
    clock, early = LiveClock(), list[float]()
    now_s = 100.0
    for index in range(40 * 25):
        due_s, _ = clock.due(index / 25, now_s)
        early.append(due_s - now_s)
        now_s = max(now_s, 99.0 + index / 25, due_s)  # each is there a second before its time
    assert early[100] > 0.03 and max(early[-25:]) < 0.01
    assert now_s == pytest.approx(99.0 + (40 * 25 - 1) / 25, abs=0.1)


def test_a_decoder_that_is_too_slow_gets_key_frames_alone(stream_url: Any, live_ts: bytes) -> None:
    levels = list[int]()
    with VideoReader(stream_url("video/mp2t", [(0.0, live_ts)])) as reader, suppress(VideoError):  # it is cut off
        for frame in reader:
            levels.append(round(float(frame.pixels.mean()) / 4))
            reader.hurries = len(levels) < 4
    assert levels == [0, 1, 2, 12, 24, *range(36, 59)], (
        "from the first key frame after it on, none is missing or broken"
    )
    assert reader.corrupt == 0


@pytest.mark.slow
def test_a_live_stream_is_never_half_a_second_behind_whoever_is_slow(stream_url: Any) -> None:
    """25 frames a second over HTTP, of which five are taken."""
    cv2 = pytest.importorskip("cv2")
    sent: list[float] = []

    def parts() -> Iterator[tuple[float, bytes]]:
        for level in range(100):
            coded = cv2.imencode(".jpg", np.full((48, 64, 3), 2 * level, np.uint8))[1].tobytes()
            sent.append(time.monotonic())
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(coded)}\r\n\r\n".encode()
            yield 0.04, head + coded + b"\r\n"

    url = stream_url("multipart/x-mixed-replace; boundary=frame", parts())
    lags, problems, left_out = list[float](), list[str](), list[int]()

    def show(frame: SourceFrame, time_s: float | None, lag_s: float) -> None:
        lags.append(time.monotonic() - sent[round(float(frame.pixels.mean()) / 2)])
        time.sleep(0.2)

    playback = Playback(lambda: VideoSource(url), show, Events(problems.append, left_out=lambda: left_out.append(1)))
    assert playback.finished.wait(30)
    assert len(lags) < 50 < len(left_out) + len(lags)
    assert np.median(lags) <= 0.5 and np.median(lags[-5:]) <= 0.5, lags


def test_a_live_source_that_is_away_at_the_start_is_waited_for_where_it_is_played_again_and_again(bench: Any) -> None:
    away = "http://127.0.0.1:9/stream.mjpg"
    node = bench.add(camera(away, loop=True, wait_for_subscribers=0))
    bench.until(lambda: "127.0.0.1:9" in node.health()[1], "the problem")
    once = bench.add(CameraNode(node_name="once", parameter_overrides=overrides_of({"source": away})), up=False)
    assert once.trigger_configure() == TransitionCallbackReturn.FAILURE
