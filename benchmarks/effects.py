"""What rooms, microphones, codecs and record players do to sound.

Conventions
    Sound is float32 [n] mono at SAMPLE_RATE. Chance comes from a numpy Generator: the same seed gives the same sound.
    A condition is a word: clean, noise+5 (dB), mic, mic_noise0, mic_speed, mp3_32k, opus_12k, gsm, aac_48k,
    speed+4%, tempo-5%, pitch+50c; with unknown_ before it, of music that is not in the library.
"""

import io
import math
from dataclasses import dataclass

import av
import numpy as np
import soxr
from scipy import signal

from benchmarks.noises import SAMPLE_RATE, Random, Sound, cut, mix

MIC_SNR = 8.0  # dB of music over noise in the room
MIC_BAND = (180.0, 9000.0)  # Hz that a small microphone hears
MIC_DRIVE = 1.6  # how far into its soft clipping the loudest sample goes
SPEED_OFF = (0.010, 0.025)  # by how much a record player that is off is off
CODECS = {  # condition -> encoder, sample rate in Hz, bits a second, container, samples of lead it does not cut off
    "mp3_32k": ("libmp3lame", 22050, 32_000, "mp3", 0),
    "opus_12k": ("libopus", 24000, 12_000, "ogg", 0),
    "aac_48k": ("aac", 44100, 48_000, "adts", 1024),
}


@dataclass(frozen=True)
class Surroundings:
    """Where music is heard: noises and room responses to choose from, and the response of the device that hears it."""

    noises: tuple[Sound, ...]
    rooms: tuple[Sound, ...]
    device: Sound


@dataclass(frozen=True)
class Shift:
    """What a condition does to the music: heard tempo / true tempo, and pitch in cents."""

    speed: float = 1.0
    pitch_cents: float = 0.0


def shift(condition: str) -> Shift | None:
    """The shift of this condition; None where each query has its own."""
    name = condition.removeprefix("unknown_")
    if name == "mic_speed":
        return None
    if name.startswith("pitch"):
        return Shift(1.0, float(name[5:-1]))
    if name.startswith(("speed", "tempo")):
        speed = 1 + float(name[5:-1]) / 100
        return Shift(speed, 1200 * math.log2(speed) if name.startswith("speed") else 0.0)
    return Shift()


def degrade(pcm: Sound, condition: str, heard_in: Surroundings, rng: Random) -> Sound:
    """The sound as the condition makes it, at a level of its own. Shifts change its length."""
    name = condition.removeprefix("unknown_")
    degraded = _degrade(pcm, name, heard_in, rng)
    return (degraded / (np.abs(degraded).max() + 1e-9) * rng.uniform(0.2, 0.9)).astype(np.float32)


def _degrade(pcm: Sound, name: str, heard_in: Surroundings, rng: Random) -> Sound:
    if name == "clean":
        return pcm
    if name in CODECS:
        return through_codec(pcm, *CODECS[name])
    if name == "gsm":
        return through_gsm(pcm)
    if name.startswith("noise"):
        return mix(pcm, cut(heard_in.noises, len(pcm), rng), float(name[5:]))
    if name == "mic_speed":
        speed = 1 + rng.choice([-1, 1]) * rng.uniform(*SPEED_OFF)
        return microphone(at_speed(pcm, speed), heard_in, MIC_SNR, rng)
    if name.startswith("mic"):
        return microphone(pcm, heard_in, 0.0 if name == "mic_noise0" else MIC_SNR, rng)
    return shifted(pcm, name)


def shifted(pcm: Sound, name: str) -> Sound:
    """speed, tempo or pitch changed as the condition says."""
    change = shift(name)
    if name.startswith("speed") and change:
        return at_speed(pcm, change.speed)
    if name.startswith(("tempo", "pitch")) and change:
        return stretched(pcm, change)
    raise SystemExit(f"unknown condition {name!r}")


def at_speed(pcm: Sound, speed: float) -> Sound:
    """Played this much faster, and so higher."""
    return np.asarray(soxr.resample(pcm, SAMPLE_RATE * speed, SAMPLE_RATE), np.float32)


def stretched(pcm: Sound, change: Shift) -> Sound:
    """Another tempo at the same pitch, or another pitch at the same tempo."""
    import pedalboard  # here: nothing else needs it, and it is not everywhere

    semitones = change.pitch_cents / 100
    return pedalboard.time_stretch(pcm, SAMPLE_RATE, change.speed, semitones, preserve_formants=False)[0]


def through_gsm(pcm: Sound) -> Sound:
    """As over a mobile telephone of the first kind."""
    import pedalboard

    return pedalboard.GSMFullRateCompressor()(pcm, SAMPLE_RATE)


def through_codec(pcm: Sound, encoder: str, rate: int, bit_rate: int, container: str, lead: int) -> Sound:
    """Encoded and decoded again, by FFmpeg's libraries."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(encoder, rate=rate, layout="mono", bit_rate=bit_rate)
        for frame in (_audio_frame(np.asarray(soxr.resample(pcm, SAMPLE_RATE, rate), np.float32), rate), None):
            output.mux(stream.encode(frame))
    file.seek(0)
    with av.open(file) as coded:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        parts = [part for frame in (*coded.decode(audio=0), None) for part in resampler.resample(frame)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])[lead * SAMPLE_RATE // rate :]


def _audio_frame(pcm: Sound, rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.clip(pcm * 0.8, -1, 1)[None], format="flt", layout="mono")
    frame.sample_rate = rate
    return frame


def microphone(pcm: Sound, heard_in: Surroundings, snr: float, rng: Random) -> Sound:
    """Music and noise in a room, through a small device that clips softly."""
    room = heard_in.rooms[rng.integers(len(heard_in.rooms))]
    noise = cut(heard_in.noises, len(pcm), rng)
    heard = convolve(mix(convolve(pcm, room), convolve(noise, room), snr), heard_in.device)
    heard = signal.sosfilt(signal.butter(2, MIC_BAND, "band", fs=SAMPLE_RATE, output="sos"), heard)
    return np.tanh(MIC_DRIVE * heard / (np.abs(heard).max() + 1e-9)) / MIC_DRIVE


def convolve(pcm: Sound, response: Sound) -> Sound:
    return signal.oaconvolve(pcm, response)[: len(pcm)]
