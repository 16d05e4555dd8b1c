"""JVM parts: the lock, what counts as installed, what happens to a corrupted download."""

from __future__ import annotations

import io
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from lakehouse import jvm, settings
from lakehouse.errors import ConfigError, DataError
from lakehouse.jvm import Artifact
from lakehouse.settings import Settings
from lakehouse.stack import archives, install, ivy, parts
from lakehouse.telemetry import quiet

GOOD = b"a jar"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty cache, and a lock of one jar and one archive."""
    found = (
        Artifact("kafka", "a-1.jar", sha256(GOOD).hexdigest(), len(GOOD)),
        Artifact("trino", "server-1.tar.gz", sha256(archive()).hexdigest(), len(archive())),
    )
    monkeypatch.setattr(jvm, "artifacts", lambda: found)
    return settings.load({"paths.cache": str(tmp_path / "cache")}, environ={}).settings


def archive() -> bytes:
    """A server with a wanted plugin whose one file is a link to a file of an unwanted plugin."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("server-1/lib/l.jar", "server-1/plugin/bigquery/shared.jar"):
            entry = tarfile.TarInfo(name)
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"text"))
        link = tarfile.TarInfo("server-1/plugin/delta-lake/shared.jar")
        link.type, link.linkname = tarfile.LNKTYPE, "server-1/plugin/bigquery/shared.jar"
        tar.addfile(link)
    import gzip

    return gzip.compress(buffer.getvalue(), mtime=0)


def put(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def fetched(config: Settings, name: str, content: bytes) -> Path:
    """A file in Ivy's cache, as Ivy leaves it."""
    return put(
        ivy.cache(config) / "org" / "module" / ("jars" if name.endswith("jar") else "tar.gzs"), name, content
    )


def test_every_locked_file_has_a_hash_and_a_size() -> None:
    found = jvm.artifacts()
    assert {a.part for a in found} == {"spark", "kafka", "debezium", "trino"}
    assert all(len(a.sha256) == 64 and a.size > 0 for a in found)


def test_the_lock_leaves_out_what_pyspark_ships() -> None:
    shipped = {p.name for p in ivy.pyspark_jars().glob("*.jar")}
    assert shipped
    assert not [a.file for a in jvm.artifacts() if a.part == "spark" and a.file in shipped]


def test_what_ivy_has_is_taken_over_without_a_download_and_kept_once(here: Settings) -> None:
    jar = fetched(here, "a-1.jar", GOOD)
    fetched(here, "server-1.tar.gz", archive())
    install.install(here)
    assert parts.missing(here) == []
    assert (jvm.folder(here, "kafka") / "a-1.jar").stat().st_ino == jar.stat().st_ino
    server = jvm.unpacked(here, "trino")
    assert (server / "plugin" / "delta-lake" / "shared.jar").read_bytes() == b"text"
    assert not (server / "plugin" / "bigquery").exists()
    assert not list(here.cache.rglob("*.tar.gz"))


def test_a_file_changed_after_it_was_checked_is_missing(here: Settings) -> None:
    path = put(jvm.folder(here, "kafka"), "a-1.jar", GOOD)
    assert [a.part for a in parts.missing(here)] == ["trino"]
    path.write_bytes(b"A jar")
    assert [a.part for a in parts.missing(here)] == ["kafka", "trino"]


def test_a_half_unpacked_archive_is_missing(here: Settings) -> None:
    put(jvm.unpacked(here, "trino") / "lib", "l.jar", b"text")
    assert "trino" in [a.part for a in parts.missing(here)]


def test_a_truncated_archive_is_an_error_and_leaves_nothing_that_looks_done(tmp_path: Path) -> None:
    path = put(tmp_path, "server-1.tar.gz", archive()[: len(archive()) // 2])
    with pytest.raises(DataError, match="cannot be unpacked"):
        archives.unpack(path, tmp_path / "server-1", "any")
    assert not archives.is_unpacked(tmp_path / "server-1", "any")


def test_a_corrupted_download_is_fetched_once_more_and_then_an_error(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def resolve(config: Settings, *_: object) -> None:
        calls.append(1)
        fetched(config, "a-1.jar", b"A jar")
        fetched(config, "server-1.tar.gz", archive())

    monkeypatch.setattr(ivy, "resolve", resolve)
    with pytest.raises(DataError, match=r"a-1\.jar is not the file that was locked"):
        install.install(here)
    assert len(calls) == 2
    assert not list(here.cache.rglob("a-1.jar"))
    assert parts.missing(here) == [jvm.artifacts()[0]]


def test_a_corrupted_download_that_comes_right_is_installed(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = iter([b"A jar", GOOD])

    def resolve(config: Settings, *_: object) -> None:
        fetched(config, "a-1.jar", next(contents))
        fetched(config, "server-1.tar.gz", archive())

    monkeypatch.setattr(ivy, "resolve", resolve)
    install.install(here)
    assert parts.missing(here) == []


def test_a_full_disk_is_named_before_anything_is_fetched(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(here.cache.parent)._replace(free=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match=r"0\.0 GB free") as caught:
        install.install(here, quiet)
    assert "LAKEHOUSE_PATHS__CACHE" in str(caught.value.hint)


def test_a_wrong_java_is_refused_not_passed_over(here: Settings, tmp_path: Path) -> None:
    wrong = here.model_copy(update={"java": here.java.model_copy(update={"home": str(tmp_path / "none")})})
    with pytest.raises(ConfigError, match="has no bin/java that runs") as caught:
        install.install(wrong)
    assert "LAKEHOUSE_JAVA__HOME" in str(caught.value.hint)
