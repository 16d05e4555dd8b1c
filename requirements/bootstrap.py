"""Sets up this checkout: `make setup`. Standard library only, since it runs before anything is installed.

Makes .venv, puts into it a hash-checked uv, by that everything in requirements/main.txt, then this
package, and then fetches the JVM parts. Each stage is skipped while what it was made from is unchanged, so
a second run takes seconds and needs no network; one that was interrupted goes on where it stood.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".ledgerlake"
SOURCES = [
    ROOT / "pyproject.toml",
    *(ROOT / "requirements" / n for n in ("bootstrap.txt", "build.txt", "main.txt", "bootstrap.py")),
]
NEEDED_BYTES = 4 * 10**9
"""What .venv takes, measured on Linux x86-64, and room to unpack."""


def main():
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        stop(
            f"this is Python {platform.python_version()}; Ledgerlake needs 3.11, 3.12 or 3.13",
            "make setup PYTHON=python3.12, with one of them installed",
        )
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        say(f"note: tried on Linux x86-64 only, this is {platform.system()} {platform.machine()}")
    VENV.mkdir(exist_ok=True)
    # Not .venv/.lock, which uv takes itself and would wait for.
    with (VENV / ".ledgerlake.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not current():
            environment()
            packages()
            STAMP.write_text(fingerprint())
    run([VENV / "bin" / "lakehouse", "setup"], "the JVM parts could not be set up", told=True)


def fingerprint():
    """Changes with whatever .venv is made from, and with where it lies."""
    digest = hashlib.sha256(f"{VENV} {sys.version_info[:3]}".encode())
    for path in SOURCES:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def current():
    return STAMP.exists() and STAMP.read_text() == fingerprint() and (VENV / "bin" / "lakehouse").exists()


def environment():
    """A virtual environment with pip in it, of the Python that runs this."""
    wanted = ".".join(map(str, sys.version_info[:3]))
    have = output([PYTHON, "-c", "import platform; print(platform.python_version())"])
    if have is None or not have.startswith(wanted):
        try:
            import ensurepip  # noqa: F401
            import venv  # noqa: F401
        except ImportError:
            stop(
                "this Python cannot make virtual environments: its module venv or ensurepip is missing",
                "Debian and Ubuntu: apt-get install python3-venv; then make setup",
            )
        say(f"making .venv with Python {wanted}")
        run([sys.executable, "-m", "venv", "--clear", VENV], "the virtual environment could not be made")
    if output([PYTHON, "-m", "pip", "--version"]) is None:
        run([PYTHON, "-m", "ensurepip"], "pip could not be put into .venv")


def packages():
    """Exactly the locked packages, each checked against its hash, and this package in editable form."""
    free = shutil.disk_usage(VENV).free
    have = sum(f.stat().st_size for f in VENV.rglob("*") if f.is_file() and not f.is_symlink())
    if free + have < NEEDED_BYTES:
        stop(
            f"{VENV} has {free / 1e9:.1f} GB free, and the packages take {NEEDED_BYTES / 1e9:.0f} GB",
            "free some space, then make setup",
        )
    folder = VENV / "uv"
    uv = folder / "bin" / "uv"
    pinned = (ROOT / "requirements" / "bootstrap.txt").read_text().split("uv==")[1].split()[0]
    if not (output([uv, "--version"]) or "").startswith(f"uv {pinned} "):
        say(f"fetching uv {pinned}")
        run(
            [
                PYTHON,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--upgrade",
                "--require-hashes",
                "--only-binary",
                ":all:",
                "--target",
                folder,
                "-r",
                ROOT / "requirements" / "bootstrap.txt",
            ],
            "uv could not be fetched",
        )
    say("installing packages")
    # pyspark comes as source only: what builds it is locked as well.
    run(
        [
            uv,
            "pip",
            "sync",
            "--python",
            PYTHON,
            "--require-hashes",
            "--build-constraints",
            ROOT / "requirements" / "build.txt",
            ROOT / "requirements" / "main.txt",
        ],
        "the packages could not be installed",
    )
    run(
        [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            PYTHON,
            "--offline",
            "--no-deps",
            "--no-build-isolation",
            "--editable",
            ROOT,
        ],
        "this package could not be installed",
    )


def run(command, failure, *, told=False):
    """Run a stage, passing on what it says; stop with the next step if it fails (told: it says that
    itself)."""
    env = dict(os.environ)
    if env.get("SSL_CERT_FILE"):
        env.setdefault("PIP_CERT", env["SSL_CERT_FILE"])
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"):
        env.pop(name, None)
    if told:
        code = subprocess.call([str(c) for c in command], env=env)
        if code:
            sys.exit(code)
        return
    process = subprocess.Popen(
        [str(c) for c in command], env=env, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    lines = []
    for line in process.stderr:
        lines.append(line)
        if not line.startswith((" + ", " - ", " ~ ")):
            sys.stderr.write(line)
    if process.wait():
        stop(failure, next_step("".join(lines).lower()))


def next_step(said):
    """What to do about a failure, by what the tool said."""
    if "no space left" in said or "quota" in said:
        return "the disk is full: free some space, then make setup"
    if "certificate" in said or "ssl" in said or "unknownissuer" in said:
        return "a certificate was not accepted: set SSL_CERT_FILE to your proxy's CA bundle, then make setup"
    if "hash" in said and "mismatch" in said:
        return "a download is not what was locked: .venv/uv/bin/uv cache clean, then make setup"
    if any(
        w in said
        for w in ("dns", "connect", "network", "timed out", "temporary failure", "failed to fetch", "resolve")
    ):
        return "is there a network? What was fetched is kept: make setup goes on from there"
    return "see above; make setup goes on from there"


def output(command):
    try:
        return subprocess.check_output(
            [str(c) for c in command], stderr=subprocess.DEVNULL, text=True
        ).strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def say(text):
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def stop(what, hint):
    say(f"error {what}\n  next {hint}")
    sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        say("interrupted; make setup goes on from here")
        sys.exit(130)
    except OSError as problem:
        stop(f"set-up failed: {problem}", next_step(str(problem).lower()))
