"""Encodings of text files other than UTF-8, which imports do not read."""

from __future__ import annotations

import codecs

ONE_BYTE = "Windows-1252 or another encoding of one byte per character"
REPLACED = "\ufffd"  # what bytes that are no UTF-8 are decoded to
SAVE = "Save it as UTF-8"


def other_encoding(start: bytes) -> str:
    """The encoding of a text file, if it is not UTF-8; else empty.

    Args:
        start: Its first bytes; the last character may be cut.

    Examples:
        >>> other_encoding("time;x".encode("utf-16"))
        'UTF-16'
    """
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # the first begins as UTF-16 does
        return "UTF-32"
    zeros = start[:400].count(0)  # of letters and digits in UTF-16, every second byte is 0
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or 3 * zeros > len(start[:400]):
        return "UTF-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return ONE_BYTE
    return ""
