"""Settings, and the only reader of the environment.

Layers, later ones win: defaults here, ``conf/base.yml``, ``conf/<env>.yml``, environment
(``LAKEHOUSE_<SECTION>__<KEY>``), flags. Absent is ``None``, never falsy. ``load()`` remembers where each value is from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lakehouse import money
from lakehouse.errors import ConfigError, DataError, suggest

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: conf/, dbt_project/ and notebooks/ are beside the package."""

_PREFIX = "LAKEHOUSE_"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Paths(_Section):
    state: Path = Path(".lakehouse")
    """Everything the stack writes: logs, secrets, data, tables. Relative paths start at the checkout."""
    warehouse: Path | None = None
    """Root of the Delta tables, ``<warehouse>/<schema>/<table>``; ``<state>/warehouse`` when absent."""
    landing: Path | None = None
    """Where partners drop files, ``<landing>/<source>/<table>/``; ``<state>/landing`` when absent."""
    cache: Path | None = None
    """Where downloaded JVM parts are kept for all clones; the user's cache folder when absent."""


class Java(_Section):
    home: str | None = None
    """A Java home, or ``bundled`` for the one from PyPI; searched for when absent."""


class Ports(_Section):
    postgres: int = Field(default=15432, ge=1, le=65535)
    kafka: int = Field(default=19092, ge=1, le=65535)
    kafka_controller: int = Field(default=19093, ge=1, le=65535)
    connect: int = Field(default=18083, ge=1, le=65535)
    trino: int = Field(default=18080, ge=1, le=65535)
    mlflow: int = Field(default=15500, ge=1, le=65535)
    collector: int = Field(default=18088, ge=1, le=65535)


class Memory(_Section):
    """JVM heaps, in MiB."""

    spark: int = 2048
    kafka: int = 512
    connect: int = 512
    trino: int = 768


class Ingest(_Section):
    max_offsets_per_batch: int = Field(default=200_000, ge=1)
    """Most Kafka records that one micro-batch takes, over all topics of a source."""
    trigger_seconds: float = Field(default=2.0, ge=0)
    """Pause between micro-batches of a continuous run."""
    file_quiet_seconds: float = Field(default=2.0, ge=0)
    """How long a file of a partner must not have changed before it is read; until then it may still be written."""
    longest_outage_hours: float = Field(default=72, gt=0)
    """How long ingest may be down without losing anything: ``ingest status`` warns of topics that keep less."""


class Maintenance(_Section):
    target_file_mib: int = Field(default=100, ge=1)
    """Size that ``maintenance optimize`` makes files of; smaller ones are put together."""
    vacuum_hours: int = Field(default=168, ge=1)
    """How long a file that no version needs any more is kept: readers and old versions within it stay whole."""


class Collect(_Section):
    """Limits of the HTTP collector."""

    max_body_bytes: int = Field(default=262_144, ge=1_024, le=500_000)
    """Largest body of a request. No more than 500,000: a callback's body is quoted in a message, which may double it,
    and a message of Kafka ends at 1 MiB."""
    max_connections: int = Field(default=1_000, ge=1)
    """Connections open at a time; a further one is answered 503."""
    max_waiting_requests: int = Field(default=512, ge=1)
    """Requests that may wait for Kafka at a time; a further one is answered 429."""
    max_waiting_bytes: int = Field(default=32 * 2**20, ge=1)
    """Bytes of messages that may wait for Kafka; once they are reached, a request is answered 429."""
    delivery_seconds: float = Field(default=5.0, ge=0.5)
    """How long Kafka may take to acknowledge a request before it is answered 503."""
    linger_ms: int = Field(default=1, ge=0, le=100)
    """How long a message waits for others to share its way to Kafka."""
    quota_events_per_second: float = Field(default=2_000.0, gt=0)
    """Events that one API key may send in the long run."""
    quota_burst_events: int = Field(default=4_000, ge=1)
    """Events that one API key may send at once, and so the most that one request can hold."""
    signature_tolerance_seconds: int = Field(default=300, ge=1)
    """How far the instant in a callback's signature may be from now, in the past and in the future."""
    remembered_callbacks: int = Field(default=100_000, ge=1)
    """Callbacks whose identifiers are kept in memory, so that the same one is not sent twice."""


class Transform(_Section):
    threads: int = Field(default=4, ge=1)
    """dbt models built at a time."""
    reporting_currency: str = "EUR"
    """ISO 4217 code of the amounts that gold reports beside those in their own currency; a change needs --full-refresh."""

    @field_validator("reporting_currency")
    @classmethod
    def _has_a_minor_unit(cls, value: str) -> str:
        try:
            money.minor_digits(value)
        except DataError as error:
            raise ValueError(error.message) from None
        return value


