"""The files a first run needs: config, contract, example. A checkout has them at its top, a wheel inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import ConfigError

FILES = ("config.yaml", "schemas/contact.py", "examples/contacts.csv")


def write(folder: Path) -> list[Path]:
    """The paths of the files written to `folder`, which is made; ConfigError where one is there already."""
    return write_new(folder, {name: (_origin() / name).read_bytes() for name in FILES})


def text(name: str) -> str:
    """The text of one of the files."""
    return (_origin() / name).read_text("utf-8")


def write_new(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """The paths of these files, written to `folder`, which is made; ConfigError where one is there."""
    paths = [folder / name for name in files]
    for path in paths:
        if path.exists():
            raise ConfigError(
                f"{path} is there already.",
                hint="Name another folder (beside a file by -o), or move it away first.",
            )
    try:
        for path, data in zip(paths, files.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}.", hint="Name a folder that may be written to."
        ) from None
    return paths


def _origin() -> Path:
    packed = Path(__file__).parent / "files"
    return packed if packed.is_dir() else Path(__file__).parent.parent
