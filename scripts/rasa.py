"""Train a bot with a real Rasa and serve it: `python scripts/rasa.py PATH-OF-RASA [PORT [PROJECT]]`.

A model is kept in .cache/rasa under a key of what it was trained from, so that a second start trains
nothing. Standard library only: this runs in Rasa's own environment.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parent.parent
BOT = ROOT / "config" / "bot"
MODELS = ROOT / ".cache" / "rasa"


def training_files(project: Path) -> list[Path]:
    """What Rasa trains from: the domain, the configuration and everything under data."""
    named = [project / "config.yml", *project.glob("domain*.yml")]
    return [path for path in sorted({*named, *project.glob("data/**/*.yml")}) if path.is_file()]


def key(files: list[Path], project: Path) -> str:
    """A key of the files' names and contents."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(project)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def train(rasa: str, project: Path, name: str) -> int:
    """Train a bot into MODELS; the exit code of Rasa."""
    print(f"Training {project.name} with Rasa, up to a minute …", flush=True)
    MODELS.mkdir(parents=True, exist_ok=True)
    config = MODELS / f"{name}.yml"  # A copy, as Rasa writes an assistant_id into a file that has none.
    config.write_bytes((project / "config.yml").read_bytes())
    parts = ("--domain", project / "domain.yml", "--config", config, "--data", project / "data")
    command = (rasa, "train", "--out", MODELS, "--fixed-model-name", name, *parts)
    return subprocess.run([str(part) for part in command], cwd=MODELS).returncode


def serve(rasa: str, project: Path, model: Path, port: str) -> NoReturn:
    """Become a Rasa server on this machine."""
    credentials = MODELS / "credentials.yml"
    credentials.write_text("rest:\n", encoding="utf-8")
    command = [rasa, "run", "--enable-api", "--interface", "127.0.0.1", "--port", port]
    command += ["--model", str(model), "--credentials", str(credentials)]
    if (project / "endpoints.yml").exists():
        command += ["--endpoints", str(project / "endpoints.yml")]
    print(f"Rasa serves {project.name} on http://127.0.0.1:{port}; stop it with Ctrl-C.", flush=True)
    os.chdir(MODELS)
    os.execv(rasa, command)


def main(rasa: str, port: str = "5005", folder: str = str(BOT)) -> int:
    """Serve the model of a project, trained first if there is none of these files."""
    project = Path(folder).absolute()
    os.environ |= {"RASA_TELEMETRY_ENABLED": "false", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # Rasa's own dependencies are full of them.
    name = key(training_files(project), project)
    model = MODELS / f"{name}.tar.gz"
    if not model.exists() and (failed := train(rasa, project, name)):
        return failed
    serve(rasa, project, model, port)


if __name__ == "__main__":
    sys.exit(main(str(Path(sys.argv[1]).absolute()), *sys.argv[2:]))
