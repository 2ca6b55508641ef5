"""The kinds of files that hold sound: one table for what is taken from folders, kept, served, and opened by FFmpeg."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """suffixes: in lower case; media_type: as which a browser may play it; demuxers: FFmpeg's names."""

    suffixes: tuple[str, ...]
    media_type: str
    demuxers: tuple[str, ...]


MP4 = ("mov", "mp4", "m4a")

# Only containers of sound: playlists and the like, which name other files, are none.
FORMATS = (
    Format((".wav", ".bwf", ".rf64"), "audio/wav", ("wav",)),
    Format((".w64",), "audio/x-w64", ("w64",)),
    Format((".aif", ".aiff", ".aifc"), "audio/aiff", ("aiff",)),
    Format((".au",), "audio/basic", ("au",)),
    Format((".caf",), "audio/x-caf", ("caf",)),
    Format((".flac",), "audio/flac", ("flac",)),
    Format((".tta",), "audio/x-tta", ("tta",)),
    Format((".wv",), "audio/x-wavpack", ("wv",)),
    Format((".mp3", ".mp2", ".mpga"), "audio/mpeg", ("mp3",)),
    Format((".ogg", ".oga", ".opus"), "audio/ogg", ("ogg",)),
    Format((".aac",), "audio/aac", ("aac",)),
    Format((".m4a", ".m4b", ".m4r", ".mp4"), "audio/mp4", MP4),
    Format((".3gp",), "audio/3gpp", MP4),
    Format((".mov",), "video/quicktime", MP4),
    Format((".webm", ".weba"), "audio/webm", ("matroska", "webm")),
    Format((".mka", ".mkv"), "audio/x-matroska", ("matroska", "webm")),
    Format((".wma",), "audio/x-ms-wma", ("asf",)),
    Format((".ac3",), "audio/ac3", ("ac3",)),
    Format((".eac3",), "audio/eac3", ("eac3",)),
    Format((".dts",), "audio/vnd.dts", ("dts", "dtshd")),
    Format((".ts",), "video/mp2t", ("mpegts",)),
    Format((".mpg", ".mpeg"), "video/mpeg", ("mpeg",)),
    Format((".avi",), "video/x-msvideo", ("avi",)),
)
MEDIA_TYPES = {suffix: kind.media_type for kind in FORMATS for suffix in kind.suffixes}
AUDIO_SUFFIXES = frozenset(MEDIA_TYPES)
DEMUXERS = tuple(sorted({name for kind in FORMATS for name in kind.demuxers}))

# FFmpeg has five hundred more decoders, of video and of games, which are rarely audited.
DECODERS = (
    *("aac", "ac3", "alac", "ape", "dca", "eac3", "flac", "libopus", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float"),
    *("opus", "truehd", "tta", "vorbis", "wavpack", "wmalossless", "wmapro", "wmav1", "wmav2"),
    *("adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "gsm", "gsm_ms"),
)
PCM_DECODERS = "pcm_"  # how the names of all others begin

SUPPORTED = "try wav, flac, mp3, ogg, opus, m4a, webm or aiff"  # what an error advises
