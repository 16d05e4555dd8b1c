"""A partner's file, of whatever format -> rows as messages: (row, value, problem), in one Parquet file of ours.

The copy is what lands. The file may change or go while it is read, and after a crash its rows are still there. A file
that is no rows at all is one row: its bytes, and why.
"""

from __future__ import annotations

import base64
import codecs
import csv
import gzip
import io
import json
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from lakehouse.contracts import Files
from lakehouse.errors import DataError

FORMATS = (".csv", ".json", ".jsonl", ".ndjson", ".parquet")
"""Suffixes that are read, each also with ``.gz`` after it. JSON is an array of objects, or an object on each line."""

_ROWS_AT_A_TIME = 20_000
_MOST_KEPT_BYTES = 64 * 2**20
"""Of a file that cannot be read; a larger one is kept up to here, which its reason says."""

Row = tuple[bytes | None, str | None]
"""Value and problem; a row without a problem has a JSON object as its value."""


@dataclass(frozen=True)
class Drop:
    """A file as it was delivered: ``name`` below its folder, ``written_at`` in nanoseconds since 1970, by its folder."""

    name: str
    sha256: str
    written_at: int
    size: int


def write(path: Path, drop: Drop, declared: Files, folder: Path) -> int | None:
    """Spool a file in ``folder``: ``rows.parquet``, then ``drop.json``, which says that it is whole; the rows in it.

    None, and nothing spooled, if the file is not the one that ``drop`` describes any more.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy = folder / "copy"
    if digest(path, copy) != drop.sha256:
        shutil.rmtree(folder)
        return None
    count = _to_parquet(_rows(copy, drop, declared), folder / "rows.parquet")
    copy.unlink()
    partial = folder / "drop.partial"
    partial.write_text(json.dumps(asdict(drop)))
    partial.rename(folder / "drop.json")
    return count


def found(folder: Path) -> Drop | None:
    """The file that ``write`` spooled in ``folder``, if it is whole."""
    try:
        return Drop(**json.loads((folder / "drop.json").read_text()))
    except FileNotFoundError:
        return None


def digest(path: Path, copy: Path | None = None) -> str:
    """The SHA-256 of a file's bytes, which are copied on the way if it is said where to."""
    seen = sha256()
    with path.open("rb") as source, copy.open("wb") if copy else io.BytesIO() as target:
        while block := source.read(2**20):
            seen.update(block)
            if copy:
                target.write(block)
    return seen.hexdigest()


def _to_parquet(rows: Iterator[Row], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("row", pa.int64()), ("value", pa.binary()), ("problem", pa.string())])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batch: list[Row] = []

        def flush() -> None:
            nonlocal count
            numbers = range(count + 1, count + len(batch) + 1)
            columns = [pa.array(numbers, pa.int64()), *zip(*batch, strict=True)]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            count += len(batch)
            batch.clear()

        for row in rows:
            batch.append(row)
            if len(batch) == _ROWS_AT_A_TIME:
                flush()
        if batch:
            flush()
    return count


def _rows(copy: Path, drop: Drop, declared: Files) -> Iterator[Row]:
    """The rows; if the file breaks somewhere, those before it, and then one row that is the whole file and says why."""
    suffixes = Path(drop.name.lower()).suffixes
    is_packed = suffixes[-1:] == [".gz"]
    suffix = (suffixes[:-1] if is_packed else suffixes)[-1:]
    try:
        if suffix == [".parquet"]:
            yield from _parquet(copy, is_packed)
            return
        with gzip.open(copy) if is_packed else copy.open("rb") as stream:
            match suffix:
                case [".csv"]:
                    yield from _csv(stream, declared)
                case [".json"]:
                    yield from _json(stream)
                case [".jsonl" | ".ndjson"]:
                    yield from _lines(stream)
                case _:
                    raise DataError(f"not a format that is read: {', '.join(FORMATS)}, and .gz of each")
    except (DataError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        told = error.message if isinstance(error, DataError) else f"broken gzip: {error}"
        with copy.open("rb") as stream:
            kept = stream.read(_MOST_KEPT_BYTES)
        cut = f"; its first {len(kept):,} of {drop.size:,} bytes are here" if len(kept) < drop.size else ""
        yield kept, f"the file cannot be read: {told}{cut}"


def _lines(stream: Any) -> Iterator[Row]:
    for line in stream:
        if text := line.removeprefix(codecs.BOM_UTF8).strip():
            yield text, None


def _json(stream: Any) -> Iterator[Row]:
    """An array is cut into its elements, each as it was written. It is read into memory whole."""
    text = stream.read()
    if not text.lstrip().startswith(b"["):
        yield from _lines(io.BytesIO(text))
        return
    try:
        array = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 at byte {error.start:,}") from None
    decoder, at = json.JSONDecoder(), array.index("[") + 1
    try:
        while True:
            at = _past_space(array, at)
            if array[at : at + 1] == "]":
                break
            _, end = decoder.raw_decode(array, at)
            yield array[at:end].encode(), None
            at = _past_space(array, end)
            if array[at : at + 1] == ",":
                at += 1
            elif array[at : at + 1] != "]":
                raise DataError(f"not a JSON array: neither , nor ] at character {at:,}")
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"not a JSON array: {error}") from None
    if array[at + 1 :].strip():
        raise DataError(f"something follows the JSON array at character {at + 1:,}")


def _past_space(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _csv(stream: Any, declared: Files) -> Iterator[Row]:
    """RFC 4180, with the names of the columns in the first line; an empty cell is null."""
    encoding = "utf-8-sig" if declared.encoding.lower() in ("utf-8", "utf8") else declared.encoding
    text = io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")
    raw: list[str] = []
    reader = csv.reader(_kept(text, raw), delimiter=declared.delimiter, strict=True)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise DataError(f"its first line is no line of CSV: {error}") from None
    if header is None:
        return
    if "" in header or len(set(header)) < len(header):
        raise DataError("its first line does not name the columns: a name is empty, or there twice")
    while True:
        raw.clear()
        problem = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [], f"no line of CSV: {error}"
        if not cells and problem is None:
            continue  # an empty line
        line = "".join(raw)
        if problem is None and len(cells) != len(header):
            problem = f"{len(cells)} cells, the first line has {len(header)}"
        if any("\udc80" <= c <= "\udcff" for c in line):
            problem = f"not {declared.encoding}"
        if problem:
            yield line.encode(declared.encoding, "surrogateescape"), problem
        else:
            named = {name: cell or None for name, cell in zip(header, cells, strict=True)}
            yield json.dumps(named, ensure_ascii=False).encode(), None


def _kept(lines: Iterator[str], raw: list[str]) -> Iterator[str]:
    for line in lines:
        raw.append(line)
        yield line


def _parquet(copy: Path, is_packed: bool) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        source: Any = pa.BufferReader(gzip.decompress(copy.read_bytes())) if is_packed else copy
        with pq.ParquetFile(source) as file:
            for batch in file.iter_batches(_ROWS_AT_A_TIME):
                for row in batch.to_pylist():
                    yield json.dumps(row, ensure_ascii=False, default=_text).encode(), None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"not Parquet: {error}") from None


def _text(value: Any) -> str:
    """Of what JSON has no form for: as ``values`` reads it."""
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
    return str(value)
