"""Fetches JVM parts with the Ivy that pyspark ships: no Maven, no host named anywhere."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

from lakehouse import jvm
from lakehouse.errors import ConfigError, UnavailableError
from lakehouse.jvm import Artifact
from lakehouse.settings import ROOT, Settings, user_variable
from lakehouse.stack import truststore
from lakehouse.telemetry import Progress

CONF = ROOT / "conf" / "ivy.xml"
_TYPES = ("jar", "bundle", "tar.gz")
_ORGANISATION, _MODULE = "ledgerlake", "jvm-parts"


def cache(config: Settings) -> Path:
    """Ivy's own cache: descriptions, and files that were fetched and not yet taken over."""
    return config.cache / "ivy"


def pyspark_jars() -> Path:
    """The folder of the jars that pyspark ships."""
    found = importlib.util.find_spec("pyspark")
    if found is None or not found.submodule_search_locations:
        raise ConfigError("pyspark is not installed", hint="make setup")
    return Path(found.submodule_search_locations[0]) / "jars"


def resolve(config: Settings, confs: Iterable[str], wanted: list[Artifact], progress: Progress) -> None:
    """Have everything of these configurations in Ivy's cache. What is there already is not fetched again.

    UnavailableError with what Ivy said when something could not be had; what was fetched until then stays.
    """
    ivy = next(pyspark_jars().glob("ivy-*.jar"), None)
    if ivy is None:
        raise ConfigError(f"no ivy-*.jar in {pyspark_jars()}", hint="rm -r .venv, then make setup")
    log = config.cache / "ivy.log"
    command = [
        str(jvm.java_home(config) / "bin" / "java"), "-Xmx512m", "-XX:TieredStopAtLevel=1",
        *truststore.java_options(config), *_proxy_options(),
        "-jar", str(ivy), "-ivy", str(CONF), "-cache", str(cache(config)),
        "-confs", *confs, "-types", *_TYPES,
    ]  # fmt: skip
    cache(config).mkdir(parents=True, exist_ok=True)
    with log.open("w") as handle:
        process = subprocess.Popen(command, stdout=handle, stderr=subprocess.STDOUT, cwd=config.cache)
        try:
            while process.poll() is None:
                _tell(config, wanted, progress)
                time.sleep(0.3)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    _tell(config, wanted, progress)
    if process.returncode != 0:
        raise UnavailableError(
            f"the JVM parts could not be fetched ({', '.join(confs)}): {_reason(log)}",
            hint=f"{_next_step(log)}; what was fetched stays, and make setup goes on from there",
            log=str(log),
        )


def found(config: Settings) -> dict[str, Path]:
    """The files in Ivy's cache by name; one that is still being fetched has the suffix ``.part``."""
    names = {}
    for folder, _, files in os.walk(cache(config)):
        if Path(folder).name in ("jars", "bundles", "tar.gzs"):
            names.update({name: Path(folder) / name for name in files})
    return names


def artifacts(config: Settings, conf: str) -> list[Path]:
    """The files of a configuration, by Ivy's report of its last resolution."""
    report = cache(config) / f"{_ORGANISATION}-{_MODULE}-{conf}.xml"
    root = ElementTree.parse(report).getroot()  # noqa: S314 - written by Ivy on this machine
    return [Path(str(a.get("location"))) for a in root.iter("artifact") if a.get("location")]


def _tell(config: Settings, wanted: list[Artifact], progress: Progress) -> None:
    have, done, begun = found(config), 0, False
    for artifact in wanted:
        file = have.get(artifact.file) or have.get(f"{artifact.file}.part")
        if file is not None:
            begun = True
            try:
                done += min(file.stat().st_size, artifact.size)
            except OSError:
                continue
    total = sum(a.size for a in wanted)
    if begun:
        progress("fetch JVM parts (bytes)", done, total)
    else:
        progress("look up JVM parts", 0, None)


def _proxy_options() -> list[str]:
    """Java's words for ``https_proxy``."""
    proxy = user_variable("https_proxy") or user_variable("HTTPS_PROXY")
    if proxy is None:
        return []
    parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    options = [f"-Dhttps.proxyHost={parts.hostname}", f"-Dhttps.proxyPort={parts.port or 80}"]
    if skipped := user_variable("no_proxy") or user_variable("NO_PROXY"):
        hosts = "|".join(f"*{h}" if h.startswith(".") else h for h in skipped.replace(" ", "").split(","))
        options.append(f"-Dhttp.nonProxyHosts={hosts}")
    return options


def _reason(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    telling = (
        "PKIX",
        "not found",
        "Server access error",
        "No space left",
        "Exception",
        "UNRESOLVED",
        "FAILED",
        "FAILED DOWNLOAD",
    )
    said = [line for word in telling for line in lines if word in line]
    return (said or lines or ["no output"])[0][:300]


def _next_step(log: Path) -> str:
    text = log.read_text(errors="replace")
    if "PKIX" in text or "SSLHandshake" in text:
        return "set SSL_CERT_FILE to a bundle with your proxy's certificate authority"
    if "No space left" in text:
        return "free some space on the disk"
    return "is there a network? (https_proxy is followed)"
