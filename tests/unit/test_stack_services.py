"""What is rendered, what a request means, what may be deleted: the stack without starting it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lakehouse import secrets, settings
from lakehouse.errors import ConfigError, SafetyError, UsageError
from lakehouse.settings import Settings
from lakehouse.stack import (
    catalog,
    kafka,
    postgres,
    provision,
    reset,
    service,
    services,
    supervise,
    truststore,
)


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return settings.load({"paths.state": str(tmp_path / "state")}, environ={}).settings


def test_asking_for_a_service_brings_what_it_needs() -> None:
    assert [s.name for s in catalog.chosen(["connect"])] == ["postgres", "kafka", "connect"]
    assert [s.name for s in catalog.chosen(["trino", "mlflow"])] == ["trino", "mlflow"]
    assert [s.name for s in catalog.chosen(["ingest-events"])] == ["kafka", "ingest-events"]
    assert [s.name for s in catalog.chosen(None)] == ["postgres", "kafka", "connect", "trino", "mlflow"]


def test_an_unknown_service_is_a_usage_error_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="unknown service 'kafak', did you mean 'kafka'"):
        catalog.chosen(["kafak"])


def test_every_port_setting_belongs_to_one_service_or_to_the_collector() -> None:
    owned = [port for s in catalog.SERVICES.values() for port in s.ports]
    own_command = ["collector"]
    assert sorted(owned + own_command) == sorted(settings.Ports.model_fields)


def test_postgres_trusts_nobody_and_listens_on_loopback(here: Settings) -> None:
    conf, hba = (f.read_text() for f in postgres.render(here).files)
    rules = [line.split() for line in hba.splitlines() if line and not line.startswith("#")]
    assert rules
    assert all(r[0] == "host" and r[3] == "127.0.0.1/32" and r[4] == "scram-sha-256" for r in rules)
    assert "listen_addresses = '127.0.0.1'" in conf
    assert "unix_socket_directories = ''" in conf


def test_java_finds_a_state_folder_of_any_name(tmp_path: Path) -> None:
    config = settings.load({"paths.state": str(tmp_path / "it is schön 😀")}, environ={}).settings
    written = next(f for f in kafka.render(config).files if f.suffix == ".properties").read_bytes()
    as_java_reads_it = written.decode("ascii").encode().decode("unicode_escape")
    assert str(config.state) in as_java_reads_it.encode("utf-16", "surrogatepass").decode("utf-16")


def test_a_changed_setting_changes_the_digest_and_the_same_one_does_not(here: Settings) -> None:
    first = supervise.digest(postgres.render(here))
    assert supervise.digest(postgres.render(here)) == first
    moved = here.model_copy(update={"ports": here.ports.model_copy(update={"postgres": 15999})})
    assert supervise.digest(postgres.render(moved)) != first


def test_the_socket_of_a_deep_state_folder_lies_in_a_private_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80) / ("e" * 80)
    config = settings.load({"paths.state": str(deep)}, environ={}).settings
    socket = supervise._new_socket(config)
    assert len(str(socket)) < 100
    assert not socket.is_relative_to(deep)
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert supervise._new_socket(config) == socket


def test_a_program_keeps_what_supervisor_would_expand(here: Settings) -> None:
    program = service.Program(("/bin/echo", "100%", "two words", "a;b"), here.state, environment={"A": "50%"})
    supervise._write(here, "kafka", program)
    from supervisor.options import UnhosedConfigParser

    parser = UnhosedConfigParser()
    parser.read([str(here.state / "run" / "programs" / "kafka.conf")])
    assert parser.saneget("program:kafka", "command") == "/bin/echo 100% 'two words' 'a;b'"
    assert supervise.configured(here, "kafka") == supervise.digest(program)


def test_secrets_are_made_once_private_and_do_not_print(here: Settings) -> None:
    first = secrets.ensure(here, "postgres-ledger")
    file = secrets.path(here, "postgres-ledger")
    assert secrets.ensure(here, "postgres-ledger").get_secret_value() == first.get_secret_value()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert first.get_secret_value() not in f"{first!r} {first}"
    assert len(first.get_secret_value()) >= 32


def test_with_no_state_everything_is_stopped_and_down_makes_no_folder(here: Settings) -> None:
    assert {s.state for s in services.status(here)} == {"stopped"}
    assert {s.state for s in services.down(here)} == {"stopped"}
    assert not here.state.exists()


def test_logs_of_a_service_that_never_ran_say_how_to_start_it(here: Settings) -> None:
    with pytest.raises(ConfigError, match="kafka has no log yet") as caught:
        list(services.logs(here, "kafka"))
    assert caught.value.hint == "lakehouse up --only kafka"


def test_reset_deletes_the_state_folder_and_follows_no_link_out_of_it(here: Settings, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (here.state / "warehouse").mkdir(parents=True)
    (here.state / "link").symlink_to(outside)
    found = reset.plan(here)
    assert found is not None
    assert found.folder == here.state
    reset.run(here)
    assert not here.state.exists()
    assert (outside / "kept").exists()
    assert reset.plan(here) is None


def test_reset_refuses_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for folder in (tmp_path, settings.ROOT, Path.home(), Path("/")):
        config = settings.load({"paths.state": str(folder)}, environ={}).settings
        with pytest.raises(SafetyError, match="not deleted"):
            reset.run(config)
    assert (tmp_path / "thesis.txt").exists()


def test_a_trust_store_is_written_from_ssl_cert_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import certifi
    from cryptography.hazmat.primitives.serialization import pkcs12

    config = settings.load({"paths.cache": str(tmp_path)}, environ={}).settings
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    told = dict(o.removeprefix("-D").split("=") for o in truststore.java_options(config))
    store = Path(told["javax.net.ssl.trustStore"])
    found = pkcs12.load_pkcs12(store.read_bytes(), told["javax.net.ssl.trustStorePassword"].encode())
    assert len(found.additional_certs) == Path(certifi.where()).read_text().count("BEGIN CERTIFICATE")
    written = store.stat().st_mtime_ns
    truststore.java_options(config)
    assert store.stat().st_mtime_ns == written


def test_a_certificate_file_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings.load({"paths.cache": str(tmp_path)}, environ={}).settings
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match="cannot be read"):
        truststore.java_options(config)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert truststore.java_options(config) == ()


def test_a_topic_of_changes_keeps_its_partitions_and_one_of_events_may_grow() -> None:
    provision._refuse_to_move_keys("events.checkout")
    with pytest.raises(SafetyError, match=r"ledger\.public\.payments cannot get more partitions"):
        provision._refuse_to_move_keys("ledger.public.payments")