class Settings(_Section):
    env: str = "local"
    catalog: str = "lake"
    """Catalog of this environment: prefix of model names, Trino catalog."""
    paths: Paths = Paths()
    java: Java = Java()
    ports: Ports = Ports()
    memory: Memory = Memory()
    ingest: Ingest = Ingest()
    collect: Collect = Collect()
    maintenance: Maintenance = Maintenance()
    transform: Transform = Transform()

    @property
    def state(self) -> Path:
        """The state folder, absolute."""
        return ROOT / self.paths.state

    @property
    def warehouse(self) -> Path:
        """Root of the Delta tables, absolute."""
        return ROOT / self.paths.warehouse if self.paths.warehouse is not None else self.state / "warehouse"

    @property
    def landing(self) -> Path:
        """Root of the folders that partners drop files in, absolute."""
        return ROOT / self.paths.landing if self.paths.landing is not None else self.state / "landing"

    @property
    def cache(self) -> Path:
        """The user-level cache of JVM parts, absolute."""
        if self.paths.cache is not None:
            return ROOT / self.paths.cache
        from platformdirs import user_cache_path

        return user_cache_path("ledgerlake")


@dataclass(frozen=True)
class Loaded:
    """Settings, and for each ``section.key`` the layer its value came from."""

    settings: Settings
    origin: Mapping[str, str]


def load(flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read all layers. ``flags`` maps ``"section.key"`` to a value. Raises ConfigError naming the layer and key."""
    environ = os.environ if environ is None else environ
    flags = {k: v for k, v in (flags or {}).items() if v is not None}
    env = str(flags.get("env") or environ.get(f"{_PREFIX}ENV") or Settings().env)
    layers: list[tuple[str, dict[str, Any]]] = [
        ("conf/base.yml", dict(_flatten(_read(ROOT / "conf" / "base.yml", needed=False)))),
        (f"conf/{env}.yml", dict(_flatten(_read(ROOT / "conf" / f"{env}.yml", needed=True)))),
        ("environment", _from_environ(environ)),
        ("flag", dict(flags)),
    ]
    known = dict(_flatten(Settings().model_dump()))
    values: dict[str, Any] = {}
    origin = dict.fromkeys(known, "default")
    for layer, found in layers:
        for path, value in found.items():
            if path not in known:
                raise ConfigError(
                    f"unknown setting {path!r} in {layer}{suggest(path, list(known))}",
                    hint="see lakehouse config show",
                )
            values[path], origin[path] = value, layer
    values["env"] = env
    try:
        return Loaded(Settings.model_validate(_unflatten(values)), origin)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(p) for p in first["loc"])
        raise ConfigError(
            f"setting {path!r} from {origin.get(path, 'unknown')}: {first['msg']}, got {first['input']!r}",
            hint="lakehouse config show --origin",
        ) from None


@cache
def current() -> Settings:
    """The settings of this process, read once."""
    return load().settings


def environment() -> dict[str, str]:
    """A copy of this process's environment, for child processes."""
    return dict(os.environ)


def as_environment(config: Settings) -> dict[str, str]:
    """This process's environment in which ``load()`` gives ``config``: for a child that must see the same settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith(_PREFIX)} | ours(config)


def ours(config: Settings) -> dict[str, str]:
    """The variables alone that make ``load()`` give ``config``."""
    told = {path: value for path, value in _flatten(config.model_dump()) if value is not None}
    return {_PREFIX + path.replace(".", "__").upper(): str(value) for path, value in told.items()}


def user_variable(name: str) -> str | None:
    """A variable that belongs to the machine rather than to us (``JAVA_HOME``, ``SSL_CERT_FILE``); empty is absent."""
    return os.environ.get(name) or None


def export(values: Mapping[str, str]) -> None:
    """Set variables that libraries inside this process read (``JAVA_HOME`` for pyspark, say)."""
    os.environ.update(values)


def _read(path: Path, *, needed: bool) -> dict[str, Any]:
    if not path.exists():
        if not needed:
            return {}
        have = sorted(p.stem for p in path.parent.glob("*.yml") if p.stem != "base")
        raise ConfigError(
            f"unknown environment {path.stem!r}{suggest(path.stem, have)}", hint="known: " + ", ".join(have)
        )
    try:
        found = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"conf/{path.name} is not YAML: {error}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigError(f"conf/{path.name} must hold a mapping of sections, not a {type(found).__name__}")
    return found


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in environ.items():
        if name.startswith(_PREFIX) and name != f"{_PREFIX}ENV":
            found[name.removeprefix(_PREFIX).lower().replace("__", ".")] = value
    return found


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _unflatten(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *sections, key = path.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[key] = value
    return tree
